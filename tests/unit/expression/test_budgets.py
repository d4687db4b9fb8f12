"""Bounds: whatever is asked, rendering ends soon and says which bound it met."""

from __future__ import annotations

import time

import pytest

from penstock.expression import Budget, BudgetExceeded, ExpressionError, parse, render
from penstock.expression.solitary import Solitary

LONG = "{% set x = 'aaaaaaaaaa' %}{% for i in 1..19 %}{% set x = x ~ x %}{% endfor %}"  # 5 million characters
DEEP_JSON = "[" * 300 + "]" * 300

BEYOND = [
    # template, the bound that its message names
    ("{% for i in 1..1000000 %}{% for j in 1..1000000 %}{% endfor %}{% endfor %}", "of wall time|steps"),
    ("{% for i in 1..2000000 %}{% endfor %}", "more than 1,000,000 items"),
    ("{{ range(1, 9223372036854775807) }}", "more than 1,000,000 items"),
    (LONG + "{{ x ~ x }}", "output bound of 10,000,000 characters"),
    (LONG + "{{ x }}{{ x }}", "output bound of 10,000,000 characters"),
    (LONG + "{{ x + x }}", "output bound of 10,000,000 characters"),
    (LONG + '{{ "#{x}#{x}" }}', "output bound of 10,000,000 characters"),
    (LONG + "{{ [x, x] | join }}", "output bound of 10,000,000 characters"),
    (LONG + "{{ [x, x] }}", "output bound of 10,000,000 characters"),
    (LONG + "{{ x | replace({'a': 'bbb'}) }}", "output bound of 10,000,000 characters"),
    (LONG + "{{ x | replace({'a': 'bbb'}, regexp=true) }}", "output bound of 10,000,000 characters|of wall time"),
    (LONG + "{{ x.replace('a', 'bbb') }}", "output bound of 10,000,000 characters"),
    (LONG + "{{ x | split('') | length }}", "1,000,000 items|of wall time"),
    (LONG + "{{ x | split('a') | length }}", "1,000,000 items"),
    (LONG + "{{ x | indent(1) ~ x }}", "output bound of 10,000,000 characters"),
    ("{{ 'a\nb' | indent(99999999) }}", "output bound of 10,000,000 characters"),
    ("{{ 'a\nb' | nindent(9223372036854775807, 'xx') }}", "output bound of 10,000,000 characters"),
    (LONG + "{% for i in 1..1000 %}{% set y = x ~ i %}{% endfor %}", "256,000,000 characters|of wall time"),
    ("{% set x = [1] %}{% for i in 1..30 %}{% set x = x + x %}{% endfor %}", "more than 1,000,000 items"),
    ("{% set x = [1] %}{% for i in 1..30 %}{% set x = [x, x] %}{% endfor %}{{ x }}", "output bound|wall time|steps"),
    (
        (
            "{% set x = [1] %}{% set y = [1] %}{% for i in 1..30 %}{% set x = [x, x] %}{% set y = [y, y] %}"
            "{% endfor %}{{ x == y }}"
        ),
        "of wall time|steps",
    ),
    ("{% set x = [] %}{% for i in 1..100 %}{% set x = [x] %}{% endfor %}{{ x }}", "depth bound of 50 levels"),
    ("{% set x = {} %}{% for i in 1..100 %}{% set x = {'a': x} %}{% endfor %}{{ x ~ '' }}", "depth bound of 50 levels"),
    ("{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}", "depth bound of 50 levels"),
    ("{% macro m(a) %}{{ m(a) }}{{ m(a) }}{% endmacro %}{{ m(1) }}", "depth bound of 50 levels"),
    ("{% set t = '{{ render(t) }}' %}{{ render(self) }}", "depth bound of 50 levels"),
    ("{% block b %}{{ block('b') }}{% endblock %}", "depth bound of 50 levels"),
    ("{{ " + "(" * 60 + "1" + ")" * 60 + " }}", "depth bound of 50 levels"),
    ("{{ " + "[" * 5000 + "]" * 5000 + " }}", "depth bound of 50 levels"),
    ("{{ " + "not " * 5000 + "true }}", "depth bound of 50 levels"),
    ("{{ " + "-(" * 60 + "1" + ")" * 60 + " }}", "depth bound of 50 levels"),
    ("{{ a" + "[b]" * 5000 + " }}", "depth bound of 50 levels"),
    ("{{ a" + ".size()" * 5000 + " }}", "depth bound of 50 levels"),
    ("{{ " + "true ? 1 : " * 5000 + "2 }}", "depth bound of 50 levels"),
    ("{% if true %}" * 60 + "{% endif %}" * 60, "depth bound of 50 levels"),
    ('{{ ' + '"#{' * 60 + "1" + '}"' * 60 + " }}", "depth bound of 50 levels"),
    ("{% set x = 1180591620717411303424 %}", "64 bits"),
    ("{% set x = big %}{% for i in 1..30 %}{% set x = x * x %}{% endfor %}{{ x }}", "bound of 10,000 bits"),
    ("{{ 'a' | replace({'" + "(a*)" * 400 + "': ''}, regexp=true) }}", "pattern bound of 1,000 characters"),
    ("{{ 'a' | regexMatch('((a{100}){100}){100}') }}", "regular expression"),
    ("{{ fromJson(deep) }}", "depth bound of 50 levels"),
]  # fmt: skip
VARIABLES: dict[str, object] = {
    "big": 2**70,
    "self": "{{ render(self) }}",
    "deep": DEEP_JSON,
    "a": [],
    "b": 0,
}


