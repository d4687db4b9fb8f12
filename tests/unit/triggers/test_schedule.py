"""When schedules are due: our rule in words, a walk over minutes written from those words, and another library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.flow.model import Trigger
from penstock.triggers.cron import Cron, count_between, next_after, previous_before
from penstock.triggers.schedule import (
    MOST_CATCH_UPS,
    MOST_COUNTED,
    TYPE,
    Recover,
    Schedule,
    due_slots,
    trigger_variables,
)

BERLIN = ZoneInfo("Europe/Berlin")
CHANGING = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca",
    "Antarctica/Troll", "Antarctica/Casey", "Asia/Gaza", "America/St_Johns", "Pacific/Chatham",
)  # fmt: skip
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
    """The prose rule, minute by minute: an oracle that shares no code with the product."""
    repeats = job.minutes is None or job.hours is None
    minute = timedelta(minutes=1)
    shown: set[datetime] = set()
    found: set[datetime] = set()
    at = start - timedelta(hours=30)
    before = at.astimezone(zone).replace(tzinfo=None, fold=0)
    while at < end:
        at += minute
        wall = at.astimezone(zone).replace(tzinfo=None, fold=0)
        if job.matches(wall) and (repeats or wall not in shown):
            found.add(at)
        shown.add(wall)
        skipped, put_off = before + minute, at
        while skipped < wall and not repeats:
            if job.matches(skipped):
                found.add(put_off)
            skipped, put_off = skipped + minute, put_off + minute
        before = wall
    return sorted(instant for instant in found if start < instant <= end)


@lru_cache
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The hours of a year after which a zone shows another offset."""
    where, hour = ZoneInfo(zone), timedelta(hours=1)
    hours = [datetime(year, 1, 1, tzinfo=UTC) + hour * n for n in range(366 * 24)]
    offsets = [at.astimezone(where).utcoffset() for at in hours]
    return tuple(at for at, now, then in zip(hours, offsets, offsets[1:], strict=False) if now != then)


def all_between(cron: Cron, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    found, moment = [], next_after(cron, zone, start)
    while moment is not None and moment <= end:
        found.append(moment)
        moment = next_after(cron, zone, moment)
    return found


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
    known = changes(zone, year)
    assume(known)
    start = known[which % len(known)] + timedelta(seconds=offset)
    minute = start.replace(second=0)
    end = minute + timedelta(hours=8 if job.minutes is None else 30)
    cron, where = Cron.parse(job.text), ZoneInfo(zone)
    found = all_between(cron, where, start, end)
    assert found == [at for at in by_walking(job, where, minute, end) if at > start]
    for earlier, later in pairwise(found):
        assert previous_before(cron, where, later) == earlier
    assert count_between(cron, where, start, end, 10_000) == len(found)


def test_a_skipped_time_may_come_after_later_ones() -> None:
    assert fires("15,40 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", 3) == [
        "2026-10-04T02:40:00+11:00",
        "2026-10-04T02:45:00+11:00",
        "2026-10-05T02:15:00+11:00",
    ]


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
    assert due.left_range == (at("2026-01-05T05:00:00+00:00"), at("2026-01-11T00:00:00+00:00"))


@pytest.mark.parametrize("policy", ["ALL", "LAST", "NONE"])
def test_a_schedule_of_seconds_that_slept_for_a_year_is_done_with_in_one_look(policy: str) -> None:
    busy = schedule(cron="* * * * * *", withSeconds=True, recoverMissedSchedules=policy)
    start, now = at("2026-01-01T00:00:00+00:00"), at("2026-12-31T00:00:00+00:00")
    due = due_slots(busy, start, now)
    assert due.reached == now == due.fire[-1]
    assert len(due.fire) == (MOST_CATCH_UPS + 1 if policy == "ALL" else 1)
    assert due.left == (MOST_COUNTED if policy == "ALL" else 0)
    assert due_slots(busy, due.reached, now).fire == ()


@pytest.mark.parametrize("policy", ["ALL", "LAST", "NONE"])
def test_who_was_there_all_the_time_has_missed_nothing(policy: str) -> None:
    busy = schedule(cron="* * * * * *", withSeconds=True, recoverMissedSchedules=policy)
    start = at("2026-01-01T00:00:00+00:00")
    due = due_slots(busy, start, start + timedelta(seconds=5), up_since=start - timedelta(hours=1))
    assert [slot.second for slot in due.fire] == [1, 2, 3, 4, 5]


@settings(max_examples=25)
@given(
    cron=st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "*/10 * * * * *"]),
    policy=st.sampled_from(list(Recover)),
    looks=st.lists(st.integers(0, 7200), min_size=1, max_size=6),
)
def test_however_often_one_looks_a_slot_fires_at_most_once_and_with_all_every_one_does(
    cron: str, policy: Recover, looks: list[int]
) -> None:
    own = schedule(
        cron=cron, withSeconds=cron.count(" ") == 5, recoverMissedSchedules=policy.value, timezone="Europe/Berlin"
    )
    reached = now = at("2026-10-25T00:10:00+02:00")
    fired: list[datetime] = []
    left = 0
    for seconds in looks:
        now += timedelta(seconds=seconds)
        due = due_slots(own, reached, now)
        fired += due.fire
        left += due.left
        reached = due.reached
    assert fired == sorted(set(fired))
    slots = all_between(own.cron, BERLIN, at("2026-10-25T00:10:00+02:00"), now)
    assert set(fired) <= set(slots)
    if policy is Recover.ALL:
        assert len(fired) + left == len(slots)


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


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("+02:00", "11:00:00+02:00"),
        ("UTC-3", "06:00:00-03:00"),
        ("Z", "09:00:00+00:00"),
        ("GMT+0530", "14:30:00+05:30"),
    ],
)
def test_a_zone_may_be_an_offset(name: str, local: str) -> None:
    told = trigger_variables(schedule(timezone=name), at("2026-06-02T09:00:00+00:00"))
    assert told["date"] == f"2026-06-02T{local}"


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"timezone": "Mars/Base"}, "not a valid time-zone ID"),
        ({"timezone": "+25:00"}, "not a valid time-zone ID"),
        ({"recoverMissedSchedules": "SOME"}, "may be ALL, LAST, NONE"),
        ({"lateMaximumDelay": "soon"}, "not an ISO-8601 duration"),
        ({"cron": "R * * * *"}, "no cron expression"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_with_a_sentence(properties: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schedule(**properties)
