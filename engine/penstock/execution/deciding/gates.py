"""What stands before the start of a task run: a breakpoint, its `runIf`, a timeout that is an expression."""

from __future__ import annotations

from penstock.execution import evaluation
from penstock.execution.deciding.children import call
from penstock.execution.event import (
    BreakpointReached,
    EvaluationRequested,
    Event,
    FlowableStarted,
    Instant,
    TaskRunAdmitted,
    TaskRunEnded,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.folding.runs import PASSED
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import timeout_of
from penstock.execution.state import State
from penstock.flow.model import Kind, Task


def has_gate(execution: Execution, task: Task, value: str | None) -> bool:
    """Whether anything is to be decided before a task run of `task` is ready."""
    stops = bool(execution.breakpoints) and stops_at(execution, task.id, value)
    is_led = task.kind in (Kind.FLOWABLE, Kind.EXECUTABLE)
    return is_led or task.run_if is not None or isinstance(task.timeout, str) or stops


def stops_at(execution: Execution, task: str, value: str | None) -> bool:
    """Whether there is a breakpoint: for all runs of the task (`task`), or for one value of a loop (`task=value`)."""
    return task in execution.breakpoints or (value is not None and f"{task}={value}" in execution.breakpoints)


def gate(execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """What follows for a task run that has not begun."""
    if execution.breakpoints and PASSED not in run.facts and stops_at(execution, task.id, run.value):
        return BreakpointReached(at=now, run=run.id)
    if task.run_if is not None and evaluation.RUN_IF not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.RUN_IF,))
    if not run.facts.get(evaluation.RUN_IF, True):
        return TaskRunEnded(at=now, run=run.id, state=State.SKIPPED)
    if isinstance(task.timeout, str) and "timeout_s" not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.TIMEOUT,))
    if run.kind is Kind.FLOWABLE:
        limit = None if FLOWABLES[task.type].waits_itself else timeout_of(task, run)
        return FlowableStarted(at=now, run=run.id, deadline=now + limit if limit is not None else None)
    if run.kind is Kind.EXECUTABLE:
        return call(execution, task, run, now)
    return TaskRunAdmitted(at=now, run=run.id)
