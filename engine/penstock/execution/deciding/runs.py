"""What follows for a task run: its gate, its opening, its end."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution import evaluation
from penstock.execution.deciding.opening import on_the_way
from penstock.execution.deciding.order import in_order
from penstock.execution.deciding.timers import STOP_WITHIN
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    FlowableStarted,
    Instant,
    StopCause,
    TaskRunAdmitted,
    TaskRunEnded,
    TaskRunStopping,
)
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import conclude, softened
from penstock.execution.state import State
from penstock.flow.model import Flow, Kind, Task


def about_runs(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    for run in in_order(execution, [key for key in execution.agenda if key not in execution.scopes]):
        yield _about_run(flow, execution, run, now)


def _about_run(flow: Flow, execution: Execution, run: TaskRun, now: Instant) -> Event:
    task = flow.by_id[run.task]
    if run.failure is not None:
        return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=run.failure)
    if execution.kill or run.doomed is not None:
        return _stopped(flow, task, run, now, State.KILLED if execution.kill else run.doomed or State.KILLED)
    if run.state is State.CREATED:
        return _gate(task, run, now)
    if run.kind is Kind.FLOWABLE and run.closing is None:
        return on_the_way(flow, execution, task, run, now)
    return conclude(flow, task, run, now)


def _stopped(flow: Flow, task: Task, run: TaskRun, now: Instant, state: State) -> Event:
    """What follows for a task run that is to end as `state`, with the execution or with what is around it."""
    if run.is_running:
        return TaskRunStopping(at=now, run=run.id, cause=StopCause.KILL, until=now + STOP_WITHIN)
    if run.stop is StopCause.KILL and run.attempt is not None and not run.attempt.lost:
        return conclude(flow, task, run, now)
    return TaskRunEnded(at=now, run=run.id, state=state)


def _gate(task: Task, run: TaskRun, now: Instant) -> Event:
    """What stands before the start of a task run: its `runIf`, then a timeout that is an expression."""
    if task.run_if is not None and evaluation.RUN_IF not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.RUN_IF,))
    if not run.facts.get(evaluation.RUN_IF, True):
        return TaskRunEnded(at=now, run=run.id, state=State.SKIPPED)
    if isinstance(task.timeout, str) and "timeout_s" not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.TIMEOUT,))
    if run.kind is Kind.FLOWABLE:
        return FlowableStarted(at=now, run=run.id)
    return TaskRunAdmitted(at=now, run=run.id)
