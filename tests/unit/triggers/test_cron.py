"""When a cron expression comes in a zone: our rule in examples, a walk over minutes, and another library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flows_strategy import Dice, chance, one_of
from penstock.triggers.cron import EARLIEST, LATEST, Cron, count_between, next_after, previous_before
from unit.triggers.stepping import all_between, at
from unit.triggers.walking import MINUTE, Daily, by_walking, changes, zones_that_change

CHANGING = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca",
    "Antarctica/Troll", "Antarctica/Casey", "Asia/Gaza", "America/St_Johns", "Pacific/Chatham",
)  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago")


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


minutes = st.frozensets(st.integers(0, 59), min_size=1, max_size=3)
hours = st.frozensets(st.integers(0, 4), min_size=1, max_size=3)


@settings(max_examples=80)
@given(
    job=st.builds(Daily, st.none() | minutes, st.none() | hours) | st.builds(Daily, minutes, hours),
    zone=st.sampled_from(CHANGING),
    year=st.integers(2020, 2037),
    which=st.integers(0, 3),
    offset=st.integers(-20 * 3600, 90 * 60),
)
def test_every_job_agrees_with_a_walk_over_the_minutes(
    job: Daily, zone: str, year: int, which: int, offset: int
) -> None:
    known = changes(zone, year, year)
    assume(known)
    start = known[which % len(known)] + timedelta(seconds=offset)
    minute = start.replace(second=0)
    end = minute + timedelta(hours=8 if job.minutes is None else 30)
    fires_as_walked(job, ZoneInfo(zone), start, end)


def fires_as_walked(job: Daily, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """What there is from `start` to `end`, shown to be the same by every road."""
    cron, minute = Cron.parse(job.text), start.replace(second=0)
    found = all_between(cron, zone, start, end)
    assert found == [at for at in by_walking(job, zone, minute, end) if at > start], (job.text, zone, start)
    for earlier, later in pairwise(found):
        assert previous_before(cron, zone, later) == earlier, (job.text, zone, later)
    assert count_between(cron, zone, start, end, 10_000) == len(found)
    return found


def test_a_skipped_time_may_come_after_later_ones() -> None:
    assert fires("15,40 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", 3) == [
        "2026-10-04T02:40:00+11:00",
        "2026-10-04T02:45:00+11:00",
        "2026-10-05T02:15:00+11:00",
    ]


@pytest.mark.parametrize("after", ["2011-12-29T12:00:00-10:00", "2011-12-31T05:00:00+14:00"])
def test_a_friday_that_was_skipped_is_kept_on_saturday(after: str) -> None:
    assert fires("30 9 * * 5", "Pacific/Apia", after, 2) == ["2011-12-31T09:30:00+14:00", "2012-01-06T09:30:00+14:00"]


def test_seconds_run_through_an_hour_that_comes_twice_and_over_one_that_is_skipped() -> None:
    every = ("* * * * * *", "Europe/Berlin")
    assert fires(*every, "2026-10-25T02:59:58+02:00", 2, with_seconds=True) == [
        "2026-10-25T02:59:59+02:00",
        "2026-10-25T02:00:00+01:00",
    ]
    assert fires(*every, "2026-03-29T01:59:58+01:00", 2, with_seconds=True) == [
        "2026-03-29T01:59:59+01:00",
        "2026-03-29T03:00:00+02:00",
    ]
    assert fires("30 * 2 * * *", "Europe/Berlin", "2026-03-29T01:59:58+01:00", 1, with_seconds=True) == [
        "2026-03-30T02:00:30+02:00"
    ]


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


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("Pacific/Apia", 2011),
        ("Pacific/Kwajalein", 1993),
        ("Pacific/Kiritimati", 1994),
        ("Antarctica/Casey", 2010),
        ("Antarctica/Casey", 2020),
    ],
)
def test_a_clock_that_is_set_by_hours_or_a_whole_day_agrees_with_the_walk(name: str, year: int) -> None:
    dice, zone = Random(1), ZoneInfo(name)
    wide = [change for change in changes(name, year, year) if abs(jump(zone, change)) >= timedelta(hours=3)]
    assert wide
    for change in wide:
        for _ in range(10):
            job = random_job(dice, change.astimezone(zone).hour)
            start = change - MINUTE * dice.randint(0, 2_000)
            fires_as_walked(job, zone, start, change + MINUTE * dice.randint(300, 2_000))


@pytest.mark.long
def test_every_change_of_every_clock_from_2020_to_2037_agrees_with_the_walk_and_the_other_library() -> None:
    dice, compared = Random(2020), 0
    zones = zones_that_change(2020, 2037)
    assert len(zones) > 30
    for name in zones:
        zone = ZoneInfo(name)
        for change in changes(name, 2020, 2037):
            for _ in range(6):
                job = random_job(dice, change.astimezone(zone).hour)
                start = change - MINUTE * dice.randint(180, 1_500) + timedelta(seconds=dice.randint(0, 59))
                end = change + MINUTE * dice.randint(300, 1_800)
                found = fires_as_walked(job, zone, start, end)
                if is_known_to_cronsim(job, zone, change):
                    compared += 1
                    theirs = CronSim(job.text, start.astimezone(zone))
                    assert found == [next(theirs).astimezone(UTC) for _ in found], (job.text, name, start)
    assert compared > 1_000


def random_job(dice: Dice, near: int) -> Daily:
    def some(numbers: list[int]) -> frozenset[int]:
        return frozenset(dice.sample(numbers, dice.randint(1, 3)))

    hours = [(near + beside) % 24 for beside in range(-3, 4)]
    kind = one_of(dice, ["fixed", "fixed", "hourly", "minutely"])
    return Daily(
        None if kind == "minutely" else some(list(range(60))),
        None if kind == "hourly" or (kind == "minutely" and chance(dice, 20)) else some(hours),
    )


def is_known_to_cronsim(job: Daily, zone: ZoneInfo, change: datetime) -> bool:
    """It runs a fixed job that was skipped as soon as the gap is over, and mistakes changes that are not of full hours,
    at full hours: there it goes round in a circle."""
    is_fixed = job.minutes is not None and job.hours is not None
    forward = jump(zone, change)
    is_usual = change.astimezone(zone).minute == 0 and forward % timedelta(hours=1) == timedelta(0)
    return is_usual and not (is_fixed and forward > timedelta(0))


def jump(zone: ZoneInfo, change: datetime) -> timedelta:
    """How far forward the clock is set."""
    before, after = (moment.astimezone(zone).utcoffset() for moment in (change - MINUTE, change))
    assert before is not None
    assert after is not None
    return after - before


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_at_the_ends_of_the_calendar_there_is_nothing_more(zone: str) -> None:
    cron, where = Cron.parse("* * * * *"), ZoneInfo(zone)
    least, most = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert next_after(cron, where, least) == EARLIEST + MINUTE
    assert next_after(cron, where, most) is None
    assert previous_before(cron, where, least) is None
    assert previous_before(cron, where, most) == LATEST - MINUTE
    assert count_between(cron, where, most, least, 9) == 0
    assert count_between(cron, where, least, most, 9) == 9
