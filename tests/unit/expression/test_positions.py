"""Where things stand: syntax errors with their place and mend, and what a template reads."""

from __future__ import annotations

import pytest

from penstock.expression import (
    COMPUTED,
    FILTERS,
    FUNCTIONS,
    IMPURE,
    LATER_FILTERS,
    LATER_FUNCTIONS,
    REFUSED,
    TESTS,
    Call,
    ExpressionSyntaxError,
    Path,
    Reads,
    parse,
    reads,
)
from penstock.expression.names import KNOWN_FILTERS, KNOWN_FUNCTIONS

FAULTS = [
    # source, what the carets stand under, message, help
    ("{{ s", "{{", "`{{` is not closed", "close it with `}}`"),
    ("{% if s", "{%", "`{%` is not closed", "close it with `%}`"),
    ("{# s", "{#", "the comment is not closed", "close it with `#}`"),
    ("{{ 'abc }}", "'", "the text is not closed", "close it with the same quote"),
    ('{{ "a#{b" }}', '"', 'unclosed `"`', None),
    ("{{ (a }}", ")", None, None),
    ("{{ }}", "}}", "expected an expression, found `}}`", None),
    ("{{ a b }}", "b", "expected `}}` at the end of the expression, found `b`", None),
    ("{{ list.0 }}", ".", None, None),
    ("{{ 1e3 }}", "e3", "expected `}}` at the end of the expression, found `e3`", None),
    ("{{ a ? b }}", "}}", "expected `:` between the two answers of `?`, found `}}`", None),
    ("{{ s | uper }}", "uper", "there is no filter `uper`", "did you mean `upper`?"),
    ("{{ secrt('x') }}", "secrt", "there is no function `secrt`", "did you mean `secret`?"),
    ("{{ x is emty }}", "emty", "there is no test `emty`", "did you mean `empty`?"),
    ("{{ 1 | chunk }}", "chunk", "the filter `chunk` expects an argument `size`", None),
    ("{{ 1 | upper(2) }}", "upper(2)", "the filter `upper` takes 0 arguments, not 1", None),
    ("{{ x | date(zone='a') }}", "date", "the filter `date` has no argument `zone`", None),
    ("{{ x | date('a', format='b') }}", "'b'", "the argument `format` of `date` is given twice", None),
    (
        "{{ {% if a %} }}",
        "%",
        "a tag `{% %}` cannot stand inside `{{ }}`",
        "write the tag outside, or a `? :` inside",
    ),
    ("{% if a %}x", "if", "`if` is not closed", "close it with `{% endif %}`"),
    ("{% for a in b %}{% endif %}", "endif", "unexpected `endif`", "the open tag is `for`"),
    ("{% endif %}", "endif", "unexpected `endif`", "no tag is open"),
    ("{% include 'x' %}", "include", "the tag `include` is not part of Kestra's expressions", None),
    ("{% sett a = b %}", "sett", "there is no tag `sett`", "did you mean `set`?"),
    ("{% for k, v in m %}{% endfor %}", ",", "a loop has one variable", None),
    ("{% raw %}\n{% endraw %}", "{% raw %}", "`raw` is not closed on its own line", None),
    ("{{ 99999999999999999999 }}", "99999999999999999999", "the number does not fit 64 bits", None),
    ("{{ a$b }}", "$", "unexpected character `$`", None),
    ("{{ [1, }}", "}", "unexpected `}` while `[` is open", None),
    (
        "{% macro a() %}{% endmacro %}{% macro a() %}{% endmacro %}",
        "a",
        "the macro `a` is defined twice",
        None,
    ),
]


@pytest.mark.parametrize(("source", "marked", "message", "mend"), FAULTS)
def test_a_syntax_error_names_its_place(source: str, marked: str, message: str | None, mend: str | None) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(source)
    error = caught.value
    assert error.code == "PEN301"
    if message is not None:
        assert (source[error.offset : error.offset + error.width], error.message) == (marked, message)
    if mend is not None:
        assert error.help == mend


