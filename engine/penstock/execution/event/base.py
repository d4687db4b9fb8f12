"""What every event is, and the words that events share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

Instant = datetime
"""An aware datetime in UTC with microseconds."""


class Phase(StrEnum):
    """Which list of a scope (the execution, or a flowable) is being worked off."""

    BEFORE = "before"
    MAIN = "main"
    ERRORS = "errors"
    FINALLY = "finally"
    AFTER = "afterExecution"


class StopCause(StrEnum):
    KILL = "kill"
    TIMEOUT = "timeout"
    SIBLING = "sibling"
    """A child of the flowable has failed, and it lets none of the others go on then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root. `at` is the moment it was recorded, by the clock of whoever recorded it."""

    v: ClassVar[int] = 1
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent(Event):
    """About the execution as a whole."""

    run: ClassVar[None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """About one task run."""

    run: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is not legal now, as a sentence for whoever sent it."""

    reason: str
    help: str = field(default="")
