"""How an execution comes to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.execution.event.base import ExecutionEvent, Instant
from penstock.execution.event.children import Caller
from penstock.flow.model import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCreated(ExecutionEvent):
    """Somebody asked for it and was told its id. `flow_digest` is the SHA-256 of the source it is pinned to.

    One that tries an earlier one again has that one's `original_id`, the next `attempt_number`, and the moment at which
    the first of them was created. `checks` are those of the flow that did not hold: message and style.
    """

    id: str
    namespace: str
    flow_id: str
    revision: int
    flow_digest: str
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
    trigger: Mapping[str, Any] | None = None
    schedule_date: Instant | None = None
    source: Mapping[str, Any] = field(default_factory=nothing)
    dialect: str = "auto"
    original_id: str | None = None
    parent_id: str | None = None
    attempt_number: int = 1
    breakpoints: tuple[str, ...] = ()
    original_created: Instant | None = None
    checks: tuple[Mapping[str, str], ...] = ()
    caller: Caller | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQueued(ExecutionEvent):
    """As many executions of its flow as `concurrency` allows go on already: it waits until it is let in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionAdmitted(ExecutionEvent):
    """A queued execution is let in: decided under the flow's lock, by whoever found room."""
