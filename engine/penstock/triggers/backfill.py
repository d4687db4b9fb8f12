"""The slots of a range: what a person wants run, whether it ran already or not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from penstock.triggers.cron import EARLIEST, count_between
from penstock.triggers.schedule import Schedule

MOST_COUNTED = 100_000
"""A range is counted up to here, for the progress of its backfill."""

_TICK = timedelta(microseconds=1)


def slots_between(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every slot from `start` to `end`, both included, oldest first."""
    at = schedule.next_after(max(start, EARLIEST) - _TICK)
    while at is not None and at <= end:
        yield at
        at = schedule.next_after(at)


def count_slots(schedule: Schedule, start: datetime, end: datetime, most: int = MOST_COUNTED) -> int:
    """How many there are; `most` when there are as many or more."""
    return count_between(schedule.cron, schedule.zone, max(start, EARLIEST) - _TICK, end, most)
