"""Examples of types: whatever the schema, what is shown as an example is accepted by it."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.catalogue.example import example_of

CATALOG = load_catalog()
MODELLED = [name for name in CATALOG.names() if CATALOG.schema(name) is not None]


@pytest.mark.parametrize("name", MODELLED)
def test_every_type_has_one_that_its_schema_accepts(name: str) -> None:
    schema = CATALOG.schema(name)
    assert schema is not None
    example = example_of(name, schema)
    assert example is not None
    assert example["type"] == name
    assert Draft202012Validator(schema).is_valid(example)


@pytest.mark.parametrize(
    ("properties", "more", "wanted"),
    [
        ({"a": {"type": "string", "pattern": "^P"}}, {"required": ["a"]}, {"a": "PT5M"}),
        ({"a": {"enum": ["X", "Y"]}}, {"required": ["a"]}, {"a": "X"}),
        ({"a": {"type": "integer", "minimum": 7}}, {"required": ["a"]}, {"a": 10}),
        ({"cron": {"type": "string"}}, {"required": ["cron"]}, {"cron": "0 9 * * *"}),
        ({"a": {"$ref": "#/$defs/m"}}, {"required": ["a"], "$defs": {"m": {"const": 3}}}, {"a": 3}),
        ({"a": {"type": "array", "minItems": 1, "items": {"type": "boolean"}}}, {"required": ["a"]}, {"a": [True]}),
        ({"a": {"type": "string"}, "b": {}}, {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": "my-name"}),
        ({}, {}, {}),
    ],
)
def test_values_fit_what_is_asked(properties: Any, more: Any, wanted: Any) -> None:
    schema = {"type": "object", "properties": {"type": {"const": "x.Y"}, **properties}, **more}
    assert example_of("x.Y", schema) == {"type": "x.Y"} | wanted


def test_what_cannot_be_met_has_none() -> None:
    assert example_of("x.Y", {"properties": {"a": {"pattern": "^z{40}$", "type": "string"}}, "required": ["a"]}) is None
    circle = {"$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}}}
    assert example_of("x.Y", {"properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["a"], **circle}) is None
