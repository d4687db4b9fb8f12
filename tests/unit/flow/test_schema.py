"""The compiled schemas judge as jsonschema does: over random schemas, random documents, and ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator

from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.judging.schema import Unsupported, compile_check, same
from penstock.flow.judging.violations import violations
from penstock.flow.model import InputType

_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.0, 1.0, 1.5, -2.5]),
        st.sampled_from(["", "a", "ab", "abc", "A-1", "{{ x }}", "é", "PT1S"]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "xa"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]
_BASE = st.one_of(
    st.builds(lambda kind: {"type": kind}, st.sampled_from(_TYPES)),
    st.builds(lambda kinds: {"type": kinds}, st.lists(st.sampled_from(_TYPES), min_size=1, max_size=3, unique=True)),
    st.builds(lambda values: {"enum": values}, st.lists(_VALUES, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, _VALUES),
    st.builds(lambda pattern: {"pattern": pattern}, st.sampled_from(["^a", "b$", "\\{\\{", "^[a-z]+$"])),
    st.builds(lambda low, high: {"minLength": low, "maxLength": high}, st.integers(0, 2), st.integers(0, 3)),
    st.builds(lambda low: {"minimum": low}, st.integers(-2, 2)),
    st.builds(lambda low: {"exclusiveMaximum": low}, st.integers(-2, 2)),
    st.builds(lambda low, unique: {"minItems": low, "uniqueItems": unique}, st.integers(0, 2), st.booleans()),
    st.builds(lambda names: {"required": names}, st.lists(st.sampled_from("abc"), max_size=2, unique=True)),
    st.builds(lambda low: {"minProperties": low, "maxProperties": 2}, st.integers(0, 1)),
    st.builds(lambda: {"dependentRequired": {"a": ["b"]}}),
    st.booleans(),
    st.just({}),
)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda one: {"items": one}, inner),
        st.builds(lambda first, one: {"prefixItems": first, "items": one}, some, inner),
        st.builds(
            lambda a, b, others: {"properties": {"a": a, "b": b}, "additionalProperties": others}, inner, inner, inner
        ),
        st.builds(lambda one, others: {"patternProperties": {"a$": one}, "additionalProperties": others}, inner, inner),
        st.builds(lambda one: {"propertyNames": one}, inner),
        st.builds(lambda many: {"anyOf": many}, some),
        st.builds(lambda many: {"allOf": many}, some),
        st.builds(lambda many: {"oneOf": many}, some),
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda a, b, c: {"if": a, "then": b, "else": c}, inner, inner, inner),
        st.builds(lambda a: {"$defs": {"x": a}, "type": "object", "additionalProperties": {"type": "array"}}, inner),
    )


_SCHEMAS = st.recursive(_BASE, _compound, max_leaves=6)


@given(_SCHEMAS, st.lists(_VALUES, min_size=1, max_size=5))
@settings(max_examples=400, deadline=None)
def test_the_verdict_is_jsonschemas(schema: Any, values: list[Any]) -> None:
    check, validator = compile_check(schema), Draft202012Validator(schema)
    for value in values:
        assert check(value) is validator.is_valid(value)


@given(_SCHEMAS, _VALUES)
@settings(max_examples=150, deadline=None)
def test_what_is_refused_is_told_and_what_is_not_is_not(schema: Any, value: Any) -> None:
    validator = Draft202012Validator(schema)
    assert bool(violations(validator, value)) is not validator.is_valid(value)


def test_references_may_be_recursive() -> None:
    schema = {
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "integer"}]}}},
    }
    check = compile_check(schema)
    assert check([1, [2, [3]]])
    assert not check([1, [2, ["three"]]])


@pytest.mark.parametrize(
    "schema", [{"contains": {}}, {"multipleOf": 2}, {"$ref": "https://example.org"}, {"type": "any"}]
)
def test_what_is_not_compiled_is_left_to_jsonschema(schema: Any) -> None:
    with pytest.raises(Unsupported):
        compile_check(schema)


def test_equality_of_json() -> None:
    assert same(1, 1.0)
    assert not same(1, True)
    assert same({"a": [1]}, {"a": [1.0]})
    assert not same({"a": [0]}, {"a": [False]})


_OBJECT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z]+$"},
        "level": {"type": "string", "enum": ["INFO", "WARN"]},
        "rows": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "\\{\\{"}]},
        "commands": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "either": {"anyOf": [{"type": "object", "required": ["x"]}, {"type": "array"}]},
    },
    "required": ["id"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "code", "path", "message", "hint"),
    [
        ({}, "PEN201", (), "`id` is missing", "add `id:`"),
        ({"id": "a", "comands": []}, "PEN202", ("comands",), "unknown property `comands`", "did you mean `commands`?"),
        ({"id": 5}, "PEN203", ("id",), "expected text, got `5`", "put it in quotes to make it text"),
        ({"id": "A b"}, "PEN206", ("id",), '`A b` must match "^[a-z]+$"', "not allowed here: a space"),
        (
            {"id": "a", "level": "INF"},
            "PEN205",
            ("level",),
            "`INF` is not one of `INFO`, `WARN`",
            "did you mean `INFO`?",
        ),
        ({"id": "a", "rows": "x"}, "PEN203", ("rows",), "expected a whole number, got `x`", None),
        ({"id": "a", "rows": 0}, "PEN207", ("rows",), "`0` must be at least 1", None),
        (
            {"id": "a", "commands": "x"},
            "PEN203",
            ("commands",),
            "expected a list, got `x`",
            "begin each item with `- `",
        ),
        ({"id": "a", "commands": []}, "PEN206", ("commands",), "must not be empty", None),
        (
            {"id": "a", "commands": [1]},
            "PEN203",
            ("commands", 0),
            "expected text, got `1`",
            "put it in quotes to make it text",
        ),
        ({"id": "a", "either": {}}, "PEN201", ("either",), "`x` is missing", "add `x:`"),
        ({"id": "a", "either": 1}, "PEN203", ("either",), "expected a mapping or a list, got `1`", None),
    ],
)
def test_each_fault_is_told_once_in_plain_words(
    value: Any, code: str, path: tuple[Any, ...], message: str, hint: str | None
) -> None:
    [found] = violations(Draft202012Validator(_OBJECT), value)
    assert (found.code, found.path, found.message, found.help) == (code, path, message, hint)


CATALOG = load_catalog()
PUBLISHED = {name: CATALOG.schema(name) for name in CATALOG.names() if CATALOG.schema(name) is not None}
PUBLISHED |= {f"input {kind}": CATALOG.input_schema(kind) for kind in InputType} | {"flow": CATALOG.flow_schema()}


EACH_THIRD = [
    name if n % 3 == 0 else pytest.param(name, marks=pytest.mark.long) for n, name in enumerate(sorted(PUBLISHED))
]


@pytest.mark.parametrize("name", EACH_THIRD)
def test_every_published_schema_is_compiled_and_judges_as_jsonschema_does(name: str) -> None:
    schema = PUBLISHED[name]
    assert schema is not None
    check, validator = compile_check(schema), Draft202012Validator(schema)
    known = list(schema["properties"])
    some = st.sampled_from(known).flatmap(lambda key: st.tuples(st.just(key), _VALUES))
    required = dict.fromkeys(schema.get("required", ()), "x")
    if "type" in required:
        kind = schema["properties"]["type"]
        required["type"] = kind.get("const") or kind["enum"][0]

    @given(st.lists(some | st.tuples(st.just("odd"), _VALUES), max_size=3))
    @settings(max_examples=25)
    def judged_alike(pairs: list[tuple[str, Any]]) -> None:
        value = required | dict(pairs)
        assert check(value) is validator.is_valid(value)

    judged_alike()
