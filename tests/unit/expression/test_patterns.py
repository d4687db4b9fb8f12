"""Laws of regular expressions: where Java and Python mean the same, so do we; sets of characters are sets."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.expression import render
from penstock.expression.regex.charsets import LAST, CharSet
from penstock.expression.regex.patterns import compiled

FEW = settings(max_examples=300, deadline=None)
TEXTS = st.text(alphabet="abA1 \n", max_size=8)


def patterns() -> st.SearchStrategy[str]:
    """Patterns whose meaning is the same in Java and Python, over texts whose lines end in a line feed.

    Nothing repeated is empty, for engines differ in what an empty round of a loop means.
    """
    single = st.sampled_from(
        ["a", "b", "A", "1", ".", "[ab]", "[^a]", "[a-b1]", r"\d", r"\w", r"\s", r"\S", r"\x61", r"\."]
    )
    repeated = st.builds(str.__add__, single, st.sampled_from(["", "", "?", "*", "+", "{1,2}", "{2}", "*?", "+?"]))
    place = st.sampled_from([r"\b", "^", r"\A"])
    part = st.one_of(repeated, repeated, place)
    row = st.lists(part, min_size=1, max_size=4).map("".join)
    choice = st.lists(row, min_size=1, max_size=3).map("|".join)
    grouped = st.builds("{0}({1}){2}".format, row, choice, row)
    flagged = st.builds("(?{0}:{1})".format, st.sampled_from(["i", "s", "is"]), choice)
    return st.one_of(row, choice, grouped, flagged)


def spans(pattern: str, text: str) -> list[tuple[int, int]]:
    return [(found.start(), found.end()) for found in compiled(pattern).finditer(text)]


@FEW
@given(patterns(), TEXTS)
def test_the_first_match_is_where_python_finds_it(pattern: str, text: str) -> None:
    found, wanted = compiled(pattern).search(text), re.search(pattern, text, re.ASCII)
    assert (found and (found.start(), found.end(), found.group(0))) == (
        wanted and (wanted.start(), wanted.end(), wanted.group(0))
    )


@FEW
@given(st.sampled_from(["a+", "[^a]+", ".", "b*a", r"\w", "(?s).+", "(?:ab|b)"]), TEXTS)
def test_the_end_of_a_text_stands_before_its_last_line_end_too(start: str, text: str) -> None:
    found, wanted = compiled(start + "$").search(text), re.search(start + "$", text, re.ASCII)
    assert (found and (found.start(), found.end())) == (wanted and (wanted.start(), wanted.end()))


@FEW
@given(st.sampled_from(["a*", "b?", r"\b", "x*", "a|b*"]), TEXTS)
def test_matches_do_not_overlap_and_none_is_told_twice(pattern: str, text: str) -> None:
    found = spans(pattern, text)
    assert found == sorted(set(found))
    assert all(last <= first for (_, last), (first, _) in pairwise(found))


@FEW
@given(TEXTS)
def test_the_beginning_of_lines_is_where_a_line_begins(text: str) -> None:
    shown = render("{{ text | regexReplace('(?m)^', '>') }}", {"text": text})
    lines = text.split("\n")
    if lines[-1] == "":  # no line begins at the end of a text
        lines, end = lines[:-1], "\n" if len(lines) > 1 else ""
    else:
        end = ""
    assert shown == "\n".join(">" + line for line in lines) + end


RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: (min(pair), max(pair))), max_size=5
)


def members(found: CharSet) -> set[int]:
    return {one for first, last in found.ranges for one in range(first, min(last, 60) + 1)}


@FEW
@given(RANGES, RANGES)
def test_sets_of_characters_are_sets(mine: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    one, two = CharSet() | CharSet(tuple(mine[:1])), CharSet()
    for pair in mine[1:]:
        one |= CharSet((pair,))
    for pair in other:
        two |= CharSet((pair,))
    assert members(one | two) == members(one) | members(two)
    assert members(one & two) == members(one) & members(two)
    assert members(one.inverted()) == set(range(61)) - members(one)
    assert one.inverted().inverted() == one
    assert one.inverted().ranges == () or one.inverted().ranges[-1][1] == LAST
