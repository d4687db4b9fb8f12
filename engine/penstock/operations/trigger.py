"""Starting a deployed flow by a person's word: admitted here, run by whichever agent has the data folder."""

from __future__ import annotations

from datetime import datetime

from penstock.errors import Conflict, NotFound
from penstock.execution.decide import due
from penstock.execution.model import Execution
from penstock.flow.model import Flow
from penstock.operations.start import Intake, Start, start
from penstock.ports.presence import Presence
from penstock.ports.store import AGENT, Session, Store


def trigger(
    store: Store, presence: Presence, wanted: Start, *, at: datetime, intake: Intake | None = None
) -> tuple[Execution, Session]:
    """Admit the execution for the agent; durable when this returns (P1). The session is the one that holds it: of the
    agent that runs, else of the last one that ran, whose executions the next one takes up.

    Raises NotFound where no agent has ever run, and what `penstock.operations.start.prepare` raises.
    """
    session = _latest(store)
    execution = start(store, wanted, session=session, at=at, told=True, intake=intake)
    assert execution is not None, "its id was drawn anew"
    while (later := _latest(store)).id != session.id:
        session = later
        _hand_over(store, wanted.flow, execution, session)
    presence.poke(session.id)
    return execution, session


def _latest(store: Store) -> Session:
    """The session of the agent that runs, if one does: a folder has one agent at a time."""
    agents = [each for each in store.sessions(open_only=False) if each.kind == AGENT]
    if not agents:
        raise NotFound("no agent has run with this data folder yet", help="start one with `penstock agent`")
    return max(agents, key=lambda each: each.epoch)


def _hand_over(store: Store, flow: Flow, execution: Execution, session: Session) -> None:
    """Give it to an agent that began meanwhile, and that may have looked already at what the one before it has left.

    An append of nothing is how it hears of it.
    """
    if execution.is_over:
        return
    try:
        store.take_over(execution.id, by=session)
        store.append(execution, (), due=due(flow, execution), session=None)
    except Conflict:
        return  # it has been found: it moves, or a still later agent has it
