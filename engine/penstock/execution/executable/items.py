"""The middle task of a ForEachItem: an execution of another flow for each batch that the first has cut."""

from __future__ import annotations

from typing import Any

from penstock.execution.executable.base import Call, Executable, Outcome, is_set
from penstock.execution.family import Family
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.foreach_item import BATCHES, split_of
from penstock.flow.model import Task

_WORST_FIRST = (State.FAILED, State.KILLED, State.WARNING)


class ForEachItemExecutable(Executable):
    """Its outputs count the executions by state (Kestra core, ExecutableUtils.manageIterations)."""

    def asks(self, task: Task) -> tuple[str, ...]:
        return (BATCHES,)

    def call(self, execution: Execution, task: Task, run: TaskRun) -> Call:
        return Call(int(run.facts[BATCHES]), waits=is_set(task, "wait"))

    def outcome(self, task: Task, run: TaskRun, family: Family) -> Outcome:
        if family.count == 0:
            return Outcome(State.SUCCESS)
        outputs = {**(run.outputs or {}), "numberOfBatches": family.count, "iterations": _iterations(family)}
        if family.error is not None:
            return Outcome(State.FAILED, outputs, family.error)
        state = next((each for each in _WORST_FIRST if each in family.states), State.SUCCESS)
        if not is_set(task, "transmitFailed") or not family.waits:
            return Outcome(State.SUCCESS, outputs)
        error = f"{family.states.get(state, 0)} of {family.count} subflow executions end in {state} state"
        return Outcome(state, outputs, error if state is State.FAILED else None)


def cut_of(execution: Execution, run: TaskRun) -> TaskRun:
    """The task run before it, which has cut the batches."""
    return execution.runs[execution.places[split_of(run.task)][run.path]]


def _iterations(family: Family) -> dict[str, Any]:
    """Without a wait each counts as a success when it has begun."""
    if not family.waits:
        return {State.RUNNING.value: 0, State.SUCCESS.value: family.begun}
    return {State.CREATED.value: 0, State.RUNNING.value: 0, **family.states}
