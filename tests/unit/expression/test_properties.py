"""Laws over anything: rendering raises what it promises, positions lie within, text without braces is untouched."""

from __future__ import annotations

import json
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import PenstockError
from penstock.expression import (
    FILTERS,
    FUNCTIONS,
    TESTS,
    Budget,
    ExpressionError,
    parse,
    reads,
    render,
    render_value,
)

QUICK = Budget(steps=20_000, wall_s=0.1)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["2024-01-02", "2024-01-02T03:04:05Z", "DAYS", "[1]", "0.0", "{{ x }}", "a,b", "(", "yyyy"]),
    st.datetimes(),
    st.dates(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
PIECES = [
    *"-+*/%~|.,:?=<()[]{}$@'\"\\ \n\x00éab𝒳x0", "{{", "}}", "{%", "%}", "{#", "#}", "..", "??", "???", "==", "!=", ">=",
    "#{", "12", "1.5", "'t'", '"d#{a}"', " and ", " or ", " not ", " is ", " contains ", " if ", " else ", "elseif ",
    " endif ", " for ", " in ", " endfor ", " set ", " macro ", " endmacro ", " filter ", " endfilter ", " raw ",
    " endraw ", " verbatim ", " endverbatim ", " block ", " endblock ", "null", "true", "upper", "default", "date",
    "empty", "defined", "range(", "render(",
]  # fmt: skip
NOISE = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
SIGNS = [*"+-*/%~<>", "..", "==", "!=", "<=", ">=", "contains", "and", "or", "??", "???"]
VARIABLES: dict[str, object] = {"a": [1, "x", None], "b": {"a": 1}, "x": "{{ a }}"}


@given(source=st.one_of(NOISE, st.text(alphabet="{}%#'\" ab.|()[]-~?:=1", max_size=40)), typed=st.booleans())
@settings(max_examples=400)
def test_any_source_renders_or_is_refused(source: str, typed: bool) -> None:
    fault: ExpressionError | None = None
    try:
        render(source, VARIABLES, typed=typed, budget=QUICK)
    except ExpressionError as error:
        fault = error
    if fault is not None and fault.source == source and fault.offset is not None:
        assert 0 <= fault.offset <= len(source)
        assert fault.offset + fault.width <= len(source) + 1


@given(st.sampled_from(sorted(FILTERS)), VALUES, st.lists(VALUES, max_size=3))
@settings(max_examples=350)
def test_any_filter_takes_any_values_or_refuses_them(name: str, value: object, arguments: list[object]) -> None:
    names = [f"v{index}" for index in range(len(arguments))]
    variables: dict[str, object] = {"value": value, **dict(zip(names, arguments, strict=True))}
    _try("{{ value | " + name + "(" + ", ".join(names) + ") }}", variables)


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(VALUES, max_size=4))
@settings(max_examples=120)
def test_any_function_takes_any_values_or_refuses_them(name: str, arguments: list[object]) -> None:
    names = [f"v{index}" for index in range(len(arguments))]
    _try("{{ " + name + "(" + ", ".join(names) + ") }}", dict(zip(names, arguments, strict=True)))


@given(
    st.sampled_from(SIGNS),
    VALUES,
    VALUES,
)  # fmt: skip
@settings(max_examples=200)
def test_any_operator_takes_any_values_or_refuses_them(sign: str, left: object, right: object) -> None:
    _try("{{ a " + sign + " b }}", {"a": left, "b": right})


@given(
    st.sampled_from(["a.x", "a[b]", "a.size()", "a.get(b)", "a.split(b)", "a.substring(b)", "a.replace(b, b)",
                     "a.contains(b)", "a.length", "-a", "not a", "a ? b : a", "[a, b]", "{a: b}", '"#{a}#{b}"']
                    + [f"a is {name}" for name in sorted(TESTS)]),
    VALUES,
    VALUES,
)  # fmt: skip
@settings(max_examples=200)
def test_any_other_expression_takes_any_values_or_refuses_them(expression: str, a: object, b: object) -> None:
    _try("{{ " + expression + " }}", {"a": a, "b": b})


@given(st.text().filter(lambda text: "{" not in text))
def test_text_without_an_opening_brace_is_untouched(text: str) -> None:
    assert render(text, {}) == text
    assert parse(text).is_literal


@given(st.text(alphabet="ab {}\n", max_size=30).filter(lambda text: "{{" not in text))
def test_single_braces_are_text(text: str) -> None:
    assert render(text, {}) == text


@given(VALUES)
def test_a_single_expression_keeps_its_value(value: object) -> None:
    assert render("{{ v }}", {"v": value}, typed=True) is value


JSON = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(JSON)
def test_what_is_printed_as_json_reads_back_as_it_was(value: object) -> None:
    assert json.loads(str(render("{{ v | toJson }}", {"v": value}))) == value
    assert render("{{ fromJson(v | toJson) == v }}", {"v": value}) == "true"


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_integers_divide_as_java_does_and_stay_within_64_bits(left: int, right: int) -> None:
    variables = {"l": left, "r": right}
    product = render("{{ l * r }}", variables, typed=True)
    assert isinstance(product, int)
    assert -(2**63) <= product < 2**63
    assert (product - left * right) % 2**64 == 0
    if right:
        quotient = "{{ (l / r) * r + l % r == l }}"
        assert render(quotient, variables) == "true"


@given(NOISE)
def test_what_is_read_lies_within_the_source(source: str) -> None:
    try:
        found = reads(source)
    except ExpressionError:
        return
    for path in found.paths:
        assert source[path.offset : path.offset + path.width].startswith(str(path.parts[0]))
    for call in found.calls:
        assert source[call.offset : call.offset + call.width] == call.name


@given(VALUES)
def test_values_without_braces_render_to_themselves_but_for_tuples(value: object) -> None:
    try:
        rendered = render_value(value, {"x": "X"})
    except PenstockError:
        return
    if "{" not in repr(value).replace("{'", "").replace('{"', "").replace("{}", ""):
        assert repr(rendered) == repr(value)


def test_importing_costs_no_heavy_module() -> None:
    heavy = [
        "pydantic",
        "jinja2",
        "httpx",
        "docker",
        "git",
        "re2",
        "zoneinfo",
        "random",
        "uuid",
        "hashlib",
        "babel",
        "holidays",
    ]
    code = f"import sys, penstock.expression; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": _engine()},
    )
    assert shown.stdout.strip() == "[]"


def _engine() -> str:
    import penstock

    return str(penstock.__file__).rpartition("/penstock/")[0]


def _try(template: str, variables: dict[str, object]) -> None:
    try:
        shown = render(template, variables, budget=QUICK)
    except ExpressionError as error:
        shown = error.message
    assert isinstance(shown, str)
