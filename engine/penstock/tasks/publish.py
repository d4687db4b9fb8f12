"""Writes the published schemas from the models: `python -m penstock.tasks.publish [--check]`.

catalog.json      every type by name: group, title, aliases, what it can do
types/<name>.json one task, trigger or runner with all that it may have; tasks within are not descended into
flow.json         the top level of a flow; tasks, triggers and inputs are not descended into
inputs/<TYPE>.json one input of a flow
flow.schema.json  a whole flow, for editors
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from penstock.flow.model import InputType
from penstock.tasks.common_models import TaskBase, TriggerBase
from penstock.tasks.flow_models import FlowDocument
from penstock.tasks.input_models import HISTORY
from penstock.tasks.input_models import MODELS as INPUTS
from penstock.tasks.markers import branches, expression_fields, own_variables
from penstock.tasks.names import NAMES, Name
from penstock.tasks.registry import is_runnable, kind_of, model_of
from penstock.tasks.schema import Schema, object_schema

DRAFT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://penstock.dev/schemas/v1/"
_OURS = ("catalog.json", "flow.json", "flow.schema.json", "types/*.json", "inputs/*.json")
"""What this module writes; other files beside belong to others."""

_BASES = {"task": (TaskBase,), "trigger": (TriggerBase,)}


@functools.cache  # some seconds of work, and the models do not change while a process lives
def published() -> Mapping[str, str]:
    """Every published file: its path below `v1/`, and its text."""
    types = {name.name: _type_schema(name) for name in NAMES}
    schemas = {name: schema for name, schema in types.items() if schema is not None}
    inputs = {kind.value: _input_schema(kind) for kind in InputType}
    flow = _headed("flow.json", "A flow", FlowDocument.__doc__, object_schema([FlowDocument]))
    files: dict[str, Any] = {"catalog.json": _catalog(), "flow.json": flow}
    files |= {f"types/{name}.json": schema for name, schema in schemas.items()}
    files |= {f"inputs/{kind}.json": schema for kind, schema in inputs.items()}
    files["flow.schema.json"] = _editor_schema(flow, schemas, inputs)
    return {path: _text(path, data) for path, data in sorted(files.items())}


def _text(path: str, data: Any) -> str:
    if (
        path == "catalog.json"
    ):  # read at every start: plain ASCII is read twice as fast, and a line a type can be compared
        lines = (f'  "{name}": {_compact(entry)}' for name, entry in sorted(data["types"].items()))
        return '{{"schemaVersion": {}, "types": {{\n{}\n}}}}\n'.format(data["schemaVersion"], ",\n".join(lines))
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _compact(data: Any) -> str:
    return json.dumps(data, sort_keys=True)


def _headed(path: str, title: str, description: str | None, schema: Schema) -> Schema:
    about = " ".join((description or title).split())
    return {"$schema": DRAFT, "$id": BASE + path, "title": title, "description": about} | schema


def _catalog() -> dict[str, Any]:
    return {"schemaVersion": 1, "types": {name.name: _entry(name) for name in NAMES}}


def _entry(name: Name) -> dict[str, Any]:
    """What the catalogue says of a type; what is false or empty is left out."""
    model = model_of(name.name)
    kind = kind_of(name.name) or name.kind
    says = {
        "aliases": list(name.aliases),
        "branches": list(branches(model)) if model is not None else [],
        "deprecated": name.deprecated,
        "asTask": name.as_task,
        "kind": kind.value if kind is not None else None,
        "rendered": _rendered(name, model) if model is not None else [],
        "sees": own_variables(model) if model is not None else {},
        "modelled": model is not None,
        "runnable": is_runnable(name.name),
        "since": name.since,
        "until": name.until,
        "enterprise": name.enterprise,
    }
    return {"group": name.group, "title": name.title} | {key: value for key, value in says.items() if value}


def _rendered(name: Name, model: type[BaseModel]) -> list[str]:
    """The properties of a type in which expressions are rendered, those that all of its kind have too."""
    models = (*_BASES.get(name.group, ()), model)
    return sorted({field for one in models for field in expression_fields(one)})


def _names_of(name: Name) -> list[str]:
    """What may stand as `type` for it: its name, the older ones, and types that mean it as a task."""
    return [name.name, *name.aliases, *(other.name for other in NAMES if other.as_task == name.name)]


def _type_schema(name: Name) -> Schema | None:
    model = model_of(name.name)
    if model is None:
        return None
    schema = object_schema([*_BASES.get(name.group, ()), model], types=_names_of(name))
    if name.deprecated:
        schema["deprecated"] = True
    return _headed(f"types/{name.name}.json", name.title, model.__doc__, schema)


def _input_schema(kind: InputType) -> Schema:
    model = INPUTS[kind]
    schema = object_schema([model], types=[kind.value])
    schema["properties"]["type"] |= HISTORY.get(kind, {})
    schema["anyOf"] = [{"required": [name]} for name in model.either]
    return _headed(f"inputs/{kind.value}.json", f"An input of type {kind.value}", model.__doc__, schema)


# ── one document for editors ──


def _editor_schema(flow: Schema, types: Mapping[str, Schema], inputs: Mapping[str, Schema]) -> Schema:
    """The whole of a flow in one document: wherever something with a `type` stands, the type says what fits."""
    groups: dict[str, list[Name]] = {}
    for name in NAMES:
        groups.setdefault(name.group, []).append(name)
    definitions: Schema = {group: _dispatch(groups[group]) for group in ("task", "trigger", "runner", "condition")}
    definitions["input"] = {
        "type": "object",
        "properties": {"type": {"enum": sorted(inputs)}},
        "required": ["type"],
        "allOf": [_when([kind], f"input.{kind}") for kind in sorted(inputs)],
    }
    definitions |= {name: _descended(schema) for name, schema in types.items()}
    definitions |= {f"input.{kind}": _descended(schema) for kind, schema in inputs.items()}
    whole = _descended(flow) | {"$schema": DRAFT, "$id": BASE + "flow.schema.json", "$defs": definitions}
    whole["properties"]["tasks"]["minItems"] = 1
    return whole


def _dispatch(names: list[Name]) -> Schema:
    """Any type may be named, so that those of other packages can be; what is known of a type binds."""
    known = sorted(one for name in names for one in _names_of(name))
    rules = [
        _when(_names_of(name), name.name)
        for name in sorted(names, key=lambda name: name.name)
        if model_of(name.name) is not None
    ]
    found: Schema = {
        "type": "object",
        "properties": {"type": {"anyOf": [{"enum": known}, {"type": "string"}]}},
        "required": ["type"],
    }
    return found | {"allOf": rules} if rules else found


def _when(types: list[str], definition: str) -> Schema:
    return {
        "if": {"properties": {"type": {"enum": types}}, "required": ["type"]},
        "then": {"$ref": f"#/$defs/{definition}"},
    }


_WITHIN = {
    "tasks": "task", "then": "task", "else": "task", "errors": "task", "finally": "task", "defaults": "task",
    "afterExecution": "task", "triggers": "trigger", "conditions": "condition", "scheduleConditions": "condition",
    "inputs": "input", "onResume": "input",
}  # fmt: skip
_SINGLE = {"taskRunner": "runner", "onPause": "task"}


def _descended(schema: Schema) -> Schema:
    """A schema whose lists of tasks, triggers, conditions and inputs refer to what each item must be."""
    found = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    properties = {name: dict(part) for name, part in schema["properties"].items()}
    for name, part in properties.items():
        if name in _WITHIN and part.get("type") == "array":
            part["items"] = {"$ref": f"#/$defs/{_WITHIN[name]}"}
        elif name == "listeners":
            part["items"] = _descended(part["items"])
        elif name in _SINGLE:
            properties[name] = {"$ref": f"#/$defs/{_SINGLE[name]}", "description": part.get("description", "")}
        elif name == "cases":
            part["additionalProperties"] = {"type": "array", "items": {"$ref": "#/$defs/task"}}
    return found | {"properties": properties}


# ── on disk ──


def folder() -> Path:
    """Where the schemas lie: `v1/` of the package `penstock_schemas`."""
    import penstock_schemas

    return Path(penstock_schemas.__path__[0]) / "v1"


def differences(where: Path) -> list[str]:
    """The paths below `where` that are not as the models say, in order: changed, missing, or too many."""
    wanted = published()
    found = {path.relative_to(where).as_posix(): path for folder in _OURS for path in where.glob(folder)}
    changed = {path for path in wanted if path not in found or found[path].read_text(encoding="utf-8") != wanted[path]}
    return sorted(changed | (found.keys() - wanted.keys()))


def write(where: Path) -> list[str]:
    """Make `where` as the models say; which paths were changed."""
    wanted = published()
    changed = differences(where)
    for path in changed:
        target = where / path
        if path not in wanted:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(wanted[path], encoding="utf-8", newline="\n")
    return changed


def main(arguments: list[str]) -> int:
    where = folder()
    if arguments == ["--check"]:
        stale = differences(where)
        for path in stale:
            sys.stderr.write(f"{path} is not what the models say\n")
        return 1 if stale else 0
    if arguments:
        sys.stderr.write("usage: python -m penstock.tasks.publish [--check]\n")
        return 2
    for path in write(where):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
