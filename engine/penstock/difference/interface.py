"""What a flow takes and gives: what of it has changed, and which of its callers that breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.diagnostic import FlowName
from penstock.difference.known import Known, Neighbours
from penstock.difference.leaf import plain, same
from penstock.difference.normal import Kind
from penstock.difference.tree import Key, Model, Part
from penstock.validation.facts import Call, Given


class Turn(StrEnum):
    """What has become of an input or output."""

    ADDED = "added"
    ADDED_REQUIRED = "added, required"
    REMOVED = "removed"
    RENAMED = "renamed"
    REQUIRED = "made required"
    OPTIONAL = "made optional"
    RETYPED = "retyped"
    NARROWED = "narrowed"


@dataclass(frozen=True, slots=True)
class InterfaceChange:
    """`old` and `new` are types, or ids where it was renamed, or what it accepts. `breaks` are flows that call this
    one, or wait for it, and do not know yet."""

    kind: Kind
    id: str
    turn: Turn
    is_breaking: bool
    old: str | None = None
    new: str | None = None
    breaks: tuple[FlowName, ...] = ()


_TAKEN = frozenset({Turn.REMOVED, Turn.RENAMED, Turn.RETYPED, Turn.NARROWED})


def interface_changes(
    before: Model, after: Model, names: Mapping[Key, Key], flow: FlowName, neighbours: Neighbours
) -> tuple[InterfaceChange, ...]:
    """`names` are the new keys of what was renamed; `neighbours` are the flows of the head."""
    found = []
    for kind in (Kind.INPUT, Kind.OUTPUT):
        old = {names.get(part.key, part.key): part for part in before.of(kind)}
        new = {part.key: part for part in after.of(kind)}
        for key in dict.fromkeys([*old, *new]):
            for turn, was, is_ in _turns(kind, old.get(key), new.get(key)):
                lost = old[key].key.id if key in old else key.id
                breaks = tuple(dict.fromkeys(_broken(kind, turn, key.id, lost, flow, neighbours)))
                found.append(InterfaceChange(kind, key.id, turn, _is_breaking(kind, turn), was, is_, breaks))
    return tuple(found)


def _turns(kind: Kind, old: Part | None, new: Part | None) -> Iterator[tuple[Turn, str | None, str | None]]:
    if old is None:
        assert new is not None, "it is there on one side"
        required = kind is Kind.INPUT and _is_needed(new)
        yield Turn.ADDED_REQUIRED if required else Turn.ADDED, None, _type(new)
        return
    if new is None:
        yield Turn.REMOVED, _type(old), None
        return
    if old.key.id != new.key.id:
        yield Turn.RENAMED, old.key.id, new.key.id
    if _type(old) != _type(new):
        yield Turn.RETYPED, _type(old), _type(new)
    if kind is Kind.INPUT:
        if _is_needed(old) != _is_needed(new):
            yield (Turn.REQUIRED if _is_needed(new) else Turn.OPTIONAL), None, None
        yield from ((Turn.NARROWED, was, is_) for was, is_ in _narrowed(old, new))


def _type(part: Part) -> str:
    return str(plain(part.body.get("type", "STRING")))


def _is_needed(part: Part) -> bool:
    body = part.body
    return body.get("required") is not False and "defaults" not in body and not body.get("dependsOn")


def _narrowed(old: Part, new: Part) -> Iterator[tuple[str, str | None]]:
    """Values that were accepted and are not any more, as far as that can be told."""
    was, is_ = old.body.get("values"), new.body.get("values")
    if isinstance(was, list) and isinstance(is_, list):
        lost = [str(plain(one)) for one in was if not any(same(one, other) for other in is_)]
        if lost:
            yield ", ".join(lost), None
    before, after = old.body.get("validator"), new.body.get("validator")
    if after is not None and not same(before, after):
        yield f"validator {plain(before)}" if before is not None else "no validator", f"validator {plain(after)}"
    for bound, tighter in (("min", _is_more), ("max", _is_less)):
        low, high = old.body.get(bound), new.body.get(bound)
        if high is not None and not same(low, high) and (low is None or tighter(plain(high), plain(low))):
            yield f"{bound} {plain(low)}" if low is not None else f"no {bound}", f"{bound} {plain(high)}"


def _is_more(one: Any, other: Any) -> bool:
    try:
        return bool(one > other)
    except TypeError:
        return True


def _is_less(one: Any, other: Any) -> bool:
    return _is_more(other, one)


def _is_breaking(kind: Kind, turn: Turn) -> bool:
    if kind is Kind.OUTPUT:
        return turn in (Turn.REMOVED, Turn.RENAMED, Turn.RETYPED)
    return turn not in (Turn.ADDED, Turn.OPTIONAL)


def _broken(kind: Kind, turn: Turn, name: str, lost: str, flow: FlowName, neighbours: Neighbours) -> Iterator[FlowName]:
    if kind is Kind.OUTPUT:
        if turn in (Turn.REMOVED, Turn.RENAMED, Turn.RETYPED):
            yield from _readers(lost, flow, neighbours)
        return
    for caller, call in neighbours.callers(flow):
        if (turn in _TAKEN and _gives(call, lost)) or (
            turn in (Turn.REQUIRED, Turn.ADDED_REQUIRED, Turn.RENAMED) and _lacks(call, name)
        ):
            yield caller.name


def _readers(output: str, flow: FlowName, neighbours: Neighbours) -> Iterator[FlowName]:
    for caller, call in neighbours.callers(flow):
        if any(read.name == output for read in call.reads):
            yield caller.name
    for one in neighbours.waiting(flow):
        if any(read.name == output for read in _reads_of_triggers(one)):
            yield one.name


def _reads_of_triggers(one: Known) -> Iterator[Any]:
    yield from one.facts.trigger_reads
    for trigger in one.facts.triggers:
        yield from trigger.reads


def _gives(call: Call, name: str) -> bool:
    return any(_reaches(given, name) for given in call.given or ())


def _lacks(call: Call, name: str) -> bool:
    return call.given is not None and not call.is_open and not _gives(call, name)


def _reaches(given: Given, name: str) -> bool:
    """`a.b` may be given as `a: {b: …}`."""
    if given.name == name:
        return True
    return name.startswith(given.name + ".") and (
        not given.below or any(_reaches(one, name[len(given.name) + 1 :]) for one in given.below)
    )
