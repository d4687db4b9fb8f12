"""Every scalar of a flow once, where it is written: what plugin defaults put into many tasks stands in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from penstock.compose import Place
from penstock.flow.survey import Path, Survey


class Scalar(NamedTuple):
    """A value that is no list and no mapping. `path` is the first at which it is found; `start` is where it begins."""

    path: Path
    value: Any
    start: int
    place: Place

    @property
    def key(self) -> str | None:
        """The key it stands under; for an item of a list the key of the list."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), None)


class Key(NamedTuple):
    """A key of a mapping; `path` ends with it."""

    path: Path
    start: int
    end: int


class Vocabulary(NamedTuple):
    """Every word of a document once, by itself and one a line; `folded` has small letters."""

    words: frozenset[str]
    text: str
    folded: str


def vocabulary(survey: Survey) -> Vocabulary:
    """What does not stand here need not be looked for in the whole text."""
    words = frozenset(survey.document.text.split())
    text = "\n".join(words)
    return Vocabulary(words, text, text.lower())


def scalars(survey: Survey) -> tuple[Scalar, ...]:
    """In the order of the flow. What comes from defaults of another file is left out: it is not written here."""
    seen = set[int]()
    found = []
    for one in _walk(survey.flow, survey.document.place, ()):
        if one.start not in seen:
            seen.add(one.start)
            found.append(one)
    return tuple(found)


def keys(survey: Survey) -> Iterator[Key]:
    """Every key, where it is written; those that defaults bring in are told again for each task."""
    yield from _keys(survey.document.place, ())


def _walk(value: Any, place: Place, path: Path) -> Iterator[Scalar]:
    kind = type(value)
    if kind is dict:
        entries = place[2]
        for key, item in value.items():
            start, _, at = entries[key]
            if start != at[0]:  # a default of another file stands where the type does, key and value
                yield from _walk(item, at, (*path, key))
    elif kind is list:
        for n, (item, at) in enumerate(zip(value, place[2], strict=True)):
            yield from _walk(item, at, (*path, n))
    else:
        yield Scalar(path, value, place[0], place)


def _keys(place: Place, path: Path) -> Iterator[Key]:
    inner = place[2] if len(place) > 2 else ()
    if isinstance(inner, dict):
        for key, (start, end, at) in inner.items():
            yield Key((*path, key), start, end)
            if len(at) > 2:
                yield from _keys(at, (*path, key))
    else:
        for n, at in enumerate(inner):
            if len(at) > 2:
                yield from _keys(at, (*path, n))
