"""What follows from what is known. The one place where the course of an execution is decided.

`decide` reads the agenda and the timers, never the whole execution; it answers from one snapshot: first about task
runs, then about scopes, at last about the execution's own state. It never renders: what must be evaluated is asked
for by an event, and the answer comes as another.
"""

from __future__ import annotations

from itertools import islice

from penstock.execution.deciding.ending import afterwards
from penstock.execution.deciding.halting import halts
from penstock.execution.deciding.mood import mood, stirs
from penstock.execution.deciding.promises import latest, promises
from penstock.execution.deciding.runs import about_runs
from penstock.execution.deciding.scopes import about_scopes
from penstock.execution.deciding.start import start
from penstock.execution.deciding.timers import deadlines, may_wake, timers
from penstock.execution.event import Event, ExecutionResumed, ExecutionStarted, Instant
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow

MOST_EVENTS = 500
"""One answer holds at most so many events; what is left over is decided next."""

_WAITING = frozenset({State.PAUSED, State.RETRYING, State.BREAKPOINT})


def decide(flow: Flow, execution: Execution, now: Instant) -> tuple[Event, ...]:
    """What follows at `now`. Empty when nothing does: waiting, or over."""
    if execution.is_over:
        return ()
    if follows := afterwards(flow, execution, now):
        return follows
    if execution.opened is None:
        return tuple(promises(flow, execution, now)) or start(flow, execution, now)
    if execution.state is State.RESTARTED and not execution.is_leaving:
        return (ExecutionStarted(at=now),)
    if execution.state in _WAITING and not execution.held and not execution.is_leaving and stirs(execution, now):
        return (ExecutionResumed(at=now),)
    for question in _QUESTIONS if execution.agenda or may_wake(execution) or flow.sla else ():
        if events := tuple(islice(question(flow, execution, now), MOST_EVENTS)):
            return events
    return mood(execution, now)


_QUESTIONS = (halts, timers, about_runs, promises, about_scopes)


def due(flow: Flow, execution: Execution) -> Instant | None:
    """The next moment at which `decide` would answer though no event came; None when only an event can move it."""
    if execution.is_over:
        return None
    moments = list(latest(flow, execution))
    if execution.opened is None:
        waits = execution.held or execution.queued or execution.forced
        if execution.schedule_date is not None and not waits:
            moments.append(execution.schedule_date)
        return min(moments, default=None)
    moments += [*execution.sleeping.values(), *(run_out for _, run_out in deadlines(flow, execution))]
    return min(moments, default=None)
