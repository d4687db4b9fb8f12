"""Schemas of other people: whatever they hold, to judge by them ends soon, and agrees with jsonschema."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from penstock.flow.judging.guarded import Guard

DOUBLING: dict[str, Any] = {
    "$defs": {f"n{at}": {"allOf": [{"$ref": f"#/$defs/n{at + 1}"}, {"$ref": f"#/$defs/n{at + 1}"}]} for at in range(40)}
    | {"n40": {"type": "integer"}},
    "$ref": "#/$defs/n0",
}


@pytest.mark.parametrize("value", [1, "x"])
def test_references_that_double_come_to_an_end(value: Any) -> None:
    begun = time.monotonic()
    guard = Guard(DOUBLING)
    assert guard.check(1) is True
    assert len(list(guard.iter_errors(value))) < 5_000
    assert time.monotonic() - begun < 10


def test_a_pattern_takes_linear_time() -> None:
    begun = time.monotonic()
    guard = Guard({"type": "string", "pattern": "^(a+)+$"})
    value = "a" * 5_000 + "!"
    assert guard.check(value) is False
    assert [error.validator for error in guard.iter_errors(value)] == ["pattern"]
    assert time.monotonic() - begun < 2


def test_what_is_not_compiled_is_judged_all_the_same() -> None:
    guard = Guard({"contains": {"const": 1}, "multipleOf": 2})
    assert (guard.check([1]), guard.check([2]), guard.check(3)) == (True, False, False)


SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "object", "array", "integer"]),
        "pattern": st.sampled_from(["^a", "b$", "[0-9]+"]),
        "enum": st.lists(st.sampled_from(["a", "b", 1]), min_size=1),
        "properties": st.dictionaries(st.sampled_from("ab"), st.just({"$ref": "#/$defs/n"})),
        "required": st.lists(st.sampled_from("ab"), unique=True),
        "$defs": st.just({"n": {"anyOf": [{"type": "string", "pattern": "a"}, {"required": ["a"]}]}}),
    },
).map(lambda schema: schema | {"$defs": {"n": {"anyOf": [{"type": "string", "pattern": "a"}, {"type": "object"}]}}})
VALUES = st.recursive(
    st.sampled_from(["a", "b", "ab", 1, None]),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=5,
)


@given(SCHEMAS, VALUES)
def test_the_verdict_is_jsonschemas(schema: dict[str, Any], value: Any) -> None:
    wanted = Draft202012Validator(schema)
    guard = Guard(schema)
    assert guard.check(value) is wanted.is_valid(value)
    assert [error.json_path for error in guard.iter_errors(value)] == [e.json_path for e in wanted.iter_errors(value)]
