"""The operations that turn one flow into another: every value that differs, and no other, by part and path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.difference.alignment import aligned, staying
from penstock.difference.leaf import ABSENT, Path, fingerprint, same
from penstock.difference.likeness import renamed_parts
from penstock.difference.operations import Add, Change, Move, Operation, Remove, Rename, renamed
from penstock.difference.tree import Key, Model, Part, Spot


def differences(base: Model, head: Model) -> tuple[Operation, ...]:
    """Applied to `base` in this order they give `head`. Empty when both mean the same."""
    names = _in_turn(renamed_parts(base, head))
    found: list[Operation] = [Rename(old, new) for old, new in names.items()]
    base = renamed(base, names) if names else base
    for part in head.walk():
        old = base.parts.get(part.key)
        if old is not None:
            found += value_changes(part.key, dict(old.body), dict(part.body), is_beside=False)
            found += value_changes(part.key, dict(old.beside), dict(part.beside), is_beside=True)
    found += _placed(base, head)
    gone = [part for part in base.walk() if part.key not in head.parts]
    return (*found, *(Remove(part) for part in gone))


def _in_turn(names: dict[Key, Key]) -> dict[Key, Key]:
    """No part takes the name of another one that is still to be renamed: names that are taken are not in `base`."""
    return dict(sorted(names.items(), key=lambda pair: (pair[0].kind, pair[0].id, pair[0].nth)))


def _placed(base: Model, head: Model) -> Iterator[Operation]:
    """What has come and what has moved, in the order of the head, so that what each stands behind is already there."""
    for part in head.walk():
        for spot in head.spots(part.key):
            yield from _in_spot(base, head, spot)


def _in_spot(base: Model, head: Model, spot: Spot) -> Iterator[Operation]:
    new = head.order[spot]
    shared = set(base.order.get(spot, ())) & set(new)
    old = [key for key in base.order.get(spot, ()) if key in shared]
    settled = staying(old, [key for key in new if key in shared])
    after: Key | None = None
    for key in new:
        if key not in base.parts:
            yield Add(head.parts[key], after)
        elif key not in settled:
            was = base.parts[key].spot
            assert was is not None, "the flow itself does not move"
            yield Move(key, was, spot, after)
        after = key


def value_changes(key: Key, old: Any, new: Any, *, is_beside: bool = False) -> list[Change]:
    """How the values of a part differ. Deeper ones first, and in a list from its end while places are those of the old
    one: so each path still leads where it led."""
    found = [
        Change(key, path, before, after, is_beside)
        for path, before, after in _within((), old, new)
    ]  # fmt: skip
    return sorted(found, key=_turn)


def _turn(change: Change) -> tuple[int, int, int]:
    last = change.path[-1]
    place = last if isinstance(last, int) else 0
    if change.old is ABSENT:
        return -len(change.path), 2, place
    return -len(change.path), 1 if change.new is ABSENT else 0, -place


def _within(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            if name not in new:
                yield (*path, name), value, ABSENT
            else:
                yield from _within((*path, name), value, new[name])
        for name, value in new.items():
            if name not in old:
                yield (*path, name), ABSENT, value
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_list(path, old, new)
    elif not same(old, new):
        yield path, old, new


def _in_list(path: Path, old: list[Any], new: list[Any]) -> Iterator[tuple[Path, Any, Any]]:
    for before, after in aligned(list(map(fingerprint, old)), list(map(fingerprint, new))):
        if before is None:
            assert after is not None, "one of the two is there"
            yield (*path, after), ABSENT, new[after]
        elif after is None:
            yield (*path, before), old[before], ABSENT
        else:
            yield from _within((*path, before), old[before], new[after])


def counterpart(base: Model, operations: tuple[Operation, ...]) -> dict[Key, Part]:
    """The parts as they were, by the names that they have after the operations."""
    names = {operation.key: operation.new for operation in operations if isinstance(operation, Rename)}
    return {names.get(key, key): part for key, part in base.parts.items()}
