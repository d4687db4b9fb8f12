"""The JSON Schemas of what Penstock prints, from the types that the printing is checked against.

A `TypedDict` is an object with just those keys; the text in `Annotated[X, "text"]` describes a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from penstock.diagnostic_record import ReportRecord
from penstock.execution.record import ExecutionRecord
from penstock.ports.deployment_record import DeploymentRecord, PlanRecord

Schema = dict[str, Any]

_PRINTED: Mapping[str, type] = {
    "diagnostics.json": ReportRecord,
    "execution.json": ExecutionRecord,
    "plan.json": PlanRecord,
    "deployment.json": DeploymentRecord,
}
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def printed_schemas(base: str) -> dict[str, Schema]:
    """Each by its file. `base` is what their `$id`s begin with."""
    return {path: _document(base + path, kind) for path, kind in _PRINTED.items()}


def _document(identity: str, kind: type) -> Schema:
    definitions: dict[str, Schema] = {}
    whole = _object(kind, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identity,
        "title": _title(kind),
        **whole,
        "$defs": definitions,
    }


def _object(kind: type, definitions: dict[str, Schema]) -> Schema:
    hints = get_type_hints(kind, include_extras=True)
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {name: _schema(hint, definitions) for name, hint in hints.items()},
        "required": sorted(name for name, hint in hints.items() if get_origin(hint) is not NotRequired),
        "additionalProperties": False,
    }


def _schema(hint: Any, definitions: dict[str, Schema]) -> Schema:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return {}
    if origin is NotRequired:
        return _schema(parts[0], definitions)
    if origin is Annotated:
        return _schema(parts[0], definitions) | {"description": parts[1]}
    if origin is Literal:
        return {"const": parts[0]} if len(parts) == 1 else {"enum": list(parts)}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(part, definitions) for part in parts]}
    if origin is list:
        return {"type": "array", "items": _schema(parts[0], definitions)}
    if origin is dict:
        value = _schema(parts[1], definitions)
        return {"type": "object"} | ({"additionalProperties": value} if value else {})
    if is_typeddict(hint):
        name = _title(hint)
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    return {"type": _SCALARS[hint]}


def _title(kind: type) -> str:
    return kind.__name__.removesuffix("Record")
