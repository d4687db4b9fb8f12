"""What an attempt calls: executions of other flows, how many at once, and what their ends amount to.

Kestra docs, Subflow, ForEachItem (2026-06), and Loop (2026-08).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from laws.course import Outcome, short
from penstock.flow.model import Task

Lives = Callable[[datetime, tuple[datetime, ...]], list[Outcome]]
"""What becomes of an execution that begins then, and is killed at such moments from above: it, and what tries it
again."""

_WORST_FIRST = ("FAILED", "KILLED", "WARNING")


@dataclass
class Child:
    """One execution that was called, and those that try it again; killed from above at `dooms`."""

    name: str
    begin: datetime
    lives: Lives
    dooms: tuple[datetime, ...] = ()

    def __post_init__(self) -> None:
        self.outcomes = self.lives(self.begin, self.dooms)

    @property
    def last(self) -> Outcome:
        return self.outcomes[-1]

    def doom(self, at: datetime) -> None:
        """Kill it, if it lives then."""
        if self.last.over > at:
            self.dooms += (at,)
            self.outcomes = self.lives(self.begin, self.dooms)


@dataclass
class Call:
    """The executions that one attempt of `task` wants: `count`, `width` of them at once (0: all).

    `child` makes one of its number, or says how long it takes to find that there is no such flow: then no further one
    is made. `free` says when something may begin that could at a moment.
    """

    task: Task
    count: int
    width: int
    child: Callable[[int], tuple[str, Lives] | timedelta]
    free: Callable[[datetime], datetime]
    children: list[Child] = field(default_factory=list)
    refused: datetime | None = None
    is_cut: bool = False

    @property
    def waits(self) -> bool:
        return bool(self.task.properties.get("wait", True))

    @property
    def transmits(self) -> bool:
        return bool(self.task.properties.get("transmitFailed", True))

    def work(self, at: datetime) -> datetime:
        """Make them all, each as soon as it may begin; when nothing is waited for any more."""
        living: list[tuple[datetime, int]] = []
        now = latest = at
        while True:
            begin, has_room = self.free(now), self.width == 0 or len(living) < self.width
            if self._wants() and has_room and not (living and living[0][0] < begin):
                latest = self._make(begin)
                if self.waits and self.refused is None:
                    heapq.heappush(living, (self.children[-1].last.over, len(self.children) - 1))
                continue
            if not living:
                return max(now, latest)
            now, number = heapq.heappop(living)
            if self._breaks(self.children[number]):
                self.count = len(self.children)

    def _make(self, begin: datetime) -> datetime:
        made = self.child(len(self.children))
        if isinstance(made, timedelta):
            found = begin + made
            after = self.free(found)
            self.refused = found if after == found else after + made  # held, it could not be told: it is sought anew
            return self.refused
        self.children.append(Child(made[0], begin, made[1]))
        return begin

    def _wants(self) -> bool:
        return self.refused is None and len(self.children) < self.count

    def _breaks(self, child: Child) -> bool:
        return short(self.task) == "Loop" and self.transmits and child.last.state in ("FAILED", "KILLED", "CANCELLED")

    def cut(self, at: datetime, *, dooms: bool) -> datetime:
        """Nothing more begins; what has begun is killed, or may end by itself; when that is so."""
        lacks = self._wants() or any(child.begin > at for child in self.children)
        self.children = [child for child in self.children if child.begin <= at]
        if self.refused is not None and self.refused > at:
            self.refused, lacks = None, True
        self.is_cut = lacks and not any(map(self._breaks, self.children))
        if not self.waits:
            return at
        for child in self.children if dooms else ():
            child.doom(at)
        return max([at, *(child.last.over for child in self.children)])

    def lives(self, at: datetime) -> bool:
        """Whether any that is waited for goes on then."""
        return self.waits and any(child.begin <= at < child.last.over for child in self.children)

    def outcomes(self) -> Iterator[Outcome]:
        for child in self.children:
            yield from child.outcomes

    # ── what it comes to ──

    @property
    def state(self) -> str:
        """Without `transmitFailed`, and without a wait, only a flow that is not there is a failure."""
        if self.refused is not None:
            return "FAILED"
        if not self.waits or not self.transmits:
            return "SUCCESS"
        states = {child.last.state for child in self.children}
        return next((state for state in _WORST_FIRST if state in states), "SUCCESS")

    @property
    def outputs(self) -> dict[str, object]:
        states = dict(Counter(child.last.state for child in self.children)) if self.waits else {}
        match short(self.task):
            case "Subflow":
                return self.told
            case "Loop":
                made = len(self.children)
                return {"iterationCount": made, "runningIterations": 0, "terminatedIterations": states}
            case _ if self.count == 0:
                return {}
            case _ if self.waits:
                return {"numberOfBatches": self.count, "iterations": {"CREATED": 0, "RUNNING": 0, **states}}
            case _:
                made = len(self.children)
                return {"numberOfBatches": self.count, "iterations": {"RUNNING": 0, "SUCCESS": made}}

    @property
    def told(self) -> dict[str, object]:
        """Of a Subflow it is known at once which execution it is, then what that has come to, and puts out."""
        if not self.children or short(self.task) != "Subflow":
            return {}
        told: dict[str, object] = {"executionId": self.children[0].last.name}
        if self.waits:
            last = self.children[0].last
            told |= {"state": last.state} | ({} if last.outputs is None else {"outputs": last.outputs})
        else:
            told["executionId"] = self.children[0].name
        return told
