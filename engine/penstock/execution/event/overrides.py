"""What people say over the engine's head: of the queue, the state, the labels; and where it stops for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.execution.event.base import ExecutionEvent, RunEvent
from penstock.execution.state import State
from penstock.flow.model import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForced(ExecutionEvent):
    """It begins, or goes on, at once: whatever its date, its place in the queue, or an operator's pause say."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unqueued(ExecutionEvent):
    """It leaves the queue: to run, or with the terminal `state` that it is given."""

    by: str = ""
    state: State = State.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(ExecutionEvent):
    """An execution that is over is given another terminal state. Nothing of it runs again."""

    state: State
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsSet(ExecutionEvent):
    """The labels of an execution that is over are these from now on."""

    by: str = ""
    labels: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakpointReached(RunEvent):
    """The task run stands at a breakpoint, and waits for a person before anything of it begins."""
