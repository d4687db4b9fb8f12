"""What follows from what is known. The one place where the course of an execution is decided.

`decide` reads the agenda and the timers, never the whole execution; it answers from one snapshot: first about task
runs, then about scopes, at last about the execution's own state. It never renders: what must be evaluated is asked
for by an event, and the answer comes as another.
"""

from __future__ import annotations

from itertools import islice

from penstock.execution.deciding.halting import halts
from penstock.execution.deciding.mood import mood, stirs
from penstock.execution.deciding.runs import about_runs
from penstock.execution.deciding.scopes import about_scopes
from penstock.execution.deciding.start import start
from penstock.execution.deciding.timers import deadlines, timers
from penstock.execution.event import Event, ExecutionResumed, Instant
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow

MOST_EVENTS = 500
"""One answer holds at most so many events; what is left over is decided next."""

_WAITING = frozenset({State.PAUSED, State.RETRYING})


def decide(flow: Flow, execution: Execution, now: Instant) -> tuple[Event, ...]:
    """What follows at `now`. Empty when nothing does: waiting, or over."""
    if execution.is_over:
        return ()
    if execution.opened is None:
        return start(flow, execution, now)
    if execution.state in _WAITING and not execution.held and stirs(execution, now):
        return (ExecutionResumed(at=now),)
    for answers in (
        halts(execution, now),
        timers(flow, execution, now),
        about_runs(flow, execution, now),
        about_scopes(flow, execution, now),
    ):
        if events := tuple(islice(answers, MOST_EVENTS)):
            return events
    return mood(execution, now)


def due(flow: Flow, execution: Execution) -> Instant | None:
    """The next moment at which `decide` would answer though no event came; None when only an event can move it."""
    if execution.is_over:
        return None
    if execution.opened is None:
        return None if execution.held or execution.queued else execution.schedule_date
    moments = [*execution.sleeping.values(), *(run_out for _, run_out in deadlines(flow, execution))]
    return min(moments, default=None)
