"""What is known of one type, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.flow.words import Kind


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What the catalogue knows of a type.

    `group` is `task`, `trigger`, `runner`, `condition`, `chart` or `data`. `kind` is None for what is no task, and
    for a worker task that cannot run yet. `runnable` is what this version does what it says; a type that is only known
    has a schema all the same. `branches` are the properties that hold tasks: lists, but `cases` (lists by key) and
    `onPause` (one task). Without a schema any property is accepted. `as_task` is the task that a type means where it
    stands as one. `rendered` are the properties in which expressions are rendered, where there is a schema, and None
    where only the type itself knows; `sees` says of some of them which variables are there beside the usual ones (`*`:
    any).

    `since` is the first version of Kestra that has the type ("0.22"; None: it is older than what we follow), `until`
    the first that has it no more ("2.0"), `enterprise` whether only its Enterprise Edition has it. An alias is refused
    from 2.0 on, whatever its type. What is so of single properties: `Catalog.property_facts`.
    """

    name: str
    group: str
    kind: Kind | None
    runnable: bool
    aliases: tuple[str, ...]
    deprecated: str | None
    branches: tuple[str, ...]
    has_schema: bool
    title: str
    as_task: str | None = None
    rendered: frozenset[str] | None = frozenset()
    sees: Mapping[str, frozenset[str]] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    enterprise: bool = False


def type_info(name: str, entry: Mapping[str, Any]) -> TypeInfo:
    """What an entry of `catalog.json` says."""
    kind = entry.get("kind")
    return TypeInfo(
        name=name,
        group=entry["group"],
        kind=Kind(kind) if kind is not None else None,
        runnable=bool(entry.get("runnable")),
        aliases=tuple(entry.get("aliases", ())),
        deprecated=entry.get("deprecated"),
        branches=tuple(entry.get("branches", ())),
        has_schema=bool(entry.get("modelled")),
        title=entry["title"],
        as_task=entry.get("asTask"),
        rendered=frozenset(entry.get("rendered", ())),
        sees={name: frozenset(names) for name, names in entry.get("sees", {}).items()},
        since=entry.get("since"),
        until=entry.get("until"),
        enterprise=bool(entry.get("enterprise")),
    )
