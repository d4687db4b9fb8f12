"""Subflow: one execution of another flow."""

from __future__ import annotations

from penstock.execution.executable.base import Call, Executable, Outcome, is_set
from penstock.execution.family import Family
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Task

_TRANSMITTED = frozenset({State.FAILED, State.KILLED, State.WARNING})


class Subflow(Executable):
    """With `transmitFailed` it fails, warns or is killed with the execution that it has called (Kestra core,
    ExecutableUtils.guessState)."""

    def call(self, execution: Execution, task: Task, run: TaskRun) -> Call:
        return Call(1, waits=is_set(task, "wait"))

    def outcome(self, task: Task, run: TaskRun, family: Family) -> Outcome:
        if family.error is not None:
            return Outcome(State.FAILED, error=family.error)
        if not family.waits or not is_set(task, "transmitFailed") or family.worst not in _TRANSMITTED:
            return Outcome(State.SUCCESS)
        if family.worst is not State.FAILED:
            return Outcome(family.worst)
        child = (run.outputs or {}).get("executionId")
        return Outcome(State.FAILED, error=f"Subflow execution {child} ends in FAILED state")
