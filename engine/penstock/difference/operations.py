"""What turns one flow into another, as operations: each as small as what it changes, in the order to apply them."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from penstock.difference.leaf import ABSENT, Absent, Path
from penstock.difference.tree import Key, Model, Part, Spot


@dataclass(frozen=True, slots=True)
class Change:
    """A value of a part: put where none was (`old` ABSENT), taken away (`new` ABSENT), or another in its place.

    In a list what is put is named by the place it will have, and anything else by the place it had. `is_beside` says
    that it stands next to the task of a Dag.
    """

    key: Key
    path: Path
    old: Any | Absent
    new: Any | Absent
    is_beside: bool = False


@dataclass(frozen=True, slots=True)
class Rename:
    """A part goes by another id; it is the same otherwise, or nearly."""

    key: Key
    new: Key


@dataclass(frozen=True, slots=True)
class Add:
    """A part that was not there, without those within it, which have operations of their own."""

    part: Part
    after: Key | None


@dataclass(frozen=True, slots=True)
class Remove:
    part: Part


@dataclass(frozen=True, slots=True)
class Move:
    """A part stands in another list, or elsewhere in its own: behind `after`, or first."""

    key: Key
    old: Spot
    new: Spot
    after: Key | None


Operation: TypeAlias = Change | Rename | Add | Remove | Move


def apply(operations: Iterable[Operation], base: Model) -> Model:
    """The flow after the operations, one after the other."""
    parts = dict(base.parts)
    order = {spot: list(keys) for spot, keys in base.order.items()}
    for operation in operations:
        match operation:
            case Change():
                parts[operation.key] = _changed(parts[operation.key], operation)
            case Rename():
                parts, order = _renamed(parts, order, {operation.key: operation.new})
            case Remove():
                del parts[operation.part.key]
                for keys in order.values():
                    if operation.part.key in keys:
                        keys.remove(operation.part.key)
            case Move():
                order[operation.old].remove(operation.key)
                parts[operation.key] = replace(parts[operation.key], spot=operation.new)
                _insert(order, operation.new, operation.key, operation.after)
            case Add():
                part = operation.part
                assert part.spot is not None, "the flow itself is always there"
                parts[part.key] = part
                _insert(order, part.spot, part.key, operation.after)
    return Model(parts, {spot: tuple(keys) for spot, keys in order.items() if keys})


def renamed(base: Model, names: dict[Key, Key]) -> Model:
    """The flow with parts that go by other ids."""
    parts, order = _renamed(dict(base.parts), {spot: list(keys) for spot, keys in base.order.items()}, names)
    return Model(parts, {spot: tuple(keys) for spot, keys in order.items()})


def _renamed(
    parts: dict[Key, Part], order: dict[Spot, list[Key]], names: dict[Key, Key]
) -> tuple[dict[Key, Part], dict[Spot, list[Key]]]:
    def spot_of(spot: Spot) -> Spot:
        return Spot(names[spot.parent], spot.branch) if spot.parent in names else spot

    fresh = {}
    for key, part in parts.items():
        new = names.get(key, key)
        fresh[new] = replace(part, key=new, spot=spot_of(part.spot) if part.spot is not None else None)
    return fresh, {spot_of(spot): [names.get(key, key) for key in keys] for spot, keys in order.items()}


def _insert(order: dict[Spot, list[Key]], spot: Spot, key: Key, after: Key | None) -> None:
    keys = order.setdefault(spot, [])
    keys.insert(0 if after is None else keys.index(after) + 1, key)


def _changed(part: Part, change: Change) -> Part:
    values = deepcopy(dict(part.beside if change.is_beside else part.body))
    *around, last = change.path
    target: Any = values
    for step in around:
        target = target[step]
    if change.new is ABSENT:
        del target[last]
    elif change.old is ABSENT and isinstance(target, list) and isinstance(last, int):
        target.insert(last, change.new)
    else:
        target[last] = change.new
    return replace(part, beside=values) if change.is_beside else replace(part, body=values)
