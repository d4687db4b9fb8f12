"""What the passing of time alone brings about, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from penstock.execution.deciding.order import in_order
from penstock.execution.event import (
    Event,
    Instant,
    StopCause,
    TaskRunEnded,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunStopping,
)
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import softened, timeout_of
from penstock.execution.state import State
from penstock.flow.model import Flow

STOP_WITHIN = timedelta(seconds=60)
"""A task run that was told to stop and of whose end nobody has heard by then is written off as an orphan."""


def timers(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    """What the passing of time alone has brought about."""
    for run in in_order(execution, [key for key, wake_at in execution.sleeping.items() if wake_at <= now]):
        yield from _woken(flow, run, now)
    for run in in_order(execution, [key for key, run_out in deadlines(flow, execution) if run_out <= now]):
        yield TaskRunStopping(at=now, run=run.id, cause=StopCause.TIMEOUT, until=now + STOP_WITHIN)


def _woken(flow: Flow, run: TaskRun, now: Instant) -> Iterator[Event]:
    if run.stop is not None:
        killed = run.stop is StopCause.KILL
        state = run.doomed or State.KILLED if killed else softened(flow.by_id[run.task], State.FAILED)
        error = f"did not stop within {STOP_WITHIN.total_seconds():.0f} s of being told to"
        yield TaskRunEnded(at=now, run=run.id, state=state, error=error, orphan=True)
    elif run.state is State.RETRYING:
        yield TaskRunReleased(at=now, run=run.id)
    elif run.then == "TIMEOUT":
        yield TaskRunEnded(at=now, run=run.id, state=State.FAILED, error="nobody resumed it before its timeout")
    elif run.then == "FAIL":
        yield TaskRunEnded(at=now, run=run.id, state=State.FAILED, error="nobody resumed it before its delay was over")
    elif run.then == "CANCEL":
        yield TaskRunEnded(at=now, run=run.id, state=State.CANCELLED)
    else:
        decision = "EXPIRED" if run.then == "EXPIRE" else ""
        yield TaskRunResumed(at=now, run=run.id, elapsed=True, decision=decision)


def deadlines(flow: Flow, execution: Execution) -> Iterator[tuple[str, Instant]]:
    """Running attempts that have a timeout and were not told to stop yet, with the moment it runs out."""
    for key in execution.running:
        run = execution.runs[key]
        limit = timeout_of(flow.by_id[run.task], run)
        if limit is not None and run.stop is None and run.attempt is not None:
            yield key, run.attempt.started + limit
