"""What a flow makes of the inputs that an execution is given: one row a rule, through a flow's text and its start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Refused
from penstock.execution.model import Execution
from penstock.execution.variables import Surroundings, variables
from penstock.expression import render, render_value
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.inputs import InvalidInputs
from penstock.flow.model import Dialect, Flow
from penstock.flow.parse import parse_flow
from penstock.operations.start import Intake, Start, prepare

CATALOG = load_catalog()
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TASK = "tasks: [{id: t, type: io.kestra.plugin.core.log.Log, message: x}]\n"
SEALED = "penstock:sealed:"


def rendering(flow: Flow, execution: Execution, value: Any, more: Mapping[str, Any], /, *, typed: bool = False) -> Any:
    seen = {**variables(flow, execution, None, Surroundings(open=lambda text: text)), **more}
    return render(value, seen, typed=True) if typed else render_value(value, seen)


INTAKE = Intake(rendering, lambda text: SEALED + text, lambda value: value)


def flow_of(inputs: str, dialect: Dialect = Dialect.AUTO) -> Flow:
    source = f"id: f\nnamespace: n\ninputs:\n{inputs}{TASK}"
    parsed = parse_flow(source, "f.yaml", catalog=CATALOG, dialect=dialect)
    assert parsed.flow is not None, parsed.diagnostics
    return parsed.flow


def started(flow: Flow, values: Mapping[str, Any], intake: Intake | None = INTAKE) -> Execution:
    return prepare(Start("e", flow, "0" * 64, inputs=values), at=NOON, intake=intake).execution


def resolved(inputs: str, values: Mapping[str, Any], dialect: Dialect = Dialect.AUTO) -> dict[str, Any]:
    return dict(started(flow_of(inputs, dialect), values).inputs)


A_THEN_B = """\
  - {id: a, type: STRING, required: false}
  - {id: b, type: STRING, dependsOn: {inputs: [a], condition: "{{ inputs.a == 'yes' }}"}}
"""
CHAIN = A_THEN_B + "  - {id: c, type: INT, dependsOn: {inputs: [b]}}\n"
FORWARD = """\
  - {id: late, type: STRING, defaults: "{{ inputs.early }}!", dependsOn: {inputs: [early]}}
  - {id: early, type: STRING}
"""
FORM = """\
  - id: env
    type: FORM
    dependsOn: {inputs: [deep], condition: "{{ inputs.deep }}"}
    inputs:
      - {id: region, type: STRING, defaults: eu}
      - {id: zone, type: STRING, dependsOn: {inputs: [env.region], condition: "{{ inputs.env.region == 'eu' }}"}}
  - {id: deep, type: BOOL, defaults: true}
"""
CHOICE = """\
  - {id: base, type: ARRAY, itemType: STRING, defaults: '["x", "y"]'}
  - {id: one, type: SELECT, expression: "{{ inputs.base }}", dependsOn: {inputs: [base]}}
