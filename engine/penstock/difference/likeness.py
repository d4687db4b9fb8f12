"""How alike two parts or flows are that have different names: whether one may be the other, renamed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeVar

from penstock.difference.leaf import fingerprint, leaves
from penstock.difference.tree import Key, Model, Part, Spot

T = TypeVar("T")

ALIKE = 0.6
"""From here on a part that came is taken for one that went: the same in three of five values, or nearly."""
_LONG = 40
_MOST_COMPARED = 4_000
_MOST_PAIRS = 2_500


def renamed_parts(base: Model, head: Model) -> dict[Key, Key]:
    """The parts of `base` that go by another id in `head`. A part is only taken for one of its kind and type."""
    found: dict[Key, Key] = {}
    gone = [part for key, part in base.parts.items() if key not in head.parts]
    came = [part for key, part in head.parts.items() if key not in base.parts]

    def likeness(old: Part, new: Part) -> float:
        if old.key.kind is not new.key.kind or old.type != new.type:
            return 0.0
        alike = _alike(old, new, base, head)
        at_home = 0.05 if alike and old.spot == new.spot and _rank(base, old) == _rank(head, new) else 0.0
        return alike + at_home

    for old, new in best_pairs(gone, came, likeness, ALIKE):
        found[old.key] = new.key
    return found


def best_pairs(
    gone: Sequence[T], came: Sequence[T], likeness: Callable[[T, T], float], least: float
) -> list[tuple[T, T]]:
    """Pairs that are alike, the most alike first, each item at most once; none where there is too much to compare."""
    if not gone or not came or len(gone) * len(came) > _MOST_PAIRS:
        return []
    rated = [
        (-likeness(old, new), at, other)
        for at, old in enumerate(gone)
        for other, new in enumerate(came)
    ]  # fmt: skip
    pairs = []
    used_old: set[int] = set()
    used_new: set[int] = set()
    for unlike, at, other in sorted(rated):
        if -unlike < least:
            break
        if at not in used_old and other not in used_new:
            used_old.add(at)
            used_new.add(other)
            pairs.append((gone[at], came[other]))
    return pairs


def likeness_of_models(old: Model, new: Model) -> float:
    """From 0, nothing in common, to 1."""
    return _likeness(_told(old), _told(new))


def _told(model: Model) -> Mapping[Hashable, Any]:
    return {
        (key, path): value for key, part in model.parts.items() for path, value in leaves(dict(part.body)) if path
    }  # fmt: skip


def _alike(old: Part, new: Part, base: Model, head: Model) -> float:
    """By their values; of a part that holds others, by those as well."""
    one, other = _values(old), _values(new)
    within = _within(base, old.key), _within(head, new.key)
    if not one and not other and not any(within):
        return ALIKE if _is_only_one(base, old) and _is_only_one(head, new) else 0.0
    for name in within[0]:
        one["within", name] = True
    for name in within[1]:
        other["within", name] = True
    return _likeness(one, other)


def _values(part: Part) -> dict[Hashable, Any]:
    return {path: value for path, value in leaves(dict(part.body)) if path and path != ("type",)}


def _likeness(one: Mapping[Hashable, Any], other: Mapping[Hashable, Any]) -> float:
    total = sum(map(_weight, one.values())) + sum(map(_weight, other.values()))
    if not total:
        return 0.0
    shared = 0.0
    for name in one.keys() & other.keys():
        shared += _common(one[name], other[name])
    return shared / total


def _weight(value: Any) -> float:
    return 1.0 + min(len(value), 800) / 100 if isinstance(value, str) else 1.0


def _common(one: Any, other: Any) -> float:
    weight = _weight(one) + _weight(other)
    if fingerprint(one) == fingerprint(other):
        return weight
    if isinstance(one, str) and isinstance(other, str) and min(len(one), len(other)) >= _LONG:
        matcher = SequenceMatcher(None, _cut(one), _cut(other), autojunk=False)
        if matcher.quick_ratio() >= ALIKE:
            return weight * matcher.ratio()
    return 0.0


def _cut(text: str) -> Sequence[str]:
    """What is compared of a text: its lines, or where it is one line its words."""
    head = text[:_MOST_COMPARED]
    return head.splitlines() if "\n" in head.strip() else head.split()


def _within(model: Model, key: Key) -> list[str]:
    return [child.id for spot in model.spots(key) for child in model.order[spot]]


def _rank(model: Model, part: Part) -> int:
    return model.order[part.spot].index(part.key) if isinstance(part.spot, Spot) else 0


def _is_only_one(model: Model, part: Part) -> bool:
    return isinstance(part.spot, Spot) and len(model.order[part.spot]) == 1
