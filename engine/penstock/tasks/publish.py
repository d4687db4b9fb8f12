"""Writes the published schemas from the models: `python -m penstock.tasks.publish [--check]`.

catalog.json      every type by name: group, title, aliases, what it can do; `digest` is of all that flows are judged by
types/<name>.json one task, trigger or runner with all that it may have; tasks within are not descended into
task.json         what every task may have, whatever its type; trigger.json the same of triggers
flow.json         the top level of a flow; tasks, triggers and inputs are not descended into
inputs/<TYPE>.json one input of a flow
flow.schema.json  a whole flow, for editors
diagnostics.json  what `validate -o json` prints
execution.json    an execution, as `run -o json` and `executions show -o json` print it
plan.json         what `penstock plan -o json` prints
deployment.json   what `penstock deploy -o json` prints
penstock.json     penstock.yaml
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from penstock.flow.catalogue.editor import editor_schema
from penstock.flow.catalogue.type_info import type_info
from penstock.flow.model import InputType
from penstock.settings.schema import penstock_yaml_schema
from penstock.tasks.common_models import TaskBase, TriggerBase
from penstock.tasks.flow_models import FlowDocument
from penstock.tasks.input_models import HISTORY
from penstock.tasks.input_models import MODELS as INPUTS
from penstock.tasks.markers import branches, expression_fields, own_variables
from penstock.tasks.names import NAMES, Name
from penstock.tasks.printed import printed_schemas
from penstock.tasks.registry import is_runnable, kind_of, model_of
from penstock.tasks.schema import Schema, object_schema

DRAFT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://penstock.dev/schemas/v1/"
_OURS = (
    "catalog.json", "flow.json", "flow.schema.json", "task.json", "trigger.json", "diagnostics.json", "execution.json",
    "penstock.json", "plan.json", "deployment.json", "types/*.json", "inputs/*.json",
)  # fmt: skip
"""What this module writes; other files beside belong to others."""

_BASES: Mapping[str, tuple[type[BaseModel], ...]] = {"task": (TaskBase,), "trigger": (TriggerBase,)}


@functools.cache  # some seconds of work, and the models do not change while a process lives
def published() -> Mapping[str, str]:
    """Every published file: its path below `v1/`, and its text."""
    types = {name.name: _type_schema(name) for name in NAMES}
    schemas = {name: schema for name, schema in types.items() if schema is not None}
    inputs = {kind.value: _input_schema(kind) for kind in InputType}
    flow = _headed("flow.json", "A flow", FlowDocument.__doc__, object_schema([FlowDocument]))
    files: dict[str, Any] = {"flow.json": flow}
    files |= {f"{group}.json": _common_schema(group) for group in _BASES}
    files |= {f"types/{name}.json": schema for name, schema in schemas.items()}
    files |= {f"inputs/{kind}.json": schema for kind, schema in inputs.items()}
    catalog = _catalog()
    files["catalog.json"] = catalog | {"digest": _digest(files | {"catalog.json": catalog})}
    files["flow.schema.json"] = _editor_schema(flow, schemas, inputs)
    files |= printed_schemas(BASE) | {"penstock.json": penstock_yaml_schema()}
    return {path: _text(path, data) for path, data in sorted(files.items())}


def _digest(files: Mapping[str, Any]) -> str:
    """Of everything that a flow is judged by."""
    return sha256(json.dumps(files, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def _text(path: str, data: Any) -> str:
    if path == "catalog.json":  # read at every start: ASCII is read twice as fast, a line a type can be compared
        lines = (f'  "{name}": {_compact(entry)}' for name, entry in sorted(data["types"].items()))
        head = _compact({key: value for key, value in data.items() if key != "types"}).removesuffix("}")
        return head + ', "types": {\n' + ",\n".join(lines) + "\n}}\n"
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


def _common_schema(group: str) -> Schema:
    about = f"What every {group} may have, whatever its type: beside it stands what the type says."
    schema = object_schema(_BASES[group])
    schema["properties"] = {"type": {"type": "string", "description": "Name of the type"}} | schema["properties"]
    schema["required"] = sorted({"type", *schema["required"]})
    del schema["additionalProperties"]
    return _headed(f"{group}.json", f"Any {group}", about, schema)


def _editor_schema(flow: Schema, schemas: Mapping[str, Schema], inputs: Mapping[str, Schema]) -> Schema:
    types = [(type_info(name.name, _entry(name)), schemas.get(name.name)) for name in NAMES]
    common = {group: _common_schema(group) for group in _BASES}
    return editor_schema(flow, types, inputs, common, identity=BASE + "flow.schema.json")


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
