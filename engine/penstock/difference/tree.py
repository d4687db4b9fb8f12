"""A flow as parts that know their place: tasks, triggers, inputs and outputs by their ids, each with its own values.

The tree is taken apart, so that a part that has moved is still the same part: what it holds is compared with what it
held, and where it stands with where it stood. Lists whose items have no ids stay values of their part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.difference.leaf import same
from penstock.difference.normal import Kind, normal
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.defaults import PROPERTIES as PLUGIN_DEFAULTS
from penstock.flow.survey import TASK_LISTS

Branch = tuple[str, ...]
_DAG = "io.kestra.plugin.core.flow.Dag"
_USUAL_BRANCHES = ("tasks", "errors", "finally")
_OF_FLOW: Mapping[str, Kind] = {
    **dict.fromkeys(TASK_LISTS, Kind.TASK),
    "triggers": Kind.TRIGGER,
    "inputs": Kind.INPUT,
    "outputs": Kind.OUTPUT,
}


@dataclass(frozen=True, slots=True)
class Key:
    """A part's name. `nth` tells apart parts that have, wrongly, the same id."""

    kind: Kind
    id: str
    nth: int = 0

    def __str__(self) -> str:
        more = f" (no. {self.nth + 1})" if self.nth else ""
        return f"{self.kind.value} {self.id}{more}" if self.kind is not Kind.FLOW else "flow"


ROOT = Key(Kind.FLOW, "")


@dataclass(frozen=True, slots=True)
class Spot:
    """A list of parts: the part around it, and the property that holds it (`tasks`, `cases.<KEY>`)."""

    parent: Key
    branch: Branch

    def __str__(self) -> str:
        name = ".".join(self.branch)
        return name if self.parent is ROOT or self.parent == ROOT else f"{self.parent.id}.{name}"


@dataclass(frozen=True, slots=True)
class Part:
    """`body` is what it holds itself, without its id and the parts within it. `beside` stands next to a task of a Dag
    (`dependsOn`)."""

    key: Key
    spot: Spot | None
    body: Mapping[str, Any]
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """As it is meant: the canonical name. Empty where there is none."""
        type_ = self.body.get("type")
        meaning = getattr(type_, "meaning", ("type", type_))
        return str(meaning[1]) if type_ is not None else ""


@dataclass(frozen=True, slots=True)
class Model:
    """All parts of a flow, the flow itself as `ROOT` among them, and the order of those that share a spot."""

    parts: Mapping[Key, Part]
    order: Mapping[Spot, tuple[Key, ...]]

    def walk(self) -> Iterator[Part]:
        """Every part in the order of writing, those around before those within."""
        yield from self._walk(ROOT)

    def _walk(self, key: Key) -> Iterator[Part]:
        yield self.parts[key]
        for spot in self.spots(key):
            for child in self.order[spot]:
                yield from self._walk(child)

    def spots(self, parent: Key) -> list[Spot]:
        """The lists of parts directly within a part."""
        return [spot for spot in self.order if spot.parent == parent]

    def of(self, kind: Kind) -> list[Part]:
        return [part for part in self.walk() if part.key.kind is kind]

    @property
    def types(self) -> frozenset[str]:
        """The types of all parts, as they are meant."""
        return frozenset(part.type for part in self.parts.values() if part.type)

    def is_same(self, other: Model) -> bool:
        """Whether both mean the same."""
        return dict(self.order) == dict(other.order) and same(_plainly(self), _plainly(other))


def _plainly(model: Model) -> dict[Key, list[Any]]:
    return {key: [part.spot, dict(part.body), dict(part.beside)] for key, part in model.parts.items()}


NOTHING = Model({ROOT: Part(ROOT, None, {})}, {})
"""The flow of which nothing is written."""


def default_types(flow: Any) -> frozenset[str]:
    """The types, or beginnings of types, that a flow's own plugin defaults are for."""
    found: set[str] = set()
    for name in PLUGIN_DEFAULTS:
        entries = flow.get(name) if isinstance(flow, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("type"), str):
                found.add(entry["type"])
    return frozenset(found)


