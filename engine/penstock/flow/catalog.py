"""The catalogue of types and the published schemas, read from data when they are first needed.

The data is generated from the models of `penstock.tasks` (`python -m penstock.tasks.publish`), which this never
imports: to judge a flow costs no pydantic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import penstock_schemas
from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound, UserError
from penstock.flow.history import PropertyFacts, facts_of
from penstock.flow.words import InputType, Kind

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What the catalogue knows of a type.

    `group` is `task`, `trigger`, `runner`, `condition`, `chart` or `data`. `kind` is None for what is no task, and
    for a worker task that cannot run yet. `runnable` is what this version does what it says; a type that is only known
    has a schema all the same. `branches` are the properties that hold tasks: lists, but `cases` (lists by key) and
    `onPause` (one task). Without a schema any property is accepted. `as_task` is the task that a type means where it
    stands as one. `rendered` are the properties in which expressions are rendered, where there is a schema; `sees` says
    of some of them which variables are there beside the usual ones (`*`: any).

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
    rendered: frozenset[str] = frozenset()
    sees: Mapping[str, frozenset[str]] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    enterprise: bool = False


class Catalog:
    """All types by name and alias, with their schemas. Read-only; may be used by several threads.

    `folder` holds `catalog.json`, `types/`, `inputs/` and `flow.json`; by default the published ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if folder is not None else Path(penstock_schemas.__path__[0]) / "v1"
        self._entries: Mapping[str, Mapping[str, Any]] | None = None
        self._canonical: dict[str, str] = {}
        self._infos: dict[str, TypeInfo] = {}
        self._schemas: dict[str, Schema] = {}
        self._validators: dict[str, Any] = {}
        self._facts: dict[str, Mapping[str, PropertyFacts]] = {}

    def fingerprint(self) -> str:
        """Of everything that a flow is judged by: the same for two catalogues that judge alike."""
        return sha256((self._folder / "catalog.json").read_bytes()).hexdigest()

    def find(self, type_name: str) -> TypeInfo | None:
        """What is known of a type, by its name or an alias; None when it is not in the catalogue."""
        info = self._infos.get(type_name)
        if info is None:
            entries = self._load()
            name = self._canonical.get(type_name, type_name)
            if name not in entries:
                return None
            info = self._infos[type_name] = _info(name, entries[name])
        return info

    def canonical(self, type_name: str) -> str:
        """The name that an alias stands for; any other text as it is."""
        self._load()
        return self._canonical.get(type_name, type_name)

    def names(self, group: str | None = None) -> list[str]:
        """All names, aliases left out, sorted; of one group when it is given."""
        entries = self._load()
        return sorted(name for name, entry in entries.items() if group is None or entry["group"] == group)

    def named(self, text: str) -> TypeInfo:
        """The type that a person means: by name, alias, or the end of a name (`log.Log`).

        Raises NotFound, and UserError when several names end so.
        """
        info = self._meant(text)
        if info is None:
            near = did_you_mean(text, self.names())
            raise NotFound(f"there is no type `{text}`", help=near or "`penstock types` lists them")
        return info

    def within(self, text: str) -> tuple[TypeInfo, list[str]]:
        """A type and a path of properties below it, from `log.Log.level`. Raises NotFound, UserError."""
        steps = text.split(".")
        for size in range(len(steps), 0, -1):
            info = self._meant(".".join(steps[:size]))
            if info is not None:
                return info, steps[size:]
        return self.named(text), []

    def _meant(self, text: str) -> TypeInfo | None:
        known = self.find(text)
        if known is not None or not text:
            return known
        ends = [name for name in self.names() if name.endswith(f".{text}")]
        if len(ends) > 1:
            more = ", …" if len(ends) > 4 else ""
            raise UserError(f"`{text}` may be one of {len(ends)} types", help=", ".join(ends[:4]) + more)
        return self.find(ends[0]) if ends else None

    def schema(self, type_name: str) -> Schema | None:
        """The JSON Schema (2020-12) of one type with all that it may have; None when there is none.

        Tasks, conditions and runners within are not descended into: each is judged by its own type.
        """
        info = self.find(type_name)
        if info is None or not info.has_schema:
            return None
        return self._read(f"types/{info.name}.json")

    def validator(self, type_name: str) -> Any:
        """jsonschema's validator for `schema(type_name)`, made once. None when there is no schema."""
        name = self.canonical(type_name)
        if name not in self._validators:
            schema = self.schema(name)
            if schema is None:
                return None
            from jsonschema.validators import Draft202012Validator

            self._validators[name] = Draft202012Validator(schema)
        return self._validators[name]

    def property_facts(self, type_name: str) -> Mapping[str, PropertyFacts]:
        """What versions and editions of Kestra say of a type's properties: those alone of which there is anything.

        By path from the type: `options.timeout`; what lies in the items of a list, or in a mapping with free keys, has
        the path of the list (`metrics.tags`). Made once for each type, from its schema.
        """
        name = self.canonical(type_name)
        return self._facts_of(f"types/{name}", self.schema(name))

    def flow_facts(self) -> Mapping[str, PropertyFacts]:
        """The same for the top level of a flow."""
        return self._facts_of("flow", self.flow_schema())

    def input_facts(self, input_type: str) -> Mapping[str, PropertyFacts]:
        """The same for an input; what holds for inputs of the type as such stands under `type`."""
        return self._facts_of(f"inputs/{input_type}", self.input_schema(input_type))

    def _facts_of(self, key: str, schema: Schema | None) -> Mapping[str, PropertyFacts]:
        if key not in self._facts:
            self._facts[key] = facts_of(schema or {})
        return self._facts[key]

    def flow_schema(self) -> Schema:
        """The top level of a flow; tasks, triggers and inputs are not descended into."""
        return self._read("flow.json")

    def input_schema(self, input_type: str) -> Schema:
        """One input of a flow by its type. Raises ValueError when `input_type` is no type of inputs."""
        return self._read(f"inputs/{InputType(input_type).value}.json")

    def editor_schema(self) -> Schema:
        """A whole flow in one document, for editors."""
        return self._read("flow.schema.json")

    def _load(self) -> Mapping[str, Mapping[str, Any]]:
        if self._entries is None:
            entries = json.loads((self._folder / "catalog.json").read_bytes())["types"]
            for name, entry in entries.items():
                for alias in entry.get("aliases", ()):
                    self._canonical[alias] = name
            self._entries = entries
        return self._entries

    def _read(self, path: str) -> Schema:
        found = self._schemas.get(path)
        if found is None:
            found = self._schemas[path] = json.loads((self._folder / path).read_bytes())
        return found


def _info(name: str, entry: Mapping[str, Any]) -> TypeInfo:
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


@cache
def load_catalog() -> Catalog:
    """The published catalogue, the same one for everybody."""
    return Catalog()
