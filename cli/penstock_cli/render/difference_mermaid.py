"""The topology of flows before and after a change, in Mermaid's flowchart language, with what differs in colour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from penstock.difference.normal import Kind
from penstock.difference.report import Action, FlowDifference, Report
from penstock.difference.tree import ROOT, Key, Model, Part, Spot

MOST_NODES = 120
"""Of one flow: a chart of more is no help."""
_SIDE_BY_SIDE = ("io.kestra.plugin.core.flow.Parallel", "io.kestra.plugin.core.flow.Dag")
_CLASSES = {
    Action.ADDED: ("added", "fill:#d1f7d1,stroke:#1a7f37,color:#111"),
    Action.REMOVED: ("removed", "fill:#ffd7d5,stroke:#cf222e,color:#111"),
    Action.RENAMED: ("renamed", "fill:#ddf4ff,stroke:#0969da,color:#111"),
    Action.MOVED: ("moved", "fill:#ddf4ff,stroke:#0969da,color:#111"),
    Action.CHANGED: ("changed", "fill:#fff8c5,stroke:#9a6700,color:#111"),
}
_PLAIN = re.compile(r"[^A-Za-z0-9 _./:,-]")


def as_mermaid(report: Report) -> str:
    """One chart of all flows that differ."""
    lines = ["flowchart TD"]
    for number, flow in enumerate(report.shown):
        lines += chart_lines(flow, f"f{number}")
    return "\n".join([*lines, *_legend()]) + "\n"


def chart(flow: FlowDifference) -> str:
    """One chart of one flow."""
    return "\n".join(["flowchart TD", *chart_lines(flow, "f"), *_legend()])


def _legend() -> list[str]:
    return [f"  classDef {name} {style}" for name, style in _CLASSES.values()]


def chart_lines(flow: FlowDifference, lead: str) -> Iterator[str]:
    sides = [("before", flow.before, {Action.REMOVED, Action.CHANGED, Action.MOVED, Action.RENAMED}),
             ("after", flow.after, {Action.ADDED, Action.CHANGED, Action.MOVED, Action.RENAMED})]  # fmt: skip
    for word, model, actions in sides:
        if model is None:
            continue
        marks = _marks(flow, actions, is_before=word == "before")
        name = flow.old_name if word == "before" and flow.old_name is not None else flow.name
        yield from _Side(model, f"{lead}{word[0]}", marks).lines(f"{name}, {word}")


def _marks(flow: FlowDifference, actions: set[Action], *, is_before: bool) -> dict[tuple[Kind, str], Action]:
    found = {}
    for part in flow.parts:
        action = next((one for one in _CLASSES if one in part.actions and one in actions), None)
        if action is not None:
            found[part.kind, part.old_id if is_before and part.old_id is not None else part.id] = action
    return found


class _Side:
    def __init__(self, model: Model, lead: str, marks: dict[tuple[Kind, str], Action]) -> None:
        self._model, self._lead, self._marks = model, lead, marks
        shown = [part for part in model.walk() if part.key.kind in (Kind.TASK, Kind.TRIGGER)]
        self._names = {part.key: f"{lead}n{at}" for at, part in enumerate(shown[:MOST_NODES])}
        self._left_out = len(shown) - len(self._names)

    def lines(self, title: str) -> Iterator[str]:
        yield f'  subgraph {self._lead}["{escaped(title)}"]'
        yield from self._within(ROOT, "    ")
        if self._left_out > 0:
            yield f'    {self._lead}more["and {self._left_out} more"]'
        yield "  end"
        yield from (f"  {before} --> {after}" for before, after in self._edges())
        for key, name in self._names.items():
            action = self._marks.get((key.kind, key.id))
            if action is not None:
                yield f"  class {name} {_CLASSES[action][0]}"

    def _within(self, parent: Key, indent: str) -> Iterator[str]:
        for spot in self._model.spots(parent):
            keys = [key for key in self._model.order[spot] if key in self._names]
            is_plain = spot.branch == ("tasks",) or spot.branch == ("triggers",)
            inner = indent
            if keys and not is_plain:
                yield f'{indent}subgraph {self._spot(spot)}["{escaped(".".join(spot.branch))}"]'
                inner = indent + "  "
            for key in keys:
                yield from self._node(self._model.parts[key], inner)
            if keys and not is_plain:
                yield f"{indent}end"

    def _spot(self, spot: Spot) -> str:
        around = self._names.get(spot.parent, self._lead)
        return f"{around}_{'_'.join(re.sub(r'[^A-Za-z0-9]', '', step) or 'x' for step in spot.branch)}"

    def _node(self, part: Part, indent: str) -> Iterator[str]:
        name, type_ = self._names[part.key], part.type.rpartition(".")[2]
        if part.key.kind is Kind.TRIGGER:
            yield f'{indent}{name}(["{escaped(part.key.id)}"])'
        elif any(spot.parent == part.key for spot in self._model.order):
            yield f'{indent}subgraph {name}["{escaped(part.key.id)}: {escaped(type_)}"]'
            yield from self._within(part.key, indent + "  ")
            yield f"{indent}end"
        else:
            yield f'{indent}{name}["{escaped(part.key.id)}<br/>{escaped(type_)}"]'

    def _edges(self) -> Iterator[tuple[str, str]]:
        first = next(iter(self._model.order.get(Spot(ROOT, ("tasks",)), ())), None)
        for key in self._model.order.get(Spot(ROOT, ("triggers",)), ()):
            if first is not None and key in self._names and first in self._names:
                yield self._names[key], self._names[first]
        for spot, keys in self._model.order.items():
            if self._model.parts[spot.parent].type not in _SIDE_BY_SIDE:
                pairs = list(pairwise(keys)) if keys[0].kind is Kind.TASK else []
            else:
                pairs = list(self._needs(keys))
            yield from ((self._names[a], self._names[b]) for a, b in pairs if a in self._names and b in self._names)

    def _needs(self, keys: tuple[Key, ...]) -> Iterator[tuple[Key, Key]]:
        by_id = {key.id: key for key in keys}
        for key in keys:
            needed = self._model.parts[key].beside.get("dependsOn")
            for name in needed if isinstance(needed, list) else ():
                if isinstance(name, str) and name in by_id:
                    yield by_id[name], key


def escaped(text: str) -> str:
    """Whatever could mean something to Mermaid, as its number."""
    return _PLAIN.sub(lambda match: f"#{ord(match[0])};", text[:80])
