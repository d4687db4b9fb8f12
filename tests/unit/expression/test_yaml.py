"""YAML text: what is written reads back, here and in another reader, and no text does more than be refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.expression import Budget, BudgetExceeded, ExpressionError, render
from penstock.expression.budget import DEFAULT, Meter
from penstock.expression.formats.yamltext import write

# a text that reads as another kind is not quoted, as in Kestra
READS_OTHERWISE = re.compile(r"[-+.0-9=<].*", re.DOTALL)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10).filter(lambda t: not READS_OTHERWISE.match(t))
LINES = st.lists(st.sampled_from(["a", " ", "\n", "b:", "#", "-", "'", '"', "\\", ":", "é", ","]), max_size=8).map(
    "".join
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**62), 2**62), TEXTS, LINES.filter(lambda t: not READS_OTHERWISE.match(t))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


def written(value: object, budget: Budget = DEFAULT) -> str:
    return write(value, Meter(budget))


@given(VALUES)
def test_what_is_written_reads_back(value: object) -> None:
    text = written(value)
    assert text.endswith("\n")
    assert render("{{ yaml(text) }}", {"text": text}, typed=True) == value


@given(VALUES)
def test_another_reader_reads_the_same(value: object) -> None:
    assert yaml.load(written(value), yaml.SafeLoader) == value


@given(st.text(alphabet="ab:-{}[],&*!|>'\"%@`#? \n\t~", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    fault = "Invalid yaml"
    try:
        render("{{ yaml(text) }}", {"text": text}, typed=True)
    except ExpressionError as error:
        fault = error.message
    assert "Invalid yaml" in fault


def test_moments_are_texts_and_lengths_of_time_are_seconds() -> None:
    value = {"at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "for": timedelta(seconds=90)}
    assert written(value) == "at: 2024-01-02T03:04:05Z\nfor: 90.000000000\n"


def test_a_key_that_is_no_text_is_printed() -> None:
    assert written({1: "a", None: "c"}) == '"1": a\n"null": c\n'


@pytest.mark.parametrize(
    ("value", "budget", "bound"),
    [
        ([[[1]]], Budget(depth=2), "depth bound of 2 levels"),
        ({"a": {"b": {}}, "c": {"d": {"e": 1}}}, Budget(depth=2), "depth bound of 2 levels"),
        (["aaaaaa"], Budget(output=5), "output bound of 5 characters"),
        ([1, 2, 3, 4], Budget(steps=3), "more than 3 steps"),
    ],
)
def test_writing_ends_at_its_bounds(value: object, budget: Budget, bound: str) -> None:
    with pytest.raises(BudgetExceeded, match=bound):
        written(value, budget)


def test_reading_ends_at_its_bounds() -> None:
    with pytest.raises(BudgetExceeded, match="longer than the bound of 3,145,728 characters"):
        render("{{ yaml(text) }}", {"text": "a" * 3_145_729})
    with pytest.raises(BudgetExceeded, match="more than 20 steps"):
        render("{{ yaml(text) }}", {"text": "- a\n" * 100}, budget=Budget(steps=20))
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(97 + n)}: &{chr(97 + n)} [*{chr(96 + n)}, *{chr(96 + n)}]\n" for n in range(1, 26)
    )
    with pytest.raises(ExpressionError, match=r"Invalid yaml: (aliases unfold|more than 50 aliases)"):
        render("{{ yaml(text) }}", {"text": bomb})
