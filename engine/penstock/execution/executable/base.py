"""An executable task is a call: of so many executions, and what becomes of the task run when they are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.execution.family import Family
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Task


@dataclass(frozen=True, slots=True)
class Call:
    """`count` executions, `width` of them at once (0: all). `waits`: the task run is over when they are."""

    count: int
    width: int = 0
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task run has come to. `outputs` are its own where they are not None."""

    state: State
    outputs: Mapping[str, Any] | None = None
    error: str | None = None


class Executable:
    """What the executable types have in common. Stateless."""

    def asks(self, task: Task) -> tuple[str, ...]:
        """The properties that must be rendered before it is known how many executions are called."""
        return ()

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        """The facts that the rendered properties amount to. Raises UserError: the task run fails with its words."""
        return rendered

    def call(self, execution: Execution, task: Task, run: TaskRun) -> Call:
        raise NotImplementedError

    def collects(self, task: Task, run: TaskRun, family: Family) -> tuple[str, ...]:
        """What is to be asked when `family` is complete, before the outcome is known."""
        return ()

    def outcome(self, task: Task, run: TaskRun, family: Family) -> Outcome:
        """When `family` is complete."""
        raise NotImplementedError


def is_set(task: Task, name: str) -> bool:
    """A switch that is on unless it is turned off (`wait`, `transmitFailed`)."""
    return task.properties.get(name) not in (False, "false")
