"""The rule about changes of the clock, minute by minute: an oracle that shares no code with the product.

A job at fixed times (neither minute nor hour begins with `*`) whose time is skipped runs once, as much later as the
clock was set forward; whose time comes twice, it runs the first time. A job that repeats follows the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

MINUTE = timedelta(minutes=1)
_STEP = timedelta(hours=12)


@dataclass(frozen=True)
class Daily:
    """A cron of minutes and hours, as sets; None is `*`."""

    minutes: frozenset[int] | None
    hours: frozenset[int] | None

    @property
    def text(self) -> str:
        return f"{self._field(self.minutes)} {self._field(self.hours)} * * *"

    @staticmethod
    def _field(values: frozenset[int] | None) -> str:
        return "*" if values is None else ",".join(map(str, sorted(values)))

    def matches(self, wall: datetime) -> bool:
        return (self.minutes is None or wall.minute in self.minutes) and (self.hours is None or wall.hour in self.hours)


def by_walking(job: Daily, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """When the job runs after `start` and until `end`, which are full minutes."""
    repeats = job.minutes is None or job.hours is None
    shown: set[datetime] = set()
    found: set[datetime] = set()
    at = start - timedelta(hours=30)
    before = at.astimezone(zone).replace(tzinfo=None, fold=0)
    while at < end:
        at += MINUTE
        wall = at.astimezone(zone).replace(tzinfo=None, fold=0)
        if job.matches(wall) and (repeats or wall not in shown):
            found.add(at)
        shown.add(wall)
        skipped, put_off = before + MINUTE, at
        while skipped < wall and not repeats:
            if job.matches(skipped):
                found.add(put_off)
            skipped, put_off = skipped + MINUTE, put_off + MINUTE
        before = wall
    return sorted(instant for instant in found if start < instant <= end)


@lru_cache
def changes(zone: str, first: int, last: int) -> tuple[datetime, ...]:
    """The minutes of those years from which on a zone shows another offset."""
    return tuple(_changes(ZoneInfo(zone), datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)))


def _changes(zone: ZoneInfo, at: datetime, end: datetime) -> Iterator[datetime]:
    while at < end:
        early, late = at, at + _STEP
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset():
            while late - early > MINUTE:
                middle = early + (late - early) // MINUTE // 2 * MINUTE
                is_late = middle.astimezone(zone).utcoffset() == late.astimezone(zone).utcoffset()
                early, late = (early, middle) if is_late else (middle, late)
            yield late
        at += _STEP


def zones_that_change(first: int, last: int) -> list[str]:
    """One name for each history of offsets in those years that has a change in it."""
    found: dict[tuple[tuple[datetime, timedelta | None], ...], str] = {}
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        history = tuple((at, at.astimezone(zone).utcoffset()) for at in changes(name, first, last))
        if history:
            found.setdefault(history, name)
    return sorted(found.values())
