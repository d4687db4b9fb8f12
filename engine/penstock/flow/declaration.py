"""The inputs that a list declares: older spellings made one, forms opened, options read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.flow.leaves import Leaf, leaves, name_of
from penstock.flow.model import NOTHING, DependsOn, Input, InputType

_KNOWN = frozenset(
    {"id", "name", "type", "required", "defaults", "prefill", "description", "displayName", "dependsOn"}
)  # fmt: skip
"""What an input may have whatever its type; the rest are its rules."""


def declared_inputs(entries: Sequence[Any]) -> tuple[Input, ...]:
    """The inputs of a list, without their places. Raises ValueError for an unknown type."""
    return tuple(declared_input(leaf.raw, leaf) for leaf in leaves(entries))


def declared_input(raw: Mapping[str, Any], leaf: Leaf | None = None) -> Input:
    """One input. Raises ValueError for an unknown type."""
    form = leaf.form if leaf is not None else None
    required = raw.get("required")
    return Input(
        id=(leaf.name if leaf is not None else name_of(raw)) or "",
        type=InputType(str(raw.get("type"))),
        required=True if required is None else bool(required),
        defaults=raw.get("defaults"),
        prefill=raw.get("prefill"),
        description=raw.get("description"),
        display_name=raw.get("displayName"),
        depends_on=tuple(_dependencies(form, raw)),
        rules={name: _rule(name, value) for name, value in raw.items() if name not in _KNOWN and value is not None}
        or NOTHING,
    )


def _dependencies(*holders: Mapping[str, Any] | None) -> Iterator[DependsOn]:
    """What an input depends on, and the form around it."""
    for holder in holders:
        depends = holder.get("dependsOn") if holder is not None else None
        if isinstance(depends, Mapping):
            condition = depends.get("condition")
            yield DependsOn(
                tuple(str(one) for one in depends.get("inputs") or ()), None if condition is None else str(condition)
            )


def _rule(name: str, value: Any) -> Any:
    """Choices as plain values: each may be `{label, value}` too (Kestra 2.0, ValueOption)."""
    if name == "values" and isinstance(value, list):
        return [item.get("value") if isinstance(item, Mapping) else item for item in value]
    return value
