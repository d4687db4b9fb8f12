"""Where a value stands in a text of JSON that is known to be sound: looked for only when something is wrong there."""

from __future__ import annotations

import json
import re

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def place_of(text: str, pointer: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column of the value at `pointer`, counted from 1; of the last one on the way that is there."""
    at = _after_space(text, 0)
    for step in pointer:
        found = _member(text, at, step)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _member(text: str, at: int, step: str | int) -> int | None:
    """Where the member of the object or list at `at` begins. Of a key that is there twice the last counts."""
    if text[at] not in "{[":
        return None
    is_object = text[at] == "{"
    at = _after_space(text, at + 1)
    found, number = None, 0
    while text[at] not in "}]":
        key: str | int = number
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        if key == step:
            found = at
        _, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
        number += 1
    return found


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at
