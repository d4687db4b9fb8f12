"""Operations gathered by the part that they are about: what a reviewer is told of each task, trigger, input, output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.difference.classes import Class, classes_of, in_order, of_part
from penstock.difference.compare import counterpart
from penstock.difference.concealed import shown, shown_pair
from penstock.difference.interface import InterfaceChange
from penstock.difference.leaf import ABSENT, Absent, Path, leaves
from penstock.difference.lines import has_lines, line_differences
from penstock.difference.normal import Kind
from penstock.difference.operations import Add, Change, Move, Operation, Remove, Rename
from penstock.difference.report import Action, LeafDifference, PartDifference
from penstock.difference.tree import ROOT, Key, Model, Part, Spot

_SIDE_BY_SIDE = frozenset({"io.kestra.plugin.core.flow.Parallel", "io.kestra.plugin.core.flow.Dag"})
_OF_INTERFACE = frozenset({"type", "required", "defaults", "values", "validator", "min", "max", "dependsOn"})


@dataclass(slots=True)
class _Gathered:
    actions: list[Action] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    old_id: str | None = None
    old_place: str = ""
    place: str = ""
    classes: set[Class] = field(default_factory=set)


def part_differences(
    before: Model, after: Model, operations: Sequence[Operation], interface: Iterable[InterfaceChange]
) -> tuple[PartDifference, ...]:
    """In the order of the head; what has gone follows what came before it."""
    was = counterpart(before, tuple(operations))
    told = _gathered(before, after, operations)
    breaking = {(one.kind, one.id) for one in interface if one.is_breaking}
    found = []
    for key in _in_order(before, after, operations):
        gathered = told.get(key)
        if gathered is not None:
            found.append(_difference(key, gathered, was.get(key), after.parts.get(key), after, before, breaking))
    return tuple(found)


def _gathered(before: Model, after: Model, operations: Sequence[Operation]) -> dict[Key, _Gathered]:
    told: dict[Key, _Gathered] = {}

    def of(key: Key, action: Action) -> _Gathered:
        gathered = told.setdefault(key, _Gathered())
        if action not in gathered.actions:
            gathered.actions.append(action)
        return gathered

    for operation in operations:
        match operation:
            case Rename(key, new):
                gathered = of(new, Action.RENAMED)
                gathered.old_id = key.id
                gathered.classes.add(Class.SCHEDULE if key.kind is Kind.TRIGGER else Class.BEHAVIOUR)
            case Add(part, after_key):
                gathered = of(part.key, Action.ADDED)
                gathered.place = place_of(part.spot, after_key)
                gathered.classes |= of_part(part.key.kind, {**part.body, **part.beside})
            case Remove(part):
                of(part.key, Action.REMOVED).classes |= of_part(part.key.kind, {})
            case Move(key, old, new, after_key):
                gathered = of(key, Action.MOVED)
                gathered.old_place, gathered.place = _old_place(key, old, before), place_of(new, after_key)
                gathered.classes.add(_class_of_move(key, old, new, after))
            case Change():
                of(operation.key, Action.CHANGED).changes.append(operation)
    return told


def _class_of_move(key: Key, old: Spot, new: Spot, after: Model) -> Class:
    """The order of what runs side by side, and of inputs, outputs and triggers, is only how they are shown."""
    if old != new:
        return Class.BEHAVIOUR
    is_side_by_side = after.parts[new.parent].type in _SIDE_BY_SIDE and new.branch == ("tasks",)
    return Class.COSMETIC if key.kind is not Kind.TASK or is_side_by_side else Class.BEHAVIOUR


def place_of(spot: Spot | None, after: Key | None) -> str:
    """`tasks, after load`, `group.then, first`."""
    if spot is None:
        return ""
    return f"{spot}, {'first' if after is None else f'after {after.id}'}"


def _old_place(key: Key, spot: Spot, before: Model) -> str:
    siblings = before.order.get(spot, ())
    at = siblings.index(key) if key in siblings else 0
    return place_of(spot, siblings[at - 1] if at else None)


def _in_order(before: Model, after: Model, operations: Sequence[Operation]) -> Iterator[Key]:
    names = {operation.key: operation.new for operation in operations if isinstance(operation, Rename)}
    gone: dict[Key | None, list[Key]] = {}
    anchor: Key | None = None
    for part in before.walk():
        key = names.get(part.key, part.key)
        if key in after.parts:
            anchor = key
        else:
            gone.setdefault(anchor, []).append(key)
    for part in after.walk():
        yield part.key
        yield from gone.get(part.key, ())
    yield from gone.get(None, ())


def _difference(
    key: Key,
    told: _Gathered,
    was: Part | None,
    is_: Part | None,
    after: Model,
    before: Model,
    breaking: set[tuple[Kind, str]],
) -> PartDifference:
    part = is_ or was
    assert part is not None, "what differs is on one side at least"
    found = list(_leaves(told, was, is_, key, breaking))
    classes = {one for leaf in found for one in leaf.classes} if Action.CHANGED in told.actions else set()
    if (key.kind, key.id) in breaking:
        classes.add(Class.BREAKING)
    side = before if is_ is None else after
    around = side.parts.get(part.spot.parent) if part.spot is not None else None
    return PartDifference(
        key.kind,
        key.id,
        part.type,
        tuple(told.actions),
        tuple(found),
        in_order(classes | told.classes),
        told.old_id,
        told.place if is_ is not None else _old_place(key, part.spot, before) if part.spot is not None else "",
        told.old_place,
        inner=sum(len(side.order[spot]) for spot in side.spots(key)) if was is None or is_ is None else 0,
        is_inner=around is not None and around.key != ROOT and _is_with(around.key, told, before, after),
    )


def _is_with(around: Key, told: _Gathered, before: Model, after: Model) -> bool:
    if Action.ADDED in told.actions:
        return around not in before.parts
    return Action.REMOVED in told.actions and around not in after.parts


def _leaves(
    told: _Gathered, was: Part | None, is_: Part | None, key: Key, breaking: set[tuple[Kind, str]]
) -> Iterator[LeafDifference]:
    if was is None or is_ is None:
        part = is_ or was
        assert part is not None, "what differs is on one side at least"
        is_typed = key.kind in (Kind.TASK, Kind.TRIGGER)
        for values in (part.body, part.beside):
            for path, value in leaves(dict(values)):
                if path and not (is_typed and path == ("type",)):
                    told_value = shown(part, path, value)
                    old, new = (told_value, ABSENT) if is_ is None else (ABSENT, told_value)
                    yield _leaf(path, old, new, frozenset())
        return
    yield from leaf_differences(was, is_, told.changes, is_breaking=(key.kind, key.id) in breaking)


def leaf_differences(
    was: Part, is_: Part, changes: Iterable[Change], *, is_breaking: bool = False
) -> Iterator[LeafDifference]:
    """The changes of one part, each end by itself, as they may be shown."""
    kind = is_.key.kind
    for change in sorted(changes, key=_reading_order):
        for below, old, new in _expanded(change):
            path = (*change.path, *below)
            classes = set(classes_of(kind, path, old, new))
            if is_breaking and path[0] in _OF_INTERFACE:
                classes.add(Class.BREAKING)
            was_shown, is_shown = shown_pair(was, is_, path, old, new)
            yield _leaf(path, was_shown, is_shown, frozenset(classes))


def _reading_order(change: Change) -> tuple[tuple[int, str, int], ...]:
    return tuple((isinstance(step, int), "" if isinstance(step, int) else step, step if isinstance(step, int) else 0)
                 for step in change.path)  # fmt: skip


def _expanded(change: Change) -> Iterator[tuple[Path, Any | Absent, Any | Absent]]:
    """The ends of what has come or gone as a whole."""
    if change.old is ABSENT:
        yield from ((path, ABSENT, value) for path, value in leaves(change.new))
    elif change.new is ABSENT:
        yield from ((path, value, ABSENT) for path, value in leaves(change.old))
    else:
        yield (), change.old, change.new


def _leaf(path: Path, old: Any, new: Any, classes: frozenset[Class]) -> LeafDifference:
    lines: tuple[str, ...] = ()
    texts = [one if isinstance(one, str) else "" for one in (old, new)]
    if any(map(has_lines, texts)) and all(isinstance(one, str) or one is ABSENT for one in (old, new)):
        lines = line_differences(*texts)
    return LeafDifference(written(path), old, new, in_order(classes), lines)


def written(path: Path) -> str:
    """`retry.interval`, `commands[2]`, `env["A B"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("-", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return text
