"""Decisions that an execution ends before its tasks are done, and that it has broken a promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.execution.event.base import ExecutionEvent, Instant
from penstock.execution.state import State
from penstock.flow.model import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaViolated(ExecutionEvent):
    """The promise `sla` was broken; the execution gets `labels` for it."""

    sla: str
    reason: str
    labels: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLeaving(ExecutionEvent):
    """Nothing new begins; what is not over takes `state`, and so does the execution.

    With `stop` what runs is stopped, else it may end. A RETRIED execution is followed by another at `again_at`.
    """

    state: State
    stop: bool = False
    error: str | None = None
    again_at: Instant | None = None
