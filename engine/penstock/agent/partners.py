"""Those that an executor works with, and what they hand each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.execution.event import ChildEnded, ChildRefused, ChildStarted, Event, Instant
from penstock.execution.model import Execution
from penstock.flow.model import Flow
from penstock.ports.store import Creation, Session

Listener = Callable[[Execution, Sequence[Event]], None]
"""Told of what was appended, after it was committed, in the order of the log of each execution."""


@dataclass(frozen=True, slots=True)
class Birth:
    """An execution of `flow` that is made together with what brings it about: a call, of which `event` tells, or an end
    that is tried again. Without a creation `event` tells of a refusal."""

    event: ChildStarted | ChildRefused | None
    creation: Creation | None = None
    flow: Flow | None = None


class Shell(Protocol):
    """What the executor does for an execution between two decisions: rendering, and inline task runs."""

    def answer(self, flow: Flow, execution: Execution, now: Instant) -> list[Event]:
        """Answers to what the execution has asked for. What would have to wait for the world stays asked."""
        ...

    def bear(self, flow: Flow, execution: Execution, most: int) -> list[Birth]:
        """Executions that task runs have called, up to `most` of them, each with the event that tells of it. Those that
        would have to wait for the world stay uncalled."""
        ...

    def ended(self, flow: Flow, execution: Execution, child: Execution) -> ChildEnded:
        """What a task run of `execution` hears of the end of `child`."""
        ...

    def inline(self, flow: Flow, execution: Execution, session: Session, most: int) -> list[Event]:
        """Starts and ends of inline task runs that are ready, up to `most` of them, in their order. Those that would
        have to wait for the world stay ready."""
        ...


Taker = Callable[[Flow, Execution], None]
"""Takes what a settlement has left asked, or ready inline, because it has to wait for the world. Returns at once."""


class FlowSource(Protocol):
    def flow(self, execution: Execution) -> Flow:
        """The flow that the execution is pinned to. Raises NotFound."""
        ...
