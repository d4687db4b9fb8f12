"""What a task may ask, and have done, about executions other than its own, and about what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from penstock.execution.state import State
from penstock.flow.model import Level


@dataclass(frozen=True, slots=True)
class Selection:
    """Which executions are meant: of a flow, or of a namespace and all below it, that began within a time; or one."""

    namespace: str | None = None
    flow_id: str | None = None
    states: tuple[State, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    execution: str | None = None


@dataclass(frozen=True, slots=True)
class Purge:
    """What is deleted of executions that are over."""

    execution: bool = True
    logs: bool = True
    metrics: bool = True
    storage: bool = True


@dataclass(frozen=True, slots=True)
class Purged:
    """How much of it there was."""

    executions: int = 0
    logs: int = 0
    metrics: int = 0
    storage: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            self.executions + other.executions,
            self.logs + other.logs,
            self.metrics + other.metrics,
            self.storage + other.storage,
        )


class Executions(Protocol):
    """Thread-safe. What a person would be refused is refused here: Refused, NotFound, InvalidInputs."""

    def count(self, wanted: Selection) -> int: ...

    def resume(self, execution: str, values: Mapping[str, Any], *, by: str) -> None:
        """Answer the Pause that waits there."""
        ...

    def kill(self, execution: str, *, by: str, cascade: bool) -> None:
        """End it, and with `cascade` all that it has called."""
        ...

    def log(self, execution: str, *, tasks: Sequence[str] | None, least: Level) -> Iterator[dict[str, Any]]:
        """What was said in it, line by line, in the shape of Kestra's LogEntry. Raises NotFound."""
        ...

    def purge(self, wanted: Selection, what: Purge) -> Purged:
        """Delete, of executions that are over and that nobody waits for."""
        ...
