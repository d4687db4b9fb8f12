"""Starting a deployed flow by a person's word: admitted here, run by whichever agent has the data folder."""

from __future__ import annotations

from datetime import datetime

from penstock.errors import NotFound
from penstock.execution.model import Execution
from penstock.operations.handover import hand_over, latest_agent
from penstock.operations.start import Intake, Start, start
from penstock.ports.presence import Presence
from penstock.ports.store import Session, Store


def trigger(
    store: Store, presence: Presence, wanted: Start, *, at: datetime, intake: Intake | None = None
) -> tuple[Execution, Session]:
    """Admit the execution for the agent; durable when this returns (P1). The session is the one that holds it: of the
    agent that runs, else of the last one that ran, whose executions the next one takes up.

    Raises NotFound where no agent has ever run, and what `penstock.operations.start.prepare` raises.
    """
    session = _agent(store)
    execution = start(store, wanted, session=session, at=at, told=True, intake=intake)
    assert execution is not None, "its id was drawn anew"
    hand_over(store, presence, wanted.flow, execution)
    session = store.holder(execution.id) or session
    presence.poke(session.id)
    return execution, session


def _agent(store: Store) -> Session:
    agent = latest_agent(store)
    if agent is None:
        raise NotFound("no agent has run with this data folder yet", help="start one with `penstock agent`")
    return agent