@pytest.mark.parametrize(("template", "bound"), BEYOND, ids=range(len(BEYOND)))
def test_going_too_far_ends_soon_and_names_the_bound(template: str, bound: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError, match=bound):
        render(template, VARIABLES)
    assert time.process_time() - began < 2


WITHIN = [
    ("{{ " + " ~ ".join(["'a'"] * 5000) + " }}", "a" * 5000),
    ("{{ " + " + ".join(["1"] * 5000) + " }}", "5000"),
    ("{{ " + " and ".join(["true"] * 5000) + " }}", "true"),
    ("{{ " + "missing ?? " * 5000 + "'x' }}", "x"),
    ("{{ 'x'" + " | upper" * 5000 + " }}", "X"),
    ("{{ " + "[" * 40 + "]" * 40 + " }}", "[" * 40 + "]" * 40),
    ("{% if false %}" + "{% elseif false %}" * 5000 + "{% else %}x{% endif %}", "x"),
    ("{% for i in 1..10000 %}{% endfor %}done", "done"),
]


@pytest.mark.parametrize(("template", "wanted"), WITHIN, ids=range(len(WITHIN)))
def test_what_is_long_but_not_deep_is_no_trouble(template: str, wanted: str) -> None:
    assert render(template, {}) == wanted


@pytest.mark.parametrize(
    "source",
    [
        "{% raw %}" * 100_000,
        "{% verbatim %}" * 100_000,
        "{{ '" + "a\\" * 200_000,
        '{{ "' + '#{"' * 50_000,
        "{#" * 200_000,
        "{{ a }}{% " + "-" * 200_000,
        "{" * 300_000,
        "{{ " + "1" * 300_000 + " }}",
        "{% if a %}" * 50_000,
    ],
    ids=range(9),
)
def test_a_long_broken_source_is_refused_quickly(source: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError):
        parse(source)
    assert time.process_time() - began < 2


def test_a_catastrophic_pattern_is_harmless() -> None:
    assert render("{{ x | regexMatch('^(a+)+$') }}", {"x": "a" * 50_000 + "b"}) == "false"


@pytest.mark.parametrize(
    ("budget", "template", "bound"),
    [
        (Budget(steps=10), "{% for i in 1..20 %}{% endfor %}", "more than 10 steps"),
        (Budget(output=10), "{{ 'a' }}{{ '0123456789' }}", "output bound of 10 characters"),
        (Budget(output=10), "{{ '01234567890' }}", "output bound of 10 characters"),
        (Budget(items=3), "{{ 1..4 }}", "more than 3 items"),
        (
            Budget(churn=100),
            "{% for i in 1..9 %}{% set x = '0123456789' ~ 'x' %}{% endfor %}",
            "bound of 100 characters",
        ),
        (Budget(depth=2), "{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}", "depth bound of 2 levels"),
        (Budget(wall_s=0), "{{ 'x' | upper }}", "longer than 0 ms"),
    ],
)
def test_each_bound_is_a_parameter(budget: Budget, template: str, bound: str) -> None:
    with pytest.raises(BudgetExceeded, match=bound) as caught:
        render(template, {}, budget=budget)
    assert caught.value.code == "PEN303"


class SlowWorld(Solitary):
    """A world whose secrets take long; its clock is the meter's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 0.0
        monkeypatch.setattr("penstock.expression.budget.monotonic", lambda: self.at)

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        self.at += 60
        return "value"


def test_time_that_the_world_takes_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert render("{{ secret('K') | upper }}", {}, world=SlowWorld(monkeypatch)) == "VALUE"


def test_borrowing_from_large_values_makes_nothing() -> None:
    variables = {"rows": [["x" * 1000] * 1000]}
    loop = "{% for i in 1..1000 %}{% set x = rows | first %}{% set y = x | last | default('') %}{% endfor %}"
    assert render("{% set y = '' %}" + loop + "{{ y | length }}", variables) == "1000"
