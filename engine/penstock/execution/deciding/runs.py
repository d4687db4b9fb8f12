"""What follows for a task run: its gate, its opening, its end."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution.deciding.children import after_children
from penstock.execution.deciding.gates import gate
from penstock.execution.deciding.opening import on_the_way, too_late
from penstock.execution.deciding.order import in_order
from penstock.execution.deciding.timers import stopping
from penstock.execution.event import (
    Event,
    ExecutionLeaving,
    Instant,
    StopCause,
    TaskRunEnded,
)
from penstock.execution.leaving import Leave, leave_of
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import again_at, conclude, softened
from penstock.execution.state import BEGINNING, State
from penstock.flow.looping import LOOP
from penstock.flow.model import Flow, Kind, Task


def about_runs(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    for run in in_order(execution, [key for key in execution.agenda if key not in execution.scopes]):
        event = _about_run(flow, execution, run, now)
        yield event
        if isinstance(event, TaskRunEnded) and event.state is State.RETRIED and not execution.is_leaving:
            again = again_at(flow, execution, run, now)
            yield ExecutionLeaving(at=now, state=State.RETRIED, again_at=again)
            return  # how the others end, the next answer says


def _about_run(flow: Flow, execution: Execution, run: TaskRun, now: Instant) -> Event:
    task = flow.by_id[run.task]
    if run.failure is not None:
        return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=run.failure)
    leave = leave_of(execution, run)
    if leave is not None:
        return _leave(flow, execution, task, run, leave, now)
    if run.stop is StopCause.TIMEOUT and run.kind is Kind.FLOWABLE and run.closing_attempt is None:
        return too_late(flow, execution, task, run, now)
    if run.state in BEGINNING:
        return gate(execution, task, run, now)
    if run.is_calling:
        return after_children(flow, execution, task, run, now)
    if run.kind is Kind.FLOWABLE and run.closing is None:
        return on_the_way(flow, execution, task, run, now)
    return conclude(flow, execution, task, run, now)


def _leave(flow: Flow, execution: Execution, task: Task, run: TaskRun, leave: Leave, now: Instant) -> Event:
    """What is at work is stopped, what has just ended is taken at its word, and what is not over takes the state."""
    family = run.family if run.is_calling else None
    if run.is_running or (family is not None and family.living):
        if family is not None and execution.kill and execution.spares and task.type != LOOP:
            return TaskRunEnded(at=now, run=run.id, state=leave.state)
        return stopping(run, StopCause.KILL, now)
    if family is not None and family.is_complete and not leave.stop:
        return after_children(flow, execution, task, run, now)
    attempt = run.closing_attempt if run.kind is Kind.FLOWABLE else run.attempt
    told = run.state in (State.RUNNING, State.KILLING) and attempt is not None and not attempt.lost
    if told and not run.is_calling:
        return conclude(flow, execution, task, run, now)
    return TaskRunEnded(at=now, run=run.id, state=leave.state)
