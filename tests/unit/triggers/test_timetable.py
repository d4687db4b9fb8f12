"""Which triggers are due when: in order, once, one at a time, at the cost of what is due."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import datetime, timedelta, tzinfo
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows_strategy import Dice, dice_by_hypothesis
from penstock.diagnostic import FlowName
from penstock.flow.model import Trigger
from penstock.triggers.cron import Cron
from penstock.triggers.schedule import MOST_CATCH_UPS, TYPE, Recover, Schedule
from penstock.triggers.timetable import Due, Key, Timetable
from unit.triggers.clocks import history
from unit.triggers.stepping import at

KEY, OTHER = Key(FlowName("a.b", "f"), "t"), Key(FlowName("a.b", "g"), "t")
NOON = at("2026-06-02T12:00:00+00:00")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def schedule(cron: str = "0 * * * *", **told: object) -> Schedule:
    return Schedule.of(Trigger("t", TYPE, {"cron": cron, "timezone": "UTC", **told}), "UTC")


def table(*entries: tuple[Key, Schedule], reached: datetime = NOON) -> Timetable:
    made = Timetable(reached)
    for key, each in entries:
        made.put(key, each, reached)
    return made


def hours(due: list[Due]) -> list[int]:
    return [slot.hour for each in due for slot in each.slots]


def test_what_comes_first_is_given_first_and_nothing_before_its_time() -> None:
    timetable = table((KEY, schedule("30 * * * *")), (OTHER, schedule("15 * * * *")))
    assert timetable.next_due() == NOON + 15 * MINUTE
    assert timetable.due(NOON + 15 * MINUTE - SECOND) == []
    [due] = timetable.due(NOON + 15 * MINUTE)
    assert due == Due(OTHER, (NOON + 15 * MINUTE,), NOON + 15 * MINUTE)
    assert timetable.next_due() == NOON + 30 * MINUTE


def test_one_at_a_time_the_held_ones_come_in_turn_as_each_ends() -> None:
    timetable = table((KEY, schedule()))
    assert hours(timetable.due(NOON + HOUR)) == [13]
    assert timetable.next_due() is None
    assert timetable.due(NOON + 3 * HOUR) == []
    now = NOON + 4 * HOUR + MINUTE
    given = []
    while True:
        timetable.ended(KEY)
        due = timetable.due(now)
        if not due:
            break
        given.append((hours(due), due[0].reached.hour))
    assert given == [([14], 14), ([15], 15), ([16], 16)]
    assert timetable.next_due() == NOON + 5 * HOUR


def test_a_concurrent_trigger_gives_all_of_them_at_once() -> None:
    timetable = table((KEY, schedule(allowConcurrent=True)))
    [due] = timetable.due(NOON + 3 * HOUR)
    assert (hours([due]), due.reached) == ([13, 14, 15], NOON + 3 * HOUR)
    timetable.began(KEY)
    assert hours(timetable.due(NOON + 4 * HOUR)) == [16]


def test_an_execution_that_goes_on_from_an_earlier_life_holds_its_trigger() -> None:
    timetable = table((KEY, schedule()), (OTHER, schedule()))
    timetable.began(KEY)
    assert [due.key for due in timetable.due(NOON + HOUR)] == [OTHER]
    timetable.ended(KEY)
    assert [due.key for due in timetable.due(NOON + HOUR)] == [KEY]


def test_a_held_slot_that_is_too_late_when_its_turn_comes_is_left_out() -> None:
    timetable = table((KEY, schedule(lateMaximumDelay="PT90M")))
    assert hours(timetable.due(NOON + HOUR)) == [13]
    timetable.ended(KEY)
    settling = timetable.due(NOON + 3 * HOUR + 10 * MINUTE)  # 14 and 15 are settled, and 14 goes on for long
    assert (hours(settling), settling[0].skipped) == ([14], 0)
    timetable.ended(KEY)
    passed, late = timetable.due(NOON + 6 * HOUR)
    assert (passed.slots, passed.skipped, passed.reached) == ((), 1, NOON + 3 * HOUR)
    assert (hours([late]), late.skipped, late.reached) == ([17], 1, NOON + 5 * HOUR)


def test_what_one_look_makes_up_for_is_bounded_and_the_rest_is_told_once() -> None:
    timetable = table((KEY, schedule("* * * * *")))
    now = NOON + 10 * HOUR
    told, given = [], []
    while due := timetable.due(now):
        told += [(each.left, each.left_range) for each in due if each.left]
        given += [slot for each in due for slot in each.slots]
        last = due[-1]
        timetable.ended(KEY)
    on_time = [now - MINUTE, now]
    assert given == [NOON + n * MINUTE for n in range(1, MOST_CATCH_UPS + 1)] + on_time
    assert told == [(498, (NOON + 101 * MINUTE, NOON + 598 * MINUTE))]
    assert last.reached == now


def test_the_cursor_passes_what_is_left_only_with_the_last_one_that_is_made_up_for() -> None:
    timetable = table((KEY, schedule("* * * * *")))
    [first] = timetable.due(NOON + 10 * HOUR)
    assert (first.left, first.reached) == (498, NOON + MINUTE)


def test_what_is_put_again_as_it_was_stays_settled() -> None:
    own = schedule("* * * * *")
    timetable = table((KEY, own))
    [first] = timetable.due(NOON + 10 * HOUR)
    timetable.put(KEY, own, first.reached)
    timetable.began(KEY)
    assert timetable.next_due() is None
    timetable.ended(KEY)
    [second] = timetable.due(NOON + 10 * HOUR)
    assert (second.slots, second.left) == ((NOON + 2 * MINUTE,), 0)


def test_what_is_put_with_another_schedule_or_cursor_begins_there() -> None:
    timetable = table((KEY, schedule()))
    timetable.due(NOON + 4 * HOUR)
    timetable.put(KEY, schedule("30 * * * *"), NOON + 4 * HOUR)
    assert timetable.due(NOON + 4 * HOUR) == []
    assert timetable.next_due() == NOON + 4 * HOUR + 30 * MINUTE
    timetable.put(KEY, schedule("30 * * * *"), NOON)
    assert timetable.next_due() == NOON + 30 * MINUTE


def test_the_cursor_that_the_store_knows_has_the_last_word() -> None:
    own = schedule("* * * * *")
    timetable = table((KEY, own))
    [lost] = timetable.due(NOON + 10 * HOUR)
    timetable.put(KEY, own, NOON)
    [again] = timetable.due(NOON + 10 * HOUR)
    assert again.slots == lost.slots == (NOON + MINUTE,)


def test_what_is_dropped_gives_nothing_and_nobody_minds_its_end() -> None:
    timetable = table((KEY, schedule()), (OTHER, schedule()))
    timetable.drop(KEY)
    timetable.drop(KEY)
    timetable.began(KEY)
    timetable.ended(KEY)
    assert [due.key for due in timetable.due(NOON + HOUR)] == [OTHER]
    timetable.ended(OTHER)
    timetable.drop(OTHER)
    assert timetable.next_due() is None
    assert timetable.due(NOON + 9 * HOUR) == []


def test_a_trigger_whose_time_never_comes_is_never_due() -> None:
    timetable = table((KEY, schedule("0 0 30 2 *")))
    assert timetable.next_due() is None
    assert timetable.due(NOON + 1_000 * HOUR) == []


def test_which_ones_come_soon() -> None:
    timetable = table((KEY, schedule("30 * * * *")), (OTHER, schedule("15 * * * *")))
    assert timetable.coming(NOON + 20 * MINUTE) == [OTHER]
    assert set(timetable.coming(NOON + 30 * MINUTE)) == {KEY, OTHER}
    timetable.began(KEY)
    assert timetable.coming(NOON + 30 * MINUTE) == [OTHER]


@given(minutes=st.lists(st.integers(0, 59), max_size=40), soon=st.integers(0, 70))
def test_those_that_come_soon_are_those_whose_next_slot_does(minutes: list[int], soon: int) -> None:
    entries = [(Key(FlowName("a.b", f"f{n}"), "t"), schedule(f"{minute} * * * *")) for n, minute in enumerate(minutes)]
    timetable, until = table(*entries), NOON + soon * MINUTE
    for key, own in entries[::3]:
        timetable.put(key, own, NOON)
    coming = timetable.coming(until)
    assert len(coming) == len(set(coming))
    assert set(coming) == {key for key, own in entries if (own.next_after(NOON) or until) <= until}


@pytest.mark.parametrize("policy", list(Recover))
def test_a_clock_that_steps_back_gives_nothing_again_and_loses_nothing(policy: Recover) -> None:
    timetable = table((KEY, schedule("*/10 * * * * *", withSeconds=True, recoverMissedSchedules=policy.value)))
    given = []
    for offset in (10, 20, -40_000, -39_990, 5, 20, 25, 30, 40):
        for due in timetable.due(NOON + offset * SECOND):
            given += due.slots
            timetable.ended(KEY)
    assert given == [NOON + n * SECOND for n in (10, 20, 30, 40)]


def test_a_clock_that_was_ahead_when_one_began_to_look_makes_nothing_missed() -> None:
    timetable = Timetable(NOON)
    own = schedule("*/10 * * * * *", withSeconds=True, recoverMissedSchedules="NONE", allowConcurrent=True)
    timetable.put(KEY, own, NOON - HOUR)
    assert timetable.due(NOON - HOUR + SECOND) == []
    [due] = timetable.due(NOON - HOUR + 31 * SECOND)
    assert due.slots == tuple(NOON - HOUR + n * SECOND for n in (10, 20, 30))


@pytest.mark.parametrize(
    ("policy", "given"), [(Recover.ALL, [13, 14, 15, 16]), (Recover.LAST, [16]), (Recover.NONE, [])]
)
def test_after_a_jump_forward_the_policy_says_what_is_made_up_for(policy: Recover, given: list[int]) -> None:
    timetable = table((KEY, schedule(allowConcurrent=True, recoverMissedSchedules=policy.value)))
    due = timetable.due(NOON + 4 * HOUR + 10 * MINUTE)
    assert hours(due) == given
    assert [each.reached for each in due] == [NOON + 4 * HOUR]
    assert timetable.next_due() == NOON + 5 * HOUR


# ── random clocks ──


@settings(max_examples=150)
@given(dice=dice_by_hypothesis)
def test_whatever_the_clock_does_nothing_is_given_twice_and_nothing_lost(dice: Dice) -> None:
    history(dice)


def test_six_hundred_seeds_of_clocks_in_which_everything_happens() -> None:
    happened: Counter[str] = Counter()
    for seed in range(600):
        happened += _lived(seed)
    rare = {what: happened[what] for what in ("given", "back", "restart", "crash", "left")}
    assert min(rare.values()) > 40, rare


@pytest.mark.long
@pytest.mark.parametrize("block", range(1, 11))
def test_a_hundred_thousand_seeds_of_clocks(block: int) -> None:
    for seed in range(block * 10_000, (block + 1) * 10_000):
        _lived(seed)


def _lived(seed: int) -> Counter[str]:
    try:
        return history(Random(seed)).happened
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error


# ── what it costs ──


class Counting(tzinfo):
    """UTC, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def utcoffset(self, moment: datetime | None) -> timedelta:
        self.asked += 1
        return timedelta(0)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "UTC"


@pytest.mark.parametrize("others", [0, 10, 5_000])
def test_a_look_costs_what_is_due_however_many_others_there_are(others: int) -> None:
    zone = Counting()
    due_now = Schedule(Cron.parse("15 * * * *"), zone, "UTC")
    later = Schedule(Cron.parse("30 * * * *"), zone, "UTC")
    entries = [(Key(FlowName("a.b", f"later{n}"), "t"), later) for n in range(others)]
    timetable = table((KEY, due_now), (OTHER, due_now), *entries)
    before = zone.asked
    assert len(timetable.due(NOON + 15 * MINUTE)) == 2
    timetable.ended(KEY)
    assert timetable.due(NOON + 15 * MINUTE) == []
    assert zone.asked - before < 200


def test_a_trigger_that_is_put_again_and_again_leaves_nothing_behind() -> None:
    yearly = schedule("0 0 1 1 *")
    timetable = table((KEY, yearly), (OTHER, yearly))
    tracemalloc.start()
    try:
        for _ in range(5_000):
            timetable.put(KEY, yearly, NOON)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100_000
    assert timetable.next_due() == at("2027-01-01T00:00:00+00:00")
    assert set(timetable.coming(at("2027-01-01T00:00:00+00:00"))) == {KEY, OTHER}
