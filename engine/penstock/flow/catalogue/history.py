"""Which versions and editions of Kestra have a property: read from the `x-` keywords of a published schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PropertyFacts:
    """What is known of one property. Versions are texts such as "0.22".

    `since` is the first version that has it; None where all that we follow have it. `until` is the first version that
    has it no more. `enterprise`: only the Enterprise Edition acts upon it. `deprecated`: something has taken its place.
    """

    since: str | None = None
    until: str | None = None
    enterprise: bool = False
    deprecated: bool = False


_NOTHING = PropertyFacts()


def facts_of(schema: Mapping[str, Any]) -> dict[str, PropertyFacts]:
    """The facts of the properties below a schema, by path. Items of lists and of free mappings add no step."""
    return dict(_facts(schema, ""))


def _facts(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, PropertyFacts]]:
    for name, part in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        facts = PropertyFacts(
            part.get("x-since"), part.get("x-until"), part.get("x-enterprise") is True, part.get("deprecated") is True
        )
        if facts != _NOTHING:
            yield below, facts
        yield from _facts(part, below)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield from _facts(schema[key], path)
    for part in schema.get("anyOf", ()):
        yield from _facts(part, path)
