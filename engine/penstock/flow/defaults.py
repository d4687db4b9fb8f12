"""Plugin defaults: what a flow says once for all tasks of a type, put into each before anything is judged.

Kestra docs, Plugin Defaults, and its PluginDefaultService as of 0.21 (reference chapter 2.5): a default applies to
every mapping with a `type` that begins with the default's `type`; children first; own values win, unless the default
is `forced`; the earlier default wins over the later; mappings merge deeply, lists are joined, nulls are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # only for speed: settings name defaults where no YAML is read
    from penstock.compose import Place

PROPERTIES = ("pluginDefaults", "taskDefaults")


@dataclass(frozen=True, slots=True)
class Default:
    """One plugin default. `place` is that of its `values` in the flow's own file; None when it comes from elsewhere."""

    type: str
    values: Mapping[str, Any]
    forced: bool = False
    place: Place | None = None


def outside_defaults(entries: Sequence[Mapping[str, Any]]) -> tuple[Default, ...]:
    """Defaults that a repository or an agent sets for all flows, from their mappings, the strongest first."""
    return tuple(Default(entry["type"], entry["values"], entry.get("forced") is True) for entry in entries)


def own_defaults(flow: Mapping[str, Any], place: Place) -> list[Default]:
    """The defaults that a flow carries itself. Malformed ones are left out; a rule reports them."""
    found = []
    for name in PROPERTIES:
        entries = flow.get(name)
        if not isinstance(entries, list):
            continue
        for entry, entry_place in zip(entries, place[2][name][2][2], strict=True):
            if not isinstance(entry, dict) or not isinstance(entry.get("type"), str) or not entry["type"]:
                continue
            if isinstance(entry.get("values"), dict):
                values_place = entry_place[2]["values"][2]
                found.append(Default(entry["type"], entry["values"], entry.get("forced") is True, values_place))
    return found


def merge_defaults(
    flow: dict[str, Any], place: Place, defaults: Sequence[Default], canonical: Callable[[str], str]
) -> tuple[dict[str, Any], Place]:
    """A copy of the flow with the defaults in it, and its places. What does not change is shared, not copied."""
    merger = _Merger(defaults, canonical)
    value, entries = dict(flow), dict(place[2])
    for name, item in flow.items():
        if name not in PROPERTIES and isinstance(item, dict | list):
            start, end, item_place = entries[name]
            value[name], item_place = merger.visit(item, item_place)
            entries[name] = (start, end, item_place)
    return value, (place[0], place[1], entries)


class _Merger:
    def __init__(self, defaults: Sequence[Default], canonical: Callable[[str], str]) -> None:
        self._defaults = defaults
        self._canonical = canonical
        self._by_type: dict[str, tuple[list[Default], list[Default]]] = {}

    def visit(self, value: Any, place: Place) -> tuple[Any, Place]:
        if isinstance(value, list):
            pairs = [self.visit(item, at) for item, at in zip(value, place[2], strict=True)]
            return [item for item, _ in pairs], (place[0], place[1], [at for _, at in pairs])
        if not isinstance(value, dict):
            return value, place
        merged: dict[str, Any] = {}
        entries: dict[str, tuple[int, int, Place]] = {}
        for name, item in value.items():
            start, end, at = place[2][name]
            if isinstance(item, dict | list):
                item, at = self.visit(item, at)
            merged[name] = item
            entries[name] = (start, end, at)
        result: tuple[Any, Place] = merged, (place[0], place[1], entries)
        kind = value.get("type")
        if isinstance(kind, str) and kind:
            usual, forced = self._for_type(kind)
            here = entries["type"]
            for default in usual:
                result = _merge((default.values, default.place or _foreign(default.values, here)), result)
            for default in reversed(forced):
                result = _merge(result, (default.values, default.place or _foreign(default.values, here)))
        return result

    def _for_type(self, kind: str) -> tuple[list[Default], list[Default]]:
        """The defaults of a type, the strongest first: usual ones, forced ones."""
        if kind not in self._by_type:
            full = self._canonical(kind)
            fitting = [
                default for default in self._defaults
                if kind.startswith(default.type) or full.startswith((default.type, self._canonical(default.type)))
            ]  # fmt: skip
            self._by_type[kind] = (
                [default for default in fitting if not default.forced],
                [default for default in fitting if default.forced],
            )
        return self._by_type[kind]


def _merge(weak: tuple[Any, Place], strong: tuple[Any, Place]) -> tuple[Any, Place]:
    """`strong` over `weak`: mappings deeply, lists joined with the weak first, null never wins."""
    (low, low_place), (high, high_place) = weak, strong
    if high is None:
        return low, low_place
    if isinstance(low, Mapping) and isinstance(high, Mapping):
        value, entries = dict(low), dict(low_place[2])
        for name, item in high.items():
            if name in value:
                start, end, at = high_place[2][name] if item is not None else entries[name]
                merged, at = _merge((value[name], entries[name][2]), (item, high_place[2][name][2]))
                value[name], entries[name] = merged, (start, end, at)
            else:
                value[name], entries[name] = item, high_place[2][name]
        return value, (high_place[0], high_place[1], entries)
    if isinstance(low, list) and isinstance(high, list):
        return [*low, *high], (high_place[0], high_place[1], [*low_place[2], *high_place[2]])
    return high, high_place


def _foreign(value: Any, at: tuple[int, int, Place]) -> Place:
    """Places for a value of another file: all at the `type` of what it is merged into."""
    start, end = at[2][0], at[2][1]
    if isinstance(value, Mapping):
        return (start, end, {name: (start, end, _foreign(item, at)) for name, item in value.items()})
    if isinstance(value, list):
        return (start, end, [_foreign(item, at) for item in value])
    return (start, end)
