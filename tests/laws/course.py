"""What the reference tells a flow with: task runs with their courses, lists that are open, outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from laws.fates import Key
from penstock.flow.model import Task

FALSE = {"false", "0", "-0", ""}
STOPS = {"FAILED", "KILLED", "CANCELLED"}
OVER = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED"}
WORST = ("KILLED", "FAILED", "CANCELLED", "WARNING")


@dataclass
class Try:
    """One attempt: from its start to its end, how long it takes to stop, and when it was told to, if it was."""

    begin: datetime
    end: datetime
    obeys: timedelta
    told: datetime | None = None


@dataclass(eq=False)
class Run:
    """One task run as it should be. `shows` are its outputs, with the moments from which on they are there; `gone` is
    when another round of its loop has taken its place, `ran_out` that the time for its main list was not enough."""

    key: Key
    parent: Key | None
    value: str | None
    iteration: int | None
    course: list[tuple[str, datetime]]
    tries: list[Try] = field(default_factory=list)
    shows: list[tuple[datetime, dict[str, object]]] = field(default_factory=list)
    gone: datetime | None = None
    ran_out: bool = False

    @property
    def created(self) -> datetime:
        return self.course[0][1]

    @property
    def state(self) -> str:
        return self.course[-1][0]

    @property
    def end(self) -> datetime:
        return self.course[-1][1]

    @property
    def outputs(self) -> dict[str, object]:
        return self.shows[-1][1] if self.shows else {}

    def take(self, state: str, at: datetime) -> None:
        self.course.append((state, at))


@dataclass(frozen=True)
class Lane:
    """Tasks one after another, with the value and the number of their iteration in a loop."""

    tasks: Sequence[Task]
    value: str | None = None
    iteration: int | None = None


class Rounds(Protocol):
    """Whether a list is done once more, after having been `made` so often. `objects`: the flowable has failed in the
    end, though its tasks have not."""

    made: int
    objects: bool

    def next(self, end: datetime) -> tuple[datetime, datetime | None]:
        """When that is known after a round that has ended well, and when the next begins; None: there is none."""
        ...


@dataclass(frozen=True)
class Opened:
    """The main list of a flowable: its lanes, `width` of them at once (0: all), from `at` on.

    `needs` says for each lane which others it waits for; `others` is what the rest become once a child has failed.
    `is_last` says that a failure does not keep the rest from beginning: of errors, finally and afterExecution.
    `states` are there already; `least` is the state that it has at the least; `until` is when the list must have ended.
    """

    lanes: Sequence[Lane]
    at: datetime
    width: int = 1
    needs: Sequence[set[int]] = ()
    others: str | None = None
    is_last: bool = False
    states: frozenset[str] = frozenset()
    least: str = "SUCCESS"
    until: datetime | None = None
    rounds: Rounds | None = None

    def is_late(self, at: datetime) -> bool:
        return self.until is not None and at > self.until


@dataclass
class Outcome:
    state: str
    outputs: dict[str, str] | None
    runs: list[Run]


class NotRendered(Exception):
    """An expression has failed. `at` is when that was known."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at


def short(task: Task) -> str:
    return task.type.rpartition(".")[2]


def soft(task: Task, state: str) -> str:
    """A failure that is allowed is a warning, a warning that is allowed a success."""
    if state == "FAILED" and task.allow_failure:
        state = "WARNING"
    return "SUCCESS" if state == "WARNING" and task.allow_warning else state


def seconds(text: str, at: datetime) -> timedelta:
    """`PT5S`, `PT1M`; anything else is no duration, which is known at `at`."""
    number, unit = text[2:-1], text[-1:]
    if not (text.startswith("PT") and number.isdigit() and unit in ("S", "M")):
        raise NotRendered(at)
    return timedelta(seconds=int(number)) * (60 if unit == "M" else 1)
