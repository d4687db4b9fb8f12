"""The language itself: what prints what, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import overload

import pytest

from penstock.expression import ExpressionError, render, render_value
from penstock.truth import is_truthy

CONTEXT: dict[str, object] = {
    "name": "ada",
    "n": 5,
    "none": None,
    "list": [1, 2, 3],
    "map": {"a": 1, "b": {"c": "x"}, "null": None},
    "dash": {"my-key": 1},
    "entries": {"z": 1, "y": 2},
    "at": datetime(2024, 1, 2, 3, 4, 5, 123000, tzinfo=UTC),
    "day": date(2024, 1, 2),
    "length": timedelta(minutes=90),
    "big": 2**70,
}

CASES = [
    # text and delimiters
    ("no braces at all", "no braces at all"),
    ("{ not one } %} #}", "{ not one } %} #}"),
    ("a{# {{ gone }} #}b", "ab"),
    ("a {#- both -#} b", "ab"),
    ("a {{- ' x ' -}} b", "a x b"),
    ("a\n{%- if true -%}\n b\n{%- endif %}", "ab"),
    ("{{-1}}", "-1"),
    ("{% verbatim %}\n{{ a }}{% if %}\n{% endverbatim %}", "\n{{ a }}{% if %}\n"),
    ("{% raw %}{{ a }}{% endraw %}{{ n }}", "{{ a }}5"),
    ("{{ '}}' }}{{ \"%}\" }}", "}}%}"),
    ("{{ {'a': {'b': 1}} }}", '{"a":{"b":1}}'),
    # strings
    ('{{ \'it\\\'s\' }} {{ "say \\"x\\"" }}', 'it\'s say "x"'),
    ("{{ 'a\\nb' }}", "a\\nb"),
    ('{{ "#{name} is #{n + 1}, # and {" }}', "ada is 6, # and {"),
    ('{{ "#{ "in #{\'ner\'}" }!" }}', "in ner!"),
    ("{{ '#{name}' }}", "#{name}"),
    # precedence
    ("{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 10 - 2 - 3 }}", "7 9 5"),
    ("{{ 'a' ~ 'b' | upper }} {{ 'a' + 'b' | upper }}", "AB aB"),
    ("{{ 1 + 1 ~ 1 }}", "111"),
    ("{{ not false == true }}", "true"),
    ("{{ list | length > 2 }}", "true"),
    ("{{ missing ?? 'x' | upper }} {{ 'a' ~ missing ?? 'b' }}", "X ab"),
    ("{{ true or false and false }}", "true"),
    ("{{ 1 .. 2 + [1] }}", "[1,2,1]"),
    ("{{ n > 3 ? 'big' : n > 1 ? 'mid' : 'small' }}", "big"),
    ("{{ none ? 'y' : 'n' }}", "n"),
    ("{{ -n }} {{ +n }} {{ - -n }}", "-5 5 5"),
    # numbers as Java has them
    ("{{ 5 / 2 }} {{ -5 / 2 }} {{ -7 % 3 }} {{ 5.0 / 2 }}", "2 -2 -1 2.5"),
    ("{{ 9223372036854775807 + 1 }}", "-9223372036854775808"),
    ("{{ -9223372036854775807 - 2 }}", "9223372036854775807"),
    ("{{ big }} {{ big + 1 }}", "1180591620717411303424 1180591620717411303425"),
    ("{{ 0.001 }} {{ 0.00015 }} {{ 9999999.0 }} {{ 12345678.9 }}", "0.001 1.5E-4 9999999.0 1.23456789E7"),
    ("{{ 1.0 / 0 }} {{ -1.0 / 0 }} {{ 0.0 / 0 }}", "Infinity -Infinity NaN"),
    ("{{ 12L + 1 }}", "13"),
    ("{{ 3 == 3.0 }} {{ '3' == 3 }} {{ 1 == true }}", "true false false"),
    ("{{ [1, true] contains true }} {{ [1] contains true }} {{ [1.0] contains 1 }}", "true false false"),
    ("{{ [1, [2, {'a': 3}]] == [1, [2, {'a': 3}]] }} {{ {'a': 1} == {'a': 1.0} }}", "true false"),
    # what is printed
    ("{{ none }}|{{ true }}|{{ map }}", '|true|{"a":1,"b":{"c":"x"}}'),
    ("{{ [none, {'a': none}, 'q\"', 1.0] }}", '[null,{},"q\\"",1.0]'),
    ("{{ list ~ '' }} {{ map ~ '' }}", "[1, 2, 3] {a=1, b={c=x}, null=null}"),
    ("{{ 'a' + none }} {{ 'a' ~ none }}", "anull a"),
    ("{{ at }} {{ day }} {{ length }}", "2024-01-02T03:04:05.123Z 2024-01-02 PT1H30M"),
    ("{{ list + 4 }} {{ list + [4, 5] }} {{ list - 2 }} {{ list }}", "[1,2,3,4] [1,2,3,4,5] [1,3] [1,2,3]"),
    # undefined
    ("{{ missing ?? none ?? 'd' }} {{ none ??? 'd' }}| {{ missing ??? 'd' }}", "d | d"),
    ("{{ map.zz.yy | default('d') }} {{ map.zz | upper | default('d') }}", "d d"),
    ("{{ missing is defined }} {{ none is not defined }} {{ map.a is defined }}", "false true true"),
    ("{{ false and missing }} {{ true or missing }}", "false true"),
    # attributes and methods
    ("{{ dash['my-key'] }} {{ map['b'].c }} {{ map[name ~ ''] ?? '-' }}", "1 x -"),
    ("{{ list[0] }} {{ list['1'] }} {{ (list)[n - 3] }} {{ list[-1] ?? 'none' }}", "1 2 3 none"),
    ("{{ name.length }} {{ name.length() }} {{ list.size() }} {{ map.size() }}", "3 3 3 3"),
    ("{{ name.contains('d') }} {{ name.indexOf('a') }} {{ name.substring(1) }}", "true 0 da"),
    ("{{ map.containsKey('a') }} {{ map.get('q') ?? 'no' }} {{ entries.values() }}", "true no [1,2]"),
    ("{{ name.toUpperCase().replace('A', 'o').split('D') }}", '["o","o"]'),
    # tags
    ("{% if n == 5 %}a{% elseif n %}b{% else %}c{% endif %}", "a"),
    ("{% if n == 4 %}a{% else if n == 5 %}b{% else %}c{% endif %}", "b"),
    ("{% for i in list %}{{ i }}{% if not loop.last %}-{% endif %}{% endfor %}", "1-2-3"),
    ("{% for i in none %}x{% else %}y{% endfor %}|{% for i in [] %}x{% else %}y{% endfor %}", "|y"),
    ("{% for e in entries %}{{ loop.index }}{{ e.key }}={{ e.value }} {% endfor %}", "0z=1 1y=2 "),
    (
        "{% for i in list %}{% for j in list %}{{ loop.revindex }}{% endfor %}{{ loop.index }};{% endfor %}",
        "2100;2101;2102;",
    ),
    ("{% for i in list %}{% set last = i %}{% endfor %}{{ last ?? 'gone' }}", "gone"),
    ("{% set sum = 0 %}{% for i in list %}{% set sum = sum + i %}{% endfor %}{{ sum }}", "6"),
    ("{% set name = 'bob' %}{{ name }}", "bob"),
    ("{{ hi('x') }}{% macro hi(a, b='y') %}<{{ a }}{{ b }}>{% endmacro %}{{ hi(b=1, a=2) }}", "<xy><21>"),
    ("{% macro hi(a) %}{{ a is null }}{% endmacro %}{{ hi() }}", "true"),
    ("{% filter upper | replace({'A': 'o'}) %}{{ name }}{% endfilter %}", "oDo"),
    ("{% block b %}[{{ n }}]{% endblock b %}{{ block('b') }}", "[5][5]"),
    # rendering again
    ("{{ '{{ name }}' }}", "{{ name }}"),
    ("{{ render('{{ name }}') }} {{ renderOnce(\"{{ '{{ name }}' }}\") }}", "ada {{ name }}"),
    ("{{ render(['{{ n }}', {'{{ name }}': 1}]) }}", '["5",{"ada":1}]'),
]


@pytest.mark.parametrize(("template", "wanted"), CASES)
def test_it_prints(template: str, wanted: str) -> None:
    assert render(template, CONTEXT) == wanted


FAULTS = [
    ("{{ 1 / 0 }}", "/ by zero in the expression `{{ 1 / 0 }}` at line 1"),
    ("{{ (missing + 1) ?? 2 }}", "Could not perform addition: unable to find `missing`"),
    ("{{ missing == 1 }}", "Could not perform equals comparison: unable to find `missing`"),
    (
        "{% if missing %}{% endif %}",
        "Wrong operand(s) type in conditional expression: unable to find `missing`",
    ),
    ("{{ 'a' < 'b' }}", "invalid operands for the comparison `<`: a text and a text"),
    ("{{ '2' * 2 }}", "invalid operands for the multiplication: a text and a number"),
    ("{% for c in 'abc' %}{% endfor %}", "a text cannot be iterated"),
    ("{% if list %}{% endif %}", "a list given to if"),
    ("{{ none or true }}", "null value given to `or`"),
    ("{{ n contains 5 }}", "not into a number"),
    ("{{ map[0] ?? 'x' }}", "the number 0 cannot be a key of this map"),
    ("{{ {[1]: 2} }}", "a list or map cannot be the key of a map"),
    ("{{ jq() }}", "there is no function `jq`"),
    ("{{ kv('x') }}", "the function `kv` is not available yet"),
    ("{{ secret('X') }}", "the function `secret` is not available here"),
    ("{{ render('{{ missing }}') ?? 'x' }}", "Unable to find `missing` used in the expression `{{ missing }}`"),
    ("{{ read('a.txt') }}", "the function `read` is not available here"),
    ("{{ errorLogs() }}", "the function `errorLogs` is not available here"),
    ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "the macro `m` takes 1 arguments, not 2"),
    ("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "the macro `m` takes no argument `b`"),
    ("{{ block('nope') }}", "there is no such block"),
]


@pytest.mark.parametrize(("template", "reason"), FAULTS)
def test_it_says_why_not(template: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render(template, CONTEXT)
    assert reason in caught.value.message


def test_an_undefined_variable_is_told_in_kestras_words_with_its_line() -> None:
    source = "line one\n{{ map.zz }}"
    with pytest.raises(ExpressionError) as caught:
        render(source, CONTEXT)
    assert caught.value.message == f"Unable to find `zz` used in the expression `{source}` at line 2"
    assert (caught.value.code, caught.value.offset, caught.value.width) == ("PEN302", 12, 6)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ list }}", [1, 2, 3]),
        ("{{ none }}", None),
        ("{{ n + 1 }}", 6),
        ("{{ name }}!", "ada!"),
        ("{% if true %}{{ n }}{% endif %}", 5),
        ("{% set x = [1] %}{{ x }}", [1]),
        ("plain", "plain"),
    ],
)
def test_typed_rendering_keeps_the_type_of_the_one_value(template: str, value: object) -> None:
    assert render(template, CONTEXT, typed=True) == value


@pytest.mark.parametrize("template", ["{{ n }}{{ n }}", " {{ n }}", "{{ list }} ", "a{{ name }}"])
def test_typed_rendering_takes_one_value_only(template: str) -> None:
    with pytest.raises(ExpressionError, match="Tried to add a"):
        render(template, CONTEXT, typed=True)


def test_texts_in_lists_and_maps_are_rendered_keys_too_and_the_first_key_wins() -> None:
    value = {"{{ name }}": ["{{ n }}", 1, None, True], "ada": "lost", "deep": {"x": ("{{ list }}",)}}
    assert render_value(value, CONTEXT) == {"ada": ["5", 1, None, True], "deep": {"x": ["[1,2,3]"]}}


@pytest.mark.parametrize("text", ["", "  ", "\n", "false", "0", "-0"])
def test_these_conditions_are_false(text: str) -> None:
    assert not is_truthy(text)


@pytest.mark.parametrize("text", ["true", "1", "False", "no", "null", "0.0", "[]", " false"])
def test_every_other_condition_is_true(text: str) -> None:
    assert is_truthy(text)


class View(Mapping[str, object]):
    """A map that is made when it is asked, as the outputs of an execution are; it counts what is asked."""

    def __init__(self, made: dict[str, object]) -> None:
        self.made = made
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> object:
        self.asked.append(key)
        return self.made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


class Row(Sequence[object]):
    @overload
    def __getitem__(self, index: int) -> object: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[object]: ...
    def __getitem__(self, index: int | slice) -> object:
        return [7, 8, 9][index]

    def __len__(self) -> int:
        return 3


def test_lazy_views_are_asked_for_what_is_read_and_nothing_else() -> None:
    inner = View({"value": 1, "uri": "u"})
    outer = View({"a": inner, "b": View({})})
    assert render("{{ outputs.a.value }} {{ outputs.a['uri'] }}", {"outputs": outer}) == "1 u"
    assert (outer.asked, inner.asked) == (["a", "a"], ["value", "uri"])


def test_lazy_views_print_iterate_and_compare_like_maps_and_lists() -> None:
    variables = {"view": View({"a": 1, "none": None}), "row": Row()}
    template = "{{ view }} {{ row }} {{ row[1] }} {{ row.size() }} {{ view == {'a': 1, 'none': null} }}"
    assert render(template, variables) == '{"a":1} [7,8,9] 8 3 true'
    assert render("{% for x in row %}{{ x }}{% endfor %} {{ row | join('-') }}", variables) == "789 7-8-9"
    assert render("{{ view is map }} {{ row is iterable }} {{ view | keys }}", variables) == 'true true ["a","none"]'
