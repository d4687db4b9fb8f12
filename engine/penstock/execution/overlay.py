"""Variables over variables: what lies above wins, maps are merged, paths can be taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Mapping[str, Any]:
    """`below` with `above` over it; maps within both are merged at every depth."""
    if not above:
        return below
    result = dict(below)
    for key, value in above.items():
        held = result.get(key)
        both = isinstance(held, Mapping) and isinstance(value, Mapping)
        result[key] = merged(held, value) if both and held is not None else value
    return result


def without(values: Mapping[str, Any], paths: Sequence[str]) -> Mapping[str, Any]:
    """`values` without what stands at dotted `paths`."""
    for path in paths:
        values = _without(values, path.split("."))
    return values


def _without(values: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    first, *rest = path
    if first not in values:
        return values
    if not rest:
        return {key: value for key, value in values.items() if key != first}
    within = values[first]
    return {**values, first: _without(within, rest)} if isinstance(within, Mapping) else values


def has(values: Mapping[str, Any], path: str) -> bool:
    """Whether something stands at the dotted `path`."""
    at: Any = values
    for part in path.split("."):
        if not isinstance(at, Mapping) or part not in at:
            return False
        at = at[part]
    return True
