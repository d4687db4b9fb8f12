"""From a character of a YAML scalar's value to the character of the file that wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.compose import Place

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_BLANK = frozenset(" \t\r\n\x85\u2028\u2029")
_ESCAPES = {"x": 2, "u": 4, "U": 8}


def scalar_start(text: str, start: int, end: int) -> int:
    """Where the scalar itself begins: after its anchor and tag."""
    if start < end and text[start] in "&!":
        match = _PROPERTIES.match(text, start, end)
        if match is not None:
            return match.end()
    return start


@dataclass(slots=True)
class Walk:
    """How far a scalar has been walked along its value: what stands behind is found from there."""

    of: str = ""
    start: int = -1
    value: int = 0
    raw: int = 0


def offset_in_scalar(text: str, place: Place, value: str, offset: int, walk: Walk | None = None) -> int:
    """The offset in `text` of character `offset` of `value`, whose scalar stands at `place`.

    Walks both side by side: white space matches freely (folding and indentation change it), everything else must
    be the same character or its escape. Where they part company the scalar's own start is the answer. A `walk`
    remembers the last one, which is gone on with where it is of the same scalar.
    """
    walk = walk if walk is not None else Walk()
    start, end = scalar_start(text, place[0], place[1]), place[1]
    if start >= end:
        return start
    style = text[start]
    if style in "|>":
        raw = text.find("\n", start, end) + 1 or end
    elif style in "'\"":
        raw, end = start + 1, end - 1
    else:
        raw, style = start, ""
    if walk.start != start or walk.value > offset or walk.of != value:
        walk.of, walk.start, walk.value, walk.raw = value, start, 0, raw
    return _aligned(text, end, value, offset, style, walk)


def _aligned(text: str, end: int, value: str, offset: int, style: str, walk: Walk) -> int:
    origin, here, raw = walk.start, walk.value, walk.raw
    while True:
        if here >= len(value):
            return max(origin, min(raw, end - 1 if style in "|>" else end))
        char = value[here]
        if char not in _BLANK:
            while raw < end and (text[raw] in _BLANK or (style == '"' and text[raw : raw + 2] in ("\\\n", "\\\r"))):
                raw += 1
        if raw >= end:
            return origin
        if here == offset:
            walk.value, walk.raw = here, raw
            return raw
        width = _width(text, raw, char, style)
        if width is None:
            return origin
        raw += width
        here += 1


def _width(text: str, raw: int, char: str, style: str) -> int | None:
    """How many characters of the file wrote `char` at `raw`; 0 for white space that folding made; None for another."""
    found = text[raw]
    if style == '"' and found == "\\":
        return 2 + _ESCAPES.get(text[raw + 1], 0)
    if style == "'" and found == "'":
        return 2 if char == "'" else None
    if found == char:
        return 1
    if char in _BLANK:
        return 1 if found in _BLANK else 0
    return None
