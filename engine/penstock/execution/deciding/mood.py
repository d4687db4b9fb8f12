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
    """PAUSED or RETRYING, when nothing moves but people and timers."""
    if execution.held or execution.is_leaving or execution.state.is_terminal or stirs(execution, now):
        return ()
    retrying = any(key not in execution.paused for key in execution.sleeping)
    state = State.RETRYING if retrying else State.PAUSED if execution.paused else None
    if state is None or state is execution.state:
        return ()
    return (ExecutionWaiting(at=now, state=state),)
