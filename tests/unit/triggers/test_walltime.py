"""Which naive times an expression names: held to two other libraries, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import pytest
from croniter import CroniterBadDateError, croniter
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from flows_strategy import Dice, chance, dice_by_hypothesis, one_of
from penstock.triggers.walltime import WallTimes

LAST_OF_MONTH = ("L", "L,15", "1,L")
NUMBERED = ("1#1", "5#2,0#5", "3#4", "L5")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def forward(expression: str, moment: datetime) -> Iterator[datetime]:
    times = WallTimes.of(tuple(expression.split()))
    at = times.after(moment)
    while at is not None:
        yield at
        at = times.after(at)


def backward(expression: str, moment: datetime) -> Iterator[datetime]:
    times = WallTimes.of(tuple(expression.split()))
    at = times.before(moment)
    while at is not None:
        yield at
        at = times.before(at)


def random_field(dice: Dice, low: int, high: int, *, star: int) -> str:
    """`*` in so many of a hundred cases; else a list of numbers, ranges and steps, none with a leading `*`, which
    cronsim reads in a way of its own."""
    if chance(dice, star):
        return "*"
    parts = []
    for _ in range(one_of(dice, [1, 1, 2, 3])):
        first = dice.randint(low, high - 1)
        last = dice.randint(first + 1, high)
        parts.append(one_of(dice, [str(first), f"{first}-{last}", f"{first}-{last}/{dice.randint(1, 9)}"]))
    return ",".join(parts)


def random_expression(dice: Dice, *, numbered: bool) -> str:
    day = one_of(dice, LAST_OF_MONTH) if chance(dice, 20) else random_field(dice, 1, 31, star=40)
    weekday = random_field(dice, 0, 7, star=50)
    if numbered:
        weekday = one_of(dice, NUMBERED)
    return " ".join(
        [
            random_field(dice, 0, 59, star=30),
            random_field(dice, 0, 23, star=40),
            day,
            random_field(dice, 1, 12, star=60),
            weekday,
        ]
    )


moments = st.builds(
    lambda second, fraction: wall("2024-01-01") + timedelta(seconds=second, microseconds=fraction),
    st.integers(0, 10 * 366 * 86_400),
    st.sampled_from([0, 5]),
)


def four(times: Iterator[datetime]) -> list[datetime]:
    return list(islice(times, 4))


def by_croniter(expression: str, moment: datetime, step: str) -> Iterator[datetime]:
    steps = croniter(expression, moment, second_at_beginning=True, max_years_between_matches=9)
    while True:
        try:
            found = getattr(steps, step)(datetime)
        except CroniterBadDateError:
            return
        yield found


@settings(max_examples=150)
@given(dice=dice_by_hypothesis, moment=moments, with_seconds=st.booleans())
def test_croniter_steps_through_the_same_times(dice: Dice, moment: datetime, with_seconds: bool) -> None:
    expression = random_expression(dice, numbered=False)
    if with_seconds:
        expression = f"{random_field(dice, 0, 59, star=30)} {expression}"
    assert four(forward(expression, moment)) == four(by_croniter(expression, moment, "get_next"))
    assert four(backward(expression, moment)) == four(by_croniter(expression, moment, "get_prev"))


@settings(max_examples=150)
@given(dice=dice_by_hypothesis, moment=moments, numbered=st.booleans())
def test_cronsim_steps_through_the_same_times(dice: Dice, moment: datetime, numbered: bool) -> None:
    """Also where the first Monday and the 15th are meant, of which croniter drops the 15th."""
    expression = random_expression(dice, numbered=numbered)
    theirs = CronSim(expression.replace("L5", "5L"), moment)
    assert four(forward(expression, moment)) == four(theirs)


@settings(max_examples=60)
@given(dice=dice_by_hypothesis, moment=moments, numbered=st.booleans())
def test_the_way_back_leads_over_the_same_times(dice: Dice, moment: datetime, numbered: bool) -> None:
    expression = random_expression(dice, numbered=numbered)
    there = four(forward(expression, moment))
    if there:
        assert [there[-1], *islice(backward(expression, there[-1]), len(there) - 1)] == there[::-1]


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0 0 29 2 *", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        ("0 0 30 2 *", []),
        ("0 0 L 2 *", ["2026-02-28T00:00:00", "2027-02-28T00:00:00"]),
        ("0 9 1 * 1#1", ["2026-01-01T09:00:00", "2026-01-05T09:00:00"]),
        ("0 9 * * L5", ["2026-01-30T09:00:00", "2026-02-27T09:00:00"]),
        ("0 0 * * 7", ["2026-01-04T00:00:00", "2026-01-11T00:00:00"]),
        ("5-5 9-9 * * *", ["2026-01-01T09:05:00", "2026-01-02T09:05:00"]),
        ("30 0 0 1 1 *", ["2026-01-01T00:00:30", "2027-01-01T00:00:30"]),
        ("59 59 23 31 DEC ?", ["2026-12-31T23:59:59", "2027-12-31T23:59:59"]),
    ],
)
def test_the_odd_ones(expression: str, times: list[str]) -> None:
    found = islice(forward(expression, wall("2026-01-01")), 2)
    assert [time.isoformat() for time in found] == times


def test_between_centuries_that_are_no_leap_years_nothing_comes_of_the_29th_of_february() -> None:
    assert next(backward("0 0 29 2 *", wall("2104-02-29"))) == wall("2096-02-29")
    assert next(forward("0 0 29 2 *", wall("2096-02-29"))) == wall("2104-02-29")


def test_the_last_friday_of_a_month_that_ends_with_one() -> None:
    assert next(forward("0 9 * * L5", wall("2026-07-01"))) == wall("2026-07-31T09:00:00")


@pytest.mark.parametrize(
    "expression", ["61 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *"]
)
def test_what_names_no_time_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        WallTimes.of(tuple(expression.split()))
