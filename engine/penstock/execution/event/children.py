"""What becomes of the executions that a task run asks for: its children.

A task run asks once for all of them; the executor makes each, in the order of their index, together with the event that
tells of it. A child is an execution of its own: its parent hears that it has begun, and how it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.execution.event.base import RunEvent
from penstock.execution.state import State


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose child an execution is: the `index`-th of a task run of `execution`. `waits`: its end is waited for there.

    `depth` counts the executions above it.
    """

    execution: str
    run: str
    index: int
    waits: bool
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenRequested(RunEvent):
    """The task run begins: it wants `count` children, `width` of them at once (0: all). `waits`: for their ends."""

    count: int
    width: int = 0
    waits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted(RunEvent):
    """A child was made, in the same transaction as this is appended in. `outputs` are what the task run tells of it."""

    index: int
    child: str
    outputs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRefused(RunEvent):
    """A child cannot be made: no further one is."""

    index: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnded(RunEvent):
    """A child is over, or what has followed on it (`CREATE_NEW_EXECUTION`): `child` is the one that began. `outputs`
    are what the task run tells of it; `error` is what keeps them from being told; after one that `is_last` none is
    made."""

    index: int
    child: str
    state: State
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    is_last: bool = False
