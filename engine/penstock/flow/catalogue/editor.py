"""One JSON Schema for editors: a whole flow, in which the `type` of each task, trigger and input says what fits.

Each group of types is one list of rules, `if type is this name, then this schema`. A name that may be offered is told
by `const`, with what it does; older names and what is deprecated are told by `pattern`, which editors accept and do
not offer. The language server of YAML (redhat-developer/yaml-language-server) reads it so; a test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.flow.catalogue.type_info import TypeInfo

Schema = dict[str, Any]

GROUPS = ("task", "trigger", "runner", "condition")
"""What a flow can hold by `type`, besides inputs."""

_LISTS = {
    "tasks": "task", "then": "task", "else": "task", "errors": "task", "finally": "task", "defaults": "task",
    "afterExecution": "task", "triggers": "trigger", "conditions": "condition", "scheduleConditions": "condition",
    "inputs": "input", "onResume": "input",
}  # fmt: skip
"""The properties that hold a list of something with a type of its own; of `conditions` also a mapping."""
_SINGLE = {"task": "task", "taskRunner": "runner", "onPause": "task"}
_CASES = "cases"

_SNIPPETS = {
    "task": {"label": "a task", "description": "Its id and its type", "body": {"id": "$1", "type": "$2"}},
    "trigger": {
        "label": "a trigger",
        "description": "What starts the flow by itself",
        "body": {"id": "$1", "type": "$2"},
    },
    "input": {"label": "an input", "description": "A value to start with", "body": {"id": "$1", "type": "${2:STRING}"}},
}


def editor_schema(
    flow: Schema,
    types: Iterable[tuple[TypeInfo, Schema | None]],
    inputs: Mapping[str, Schema],
    common: Mapping[str, Schema],
    *,
    identity: str,
) -> Schema:
    """The whole document, of a flow's top level, the types with their schemas, and the inputs by type.

    `common` is what every task, and every trigger, may have: it is told once. `identity` is the document's `$id`. What
    a schema has under `$defs` stays with it: references are led there.
    """
    known = sorted(types, key=lambda each: each[0].name)
    definitions: Schema = {group: _dispatch(group, known) for group in GROUPS}
    definitions["input"] = _inputs(inputs)
    for group, schema in common.items():
        definitions[f"any.{group}"] = {"properties": _within(schema, _LISTS | _SINGLE)["properties"]}
    for info, own in known:
        if own is not None and info.group in GROUPS:
            definitions[info.name] = _typed(info, own, common.get(info.group, {}).get("properties", {}))
    for kind, schema in inputs.items():
        definitions[f"input.{kind}"] = _within(_plain(schema), {"inputs": "input"})
    whole = _within(_plain(flow), _LISTS)
    whole["properties"]["tasks"]["minItems"] = 1
    return whole | {"$schema": flow["$schema"], "$id": identity, "$defs": definitions}


def _dispatch(group: str, known: list[tuple[TypeInfo, Schema | None]]) -> Schema:
    """Any type may be named, so that those of other packages can be; what is known of a type binds."""
    rules, offered = [], []
    for info, schema in known:
        if info.group != group:
            continue
        then = {} if schema is None else {"then": {"$ref": _pointer(info.name)}}
        others = list(info.aliases) + [
            name for other, _ in known if other.as_task == info.name for name in (other.name, *other.aliases)
        ]
        if info.deprecated:
            others.insert(0, info.name)
        else:
            offered.append({"const": info.name} | _told(info))
            rules.append(_rule({"const": info.name}, then))
        if others and then:
            rules.append(_rule({"type": "string", "pattern": f"^(?:{'|'.join(map(re.escape, others))})$"}, then))
    names = {"type": "string", "anyOf": [*offered, {}]}
    found: Schema = {"type": "object", "properties": {"type": names}, "required": ["type"]}
    if group in _SNIPPETS:
        found["defaultSnippets"] = [_SNIPPETS[group]]
    return found | {"allOf": rules} if rules else found


def _rule(is_type: Schema, then: Schema) -> Schema:
    return {"if": {"properties": {"type": is_type}, "required": ["type"]}, **then}


def _told(info: TypeInfo) -> Schema:
    """What an editor shows beside the name of a type."""
    notes = [f"Deprecated: {info.deprecated}."] if info.deprecated else []
    if not info.runnable:
        notes.append("Penstock does not run it yet.")
    if info.enterprise:
        notes.append("It needs the Enterprise Edition.")
    if info.since:
        notes.append(f"Since Kestra {info.since}.")
    return {"title": info.name.rsplit(".", 1)[-1], "markdownDescription": "\n\n".join([f"{info.title}.", *notes])}


def _typed(info: TypeInfo, schema: Schema, common: Schema) -> Schema:
    found = _within(_led(_plain(schema), _pointer(info.name)), _LISTS | _SINGLE)
    shared = {
        name: {"$ref": f"{_pointer(f'any.{info.group}')}/properties/{name}"}
        for name, part in schema.get("properties", {}).items()
        if name in common and part == common[name]
    }
    kind = {"type": {"type": "string"} | _type_told(info, schema)}
    found["properties"] = found.get("properties", {}) | shared | kind
    return found


def _type_told(info: TypeInfo, schema: Schema) -> Schema:
    about = _told(info)
    about["markdownDescription"] = "\n\n".join([about["markdownDescription"], str(schema.get("description", ""))])
    return about


def _inputs(inputs: Mapping[str, Schema]) -> Schema:
    rules = [
        _rule(
            {"const": kind, "markdownDescription": schema["description"]}, {"then": {"$ref": _pointer(f"input.{kind}")}}
        )
        for kind, schema in sorted(inputs.items())
    ]
    return {
        "type": "object",
        "properties": {"type": {"enum": sorted(inputs)}},
        "required": ["type"],
        "defaultSnippets": [_SNIPPETS["input"]],
        "allOf": rules,
    }


def _plain(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id")}


# ── what stands within ──


def _within(schema: Schema, names: Mapping[str, str]) -> Schema:
    """A schema in which properties that hold tasks, triggers and their like say what each must be, at any depth."""
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {name: _property(name, part, names) for name, part in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found[key] = _within(schema[key], names)
    if "anyOf" in schema:
        found["anyOf"] = [_within(part, names) for part in schema["anyOf"]]
    if "$defs" in schema:
        found["$defs"] = {name: _within(part, names) for name, part in schema["$defs"].items()}
    return found


def _property(name: str, part: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(part, dict):
        return part
    found = _within(part, names)
    if part.get("deprecated") is True:  # `deprecationMessage` would be shown as an error
        found |= {"doNotSuggest": True, "description": f"Deprecated. {part.get('description', '')}".rstrip()}
    group = names.get(name)
    if name == _CASES and "task" in names.values() and part.get("type") == "object":
        return found | {"additionalProperties": {"type": "array", "items": {"$ref": _pointer("task")}}}
    if group is None:
        return found
    if "anyOf" in part:
        return found | {"anyOf": [_property(name, each, names) for each in part["anyOf"]]}
    member = {"$ref": _pointer(group)}
    if name in _SINGLE:
        return {key: found[key] for key in ("description", "doNotSuggest") if key in found} | (
            member if _is_open(part) else found
        )
    if part.get("type") == "array" and _is_open(part.get("items", {})):
        return found | {"items": member}
    if group == "condition" and part.get("type") == "object":
        return found | {"additionalProperties": member}
    return found


def _is_open(schema: Any) -> bool:
    """Whether any mapping with a type fits: it is left to that type what it may hold."""
    if not isinstance(schema, dict):
        return schema is True
    return schema.get("type", "object") == "object" and set(schema.get("properties", ())) <= {"id", "type"}


# ── references ──


def _pointer(name: str) -> str:
    return "#/$defs/" + name.replace("~", "~0").replace("/", "~1")


def _led(schema: Schema, base: str) -> Schema:
    """`schema`, whose own `$defs` are now found below `base`."""
    found: Schema = _moved(schema, base)
    return found


def _moved(value: Any, base: str) -> Any:
    if isinstance(value, list):
        return [_moved(each, base) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base + each[1:] if key == "$ref" and isinstance(each, str) else _moved(each, base)
        for key, each in value.items()
    }
