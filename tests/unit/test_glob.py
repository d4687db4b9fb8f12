"""Globs over paths, held against a matcher that is slow and plain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UserError
from penstock.glob import literal_folder, matcher

Step = Callable[[str, int], set[int]]
"""Where in a path one can be behind a piece of a pattern that begins at a place."""
Piece = tuple[str, Step]

LETTERS = "ab0-.!^,]\\$ ü\n"
PATHS = st.text(alphabet="ab0-.!/,]ü", max_size=6)


def _one(allowed: Callable[[str], bool]) -> Step:
    return lambda path, at: {at + 1} if at < len(path) and path[at] != "/" and allowed(path[at]) else set()


def _run(path: str, at: int) -> set[int]:
    end = path.find("/", at)
    return set(range(at, (len(path) if end < 0 else end) + 1))


def _through(pieces: Sequence[Piece], path: str, starts: set[int]) -> set[int]:
    for _, step in pieces:
        starts = {end for start in starts for end in step(path, start)}
    return starts


def _literal(character: str) -> Piece:
    return character, _one(lambda found: found == character)


def _set(ranges: list[tuple[str, str]], is_negated: bool, sign: str) -> Piece:
    def is_in(found: str) -> bool:
        return any(low <= found <= high for low, high in ranges) != is_negated

    text = "".join(low if low == high else f"{low}-{high}" for low, high in ranges)
    return f"[{sign if is_negated else ''}{text}]", _one(is_in)


def _either(sides: list[list[Piece]]) -> Piece:
    text = ",".join("".join(part for part, _ in side) for side in sides)
    return f"{{{text}}}", lambda path, at: {end for side in sides for end in _through(side, path, {at})}


# A set may begin with `]` or `-`, and end with what would mean something at its beginning.
SETS = st.builds(
    lambda first, inner, last, *sign: _set([*first, *inner, *last], *sign),
    st.sampled_from([[("]", "]")], [("-", "-")], [("-", "0")], [("+", "9")], [("a", "b")], [("ü", "ü")]]),
    st.lists(st.sampled_from([("a", "a"), (",", "0"), ("\\", "\\"), ("[", "["), ("&", "&"), ("/", "/")]), max_size=2),
    st.lists(st.sampled_from([("!", "!"), ("^", "^")]), max_size=1),
    st.booleans(),
    st.sampled_from("!^"),
)
PIECES: st.SearchStrategy[Piece] = st.one_of(
    st.sampled_from([_literal(each) for each in LETTERS if each != ","]),
    st.just(("?", _one(lambda _: True))),
    st.just(("*", _run)),
    SETS,
)
SEGMENTS = st.lists(
    PIECES | st.lists(st.lists(PIECES, max_size=2), min_size=1, max_size=3).map(_either), min_size=1, max_size=3
)
SLASH: Piece = ("/", lambda path, at: {at + 1} if path[at : at + 1] == "/" else set())
FOLDERS: Piece = (
    "**/",
    lambda path, at: {at} | {each + 1 for each in range(at, len(path)) if path[each] == "/"},
)
REST: Piece = ("**", lambda path, at: set(range(at, len(path) + 1)))


@st.composite
def patterns(draw: st.DrawFn) -> list[Piece]:
    pieces: list[Piece] = [FOLDERS] if draw(st.booleans()) else []
    pieces += draw(SEGMENTS)
    if draw(st.booleans()):
        pieces += [SLASH, *draw(st.sampled_from([[], [FOLDERS]])), *draw(SEGMENTS | st.just([REST]))]
    return pieces


def _said(pieces: Sequence[Piece]) -> str:
    return "".join(text for text, _ in pieces)


def _is_other(pieces: Sequence[Piece]) -> bool:
    """Whether pieces have come together to mean something else, or to lead out of the folder."""
    text = _said(pieces)
    stars = _said([piece for piece in pieces if piece not in (FOLDERS, REST)])
    return "**" in stars or ".." in text.split("/") or text.startswith("./")


@settings(max_examples=500)
@given(patterns(), PATHS)
def test_a_glob_matches_as_the_plain_matcher_does(pieces: list[Piece], path: str) -> None:
    pattern = _said(pieces)
    if _is_other(pieces):
        return
    assert matcher([pattern])(path) == (len(path) in _through(pieces, path, {0})), pattern


@given(patterns(), PATHS)
def test_what_a_glob_matches_lies_in_its_literal_folder(pieces: list[Piece], path: str) -> None:
    pattern = _said(pieces)
    if _is_other(pieces) or not matcher([pattern])(path):
        return
    folder = literal_folder(pattern)
    assert path == folder or path.startswith(f"{folder}/" if folder else "")


@given(st.lists(st.sampled_from(["a", "*b", "a/**", "?"]), max_size=3), PATHS)
def test_several_globs_match_what_one_of_them_does(globs: list[str], path: str) -> None:
    assert matcher(globs)(path) == any(matcher([each])(path) for each in globs)


@given(st.text(alphabet="ab/*?[]{},!^-\\(|)$.+", max_size=10), PATHS)
def test_whatever_is_written_is_a_glob_or_told_to_be_none(pattern: str, path: str) -> None:
    try:
        matches = matcher([pattern])
    except UserError:
        return
    assert matches(path) in (True, False)
    assert not matches(f"/elsewhere/{path}") or "**" in pattern or pattern.startswith(("*", "{", "["))


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "in/a.txt", False),
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "in/deep/a.txt", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/**/b", "a/b", True),
        ("./a", "a", True),
        ("{a,b{1,2}}.csv", "b2.csv", True),
        ("[", "[", True),
        ("a}", "a}", True),
        ("a+(b)|c", "a+(b)|c", True),
        ("a", "a\n", False),
        ("[!a]", "/", False),
        ("a[,-9]b", "a/b", False),
        ("[!-a]", "0", True),
        ("[!]a]", "b", True),
        ("[!]a]", "]", False),
        ("[/]", "/", False),
        ("?", "\udcff", True),  # a name that is not UTF-8
    ],
)
def test_by_example(pattern: str, path: str, is_match: bool) -> None:
    assert matcher([pattern])(path) == is_match


@pytest.mark.parametrize("pattern", ["", "/a", "../a", "a/../b", "a\0", "{a", "{a,{b}", "[b-a]"])
def test_what_is_no_glob_is_told(pattern: str) -> None:
    with pytest.raises(UserError):
        matcher([pattern])
