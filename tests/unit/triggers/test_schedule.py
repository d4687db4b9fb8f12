"""Which slots of a schedule are due: what is missed and made up for, and what an execution is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.flow.model import Trigger
from penstock.triggers.schedule import (
    MOST_CATCH_UPS,
    MOST_COUNTED,
    TYPE,
    Recover,
    Schedule,
    due_slots,
    trigger_variables,
)
from unit.triggers.stepping import all_between, at

BERLIN = ZoneInfo("Europe/Berlin")


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


@pytest.mark.parametrize("policy", list(Recover))
def test_what_is_too_late_is_left_out_whatever_the_policy(policy: Recover) -> None:
    own = schedule(lateMaximumDelay="PT9M", recoverMissedSchedules=policy.value)
    for hours in (1, 3):
        now = at("2026-01-01T04:10:00+00:00")
        due = due_slots(own, now - timedelta(hours=hours), now)
        assert (due.fire, due.skipped, due.reached.hour) == ((), hours, 4)


@pytest.mark.parametrize("hours", [1, 3])
def test_what_is_as_late_as_it_may_be_still_fires(hours: int) -> None:
    now = at("2026-01-01T04:10:00+00:00")
    due = due_slots(schedule(lateMaximumDelay="PT10M"), now - timedelta(hours=hours), now)
    assert [slot.hour for slot in due.fire] == [4]


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


def test_what_comes_as_one_begins_to_look_is_not_missed() -> None:
    busy = schedule(cron="* * * * * *", withSeconds=True, recoverMissedSchedules="NONE")
    start = at("2026-01-01T00:00:00+00:00")
    due = due_slots(busy, start, start + timedelta(seconds=5), up_since=start + timedelta(seconds=3))
    assert [slot.second for slot in due.fire] == [3, 4, 5]


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


def by_policy(
    own: Schedule, slots: list[datetime], now: datetime, up_since: datetime | None
) -> tuple[list[datetime], list[datetime]]:
    """The rule in words, over all the slots there are: which fire, and which are left for a backfill."""
    late = own.late_maximum_delay
    wanted = [slot for slot in slots if late is None or now - slot <= late]
    fresh = [slot for slot in wanted if now - slot <= timedelta(seconds=60)]
    on_time = [slot for slot in fresh if slot == slots[-1] or (up_since is not None and slot >= up_since)]
    missed = [slot for slot in wanted if slot not in on_time]
    match own.recover:
        case Recover.ALL:
            return missed[:100] + on_time, missed[100:]
        case Recover.LAST:
            return on_time or missed[-1:], []
        case Recover.NONE:
            return on_time, []


@settings(max_examples=120)
@given(
    cron=st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "*/10 * * * * *", "10 5 1,17 * * *"]),
    policy=st.sampled_from(list(Recover)),
    late=st.none() | st.sampled_from(["PT5S", "PT30S", "PT2M", "PT3H", "P1D"]),
    pause=st.integers(0, 90) | st.integers(0, 7_200) | st.integers(0, 200_000),
    up=st.none() | st.integers(-200_000, 200_000) | st.integers(-90, 0),
)
def test_what_is_due_is_what_the_rule_says_over_all_slots(
    cron: str, policy: Recover, late: str | None, pause: int, up: int | None
) -> None:
    told: dict[str, object] = {"cron": cron, "withSeconds": cron.count(" ") == 5, "timezone": "Europe/Berlin"}
    own = schedule(**told, recoverMissedSchedules=policy.value, **({"lateMaximumDelay": late} if late else {}))
    reached = at("2026-10-24T20:10:00+02:00")
    now = reached + timedelta(seconds=pause)
    up_since = now + timedelta(seconds=up) if up is not None else None
    slots = all_between(own.cron, BERLIN, reached, now)
    due = due_slots(own, reached, now, up_since=up_since)
    fire, left = by_policy(own, slots, now, up_since)
    assert list(due.fire) == fire
    assert due.reached == (slots[-1] if slots else reached)
    assert due.left == min(len(left), MOST_COUNTED)
    assert due.left_range == ((left[0], left[-1]) if left else None)
    if len(slots) < MOST_COUNTED:
        assert due.skipped == len(slots) - len(fire) - len(left)


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
        ({"cron": "0 0 * * *", "withSeconds": True}, "has 5 fields, and needs 6"),
        ({"stopAfter": "FAILED"}, "is a list of states"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_with_a_sentence(properties: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schedule(**properties)


def test_everything_a_trigger_says_is_read() -> None:
    full = schedule(
        cron="30 0 9 * * MON#1",
        withSeconds=True,
        timezone="Europe/Berlin",
        lateMaximumDelay="PT15M",
        recoverMissedSchedules="LAST",
        allowConcurrent=True,
        stopAfter=["FAILED", "WARNING"],
    )
    assert full.zone_name == "Europe/Berlin"
    assert full.late_maximum_delay == timedelta(minutes=15)
    assert (full.recover, full.concurrent, full.stop_after) == (Recover.LAST, True, ("FAILED", "WARNING"))
    assert full.next_after(at("2026-06-02T00:00:00+02:00")) == at("2026-07-06T09:00:30+02:00")


def test_what_a_trigger_does_not_say() -> None:
    bare = Schedule.of(Trigger("t", TYPE, {"cron": "@daily"}), "America/New_York")
    assert bare.zone_name == "America/New_York"
    assert (bare.recover, bare.late_maximum_delay, bare.concurrent, bare.stop_after) == (Recover.ALL, None, False, ())


@pytest.mark.parametrize(
    ("nickname", "fields"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
@pytest.mark.parametrize("with_seconds", [False, True])
def test_a_nickname_is_short_for_five_fields(nickname: str, fields: str, with_seconds: bool) -> None:
    named = schedule(cron=nickname, withSeconds=with_seconds)
    assert named.fingerprint == schedule(cron=fields).fingerprint
    start = at("2026-06-02T09:00:00+00:00")
    assert named.next_after(start) == schedule(cron=fields).next_after(start)