def model_of(flow: Mapping[str, Any], catalog: Catalog, defaulted: frozenset[str] = frozenset()) -> Model:
    """The parts of a flow's mapping as it is written. Never raises for what it holds.

    `defaulted` are the types that plugin defaults are for, on either side of a comparison.
    """
    builder = _Builder(catalog, tuple(defaulted), tuple(map(catalog.canonical, defaulted)))
    builder.part(flow, ROOT, None, {})
    return Model(builder.parts, builder.order)


@dataclass(slots=True)
class _Builder:
    catalog: Catalog
    defaulted: tuple[str, ...]
    canonical_defaulted: tuple[str, ...]
    parts: dict[Key, Part] = field(default_factory=dict)
    order: dict[Spot, tuple[Key, ...]] = field(default_factory=dict)

    def part(self, raw: Mapping[str, Any], key: Key, spot: Spot | None, beside: Mapping[str, Any]) -> None:
        lists: list[tuple[Branch, Kind, list[Any]]] = []
        own: dict[str, Any] = {}
        branches = self._branches(key.kind, raw)
        for name, value in raw.items():
            if name == "id" or (name == "namespace" and key == ROOT):
                continue
            if name == "name" and key.kind is Kind.INPUT and not isinstance(raw.get("id"), str):
                continue  # the older spelling of `id`
            rest = self._cut(name, value, branches.get(name), raw, lists)
            if rest is not None:
                own[name] = rest
        body = normal(key.kind, own, self.catalog, is_defaulted=self._is_defaulted(raw))
        self.parts[key] = Part(key, spot, body, dict(beside))
        for branch, kind, items in lists:
            self._children(Spot(key, branch), kind, items)

    def _cut(
        self,
        name: str,
        value: Any,
        kind: Kind | None,
        raw: Mapping[str, Any],
        lists: list[tuple[Branch, Kind, list[Any]]],
    ) -> Any:
        """What stays a value, after the lists of parts in it have gone to `lists`; None where nothing stays."""
        if kind is None:
            return value
        if isinstance(value, list) and all(_is_part(kind, item) for item in value):
            if value:
                lists.append(((name,), kind, value))
            return None
        if isinstance(value, dict) and name == "cases":
            rest = {}
            for case, items in value.items():
                if isinstance(items, list) and items and all(_is_part(kind, item) for item in items):
                    lists.append(((name, case), kind, items))
                else:
                    rest[case] = items
            return rest or None
        if isinstance(value, dict) and name == "onPause" and _is_part(kind, value):
            lists.append(((name,), kind, [value]))
            return None
        return value

    def _children(self, spot: Spot, kind: Kind, items: list[Any]) -> None:
        keys = []
        for item in items:
            beside: dict[str, Any] = {}
            if kind is Kind.TASK and isinstance(item.get("task"), dict) and "type" not in item:
                beside = {name: value for name, value in item.items() if name != "task" and value not in (None, [])}
                item = item["task"]
            name, nth = str(item.get("id", item.get("name"))), 0
            while (key := Key(kind, name, nth)) in self.parts:
                nth += 1
            keys.append(key)
            self.parts[key] = Part(key, spot, {})  # its name is taken before those within it take theirs
            self.order[spot] = tuple(keys)
            self.part(item, key, spot, beside)

    def _branches(self, kind: Kind, raw: Mapping[str, Any]) -> Mapping[str, Kind]:
        if kind is Kind.FLOW:
            return _OF_FLOW
        if kind is not Kind.TASK:
            return {}
        type_ = raw.get("type")
        info = self.catalog.find(type_) if isinstance(type_, str) else None
        return dict.fromkeys(_USUAL_BRANCHES if info is None else info.branches, Kind.TASK)

    def _is_defaulted(self, raw: Mapping[str, Any]) -> bool:
        type_ = raw.get("type")
        if not isinstance(type_, str) or not self.defaulted:
            return False
        return type_.startswith(self.defaulted) or self.catalog.canonical(type_).startswith(self.canonical_defaulted)


def _is_part(kind: Kind, item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    if isinstance(item.get("id"), str):
        return kind in (Kind.INPUT, Kind.OUTPUT) or isinstance(item.get("type"), str)
    if kind is Kind.INPUT:
        return isinstance(item.get("name"), str)
    inner = item.get("task")
    return kind is Kind.TASK and isinstance(inner, dict) and _is_part(kind, inner)
