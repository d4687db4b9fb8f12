"""What follows for a task run that calls executions: its call, and its end when they are over."""

from __future__ import annotations

from dataclasses import replace

from penstock.execution import evaluation
from penstock.execution.event import ChildrenRequested, EvaluationRequested, Event, Instant, StopCause, TaskRunEnded
from penstock.execution.executable import EXECUTABLES, Outcome
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import failed, softened, why
from penstock.execution.state import State
from penstock.flow.model import Flow, Task


def call(execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """What must be known of the executions first, then the call."""
    executable = EXECUTABLES[task.type]
    asks = executable.asks(task)
    if asks and not run.facts.keys() - evaluation.GATE_FACTS:
        return EvaluationRequested(at=now, run=run.id, names=asks)
    wanted = executable.call(execution, task, run)
    return ChildrenRequested(at=now, run=run.id, count=wanted.count, width=wanted.width, waits=wanted.waits)


def after_children(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """The task run's end, or another attempt, now that none of its children lives."""
    assert run.family is not None
    executable = EXECUTABLES[task.type]
    asks = executable.collects(task, run, run.family) if run.stop is None else ()
    if asks and not run.facts.keys() & set(asks):
        return EvaluationRequested(at=now, run=run.id, names=asks)
    outcome = executable.outcome(task, run, run.family)
    if run.stop is StopCause.TIMEOUT:
        outcome = Outcome(State.FAILED, outcome.outputs, why(task, run, outcome.error))
    if outcome.state is not State.FAILED:
        state = softened(task, outcome.state)
        return TaskRunEnded(at=now, run=run.id, state=state, outputs=outcome.outputs)
    event = failed(flow, execution, task, run, now, outcome.error)
    return replace(event, outputs=outcome.outputs) if isinstance(event, TaskRunEnded) else event
