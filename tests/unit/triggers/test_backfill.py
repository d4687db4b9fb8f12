"""The slots of a range: both ends belong to it, and the count is that of the walk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.flow.model import Trigger
from penstock.triggers.backfill import count_slots, slots_between
from penstock.triggers.cron import EARLIEST
from penstock.triggers.schedule import TYPE, Schedule
from unit.triggers.stepping import all_between, at

LEAST, MOST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SECOND = timedelta(seconds=1)


def schedule(cron: str) -> Schedule:
    told = {"cron": cron, "timezone": "Europe/Berlin", "withSeconds": cron.count(" ") == 5}
    return Schedule.of(Trigger("t", TYPE, told), "UTC")


def test_both_ends_belong_to_the_range() -> None:
    daily = schedule("30 9 * * *")
    start, end = at("2026-03-28T09:30:00+01:00"), at("2026-03-30T09:30:00+02:00")
    slots = [start, at("2026-03-29T09:30:00+02:00"), end]
    assert list(slots_between(daily, start, end)) == slots
    assert list(slots_between(daily, start + SECOND, end - SECOND)) == slots[1:-1]
    assert (count_slots(daily, start, end), count_slots(daily, start + SECOND, end - SECOND)) == (3, 1)


def test_a_range_of_one_moment_and_one_that_runs_backward() -> None:
    daily, slot = schedule("30 9 * * *"), at("2026-03-28T09:30:00+01:00")
    assert list(slots_between(daily, slot, slot)) == [slot]
    assert list(slots_between(daily, slot, slot - SECOND)) == []
    assert (count_slots(daily, slot, slot), count_slots(daily, slot, slot - SECOND)) == (1, 0)


def test_the_count_stops_where_it_is_told_to() -> None:
    every_second, start = schedule("* * * * * *"), at("2026-01-01T00:00:00+01:00")
    end = start + timedelta(days=9_999)
    assert count_slots(every_second, start, end, 1_000) == 1_000
    assert count_slots(every_second, start, start + timedelta(seconds=998), 1_000) == 999
    assert list(islice(slots_between(every_second, start, end), 2)) == [start, start + SECOND]


def test_a_range_may_be_wider_than_the_calendar() -> None:
    yearly = schedule("0 0 1 1 *")
    slots = list(slots_between(yearly, LEAST, MOST))
    assert EARLIEST <= slots[0] < EARLIEST + timedelta(days=366)
    assert count_slots(yearly, LEAST, MOST) == len(slots) == 8_008
    assert list(slots_between(schedule("0 0 30 2 *"), LEAST, MOST)) == []


@settings(max_examples=60)
@given(
    cron=st.sampled_from(["*/20 * * * *", "30 2 * * *", "15 1-3 * * *", "*/90 */5 2 * * *", "0 0 L * *"]),
    start=st.integers(0, 5 * 86_400),
    length=st.integers(0, 40 * 3_600),
)
def test_a_range_has_the_slots_of_the_schedule_over_changes_of_the_clock(cron: str, start: int, length: int) -> None:
    for first in (at("2026-03-26T00:00:00+01:00"), at("2026-10-22T00:00:00+02:00")):
        own, begin = schedule(cron), first + start * SECOND
        end = begin + length * SECOND
        slots = all_between(own.cron, own.zone, begin - SECOND / 2, end)
        assert list(slots_between(own, begin, end)) == slots
        assert count_slots(own, begin, end) == len(slots)
