"""Who takes up what was opened again: the agent that runs, where an agent had it; a `run` is asked for by a person."""

from __future__ import annotations

from penstock.errors import Conflict
from penstock.execution.decide import due
from penstock.execution.model import Execution
from penstock.flow.model import Flow
from penstock.ports.presence import Presence
from penstock.ports.store import AGENT, Session, Store


def latest_agent(store: Store) -> Session | None:
    """The session of the agent that runs, or of the last one that ran: a folder has one agent at a time."""
    agents = [each for each in store.sessions(open_only=False) if each.kind == AGENT]
    return max(agents, key=lambda each: each.epoch, default=None)


def hand_over(store: Store, presence: Presence, flow: Flow, execution: Execution) -> None:
    """Give an execution of an agent that is gone to the one after it, which may have looked already at what is left.

    An append of nothing is how that one hears of it.
    """
    holder = store.holder(execution.id)
    while not execution.is_over and holder is not None and holder.kind == AGENT:
        latest = latest_agent(store)
        if latest is None or latest.id == holder.id:
            return
        try:
            store.take_over(execution.id, by=latest)
            store.append(execution, (), due=due(flow, execution), session=None)
        except Conflict:
            return  # it has been found: it moves, or a still later agent has it
        presence.poke(latest.id)
        holder = latest
