"""Where things stand: syntax errors with their place and mend, and what a template reads."""

from __future__ import annotations

import pytest

from penstock.expression import (
    FILTERS,
    FUNCTIONS,
    IMPURE,
    KNOWN_LATER,
    TESTS,
    ExpressionSyntaxError,
    Path,
    Reads,
    parse,
    reads,
)

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
    ("{{ a.b ?? c }}", Reads((Path(("a", "b"), 3, 3, optional=True), Path(("c",), 10, 1)))),
    (
        "{{ a | default(b) }}",
        Reads((Path(("a",), 3, 1, optional=True), Path(("b",), 15, 1)), filters=frozenset({"default"})),
    ),
    ("{{ a is defined }}", Reads((Path(("a",), 3, 1, optional=True),))),
    ("{{ a + b ?? 1 }}", Reads((Path(("a",), 3, 1), Path(("b",), 7, 1, optional=True)))),
    ("{{ a.b.size() }}", Reads((Path(("a", "b"), 3, 3),))),
    ("{{ (a).b }}", Reads((Path(("a",), 4, 1),))),
    ('{{ "x #{a.b}" }}', Reads((Path(("a", "b"), 8, 3),))),
    (
        "{% for i in a %}{{ i.x }}{{ loop.index }}{{ b }}{% endfor %}",
        Reads((Path(("a",), 12, 1), Path(("b",), 44, 1))),
    ),
    ("{% set x = x %}{{ x }}", Reads((Path(("x",), 11, 1),))),
    ("{% macro m(a) %}{{ a }}{{ z }}{% endmacro %}{{ m(q) }}", Reads((Path(("q",), 49, 1),))),
    ("{{ secret('x') | upper | jq('.') }}", Reads((), frozenset({"secret"}), frozenset({"upper", "jq"}))),
    ("{{ kv('x') }}", Reads((), frozenset({"kv"}))),
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


def test_templates_are_parsed_once() -> None:
    assert parse("{{ cached }}") is parse("{{ cached }}")


def test_the_tables_of_names_do_not_overlap_and_impure_ones_are_known() -> None:
    assert KNOWN_LATER.isdisjoint({*FUNCTIONS, *FILTERS, *TESTS})
    assert {name for name, spec in FUNCTIONS.items() if spec.impure} <= IMPURE
    assert set(FUNCTIONS) | KNOWN_LATER >= IMPURE