READS = [
    ("plain", Reads()),
    ("{{ a }}", Reads((Path(("a",), 3, 1),))),
    ("{{ outputs.a['b c'][0].d }}", Reads((Path(("outputs", "a", "b c", 0, "d"), 3, 21),))),
    ("{{ m[k].x }}", Reads((Path(("m", None, "x"), 3, 6), Path(("k",), 5, 1)))),
    ("{{ a.b ?? c }}", Reads((Path(("a", "b"), 3, 3, optional=True), Path(("c",), 10, 1, conditional=True)))),
    (
        "{{ a | default(b) }}",
        Reads(
            (Path(("a",), 3, 1, optional=True), Path(("b",), 15, 1)),
            (Call("filter", "default", 7, 7, (("default", COMPUTED),)),),
        ),
    ),
    ("{{ a is defined }}", Reads((Path(("a",), 3, 1, optional=True),), (Call("test", "defined", 8, 7),))),
    ("{{ a is not even }}", Reads((Path(("a",), 3, 1),), (Call("test", "even", 12, 4),))),
    ("{{ a + b ?? 1 }}", Reads((Path(("a",), 3, 1), Path(("b",), 7, 1, optional=True)))),
    ("{{ a.b.size() }}", Reads((Path(("a", "b"), 3, 3),))),
    ("{{ (a).b }}", Reads((Path(("a",), 4, 1),))),
    ('{{ "x #{a.b}" }}', Reads((Path(("a", "b"), 8, 3),))),
    (
        "{% for i in a %}{{ i.x }}{{ loop.index }}{{ b }}{% endfor %}{{ c }}",
        Reads((Path(("a",), 12, 1), Path(("b",), 44, 1, conditional=True), Path(("c",), 63, 1))),
    ),
    ("{% set x = x %}{{ x }}", Reads((Path(("x",), 11, 1),))),
    ("{% macro m(a) %}{{ a }}{{ z }}{% endmacro %}{{ m(q) }}", Reads((Path(("q",), 49, 1),))),
    (
        "{% macro m(a) %}{{ a | lower }}{{ secret('S') }}{% endmacro %}{{ m('X') | upper }}",
        Reads(
            calls=(
                Call("filter", "lower", 23, 5, conditional=True),
                Call("function", "secret", 34, 6, (("key", "S"),), conditional=True),
                Call("filter", "upper", 74, 5),
            )
        ),
    ),
    (
        "{{ secret('x', subkey=k) | upper | jq('.') }}",
        Reads(
            (Path(("k",), 22, 1),),
            (
                Call("function", "secret", 3, 6, (("key", "x"), ("subkey", COMPUTED))),
                Call("filter", "upper", 27, 5),
                Call("filter", "jq", 35, 2, (("0" if "jq" in LATER_FILTERS else "expression", "."),)),
            ),
        ),
    ),
    ("{{ max(1, -2, null) }}", Reads(calls=(Call("function", "max", 3, 3, (("0", 1), ("1", -2), ("2", None))),))),
    (
        "{{ a ? b : c and d }}",
        Reads(
            (
                Path(("a",), 3, 1),
                Path(("b",), 7, 1, conditional=True),
                Path(("c",), 11, 1, conditional=True),
                Path(("d",), 17, 1, conditional=True),
            )
        ),
    ),
    ("{{ (a or b) ~ c }}", Reads((Path(("a",), 4, 1), Path(("b",), 9, 1, conditional=True), Path(("c",), 14, 1)))),
    (
        "{% if a %}{{ b }}{% elseif c %}{% else %}{{ d | trim }}{% endif %}{{ e }}",
        Reads(
            (
                Path(("a",), 6, 1),
                Path(("b",), 13, 1, conditional=True),
                Path(("c",), 27, 1, conditional=True),
                Path(("d",), 44, 1, conditional=True),
                Path(("e",), 69, 1),
            ),
            (Call("filter", "trim", 48, 4, conditional=True),),
        ),
    ),
]


@pytest.mark.parametrize(("source", "wanted"), READS)
def test_what_a_template_reads_is_found_without_evaluating_it(source: str, wanted: Reads) -> None:
    assert reads(source) == wanted
    assert reads(parse(source)) == wanted


@pytest.mark.parametrize(
    ("source", "is_literal", "single", "is_pure"),
    [
        ("text", True, False, True),
        ("{# note #}", True, False, True),
        ("{% verbatim %}{{ a }}{% endverbatim %}", True, False, True),
        ("{{ a }}", False, True, True),
        ("{{ a }} ", False, False, True),
        ("{{ now() }}", False, True, False),
        ("{{ render(a) }}", False, True, False),
        ("{{ kv('a') }}", False, True, False),
        ("{{ fromJson(a) | upper }}", False, True, True),
    ],
)
def test_what_kind_of_template_it_is(source: str, is_literal: bool, single: bool, is_pure: bool) -> None:
    template = parse(source)
    assert (template.is_literal, template.single, template.is_pure) == (is_literal, single, is_pure)


def test_the_constant_texts_among_the_arguments_of_a_call_can_be_asked_for() -> None:
    (call,) = reads("{{ secret('KEY', full=true, namespace=a) }}").calls
    assert [call.constant(name) for name in ("key", "full", "namespace", "subkey")] == ["KEY", None, None, None]


@pytest.mark.parametrize("source", ["{{ render(a) }}", "{% if a %}{{ renderOnce(a) }}{% endif %}", "{{ secret('x') }}"])
def test_what_asks_the_world_or_may_hide_that_is_slow(source: str) -> None:
    assert parse(source).is_slow


@pytest.mark.parametrize("source", ["text", "{{ a | upper }}", "{{ uuid() }}", "{{ now() }}"])
def test_what_answers_at_once_is_not_slow(source: str) -> None:
    assert not parse(source).is_slow


def test_templates_are_parsed_once() -> None:
    assert parse("{{ cached }}") is parse("{{ cached }}")


def test_the_tables_of_names_do_not_overlap_and_impure_ones_are_known() -> None:
    assert LATER_FUNCTIONS.isdisjoint(FUNCTIONS)
    assert LATER_FILTERS.isdisjoint(FILTERS)
    assert {name for name, spec in FUNCTIONS.items() if spec.impure} == IMPURE
    known = {"function": {*FUNCTIONS, *LATER_FUNCTIONS}, "filter": {*FILTERS, *LATER_FILTERS}, "test": {*TESTS}}
    assert {kind: known[kind] & REFUSED[kind].keys() for kind in known} == {kind: set() for kind in known}


def test_every_registered_name_is_one_of_kestras() -> None:
    assert FUNCTIONS.keys() <= KNOWN_FUNCTIONS
    assert FILTERS.keys() <= KNOWN_FILTERS


@pytest.mark.parametrize(
    ("source", "marked", "reason"),
    [
        (
            "{{ credential('x') }}",
            "credential",
            "`credential` belongs to Kestra's Enterprise Edition; `secret` reads a secret",
        ),
        ("{{ a | raw }}", "raw", "Kestra takes `raw` out of Pebble: nothing is escaped unless a filter does"),
        ("{{ parent() }}", "parent", "Kestra takes `extends` out of Pebble, so a block has no `parent`"),
    ],
)
def test_names_that_are_taken_out_are_refused_with_the_reason(source: str, marked: str, reason: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(source)
    assert caught.value.message == reason
    assert source[caught.value.offset :].startswith(marked)
