"""From a model to the JSON Schema that is published: small, regular, every reference resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from penstock.flow.catalogue.expressible import accepts_text, or_expression
from penstock.tasks.markers import Rendered, marks

Schema = dict[str, Any]

_KEPT = (
    "type", "enum", "const", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "items", "minItems",
    "maxItems", "properties", "required", "additionalProperties", "anyOf", "description", "default", "deprecated",
    "x-since", "x-until", "x-enterprise",
)  # fmt: skip
_ABOUT = ("description", "default", "deprecated", "x-since", "x-until", "x-enterprise")
"""What is said of a property, whatever its value."""


def object_schema(models: Iterable[type[BaseModel]], *, types: Iterable[str] = ()) -> Schema:
    """The schema of one mapping that has the properties of all `models`, and a `type` that is one of `types`."""
    properties: Schema = {}
    required: list[str] = []
    names = list(types)
    if names:
        properties["type"] = {"const": names[0]} if len(names) == 1 else {"enum": names}
        properties["type"]["description"] = "Name of the type"
        required.append("type")
    for model in models:
        part = _of_model(model)
        properties |= part["properties"]
        required += part.get("required", ())
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


def _of_model(model: type[BaseModel]) -> Schema:
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _of_object(raw, model, raw.get("$defs", {}))


def _of_object(raw: Mapping[str, Any], model: type[BaseModel], defs: Mapping[str, Any]) -> Schema:
    """A model's schema, with the alternative of an expression where a property is rendered."""
    nested = {part.__name__: part for part in _nested(model)}
    properties: Schema = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        plain = _plain(raw["properties"][key], defs, nested)
        if any(isinstance(mark, Rendered) for mark in marks(field)) and not accepts_text(plain, _ABOUT):
            plain = or_expression(plain, _ABOUT)
        properties[key] = plain
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if raw.get("required"):
        found["required"] = sorted(raw["required"])
    return found


def _nested(model: type[BaseModel]) -> Iterable[type[BaseModel]]:
    """The models that the fields of `model` hold, at any depth."""
    ahead: list[Any] = [field.annotation for field in model.model_fields.values()]
    while ahead:
        part = ahead.pop()
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part
            yield from _nested(part)
        else:
            ahead += get_args(part)


def _plain(raw: Mapping[str, Any], defs: Mapping[str, Any], nested: Mapping[str, type[BaseModel]]) -> Schema:
    """Without references, without null beside other types, without pydantic's titles."""
    if "$ref" in raw:
        name = raw["$ref"].rsplit("/", 1)[-1]
        target = defs[name]
        whole = _of_object(target, nested[name], defs) if name in nested else {"enum": list(target["enum"])}
        return whole | {key: raw[key] for key in _ABOUT if _says(raw, key)}
    found: Schema = {key: raw[key] for key in _KEPT if _says(raw, key)}
    if "enum" in found:
        found.pop("type", None)
    if "items" in found:
        found["items"] = _plain(found["items"], defs, nested)
        if not found["items"]:
            del found["items"]
    if "properties" in found:
        found["properties"] = {key: _plain(part, defs, nested) for key, part in found["properties"].items()}
    extra = found.get("additionalProperties")
    if isinstance(extra, Mapping):
        found["additionalProperties"] = _plain(extra, defs, nested)
    if found.get("additionalProperties") is True:
        del found["additionalProperties"]
    if "anyOf" in found:
        found = _alternatives(found, [_plain(part, defs, nested) for part in found["anyOf"]])
    return found


def _says(raw: Mapping[str, Any], key: str) -> bool:
    return key in raw and not (key == "default" and raw[key] is None)


def _alternatives(found: Schema, parts: list[Schema]) -> Schema:
    rest = {key: value for key, value in found.items() if key != "anyOf"}
    parts = [part for part in parts if part != {"type": "null"}]
    if len(parts) == 1:
        return parts[0] | rest
    return {"anyOf": parts} | rest
