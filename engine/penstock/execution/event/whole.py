"""Decisions about the execution as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.execution.event.base import ExecutionEvent
from penstock.execution.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted(ExecutionEvent):
    """CREATED → RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionWaiting(ExecutionEvent):
    """Nothing moves but timers and people: `state` is PAUSED or RETRYING."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResumed(ExecutionEvent):
    """PAUSED or RETRYING → RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEnded(ExecutionEvent):
    """The terminal state, and the flow's outputs where they could be rendered. `trailing`: afterExecution follows."""

    state: State
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    trailing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionClosed(ExecutionEvent):
    """What the flow does after the execution is done: now it is over."""
