"""What the passing of time alone brings about, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from penstock.execution.deciding.iterations import begun
from penstock.execution.deciding.lists import branch_of
from penstock.execution.deciding.order import in_order
from penstock.execution.event import (
    Event,
    Instant,
    Phase,
    StopCause,
    TaskRunEnded,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunStopping,
)
from penstock.execution.flowable.pause import nobody_resumed
from penstock.execution.leaving import leave_of
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import softened, timeout_of
from penstock.execution.state import State
from penstock.flow.model import Flow, Kind

STOP_WITHIN = timedelta(seconds=60)
"""A task run that was told to stop and of whose end nobody has heard by then is written off as an orphan."""

MOST_DEEP = 20
"""So deep executions call one another."""


def timers(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    """What the passing of time alone has brought about."""
    if not may_wake(execution):
        return
    for run in in_order(execution, [key for key, wake_at in execution.sleeping.items() if wake_at <= now]):
        yield from _woken(flow, execution, run, now)
    for run in in_order(execution, [key for key, run_out in deadlines(flow, execution) if run_out <= now]):
        yield stopping(run, StopCause.TIMEOUT, now)


def may_wake(execution: Execution) -> bool:
    """Whether anything in it has a moment of its own."""
    at_work = execution.running or execution.children or execution.bearing
    return bool(at_work or execution.sleeping or execution.deadlines)


def stopping(run: TaskRun, cause: StopCause, now: Instant) -> TaskRunStopping:
    """Have a task run stop. One that has called others waits for them: each of these has its own time to stop."""
    within = STOP_WITHIN * MOST_DEEP if run.is_calling else STOP_WITHIN
    return TaskRunStopping(at=now, run=run.id, cause=cause, until=now + within)


def _woken(flow: Flow, execution: Execution, run: TaskRun, now: Instant) -> Iterator[Event]:
    if run.stop is not None:
        leave = leave_of(execution, run) if run.stop is StopCause.KILL else None
        state = leave.state if leave is not None else softened(flow.by_id[run.task], State.FAILED)
        within = STOP_WITHIN * MOST_DEEP if run.is_calling else STOP_WITHIN
        error = f"did not stop within {within.total_seconds():.0f} s of being told to"
        yield TaskRunEnded(at=now, run=run.id, state=state, error=error, orphan=True)
    elif run.state is State.RETRYING:
        yield TaskRunReleased(at=now, run=run.id)
    elif run.state is State.RUNNING:
        yield begun(flow, execution, run, now)
    elif (reason := nobody_resumed(run.then)) is not None and not _has_lists_after(flow, execution, run):
        yield TaskRunEnded(at=now, run=run.id, state=softened(flow.by_id[run.task], State.FAILED), error=reason)
    elif run.then == "CANCEL":
        yield TaskRunEnded(at=now, run=run.id, state=State.CANCELLED)
    else:
        decision = {"EXPIRE": "EXPIRED", "TIMEOUT": "TIMEOUT", "FAIL": "FAIL"}.get(run.then, "")
        yield TaskRunResumed(at=now, run=run.id, elapsed=True, decision=decision)


def _has_lists_after(flow: Flow, execution: Execution, run: TaskRun) -> bool:
    return any(branch_of(flow, execution, run.id, phase) for phase in (Phase.ERRORS, Phase.FINALLY))


def deadlines(flow: Flow, execution: Execution) -> Iterator[tuple[str, Instant]]:
    """Flowables and running attempts that have a timeout and were not told to stop, with the moment it runs out."""
    yield from execution.deadlines.items()
    for key in (*execution.running, *{*execution.children, *execution.bearing}):
        run = execution.runs[key]
        if run.kind is Kind.FLOWABLE:
            continue
        limit = timeout_of(flow.by_id[run.task], run)
        if limit is not None and run.stop is None and run.attempt is not None:
            yield key, run.attempt.started + limit