"""
FIRST = "  - {id: s, type: SELECT, values: [a, b], autoSelectFirst: true}\n"
FIRST_OF_MANY = "  - {id: s, type: MULTISELECT, values: [a, b], autoSelectFirst: true}\n"
FIRST_OF_RENDERED = '  - {id: s, type: SELECT, expression: "{{ [7, true] }}", autoSelectFirst: true}\n'


@pytest.mark.parametrize(
    ("inputs", "values", "found"),
    [
        pytest.param(A_THEN_B, {"a": "yes", "b": "x"}, {"a": "yes", "b": "x"}, id="a condition that holds"),
        pytest.param(A_THEN_B, {"a": "no", "b": "x"}, {"a": "no"}, id="one that does not: left out, though given"),
        pytest.param(A_THEN_B, {}, {"a": None}, id="required means nothing of what is left out"),
        pytest.param(CHAIN, {"a": "no", "c": 1}, {"a": "no"}, id="what depends on what is left out is left out"),
        pytest.param(CHAIN, {"a": "yes", "b": "x", "c": 1}, {"a": "yes", "b": "x", "c": 1}, id="a chain that holds"),
        pytest.param(FORWARD, {"early": "x"}, {"late": "x!", "early": "x"}, id="what is needed comes first"),
        pytest.param(
            A_THEN_B.replace("{{ inputs.a == 'yes' }}", "yes"), {"b": "x"}, {"a": None}, id="only the true is true"
        ),
        pytest.param(
            A_THEN_B.replace("{{ inputs.a == 'yes' }}", "{{ 1 }}"), {"b": "x"}, {"a": None}, id="and no other value"
        ),
        pytest.param(
            A_THEN_B.replace("inputs.a == 'yes'", "inputs.a.b.c"), {"b": "x"}, {"a": None}, id="a condition that fails"
        ),
        pytest.param(
            FORM, {"env.zone": "1"}, {"env": {"region": "eu", "zone": "1"}, "deep": True}, id="a form's inputs nest"
        ),
        pytest.param(
            FORM, {"env": {"region": "us", "zone": "1"}}, {"env": {"region": "us"}, "deep": True}, id="given nested"
        ),
        pytest.param(FORM, {"deep": False, "env.zone": "1"}, {"deep": False}, id="a form that is left out"),
        pytest.param(CHOICE, {"one": "y"}, {"base": ["x", "y"], "one": "y"}, id="choices of an expression"),
        pytest.param(FIRST, {}, {"s": "a"}, id="the first choice"),
        pytest.param(FIRST, {"s": "b"}, {"s": "b"}, id="another than the first"),
        pytest.param(FIRST_OF_MANY, {}, {"s": ["a"]}, id="the first of several choices"),
        pytest.param(FIRST_OF_RENDERED, {}, {"s": "7"}, id="the first choice of an expression"),
        pytest.param(
            "  - {id: s, type: SELECT, values: [{value: a, label: The first}, b]}\n", {"s": "a"}, {"s": "a"},
            id="a choice with a label",
        ),
        pytest.param(
            "  - {id: m, type: MULTISELECT, values: ['1', '2'], itemType: INT}\n", {"m": "[1]"}, {"m": [1]},
            id="choices that are numbers",
        ),
        pytest.param(
            "  - {id: m, type: MULTISELECT, options: [a, b]}\n", {"m": ["b"]}, {"m": ["b"]}, id="choices spelled older"
        ),
        pytest.param(
            '  - {id: j, type: JSON, defaults: {n: "{{ 1 + 1 }}"}}\n', {}, {"j": {"n": "2"}}, id="defaults within maps"
        ),
        pytest.param(
            '  - {id: l, type: ARRAY, itemType: INT, defaults: "{{ [1, 2] }}"}\n', {}, {"l": [1, 2]}, id="a list"
        ),
        pytest.param("  - {id: x, type: STRING, defaults: d}\n", {"x": None}, {"x": "d"}, id="null takes the default"),
        pytest.param(
            "  - {id: x, type: STRING, required: false, prefill: p}\n", {}, {"x": None}, id="prefill is no default"
        ),
        pytest.param("  - {id: x, type: INT}\n", {"x": 1, "y": 2}, {"x": 1}, id="what is not declared is ignored"),
        pytest.param("  - {id: x, type: SECRET}\n", {"x": "s"}, {"x": SEALED + "s"}, id="a secret is sealed"),
    ],
)  # fmt: skip
def test_what_becomes_of_what_is_given(inputs: str, values: dict[str, Any], found: dict[str, Any]) -> None:
    assert resolved(inputs, values) == found


@pytest.mark.parametrize(
    ("inputs", "values", "message"),
    [
        pytest.param(
            A_THEN_B, {"a": "yes"}, "Invalid input for `b`, missing required input, but received `null`",
            id="required where it is asked for",
        ),
        pytest.param(
            CHOICE, {"one": "z"}, "Invalid input for `one`, it must match the values `[x, y]`, but received `z`",
            id="no choice of the expression",
        ),
        pytest.param(
            CHOICE.replace("{{ inputs.base }}", "{{ 1 }}"), {"one": "x"},
            "Invalid input for `one`, Invalid expression result. Expected a list of strings, but received Integer, "
            "but received `x`",
            id="an expression that is no list",
        ),
        pytest.param(
            CHOICE.replace("{{ inputs.base }}", "{{ null }}"), {"one": "x"},
            "Invalid input for `one`, Invalid expression result. Expected a list of strings, but received <null>, "
            "but received `x`",
            id="an expression that is nothing",
        ),
        pytest.param(
            "  - {id: m, type: MULTISELECT, values: [a], required: false}\n", {"m": ["b"]},
            'Invalid input for `m`, it must match the values `[a]`, but received `["b"]`',
            id="several choices are held to, required or not",
        ),
        pytest.param(
            FORM, {"deep": True}, "Invalid input for `env.zone`, missing required input, but received `null`",
            id="an input of a form by its whole name",
        ),
        pytest.param(
            "  - {id: x, type: INT}\n", {"x": 2**31},
            "Invalid input for `x`, Expected `INT` but received `2147483648` with errors:\n```\n"
            'For input string: "2147483648"\n```, but received `2147483648`',
            id="an INT has 32 bits",
        ),
        pytest.param(
            "  - {id: x, type: URI}\n", {"x": "http://localhost"},
            "Invalid input for `x`, Expected `URI` but received `http://localhost`, but received `http://localhost`",
            id="a URI has a host with a dot",
        ),
        pytest.param(
            '  - {id: x, type: STRING, validator: "[a-z]+"}\n', {"x": ""},
            "Invalid input for `x`, it must match the pattern `[a-z]+`, but received ``",
            id="nothing is held to a pattern too",
        ),
        pytest.param(
            '  - {id: x, type: INT, defaults: "{{ nope }}"}\n', {},
            "Invalid input for `x`, Unable to find `nope`", id="a default that cannot be rendered",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_and_how(inputs: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        resolved(inputs, values)
    assert raised.value.message.startswith(message)


def test_what_depends_on_what_is_wrong_is_not_told_of_too() -> None:
    with pytest.raises(InvalidInputs) as raised:
        resolved(CHAIN.replace("STRING, required: false", "INT"), {"a": "x"})
    assert [problem.id for problem in raised.value.problems] == ["a"]


@pytest.mark.parametrize("kind", ["INT", "URI", "DATE"])
def test_what_a_default_reads_of_a_secret_is_not_told(kind: str) -> None:
    flow = flow_of(f"  - {{id: x, type: {kind}, defaults: \"{{{{ secret('KEY') }}}}\"}}\n")

    def opened(*_: object, typed: bool = False) -> str:
        return "h1dden"

    with pytest.raises(InvalidInputs) as raised:
        started(flow, {}, Intake(opened, str, lambda value: value))
    assert "h1dden" not in raised.value.message
    assert raised.value.message.endswith("but received `******`")


def test_a_problem_knows_where_its_input_is_declared() -> None:
    with pytest.raises(InvalidInputs) as raised:
        resolved(A_THEN_B, {"a": "yes"})
    told = raised.value.within("flows/f.yaml").message
    assert told == "flows/f.yaml:5:5: Invalid input for `b`, missing required input, but received `null`"


def test_before_0_22_defaults_are_what_they_are_written_as() -> None:
    inputs = '  - {id: x, type: STRING, defaults: "{{ 1 + 1 }}"}\n'
    assert resolved(inputs, {}, Dialect.V0_21) == {"x": "{{ 1 + 1 }}"}
    assert resolved(inputs, {}, Dialect.V1) == {"x": "2"}


def test_without_a_renderer_what_needs_one_is_left_unjudged() -> None:
    flow = flow_of(
        CHAIN + CHOICE.replace("id: base", "id: d").replace("inputs.base", "inputs.d").replace("[base]", "[d]")
    )
    assert started(flow, {"b": "x", "one": "no such"}, None).inputs == {
        "a": None, "b": "x", "d": ["x", "y"], "one": "no such",
    }  # fmt: skip


def test_a_secret_that_nothing_seals_is_refused_in_kestras_words() -> None:
    with pytest.raises(Refused, match="Unable to use a `SECRET` input/output as encryption is not configured"):
        started(flow_of("  - {id: x, type: SECRET}\n"), {"x": "s"}, None)


def test_an_input_that_is_left_out_shows_its_default_to_expressions() -> None:
    inputs = """\
  - {id: on, type: BOOL, defaults: false}
  - {id: g.x, type: INT, defaults: 5, dependsOn: {inputs: [on], condition: "{{ inputs.on }}"}}
  - {id: g.y, type: INT, defaults: 6}
