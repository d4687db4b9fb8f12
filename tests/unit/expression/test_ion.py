"""Ion text: what is written reads back, and no text does more than be refused."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.expression import Budget, BudgetExceeded, ExpressionError
from penstock.expression.budget import DEFAULT, Meter
from penstock.expression.formats.ion import read
from penstock.expression.formats.iontext import write


def meter(budget: Budget = DEFAULT) -> Meter:
    return Meter(budget)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    TEXTS,
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(timezone(timedelta(hours=-3, minutes=-30)))),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
NOISE = st.lists(
    st.sampled_from(
        [*"{}[](),:'\"\\ \n/*.-+_", "::", "'''", "{{", "}}", "null", ".int", "1", "0x", "e5", "d3", "T", "2024-01-02",
         "12:30Z", "a", "$1", "$ion_1_0", "//", "/*", "*/", "nan", "\\u00e9", "\\x4"]
    ),
    max_size=20,
).map("".join)  # fmt: skip


@given(VALUES)
def test_what_is_written_reads_back(value: object) -> None:
    assert read(write(value, meter()), meter()) == [value]


@given(st.one_of(NOISE, st.text(max_size=20)))
def test_any_text_is_read_or_refused(text: str) -> None:
    fault = "Invalid ion"
    try:
        read(text, meter())
    except ExpressionError as error:
        fault = error.message
    assert fault.startswith("Invalid ion")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.10", Decimal("1.10")),
        ("1.", Decimal(1)),
        ("-1d3", Decimal("-1E+3")),
        ("1_0.5_0d-2", Decimal("0.1050")),
        ("2008-12-25T15:30:59.9999-00:00", datetime(2008, 12, 25, 15, 30, 59, 999_000, UTC)),
        ("2007T", date(2007, 1, 1)),
        ("+inf", math.inf),
        ("-0b11", -3),
    ],
)
def test_numbers_and_moments_keep_their_kind(text: str, value: object) -> None:
    [got] = read(text, meter())
    assert (type(got), got) == (type(value), value)
    assert str(got) == str(value)


def test_not_a_number_is_one_all_the_same() -> None:
    [got] = read("nan", meter())
    assert isinstance(got, float)
    assert math.isnan(got)
    assert write(got, meter()) == "nan"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.10"), "1.10"),
        (Decimal(5), "5."),
        (Decimal("0.0001"), "0.0001"),
        (Decimal("1E-9"), "1d-9"),
        (Decimal("-1E+3"), "-1d3"),
        (timedelta(minutes=1, milliseconds=500), "60.500000000"),
        (timedelta(0), "0.0"),
        (-math.inf, "-inf"),
    ],
)
def test_decimals_and_lengths_of_time_are_written_as_kestra_writes_them(value: object, text: str) -> None:
    assert write(value, meter()) == text


def test_the_rows_that_are_not_wanted_are_not_read() -> None:
    assert read("1 2 {broken", meter(), most=2) == [1, 2]


def test_what_no_expression_holds_is_refused() -> None:
    with pytest.raises(ExpressionError, match="of a kind that expressions do not know"):
        write(object(), meter())


@pytest.mark.parametrize(
    ("text", "budget", "bound"),
    [
        ("[" * 3 + "]" * 3, Budget(depth=2), "depth bound of 2 levels"),
        ("[1, 2, 3]", Budget(items=2), "more than 2 items"),
        ("1 2 3", Budget(items=2), "more than 2 items"),
        ("[1, 2, 3]", Budget(steps=2), "more than 2 steps"),
        ("1" * 3001, DEFAULT, "at most 3,000 digits"),
        ("1d10001", DEFAULT, "an exponent beyond 10,000"),
    ],
)
def test_reading_ends_at_its_bounds(text: str, budget: Budget, bound: str) -> None:
    with pytest.raises(ExpressionError, match=bound):
        read(text, meter(budget))


def test_writing_ends_at_its_bounds() -> None:
    with pytest.raises(BudgetExceeded, match="depth bound of 2 levels"):
        write([[[1]]], meter(Budget(depth=2)))
    with pytest.raises(BudgetExceeded, match="output bound of 5 characters"):
        write(["aaaaaa"], meter(Budget(output=5)))
    with pytest.raises(BudgetExceeded, match="more than 3 steps"):
        write([1, 2, 3, 4], meter(Budget(steps=3)))


@pytest.mark.parametrize("text", ["/*" * 50_000, "'" * 100_000, '"' + "\\" * 99_999, "{a:" * 100_000, "a::" * 50_000])
def test_a_long_broken_text_is_refused_quickly(text: str) -> None:
    with pytest.raises(ExpressionError):
        read(text, meter())
