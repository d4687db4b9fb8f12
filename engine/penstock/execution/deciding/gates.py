"""What stands before the start of a task run: a breakpoint, its `runIf`, a timeout that is an expression."""

from __future__ import annotations

from penstock.execution import evaluation
from penstock.execution.event import (
    BreakpointReached,
    EvaluationRequested,
    FlowableStarted,
    Instant,
    RunEvent,
    TaskRunAdmitted,
    TaskRunEnded,
)
from penstock.execution.folding.runs import PASSED
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Kind, Task

GATE_FACTS = frozenset({evaluation.RUN_IF, "timeout_s", PASSED})
"""What the gate leaves among the facts of a task run."""


def has_gate(execution: Execution, task: Task, value: str | None) -> bool:
    """Whether anything is to be decided before a task run of `task` is ready."""
    stops = bool(execution.breakpoints) and stops_at(execution, task.id, value)
    return task.kind is Kind.FLOWABLE or task.run_if is not None or isinstance(task.timeout, str) or stops


def stops_at(execution: Execution, task: str, value: str | None) -> bool:
    """Whether there is a breakpoint: for all runs of the task (`task`), or for one value of a loop (`task=value`)."""
    return task in execution.breakpoints or (value is not None and f"{task}={value}" in execution.breakpoints)


def gate(execution: Execution, task: Task, run: TaskRun, now: Instant) -> RunEvent | EvaluationRequested:
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
        return FlowableStarted(at=now, run=run.id)
    return TaskRunAdmitted(at=now, run=run.id)
