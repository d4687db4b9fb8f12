"""What the reference tells a flow with: task runs with their courses, lists that are open, turns, outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

from laws.fates import Key
from penstock.flow.model import Task

if TYPE_CHECKING:
    from laws.calls import Call

FALSE = {"false", "0", "-0", ""}
STOPS = {"FAILED", "KILLED", "CANCELLED", "RETRIED"}
OVER = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"}
WORST = ("RETRIED", "KILLED", "FAILED", "CANCELLED", "WARNING")


class Moment(NamedTuple):
    """When something is: of what is at one time, the one brings about the other, and comes before it."""

    at: datetime
    order: float = inf


class Step(NamedTuple):
    """A state that a task run has taken on."""

    state: str
    moment: Moment

    @property
    def at(self) -> datetime:
        return self.moment.at


@dataclass
class Try:
    """One attempt: from its start to its end, how long it takes to stop, and when it was told to, if it was. What goes
    on in it may be executions."""

    begin: datetime
    end: datetime
    obeys: timedelta
    told: datetime | None = None
    call: Call | None = None


@dataclass(eq=False)
class Run:
    """One task run as it should be. `shows` are its outputs, with the moments from which on they are there; `gone` is
    when another round of its loop has taken its place, `ran_out` that the time for its main list was not enough."""

    key: Key
    task: Task
    parent: Key | None
    value: str | None
    iteration: int | None
    orders: Iterator[int]
    course: list[Step] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    shows: list[tuple[datetime, dict[str, object]]] = field(default_factory=list)
    gone: datetime | None = None
    ran_out: bool = False

    @property
    def begun(self) -> Moment:
        return self.course[0].moment

    @property
    def over(self) -> Moment:
        return self.course[-1].moment

    @property
    def state(self) -> str:
        return self.course[-1].state

    @property
    def created(self) -> datetime:
        return self.begun.at

    @property
    def end(self) -> datetime:
        return self.over.at

    @property
    def outputs(self) -> dict[str, object]:
        return self.shows[-1][1] if self.shows else {}

    def take(self, state: str, at: datetime) -> None:
        self.course.append(Step(state, Moment(at, next(self.orders))))


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
    `states` are there already; `until` is when the list must have ended. When all has ended well, the flowable ends as
    `becomes`, or at the least as `least`; and so does the whole execution where it `leaves`.
    """

    lanes: Sequence[Lane]
    at: datetime
    width: int = 1
    needs: Sequence[set[int]] = ()
    others: str | None = None
    is_last: bool = False
    states: frozenset[str] = frozenset()
    until: datetime | None = None
    least: str = "SUCCESS"
    becomes: str | None = None
    leaves: bool = False
    rounds: Rounds | None = None

    def is_late(self, at: datetime) -> bool:
        return self.until is not None and at > self.until


@dataclass(frozen=True)
class Turn:
    """Something that puts an end to the execution, which becomes `state` (None: it is only told of): a kill, a promise
    that is broken, a task run that has left it. With `stops` what runs is stopped, else it may end by itself.
    `again` is when another execution tries again what this one has failed at."""

    moment: Moment
    state: str | None
    stops: bool = True
    is_kill: bool = False
    sla: str | None = None
    run: Run | None = None
    again: datetime | None = None


@dataclass
class Outcome:
    """What has become of one execution. `cut`: something has put an end to it, and so to what went on in it; `again` is
    when another one tries what it has failed at; `ended` is when it had its state, `over` when all else was done."""

    name: str
    state: str
    outputs: dict[str, str] | None
    runs: list[Run]
    children: list[Outcome]
    broken: list[str]
    cut: bool
    ended: datetime
    over: datetime
    again: datetime | None = None

    def whole(self) -> Iterator[Outcome]:
        """This, and all executions below it."""
        yield self
        for child in self.children:
            yield from child.whole()


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
