"""When schedules are due: our rule in words, a walk over minutes written from those words, and another library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.flow.model import Trigger
from penstock.triggers.cron import Cron, next_after
from penstock.triggers.schedule import MOST_CATCH_UPS, TYPE, Recover, Schedule, due_slots, trigger_variables

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def fires(cron: str, zone: str, after: str, count: int, *, with_seconds: bool = False) -> list[str]:
    found, moment = [], at(after)
    for _ in range(count):
        following = next_after(Cron.parse(cron, with_seconds=with_seconds), ZoneInfo(zone), moment)
        assert following is not None
        found.append(following.astimezone(ZoneInfo(zone)).isoformat())
        moment = following
    return found


def test_a_daily_job_runs_once_a_day_at_its_local_time() -> None:
    assert fires("30 9 * * *", "Europe/Berlin", "2026-06-01T12:00:00+02:00", 2) == [
        "2026-06-02T09:30:00+02:00",
        "2026-06-03T09:30:00+02:00",
    ]


def test_a_time_that_is_skipped_runs_once_as_much_later_as_the_clock_was_set() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00", 2) == [
        "2026-03-29T03:30:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_comes_twice_runs_a_fixed_job_the_first_time() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00", 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_a_job_that_repeats_follows_the_clock_on_the_wall() -> None:
    assert fires("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:30:00+02:00", 5) == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    assert fires("*/30 * * * *", "Europe/Berlin", "2026-03-29T01:30:00+01:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T03:30:00+02:00",
    ]


def test_seconds_come_first_when_there_are_six_fields() -> None:
    assert fires("15 30 9 * * *", "UTC", "2026-06-01T00:00:00+00:00", 1, with_seconds=True) == [
        "2026-06-01T09:30:15+00:00"
    ]


def test_the_first_monday_and_the_last_day_of_a_month() -> None:
    assert fires("0 9 * * 1#1", "UTC", "2026-06-02T00:00:00+00:00", 1) == ["2026-07-06T09:00:00+00:00"]
    assert fires("0 0 L * *", "UTC", "2027-02-01T00:00:00+00:00", 1) == ["2027-02-28T00:00:00+00:00"]


def test_the_29th_of_february_is_found_and_the_30th_never() -> None:
    assert fires("0 0 29 2 *", "UTC", "2026-03-01T00:00:00+00:00", 1) == ["2028-02-29T00:00:00+00:00"]
    assert next_after(Cron.parse("0 0 30 2 *"), UTC, at("2026-03-01T00:00:00+00:00")) is None


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "* * * * * *", "@never", "a b c d e"])
def test_what_is_no_cron_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields|no cron"):
        Cron.parse(text)


def by_walking(
    minutes: frozenset[int], hours: frozenset[int], zone: ZoneInfo, start: datetime, days: int
) -> list[datetime]:
    """The prose rule, minute by minute, for a fixed daily job: an oracle that shares no code with the product."""
    found: set[datetime] = set()
    day = start.astimezone(zone).date() - timedelta(days=1)
    for _ in range(days + 2):
        for hour in hours:
            for minute in minutes:
                wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                instant = wall.astimezone(UTC)
                if instant.astimezone(zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
                    offset_before = wall.replace(fold=0).utcoffset()
                    assert offset_before is not None
                    instant = (wall.replace(tzinfo=None) - offset_before).replace(tzinfo=UTC)
                found.add(instant)
        day += timedelta(days=1)
    end = start + timedelta(days=days)
    return sorted(instant for instant in found if start < instant <= end)


@settings(max_examples=60)
@given(
    zone=st.sampled_from(ZONES),
    minutes=st.frozensets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.frozensets(st.integers(0, 4), min_size=1, max_size=3),
    day=st.sampled_from(
        ["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-06-10"]
    ),
)
def test_fixed_jobs_agree_with_a_walk_over_the_minutes(
    zone: str, minutes: frozenset[int], hours: frozenset[int], day: str
) -> None:
    start = at(f"{day}T12:00:00+00:00")
    wanted = by_walking(minutes, hours, ZoneInfo(zone), start, 3)
    cron = Cron.parse(f"{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * *")
    found, moment = [], start
    while (following := next_after(cron, ZoneInfo(zone), moment)) is not None and following <= start + timedelta(
        days=3
    ):
        found.append(following)
        moment = following
    assert found == wanted


@settings(max_examples=60)
@given(
    cron=st.sampled_from(
        ["*/15 * * * *", "0 * * * *", "5 4 * * *", "0 9 * * 1-5", "0 0 1 * *", "30 6 * 3,10 0", "0 12 L * *"]
    ),
    zone=st.sampled_from(ZONES),
    day=st.integers(0, 364),
)
def test_away_from_changes_of_the_clock_another_library_says_the_same(cron: str, zone: str, day: int) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    where = ZoneInfo(zone)
    offsets = {(start + timedelta(hours=6 * n)).astimezone(where).utcoffset() for n in range(-2, 200)}
    if len(offsets) > 1:
        return
    theirs = CronSim(cron, start.astimezone(where))
    ours = start
    for _ in range(5):
        following = next_after(Cron.parse(cron), where, ours)
        assert following == next(theirs).astimezone(UTC)
        ours = following


def schedule(**properties: object) -> Schedule:
    return Schedule.of(Trigger("t", TYPE, {"cron": "0 * * * *", "timezone": "UTC", **properties}), "UTC")


def test_everything_that_was_missed_is_made_up_for() -> None:
    due = due_slots(schedule(), at("2026-01-01T00:30:00+00:00"), at("2026-01-01T04:10:00+00:00"))
    assert [slot.hour for slot in due.fire] == [1, 2, 3, 4]
    assert due.reached == at("2026-01-01T04:00:00+00:00")


def test_only_the_last_one_or_none_where_that_is_asked_for() -> None:
    span = (at("2026-01-01T00:30:00+00:00"), at("2026-01-01T04:10:00+00:00"))
    assert [slot.hour for slot in due_slots(schedule(recoverMissedSchedules="LAST"), *span).fire] == [4]
    assert due_slots(schedule(recoverMissedSchedules="NONE"), *span).fire == ()
    just_now = (span[0], at("2026-01-01T04:00:30+00:00"))
    assert [slot.hour for slot in due_slots(schedule(recoverMissedSchedules="NONE"), *just_now).fire] == [4]


def test_what_is_too_late_is_left_out() -> None:
    due = due_slots(
        schedule(lateMaximumDelay="PT90M"), at("2026-01-01T00:30:00+00:00"), at("2026-01-01T04:10:00+00:00")
    )
    assert [slot.hour for slot in due.fire] == [3, 4]


def test_one_start_makes_up_for_a_hundred_at_most_and_tells_of_the_rest() -> None:
    due = due_slots(schedule(), at("2026-01-01T00:30:00+00:00"), at("2026-01-11T00:10:00+00:00"))
    assert (len(due.fire), due.left) == (MOST_CATCH_UPS, 140)


@given(back=st.integers(0, 10**6))
def test_a_clock_that_steps_back_fires_nothing_again(back: int) -> None:
    now = at("2026-01-01T04:10:00+00:00")
    first = due_slots(schedule(), at("2026-01-01T00:30:00+00:00"), now)
    again = due_slots(schedule(), first.reached, now - timedelta(seconds=back))
    assert again.fire == ()
    assert again.reached == first.reached


def test_an_execution_is_told_its_slot_and_the_ones_around_it() -> None:
    told = trigger_variables(schedule(cron="30 9 * * *", timezone="Europe/Berlin"), at("2026-06-02T09:30:00+02:00"))
    assert told == {
        "date": "2026-06-02T09:30:00+02:00",
        "next": "2026-06-03T09:30:00+02:00",
        "previous": "2026-06-01T09:30:00+02:00",
    }


def test_the_fingerprint_changes_with_the_cron_or_the_zone_alone() -> None:
    base = schedule()
    assert schedule(recoverMissedSchedules="LAST").fingerprint == base.fingerprint
    assert schedule(cron="1 * * * *").fingerprint != base.fingerprint
    assert schedule(timezone="Europe/Berlin").fingerprint != base.fingerprint
    assert base.recover is Recover.ALL
