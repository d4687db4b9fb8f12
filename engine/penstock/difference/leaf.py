"""The values at the ends of a flow's tree: when two of them are the same, and how one is written."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

Step = str | int
Path = tuple[Step, ...]


class _Absent(Enum):
    """The value of what is not there: None is a value of YAML."""

    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
Absent = Literal[_Absent.ABSENT]


@dataclass(frozen=True, slots=True)
class Spelled:
    """A value that can be written in several ways: two are equal when they mean the same."""

    meaning: Hashable
    text: str = field(compare=False)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same; unlike in Python 1 is neither true nor 1.0, and NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(item, other[name]) for name, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def is_branch(value: Any) -> bool:
    """Whether there is anything below a value. An empty mapping or list is an end."""
    return isinstance(value, dict | list) and bool(value)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every end of a tree with the path to it, in the order of writing."""
    if not is_branch(value):
        yield path, value
        return
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in steps:
        yield from leaves(item, (*path, step))


def plain(value: Any) -> Any:
    """A value as it was written: JSON data."""
    if isinstance(value, Spelled):
        return value.text
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def fingerprint(value: Any) -> Hashable:
    """Equal for values that are the same, and only for them."""
    if isinstance(value, dict):
        return "map", frozenset((name, fingerprint(item)) for name, item in value.items())
    if isinstance(value, list):
        return "list", tuple(map(fingerprint, value))
    if value != value:
        return "no number"
    return type(value).__name__, value
