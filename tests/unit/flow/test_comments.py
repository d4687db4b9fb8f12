"""Comments that pass over findings: which lines each of them speaks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.diagnostic import Position, Range
from penstock.flow.reading.comments import Heeded, Named, ignored


def spoken_of(text: str, code: str = "PEN601") -> list[int]:
    lines = range(1, text.count("\n") + 2)
    comments = ignored(text)
    found = [line for line in lines if any(comment.covers(code, line) for comment in comments)]
    assert found == [line for line in lines if Heeded(comments).covers(code, line)]
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1 # penstock: ignore[PEN601]\nb: 2\n", [1]),
        ("a: 1\n# penstock: ignore[PEN601]\nb: 2\nc: 3\n", [2, 3]),
        ("# penstock: ignore[PEN602]\n# penstock: ignore[PEN601]\nb: 2\n", [2, 3]),
        ("# penstock: ignore[PEN601]\n# penstock: ignore[PEN602]\nb: 2\nc: 3\n", [1, 2, 3]),
        ("a: 1 # noqa, penstock: ignore[PEN602 ,PEN601] -- why not\n", [1]),
        ("a: 1 # penstock: ignore[PEN6]\nb: '# penstock: ignored[PEN601]'\n", []),
        ("s: |\n  x # penstock: ignore[PEN601]\n  y\n", [2]),
        ("- s: | # penstock: ignore[PEN601]\n    x\n\n    y\n  t: 1\n", [1, 2, 3, 4]),
        ("- |2- # penstock: ignore[PEN601]\n  x\n- y\n", [1, 2]),
        ("# penstock: ignore[PEN601]\n- s: >-\n    x\n    y\n  t: 1\n", [1, 2, 3, 4]),
        ("a: 1\r\nb: 2 # penstock: ignore[PEN601]\r\nc: 3\r\n", [2]),
        ("# the flow\n---\n# penstock: ignore-file[PEN601]\na: 1\nb: 2\n", [1, 2, 3, 4, 5, 6]),
        ("a: 1\n# penstock: ignore-file[PEN601]\nb: 2\n", []),
    ],
)
def test_the_lines_that_a_comment_speaks_of(text: str, lines: list[int]) -> None:
    assert spoken_of(text) == lines


def test_what_a_comment_says_and_where() -> None:
    (comment,) = ignored("id: x\na: 1  # penstock: ignore[PEN601, pen9]  -- kept for the tests  \n")
    assert comment.named == (Named("PEN601", Range.at(2, 26, 6)), Named("pen9", Range.at(2, 34, 4)))
    assert (comment.range, comment.reason, comment.line) == (Range.at(2, 7, 55), "kept for the tests", 2)
    assert comment.whole == Range.at(2, 5, 59)


def test_a_comment_within_a_script_is_known_as_one() -> None:
    inside, behind = ignored("s: |\n  x\n  # penstock: ignore[PEN601]\nt: 1 # penstock: ignore[PEN601]\n")
    assert (inside.is_within, behind.is_within) == (True, False)
    assert inside.whole == Range(Position(3, 1), Position(4, 1))


@pytest.mark.parametrize("text", ["a: 1 # noqa penstock: ignore[PEN601]", "a: 1 # penstock: ignore[PEN601] and more"])
def test_a_comment_that_says_more_is_not_taken_away(text: str) -> None:
    (comment,) = ignored(text)
    assert comment.whole is None


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.booleans()), max_size=12))
def test_an_ordered_search_finds_what_looking_at_each_finds(blocks: list[tuple[int, bool, bool]]) -> None:
    mark = "# penstock: ignore[PEN601]"
    text = "".join(
        (f"{mark}\n" if above else "") + f"k{n}: | {mark if at_head else ''}\n" + "  x\n" * (size * 9) + f"  y {mark}\n"
        for n, (size, above, at_head) in enumerate(blocks)
    )
    comments = ignored(text)
    for line in range(1, text.count("\n") + 2):
        expected = {comment for comment in comments if comment.covers("PEN601", line)}
        assert set(Heeded(comments).covering("PEN601", line)) == expected
