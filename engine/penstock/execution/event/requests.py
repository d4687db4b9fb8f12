"""What people ask of an execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.execution.event.base import ExecutionEvent
from penstock.flow.model import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRequested(ExecutionEvent):
    """Everything of this execution is to stop; with `cascade` also what it has called."""

    by: str = ""
    cascade: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequested(ExecutionEvent):
    """What runs may end, nothing new begins, until it is resumed."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequested(ExecutionEvent):
    """The answer to a pause: of the task run `paused`, a Pause or one at a breakpoint, or of the whole execution when
    it is None. `breakpoints` are those from now on, where a person has said so. `decision` and `comment` belong to an
    Approval: APPROVED or DENIED, and why."""

    by: str = ""
    paused: str | None = None
    values: Mapping[str, Any] = field(default_factory=nothing)
    breakpoints: tuple[str, ...] | None = None
    decision: str = ""
    comment: str = ""
