"""The state of an execution while nothing moves but timers and people."""

from __future__ import annotations

from penstock.execution.event import Event, ExecutionWaiting, Instant
from penstock.execution.model import Execution
from penstock.execution.state import State


def stirs(execution: Execution, now: Instant) -> bool:
    """Whether something moves, or is about to, in an execution that waits."""
    return bool(
        execution.agenda
        or execution.ready
        or execution.inline
        or execution.running
        or execution.children
        or execution.bearing
        or execution.asked
        or any(wake_at <= now for wake_at in execution.sleeping.values())
        or any(deadline <= now for deadline in execution.deadlines.values())
    )


def mood(execution: Execution, now: Instant) -> tuple[Event, ...]:
    """PAUSED, RETRYING or BREAKPOINT, when nothing moves but people and timers."""
    if execution.held or execution.is_leaving or execution.state.is_terminal or stirs(execution, now):
        return ()
    state = _waits(execution)
    if state is None or state is execution.state:
        return ()
    return (ExecutionWaiting(at=now, state=state),)


def _waits(execution: Execution) -> State | None:
    """What it waits for: a retry before all, else a delay or a person, else a person at a breakpoint."""
    if any(execution.runs[key].state is State.RETRYING for key in execution.sleeping):
        return State.RETRYING
    if execution.sleeping or any(execution.runs[key].state is State.PAUSED for key in execution.paused):
        return State.PAUSED
    return State.BREAKPOINT if execution.paused else None
