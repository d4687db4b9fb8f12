"""The catalogue of types and the published schemas, read from data when they are first needed.

The data is generated from the models of `penstock.tasks` (`python -m penstock.tasks.publish`), which this never
imports: to judge a flow costs no pydantic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import penstock_schemas
from penstock import __version__
from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound, UserError

if TYPE_CHECKING:  # where every verdict is kept, only the fingerprint is asked for
    from penstock.flow.catalogue.history import PropertyFacts
    from penstock.flow.catalogue.plugins import PluginType, PluginTypes
    from penstock.flow.catalogue.type_info import TypeInfo
    from penstock.flow.judging.guarded import Guard

Schema = dict[str, Any]


class Catalog:
    """All types by name and alias, with their schemas. Read-only; may be used by several threads.

    `folder` holds `catalog.json`, `types/`, `inputs/` and `flow.json`; by default the published ones. `plugins` are
    types of other plugins; where both know a name, the published one counts.
    """

    def __init__(self, folder: Path | None = None, plugins: PluginTypes | None = None) -> None:
        self._folder = folder if folder is not None else Path(penstock_schemas.__path__[0]) / "v1"
        self._added = plugins
        self._plugins: dict[str, PluginType] = {}
        self._guards: dict[str, Guard] = {}
        self._entries: Mapping[str, Mapping[str, Any]] | None = None
        self._canonical: dict[str, str] = {}
        self._infos: dict[str, TypeInfo] = {}
        self._schemas: dict[str, Schema] = {}
        self._validators: dict[str, Any] = {}
        self._facts: dict[str, Mapping[str, PropertyFacts]] = {}

    def with_plugins(self, plugins: PluginTypes) -> Catalog:
        """The same types, and those."""
        return Catalog(self._folder, plugins)

    def fingerprint(self) -> str:
        """Of everything that a flow is judged by: the same for two catalogues that judge alike. Of the published types
        it is their index alone, which has the digest of all schemas; it is not read as JSON for this."""
        index = sha256((self._folder / "catalog.json").read_bytes()).hexdigest()
        return f"{__version__}:{index}:{self._added.digest if self._added is not None else ''}"

    def find(self, type_name: str) -> TypeInfo | None:
        """What is known of a type, by its name or an alias; None when it is not in the catalogue."""
        info = self._infos.get(type_name)
        if info is None:
            entries = self._load()
            name = self._canonical.get(type_name, type_name)
            if name in entries:
                from penstock.flow.catalogue.type_info import type_info

                info = type_info(name, entries[name])
            elif name in self._plugins:
                info = _plugin_info(self._plugins[name])
            else:
                return None
            self._infos[type_name] = info
        return info

    def canonical(self, type_name: str) -> str:
        """The name that an alias stands for; any other text as it is."""
        self._load()
        return self._canonical.get(type_name, type_name)

    def names(self, group: str | None = None) -> list[str]:
        """All names, aliases left out, sorted; of one group when it is given."""
        entries = self._load()
        groups = {name: entry["group"] for name, entry in entries.items()}
        groups |= {name: plugin.group for name, plugin in self._plugins.items()}
        return sorted(name for name, known in groups.items() if group is None or known == group)

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
        plugin = self._plugins.get(info.name)
        return self._read(f"types/{info.name}.json") if plugin is None else self._completed(plugin)

    def guard(self, type_name: str) -> Guard | None:
        """What judges by the schema of another plugin's type; None for a type that we publish, or do not know."""
        name = self.canonical(type_name)
        if name not in self._plugins:
            return None
        if name not in self._guards:
            from penstock.flow.judging.guarded import Guard

            self._guards[name] = Guard(self._completed(self._plugins[name]))
        return self._guards[name]

    def validator(self, type_name: str) -> Any:
        """jsonschema's validator for `schema(type_name)`, made once. None when there is no schema."""
        name = self.canonical(type_name)
        if name in self._plugins:
            return self.guard(name)
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
            from penstock.flow.catalogue.history import facts_of

            self._facts[key] = facts_of(schema or {})
        return self._facts[key]

    def flow_schema(self) -> Schema:
        """The top level of a flow; tasks, triggers and inputs are not descended into."""
        return self._read("flow.json")

    def input_schema(self, input_type: str) -> Schema:
        """One input of a flow by its type. Raises ValueError when `input_type` is no type of inputs."""
        from penstock.flow.words import InputType

        return self._read(f"inputs/{InputType(input_type).value}.json")

    def editor_schema(self) -> Schema:
        """A whole flow in one document, for editors."""
        self._load()
        if not self._plugins:
            return self._read("flow.schema.json")
        from penstock.flow.catalogue.editor import editor_schema
        from penstock.flow.words import InputType

        infos = [info for name in self.names() if (info := self.find(name)) is not None]
        inputs = {kind.value: self.input_schema(kind.value) for kind in InputType}
        types = [(info, self.schema(info.name)) for info in infos]
        common = {group: schema for group in ("task", "trigger") if (schema := self.common_schema(group)) is not None}
        identity = self._read("flow.schema.json")["$id"]
        return editor_schema(self.flow_schema(), types, inputs, common, identity=identity)

    def document_schema(self, file: str) -> Schema:
        """Another published schema by its file, as `diagnostics.json`."""
        return self._read(file)

    def common_schema(self, group: str) -> Schema | None:
        """What every task, or every trigger, may have; None for the other groups."""
        return self._read(f"{group}.json") if group in ("task", "trigger") else None

    def _completed(self, plugin: PluginType) -> Schema:
        """A plugin's schema, with what every type of its group may have, and its names."""
        found = self._schemas.get(plugin.name)
        if found is None:
            common = self.common_schema(plugin.group) or {"properties": {}, "required": []}
            names = [plugin.name, *plugin.aliases]
            kind = {"description": "Name of the type"} | ({"enum": names} if plugin.aliases else {"const": plugin.name})
            own = {name: part for name, part in plugin.schema.get("properties", {}).items() if name != "type"}
            found = self._schemas[plugin.name] = {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": plugin.title,
                **plugin.schema,
                "type": "object",
                "properties": {**common["properties"], **own, "type": kind},
                "required": sorted({*common["required"], *plugin.schema.get("required", ()), "type"}),
            }
        return found

    def _load(self) -> Mapping[str, Mapping[str, Any]]:
        if self._entries is None:
            entries = json.loads((self._folder / "catalog.json").read_bytes())["types"]
            for name, entry in entries.items():
                for alias in entry.get("aliases", ()):
                    self._canonical[alias] = name
            for name, plugin in self._added.types.items() if self._added is not None else ():
                if name not in entries and name not in self._canonical:
                    self._plugins[name] = plugin
                    for alias in plugin.aliases:
                        if alias not in entries:
                            self._canonical.setdefault(alias, name)
            self._entries = entries
        return self._entries

    def _read(self, path: str) -> Schema:
        found = self._schemas.get(path)
        if found is None:
            found = self._schemas[path] = json.loads((self._folder / path).read_bytes())
        return found


def _plugin_info(plugin: PluginType) -> TypeInfo:
    from penstock.flow.catalogue.type_info import TypeInfo
    from penstock.flow.words import Kind

    return TypeInfo(
        name=plugin.name,
        group=plugin.group,
        kind=Kind.FLOWABLE if plugin.branches else None,
        runnable=False,
        aliases=plugin.aliases,
        deprecated=plugin.deprecated,
        branches=plugin.branches,
        has_schema=True,
        title=plugin.title,
        rendered=None,
    )


@cache
def load_catalog() -> Catalog:
    """The published catalogue, the same one for everybody."""
    return Catalog()
