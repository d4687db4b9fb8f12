"""Filters of numbers."""

from __future__ import annotations

from penstock.expression.library import arguments
from penstock.expression.numbers import Number, format_number, magnitude, read_number, wrap
from penstock.expression.registry import filter_
from penstock.expression.scope import Scope


@filter_(
    "abs",
    says="A number without its sign.",
    example="{{ -5 | abs }}",
)
def _abs(_scope: Scope, value: object) -> Number:
    number = arguments.number(value, "the value of `abs`")
    return wrap(abs(number)) if isinstance(number, int) else magnitude(number)


@filter_(
    "number",
    ("type", None),
    says="A number read from a text, as the Java type that is named.",
    example="{{ '12.50' | number('BIGDECIMAL') }}",
)
def _number(_scope: Scope, value: object, kind: object) -> Number:
    text = arguments.text(value, "what becomes a number")
    return read_number(text, arguments.optional_text(kind, "the argument `type`"))


@filter_(
    "numberFormat",
    ("format", None),
    says="A number written by a pattern of Java's DecimalFormat.",
    example="{{ 1234567.891 | numberFormat('#,##0.00') }}",
)
def _number_format(_scope: Scope, value: object, pattern: object) -> str:
    number = arguments.number(value, "the value of `numberFormat`")
    form = arguments.optional_text(pattern, "the argument `format`")
    return format_number(number, "#,##0.###" if form is None else form)