"""
    flow = flow_of(inputs)
    execution = started(flow, {})
    assert execution.inputs == {"on": False, "g": {"y": 6}}
    assert render("{{ inputs.g.x }}{{ inputs.g.y }}", variables(flow, execution)) == "56"


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "s": st.text(max_size=5),
        "i": st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-9, 9).map(str)),
        "f": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "b": st.one_of(st.booleans(), st.sampled_from(["TRUE", "no"])),
        "d": st.dates().map(str),
        "t": st.times().map(str),
        "m": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        "l": st.integers(0, 10**9).map(lambda n: f"PT{n}S"),
        "c": st.sampled_from(["a", "b"]),
        "many": st.lists(st.sampled_from(["a", "b"]), max_size=3),
        "ints": st.lists(st.integers(-9, 9).map(str), max_size=3),
        "g.x": st.text(max_size=5),
        "form.y": st.integers(0, 9),
    },
)
ALL_TYPES = flow_of(
    """\
  - {id: s, type: STRING, required: false}
  - {id: i, type: INT, required: false}
  - {id: f, type: FLOAT, defaults: 1.5}
  - {id: b, type: BOOL, defaults: false}
  - {id: d, type: DATE, required: false}
  - {id: t, type: TIME, required: false}
  - {id: m, type: DATETIME, required: false}
  - {id: l, type: DURATION, required: false}
  - {id: c, type: SELECT, expression: "{{ ['a', 'b'] }}", autoSelectFirst: true}
  - {id: many, type: MULTISELECT, values: [a, b], required: false}
  - {id: ints, type: ARRAY, itemType: INT, required: false}
  - {id: g.x, type: STRING, defaults: "{{ inputs.c }}", dependsOn: {inputs: [b], condition: "{{ inputs.b }}"}}
  - {id: form, type: FORM, inputs: [{id: y, type: INT, required: false}]}
"""
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_what_is_resolved_resolves_to_itself(values: dict[str, Any]) -> None:
    once = started(ALL_TYPES, values).inputs
    assert started(ALL_TYPES, once).inputs == once
