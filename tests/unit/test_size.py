"""Amounts of bytes as people write them: laws."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.size import parse_size

MOST = 1 << 60
UNITS = st.sampled_from(["", "k", "m", "g", "t", "p"])
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@given(st.integers(0, MOST))
def test_a_number_of_bytes_is_itself_to_the_last_one(size: int) -> None:
    assert parse_size(size) == parse_size(str(size)) == parse_size(f"{size}B") == size


@given(st.integers(0, 10**8), st.integers(0, 10**4), UNITS)
def test_a_unit_counts_in_1024s_and_part_of_a_byte_is_none(whole: int, part: int, unit: str) -> None:
    size = Fraction(f"{whole}.{part}") * 1024 ** POWERS[unit]
    if size > MOST:
        with pytest.raises(ValueError, match="is no amount of bytes that a machine can have"):
            parse_size(f"{whole}.{part}{unit}")
    else:
        assert parse_size(f"{whole}.{part}{unit}") == int(size)


@given(st.integers(0, 1023), UNITS.filter(bool), st.sampled_from(["{}{}", "{} {}", " {}{}b ", "{}{}ib", "{}{}i"]))
def test_how_a_unit_is_written_is_all_the_same(count: int, unit: str, form: str) -> None:
    texts = (form.format(count, unit), form.format(count, unit).upper())
    assert {parse_size(text) for text in texts} == {count * 1024 ** POWERS[unit]}


@given(st.text(alphabet="0123456789.kmgtpibKB -+eE_,", max_size=8))
def test_text_is_an_amount_or_told_to_be_none(text: str) -> None:
    told = ""
    try:
        assert 0 <= parse_size(text) <= MOST
    except ValueError as error:
        told = str(error)
    assert not told or told.startswith(f"`{text}` is no amount of bytes")


@pytest.mark.parametrize("text", ["1" * 10_000, "0." + "1" * 10_000, "1" * 10_000 + "p"])
def test_a_long_number_is_told_of_and_not_tripped_over(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of bytes"):
        parse_size(text)
