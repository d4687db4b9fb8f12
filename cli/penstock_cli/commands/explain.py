"""`penstock explain`: what a type, a property, a code of a finding, or a function of expressions means."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.options import settings_now
from penstock_cli.render.tables import output_option, show_value

if TYPE_CHECKING:
    from penstock.flow.catalog import TypeInfo

Schema = dict[str, Any]

_CODE = re.compile(r"PEN\d{3}", re.IGNORECASE)
_CALLABLE = re.compile(r"(function|filter|test):(\w*)")
_WIDTH = 100


@click.command("explain", short_help="Explain a type, a property, a code, a function.")
@click.argument("what", metavar="TYPE[.PROPERTY]|CODE|KIND:NAME")
@output_option("text", "json", "yaml", default="text")
def command(what: str, output: str) -> None:
    """Explain a type, a property (`log.Log.level`, `http.Request.options.auth`), or a code such as PEN210.

    TYPE is a name, an older name, or its end. A star marks what a task must have. Of expressions it explains
    `function:now`, `filter:dateAdd`, `test:defined`; without a name it lists the kind.

    \b
    Exit codes: 0 fine, 2 wrong usage, or nothing of that name.
    """
    if _CODE.fullmatch(what):
        _explain_code(what.upper(), output)
        return
    called = _CALLABLE.fullmatch(what)
    if called is not None:
        from penstock_cli.callables import explain_callable

        explain_callable(called[1], called[2], output)
        return
    from penstock.flow.plugin_files import catalog_of

    catalog = catalog_of(settings_now())
    info, path = catalog.within(what)
    schema = catalog.schema(info.name)
    if path:
        name, found = _descend(info, schema, path)
        _show(found, f"{info.name}: {name}", output, required=_is_required(schema, path))
    elif output == "text":
        click.echo("\n".join(_type_lines(info, schema)))
    else:
        about = {"type": info.name, "group": info.group, "title": info.title, "runnable": info.runnable}
        about |= {"aliases": list(info.aliases), "deprecated": info.deprecated, "schema": schema}
        show_value(about, output)


def _explain_code(code: str, output: str) -> None:
    from penstock.diagnostic import did_you_mean
    from penstock.errors import NotFound
    from penstock.flow.codes import CODES

    known = CODES.get(code)
    if known is None:
        raise NotFound(f"there is no finding with the code {code}", help=did_you_mean(code, CODES))
    if output == "text":
        click.echo(f"{known.code}  {known.title}\n  help: {known.help}")
    else:
        show_value({"code": known.code, "title": known.title, "help": known.help}, output)


# ── a type ──


def _type_lines(info: TypeInfo, schema: Schema | None) -> list[str]:
    runs = "" if info.runnable else ", cannot run in this version"
    lines = [f"{info.name}  ({info.group}{runs})"]
    if schema is None:
        lines += [f"  {info.title}.", "", "It is known by name alone: any property is accepted."]
    else:
        lines += _folded(schema["description"], "  ")
    if info.deprecated:
        lines += ["", f"Deprecated: {info.deprecated}."]
    if info.aliases:
        lines += ["", "Older names: " + ", ".join(info.aliases)]
    if schema is not None:
        own, shared = _own_and_shared(info, schema)
        lines += ["", "Properties:" if own else "It has no properties of its own."]
        lines += _property_lines(own, set(schema.get("required", ())))
        if shared:
            lines += ["", *_folded(f"What every {info.group} may have: {', '.join(sorted(shared))}", "")]
    return lines


def _own_and_shared(info: TypeInfo, schema: Schema) -> tuple[Schema, Schema]:
    """The type's own properties, and those that every task or trigger has."""
    from penstock.flow.build import TASK_PROPERTIES

    common = {"task": TASK_PROPERTIES, "trigger": _TRIGGER_PROPERTIES}.get(info.group, frozenset[str]())
    properties = {name: part for name, part in schema["properties"].items() if name != "type"}
    own = {name: part for name, part in properties.items() if name not in common}
    return own, {name: part for name, part in properties.items() if name in common}


_TRIGGER_PROPERTIES = frozenset(
    {
        "id", "version", "description", "conditions", "when", "disabled", "labels", "stopAfter", "logLevel",
        "minLogLevel", "logToFile", "failOnTriggerError", "allowConcurrent", "workerGroup", "workerSelector", "assets",
        "policyRefs",
    }
)  # fmt: skip


def _property_lines(properties: Schema, required: set[str]) -> list[str]:
    """Required first, deprecated last; names, kinds and what they are, in columns."""
    rows = sorted(properties.items(), key=lambda item: (item[0] not in required, bool(item[1].get("deprecated"))))
    width = max((len(name) for name, _ in rows), default=0) + 1
    lines = []
    for name, part in rows:
        mark = "*" if name in required else " "
        lines.append(f"  {name}{mark}".ljust(width + 4) + _kind(part) + _default(part))
        note = "Deprecated. " if part.get("deprecated") else ""
        lines += _folded(note + part.get("description", ""), " " * (width + 4))
    return lines


# ── a property ──


def _descend(info: TypeInfo, schema: Schema | None, path: list[str]) -> tuple[str, Schema]:
    from penstock.diagnostic import did_you_mean
    from penstock.errors import NotFound

    found: Schema = schema or {}
    for at, step in enumerate(path):
        known = _members(found)
        if step not in known:
            where = ".".join([info.name, *path[:at]])
            listed = f"it has {', '.join(sorted(known))}" if known else "it has no properties that are known"
            raise NotFound(f"`{where}` has no property `{step}`", help=did_you_mean(step, known) or listed)
        found = known[step]
    return ".".join(path), found


def _members(schema: Schema) -> Schema:
    """The properties of a mapping, or of a list's items; whichever alternative has them."""
    if "properties" in schema:
        members: Schema = schema["properties"]
        return members
    if isinstance(schema.get("items"), dict):
        return _members(schema["items"])
    for part in schema.get("anyOf", ()):
        members = _members(part)
        if members:
            return members
    return {}


def _is_required(schema: Schema | None, path: list[str]) -> bool:
    return schema is not None and len(path) == 1 and path[0] in schema.get("required", ())


def _show(schema: Schema, name: str, output: str, *, required: bool) -> None:
    if output != "text":
        show_value(schema, output)
        return
    lines = [name, f"  {_kind(schema)}{_default(schema)}" + (", required" if required else "")]
    lines += _folded(schema.get("description", ""), "  ")
    if schema.get("deprecated"):
        lines.append("  Deprecated.")
    members = _members(schema)
    if members:
        lines += ["", "Properties:", *_property_lines(members, set(schema.get("required", ())))]
    click.echo("\n".join(lines))


def _kind(schema: Schema) -> str:
    """A schema in words: `text`, `list of text or expression`, `INFO | WARN`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(part) for part in schema["anyOf"]))
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
        return f"list of {_kind(schema['items'])}"
    if kinds == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping of {_kind(schema['additionalProperties'])}"
    return _WORDS.get(str(kinds), str(kinds))


_WORDS = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list",
    "object": "mapping",
}  # fmt: skip


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    return f", default {value if isinstance(value, str) else json.dumps(value)}"


def _folded(text: str, indent: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent) if text else []
