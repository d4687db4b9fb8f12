"""Filters of numbers."""

from __future__ import annotations

from penstock.expression.library import arguments
from penstock.expression.numbers import Number, format_number, magnitude, read_number, wrap
from penstock.expression.registry import filter_
from penstock.expression.scope import Scope


@filter_("abs")
def _abs(_scope: Scope, value: object) -> Number:
    number = arguments.number(value, "the value of `abs`")
    return wrap(abs(number)) if isinstance(number, int) else magnitude(number)


@filter_("number", ("type", None))
def _number(_scope: Scope, value: object, kind: object) -> Number:
    text = arguments.text(value, "what becomes a number")
    return read_number(text, arguments.optional_text(kind, "the argument `type`"))


@filter_("numberFormat", ("format", None))
def _number_format(_scope: Scope, value: object, pattern: object) -> str:
    number = arguments.number(value, "the value of `numberFormat`")
    form = arguments.optional_text(pattern, "the argument `format`")
    return format_number(number, "#,##0.###" if form is None else form)
