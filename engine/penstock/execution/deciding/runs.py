"""What follows for a task run: its gate, its opening, its end."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution import evaluation
from penstock.execution.deciding.children import after_children, call
from penstock.execution.deciding.lists import lanes_of
from penstock.execution.deciding.order import in_order
from penstock.execution.deciding.timers import stopping
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    FlowableStarted,
    Instant,
    Phase,
    ScopeOpened,
    StopCause,
    TaskRunAdmitted,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunResumed,
)
from penstock.execution.flowable import FLOWABLES
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
    if execution.kill:
        return _killed(flow, task, run, now)
    if run.state is State.CREATED:
        return _gate(execution, task, run, now)
    if run.is_calling:
        return after_children(flow, task, run, now)
    if run.kind is Kind.FLOWABLE and run.closing is None:
        return _open(flow, execution, task, run, now)
    return conclude(flow, task, run, now)


def _killed(flow: Flow, task: Task, run: TaskRun, now: Instant) -> Event:
    if run.is_running or (run.is_calling and run.family is not None and run.family.living):
        return stopping(run, StopCause.KILL, now)
    if run.stop is StopCause.KILL and not run.is_calling and run.attempt is not None and not run.attempt.lost:
        return conclude(flow, task, run, now)
    return TaskRunEnded(at=now, run=run.id, state=State.KILLED)


def _gate(execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """What stands before the start of a task run: its `runIf`, then a timeout that is an expression."""
    if task.run_if is not None and evaluation.RUN_IF not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.RUN_IF,))
    if not run.facts.get(evaluation.RUN_IF, True):
        return TaskRunEnded(at=now, run=run.id, state=State.SKIPPED)
    if isinstance(task.timeout, str) and "timeout_s" not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.TIMEOUT,))
    if run.kind is Kind.FLOWABLE:
        return FlowableStarted(at=now, run=run.id)
    if run.kind is Kind.EXECUTABLE:
        return call(execution, task, run, now)
    return TaskRunAdmitted(at=now, run=run.id)


def _open(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """A flowable on its way to its lanes: asking, waiting, opening."""
    flowable = FLOWABLES[task.type]
    if run.state is State.PAUSED:
        return TaskRunResumed(at=now, run=run.id, values=run.facts["resumed"])
    asks = flowable.asks(task)
    if asks and not run.facts.keys() - {evaluation.RUN_IF, "timeout_s"}:
        return EvaluationRequested(at=now, run=run.id, names=asks)
    wait = flowable.wait(task, run.facts)
    if wait is not None and "onResume" not in run.facts:
        until = None if wait.delay is None else now + wait.delay
        return TaskRunPaused(at=now, run=run.id, until=until, then=wait.then)
    lanes = lanes_of(flow, execution, run.id, Phase.MAIN)
    return ScopeOpened(
        at=now,
        run=run.id,
        phase=Phase.MAIN,
        lanes=lanes.count,
        width=lanes.width,
        outputs=flowable.outputs(task, run.facts) or None,
    )
