"""What `penstock explain` tells of a type or one of its properties: read from its schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.render.tables import show_value

if TYPE_CHECKING:
    from penstock.flow.catalogue.catalog import Catalog
    from penstock.flow.catalogue.type_info import TypeInfo

Schema = dict[str, Any]

_WIDTH = 100
_PLACES = {"trigger": "triggers", "task": "tasks", "condition": "conditions", "runner": "taskRunner"}


def explain_type(catalog: Catalog, what: str, output: str) -> None:
    """Print what is known of `TYPE` or `TYPE.PROPERTY`. Raises NotFound, and UserError for an end of several names."""
    info, path = catalog.within(what)
    schema = catalog.schema(info.name)
    if path:
        _show_property(info, schema or {}, path, output)
    elif output == "text":
        click.echo("\n".join(_type_lines(info, schema, catalog.common_schema(info.group))))
    else:
        from penstock.flow.catalogue.example import example_of

        about: Schema = {"type": info.name, "group": info.group, "title": info.title, "runnable": info.runnable}
        about |= {"aliases": list(info.aliases), "deprecated": info.deprecated}
        about |= {"since": info.since, "until": info.until, "enterprise": info.enterprise}
        about |= {"example": example_of(info.name, schema) if schema is not None else None, "schema": schema}
        show_value(about, output)


# ── a type ──


def _type_lines(info: TypeInfo, schema: Schema | None, common: Schema | None) -> list[str]:
    runs = "" if info.runnable else ", cannot run in this version"
    lines = [f"{info.name}  ({info.group}{runs})"]
    if schema is None:
        lines += [f"  {info.title}.", "", "It is known by name alone: any property is accepted."]
    else:
        lines += _folded(schema.get("description") or f"{info.title}.", "  ")
    lines += _history(info)
    if info.aliases:
        lines += ["", *_folded("Older names: " + ", ".join(info.aliases), "")]
    if schema is None:
        return lines
    shared = set((common or {}).get("properties", ())) - {"type"}
    properties = {name: part for name, part in schema["properties"].items() if name != "type"}
    own = {name: part for name, part in properties.items() if name not in shared}
    lines += ["", "Properties:" if own else "It has no properties of its own."]
    lines += _property_lines(own, schema, set(schema.get("required", ())))
    if others := sorted(shared & properties.keys()):
        lines += ["", *_folded(f"What every {info.group} may have: {', '.join(others)}", "")]
    return lines + _example_lines(info, schema)


def _history(info: TypeInfo) -> list[str]:
    said = []
    if info.since:
        said.append(f"Since Kestra {info.since}.")
    if info.until:
        said.append(f"Gone from Kestra {info.until} on.")
    if info.enterprise:
        said.append("In Kestra it needs the Enterprise Edition.")
    lines = ["", " ".join(said)] if said else []
    return [*lines, "", f"Deprecated: {info.deprecated}."] if info.deprecated else lines


def _property_lines(properties: Schema, root: Schema, required: set[str]) -> list[str]:
    """Required first, deprecated last; names, kinds and what they are, in columns."""
    parts = {name: _resolved(part, root) for name, part in properties.items()}
    rows = sorted(parts.items(), key=lambda item: (item[0] not in required, bool(item[1].get("deprecated"))))
    width = max((len(name) for name, _ in rows), default=0) + 1
    lines = []
    for name, part in rows:
        mark = "*" if name in required else " "
        lines.append(f"  {name}{mark}".ljust(width + 4) + _kind(part, root) + _default(part))
        lines += _folded(_about(part), " " * (width + 4))
        lines += _folded(_inner(part, root), " " * (width + 4))
    return lines


def _about(part: Schema) -> str:
    """What it is, and in which Kestra."""
    notes = ["Deprecated."] if part.get("deprecated") else []
    notes += [part["description"]] if part.get("description") else []
    told = [f"since Kestra {part['x-since']}"] if "x-since" in part else []
    told += [f"gone from {part['x-until']} on"] if "x-until" in part else []
    told += ["Enterprise Edition"] if part.get("x-enterprise") else []
    return " ".join(notes + ([f"({', '.join(told)})"] if told else []))


def _inner(part: Schema, root: Schema) -> str:
    """The names of what a property holds; `explain TYPE.property` tells of them."""
    members = _members(part, root)
    required = _required_within(part, root)
    names = sorted(members, key=lambda name: (name not in required, name))
    return "Holds: " + ", ".join(f"{name}*" if name in required else name for name in names) if names else ""


def _example_lines(info: TypeInfo, schema: Schema) -> list[str]:
    from penstock.flow.catalogue.example import example_of

    example = example_of(info.name, schema)
    place = _PLACES.get(info.group)
    if example is None or place is None:
        return []
    import yaml

    whole = {place: example if info.group == "runner" else [example]}
    text = yaml.dump(whole, Dumper=_indenting(), sort_keys=False, allow_unicode=True, width=_WIDTH)
    return ["", "Example:", *(f"  {line}" for line in text.splitlines())]


def _indenting() -> Any:
    """PyYAML's dumper, with lists indented below their key as people write them."""
    import yaml

    class Indenting(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Indenting


# ── a property ──


def _show_property(info: TypeInfo, schema: Schema, path: list[str], output: str) -> None:
    found, is_required = _descend(info, schema, path)
    if output != "text":
        show_value(found, output)
        return
    lines = [f"{info.name}: {'.'.join(path)}"]
    lines.append(f"  {_kind(found, schema)}{_default(found)}" + (", required" if is_required else ""))
    lines += _folded(_about(found), "  ")
    members = _members(found, schema)
    if members:
        lines += ["", "Properties:", *_property_lines(members, schema, _required_within(found, schema))]
    click.echo("\n".join(lines))


def _descend(info: TypeInfo, schema: Schema, path: list[str]) -> tuple[Schema, bool]:
    """The property at `path`, and whether what it stands in must have it."""
    from penstock.diagnostic import did_you_mean
    from penstock.errors import NotFound

    found, is_required = schema, False
    for at, step in enumerate(path):
        known = _members(found, schema)
        if step not in known:
            where = ".".join([info.name, *path[:at]])
            listed = f"it has {', '.join(sorted(known))}" if known else "it has no properties that are known"
            raise NotFound(f"`{where}` has no property `{step}`", help=did_you_mean(step, known) or listed)
        is_required = step in _required_within(found, schema)
        found = _resolved(known[step], schema)
    return found, is_required


def _members(schema: Any, root: Schema) -> Schema:
    """The properties of a mapping, of a list's items, or of a mapping's values; whichever alternative has them."""
    holder = _holder(schema, root)
    return dict(holder["properties"]) if holder is not None else {}


def _required_within(schema: Any, root: Schema) -> set[str]:
    holder = _holder(schema, root)
    return set(holder.get("required", ())) if holder is not None else set()


def _holder(schema: Any, root: Schema) -> Schema | None:
    if not isinstance(schema, dict):
        return None
    plain = _resolved(schema, root)
    if plain.get("properties"):
        return plain
    inner = [plain.get("items"), plain.get("additionalProperties"), *plain.get("anyOf", ()), *plain.get("allOf", ())]
    return next((found for part in inner if part is not schema and (found := _holder(part, root)) is not None), None)


def _resolved(schema: Any, root: Schema) -> Schema:
    """A schema with what it refers to; what is said beside the reference counts."""
    found: Schema = schema if isinstance(schema, dict) else {}
    met: set[str] = set()
    while "$ref" in found and found["$ref"] not in met:
        met.add(found["$ref"])
        name = found["$ref"].removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
        target = root.get("$defs", {}).get(name, {})
        found = target | {key: value for key, value in found.items() if key != "$ref"}
    return found


def _kind(schema: Schema, root: Schema) -> str:
    """A schema in words: `text`, `list of text or expression`, `INFO | WARN`."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(part, root) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "{{" in schema.get("pattern", "").replace("\\", ""):
        return "expression"
    if schema.get("format") == "duration":
        return "duration"
    kinds = schema.get("type")
    if kinds is None:
        return "anything"
    if isinstance(kinds, list):
        return "text" if "string" in kinds else " or ".join(_WORDS[kind] for kind in kinds)
    if kinds == "array" and "items" in schema:
        return f"list of {_kind(schema['items'], root)}"
    if kinds == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping of {_kind(schema['additionalProperties'], root)}"
    return _WORDS.get(str(kinds), str(kinds))


_WORDS = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list",
    "object": "mapping", "null": "nothing",
}  # fmt: skip


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    return f", default {value if isinstance(value, str) else json.dumps(value)}"


def _folded(text: str, indent: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent) if text else []
