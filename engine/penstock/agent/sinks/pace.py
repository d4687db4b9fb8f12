"""When results are taken on their way, and how long a fault rests: answers to what waits and what was tried."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

ENOUGH = 100
"""So many results that wait are worth a push at once (DECISIONS.md)."""

LONGEST_WAIT = timedelta(seconds=15)
"""No result waits longer than that for company."""

GAP = timedelta(seconds=10)
"""Between two pushes to a remote: GitHub asks for at most six a minute."""

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_ASKED = timedelta(hours=1)
"""Whatever the other side asks for, it is asked again after that."""


@dataclass(slots=True)
class Pace:
    """When a push is due. Times are monotonic seconds. `longest_wait` is how long a result waits for company; where
    that is shorter than `least_gap`, so is the gap: whoever asks for it knows that the remote bears it."""

    longest_wait: timedelta = LONGEST_WAIT
    least_gap: timedelta = GAP
    _since: float | None = None
    _pushed: float = -math.inf

    def gap(self, now: float) -> float:
        """Seconds that must pass before anything may be pushed."""
        gap = min(self.least_gap, self.longest_wait)
        return max(self._pushed + gap.total_seconds() - now, 0.0)

    def due_in(self, waiting: int, now: float) -> float:
        """Seconds until a push is due, 0 when it is, infinity when nothing waits. The first look at which something
        waits is when the waiting began."""
        if waiting == 0:
            self._since = None
            return math.inf
        if self._since is None:
            self._since = now
        ripe = now if waiting >= ENOUGH else self._since + self.longest_wait.total_seconds()
        return max(ripe - now, self.gap(now))

    def pushed(self, now: float) -> None:
        """Something was pushed, or tried to be."""
        self._pushed = now
        self._since = None


@dataclass(slots=True)
class Backoff:
    """How long to rest after a fault: longer each time, and not all agents the same. `draw` gives [0, 1)."""

    draw: Callable[[], float]
    first: timedelta = FIRST_PAUSE
    longest: timedelta = LONGEST_PAUSE
    faults: int = 0

    def fault(self, after: timedelta | None = None) -> timedelta:
        """One more fault: the rest, at least `after` where the other side has asked for it."""
        self.faults += 1
        rest = spread(self.faults, self.draw(), first=self.first, longest=self.longest, least=0.5)
        return max(rest, min(after, LONGEST_ASKED)) if after is not None else rest

    def recovered(self) -> bool:
        """All is well; whether it was not."""
        was, self.faults = self.faults, 0
        return was > 0


def spread(tries: int, drawn: float, *, first: timedelta, longest: timedelta, least: float = 0.0) -> timedelta:
    """Exponential back-off: `first` doubled with each try up to `longest`, of which a part between `least` and all is
    taken, as `drawn` says. With `least` 0 it is full jitter."""
    ceiling = min(first * (1 << min(max(tries - 1, 0), 20)), longest)
    return ceiling * (least + (1 - least) * drawn)
