"""Inputs and outputs by type: what becomes of what is given, and Kestra's words for what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from penstock.flow.declaration import declared_input
from penstock.flow.inputs import RESOLVED, InvalidInputs, check_default, resolve_inputs, resolve_output
from penstock.flow.model import Input, InputType, Output


def declared(kind: str, **more: Any) -> Input:
    return declared_input({"id": "x", "type": kind, **more})


def resolved(kind: str, value: Any, **more: Any) -> Any:
    return resolve_inputs([declared(kind, **more)], {"x": value})["x"]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("STRING", "a", "a"),
        ("STRING", 1, "1"),
        ("STRING", True, "true"),
        ("STRING", 1.5, "1.5"),
        ("INT", "42", 42),
        ("INT", 42, 42),
        ("INT", -1.0, -1),
        ("FLOAT", "1.5", 1.5),
        ("FLOAT", 2, 2.0),
        ("FLOAT", "1e3", 1000.0),
        ("BOOLEAN", "TRUE", True),
        ("BOOLEAN", "yes", False),
        ("BOOL", False, False),
        ("DATETIME", "2019-10-06T18:27:49Z", "2019-10-06T18:27:49Z"),
        ("DATETIME", "2019-10-06T18:27:49.5+02:00", "2019-10-06T16:27:49.500Z"),
        ("DATE", "2019-10-06", "2019-10-06"),
        ("TIME", "18:27:49", "18:27:49"),
        ("TIME", "18:27", "18:27"),
        ("DURATION", "PT5M6S", "PT5M6S"),
        ("DURATION", "PT300S", "PT5M"),
        ("JSON", '{"a": [1]}', {"a": [1]}),
        ("JSON", {"a": 1}, {"a": 1}),
        ("YAML", "a: [yes]", {"a": ["yes"]}),
        ("URI", "https://www.example.org/x?y=1", "https://www.example.org/x?y=1"),
        ("EMAIL", "ada@example.org", "ada@example.org"),
    ],
)
def test_values_are_read_by_their_type(kind: str, given: Any, value: Any) -> None:
    found = resolved(kind, given)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "given", "rules", "message"),
    [
        ("STRING", "b1", {"validator": "[a-z]+"}, "it must match the pattern `[a-z]+`"),
        ("INT", "5", {"min": 6}, "it must be more than `6`"),
        ("INT", "7", {"max": 6}, "it must be less than `6`"),
        ("FLOAT", 0.5, {"min": 0.6}, "it must be more than `0.6`"),
        ("DATE", "2024-01-01", {"after": "2024-02-01"}, "it must be after `2024-02-01`"),
        (
            "DATETIME",
            "2024-01-01T00:00:00Z",
            {"before": "2023-01-01T00:00:00Z"},
            "it must be before `2023-01-01T00:00:00Z`",
        ),
        ("TIME", "10:00", {"after": "11:00"}, "it must be after `11:00`"),
        ("DURATION", "PT1S", {"min": "PT2S"}, "It must be more than `PT2S`"),
        ("SELECT", "c", {"values": ["a", "b"]}, "it must match the values `[a, b]`"),
        ("ENUM", "c", {"values": ["a", "b"]}, "it must match the values `[a, b]`"),
        ("MULTISELECT", ["a", "c"], {"values": ["a", "b"]}, "it must match the values `[a, b]`"),
        ("EMAIL", "nobody", {}, "The input must be a valid email"),
        ("URI", "nowhere", {}, "Expected `URI` but received `nowhere`"),
        ("ARRAY", ["1", "x"], {"itemType": "INT"}, "Unable to parse array element as `INT` on `x`"),
        ("FILE", "x", {}, "Expected `FILE` but received `x`"),
        (
            "FILE",
            "nsfile:///a.txt",
            {"allowedFileExtensions": [".csv", ".json"]},
            "File type not allowed. Accepted extensions: .csv, .json",
        ),
    ],
)
def test_what_is_refused_has_kestras_words_in_its_envelope(
    kind: str, given: Any, rules: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputs) as raised:
        resolved(kind, given, **rules)
    shown = given if isinstance(given, str) else str(given).replace("'", '"')
    assert str(raised.value) == f"Invalid input for `x`, {message}, but received `{shown}`"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("INT", "x"),
        ("INT", True),
        ("INT", "1.5"),
        ("FLOAT", "nan"),
        ("DATETIME", "2024-01-01"),
        ("DATE", "1/2/24"),
        ("TIME", "25:00"),
        ("DURATION", "5 minutes"),
        ("JSON", "{"),
        ("YAML", "a: ["),
        ("JSON", "[" * 100_000),
    ],
)
def test_what_cannot_be_read_says_what_was_expected(kind: str, given: Any) -> None:
    with pytest.raises(InvalidInputs, match=f"Expected `{kind}` but received"):
        resolved(kind, given)


def test_bounds_include_themselves() -> None:
    assert resolved("INT", 6, min=6, max=6) == 6
    assert resolved("DURATION", "PT2S", min="PT2S", max="PT2S") == "PT2S"


def test_defaults_absence_and_nesting() -> None:
    inputs = [
        declared_input({"id": "a.b", "type": "INT", "defaults": "5"}),
        declared_input({"id": "a.c", "type": "STRING"}),
        declared_input({"name": "old", "type": "STRING", "required": False}),
        declared_input({"id": "null", "type": "BOOLEAN", "defaults": True}),
    ]
    assert resolve_inputs(inputs, {"a": {"c": "x"}, "unknown": 1, "null": None}) == {
        "a": {"b": 5, "c": "x"},
        "old": None,
        "null": True,
    }
    assert resolve_inputs(inputs, {"a.c": "y", "a.b": 6})["a"] == {"b": 6, "c": "y"}


def test_all_problems_are_told_at_once() -> None:
    inputs = [declared_input({"id": "a", "type": "INT"}), declared_input({"id": "b", "type": "STRING"})]
    with pytest.raises(InvalidInputs) as raised:
        resolve_inputs(inputs, {"a": "x"})
    assert [problem.id for problem in raised.value.problems] == ["a", "b"]
    assert raised.value.problems[1].message == ("Invalid input for `b`, missing required input, but received `null`")


def test_a_default_with_an_expression_is_rendered() -> None:
    inputs = [declared("INT", defaults="{{ 1 + 1 }}")]

    def render(text: str, /, *, seen: Mapping[str, Any], typed: bool = False) -> str:
        return text.replace("{{ 1 + 1 }}", "2").replace("{{ inputs.x }}", str(seen.get("x")))

    assert resolve_inputs(inputs, {}, render=render) == {"x": 2}
    assert resolve_inputs(inputs, {"x": 3}, render=render) == {"x": 3}
    after = [*inputs, replace(declared("ARRAY", defaults=["{{ inputs.x }}", "3"], itemType="INT"), id="y")]
    assert resolve_inputs(after, {"x": 5}, render=render) == {"x": 5, "y": [5, 3]}
    assert resolve_inputs(after, {}) == {"x": "{{ 1 + 1 }}", "y": ["{{ inputs.x }}", "3"]}
    assert check_default(inputs[0]) is None
    assert check_default(declared("INT", defaults="two")) is not None


def test_optional_choices_take_any_value() -> None:
    assert resolved("SELECT", "c", values=["a"], required=False) == "c"
    assert resolved("SELECT", "c", values=["a"], allowCustomValue=True) == "c"
    assert resolved("MULTISELECT", '["a"]', values=["a", "b"]) == ["a"]
    assert resolved("ARRAY", "[1, 2]", itemType="STRING") == ["1", "2"]


def test_a_pattern_that_cannot_be_read_refuses_instead_of_breaking() -> None:
    with pytest.raises(InvalidInputs, match=r"invalid pattern \[\(\?=x\)\]"):
        resolved("STRING", "x", validator="(?=x)")


def test_outputs_are_read_by_their_type_too() -> None:
    assert resolve_output(Output("o", InputType.INT, "{{ 1 }}"), "5") == 5
    assert resolve_output(Output("o", InputType.ARRAY, None, rules={"itemType": "INT"}), ["5"]) == [5]
    with pytest.raises(InvalidInputs, match="Invalid output for `o`"):
        resolve_output(Output("o", InputType.INT, ""), "x")


def test_the_types_that_are_read() -> None:
    assert set(InputType) - RESOLVED == {InputType.FORM, InputType.REUSABLE_INPUTS}


def test_what_a_secret_was_given_as_is_not_told() -> None:
    with pytest.raises(InvalidInputs) as refused:
        resolved("SECRET", "s3cret", validator="[a-z]+")
    assert refused.value.message == ("Invalid input for `x`, it must match the pattern `[a-z]+`, but received `******`")
    with pytest.raises(InvalidInputs) as refused:
        resolved("SECRET", ["s3cret"])
    assert "s3cret" not in refused.value.message
    assert resolved("SECRET", "s3cret") == "s3cret"
