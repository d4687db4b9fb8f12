"""Arguments of functions and filters, checked for their kind before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from penstock.expression.errors import ExpressionError
from penstock.expression.numbers import Number
from penstock.expression.scope import Scope
from penstock.expression.stringify import is_list, kind_of, to_java


def text(value: object, what: str) -> str:
    """`value`, which must be a text."""
    if not isinstance(value, str):
        raise ExpressionError(f"{what} must be a text, not a {kind_of(value)}")
    return value


def optional_text(value: object, what: str) -> str | None:
    return None if value is None else text(value, what)


def whole(value: object, what: str) -> int:
    """`value`, which must be a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionError(f"{what} must be a whole number, not a {kind_of(value)}")
    return value


def number(value: object, what: str) -> Number:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        raise ExpressionError(f"{what} must be a number, not a {kind_of(value)}")
    return value


def flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"{what} must be a boolean, not a {kind_of(value)}")
    return value


def items(value: object, what: str) -> Sequence[object]:
    """`value`, which must be a list."""
    if not (is_list(value) and isinstance(value, Sequence)):
        raise ExpressionError(f"{what} must be a list, not a {kind_of(value)}")
    return value


def entries(value: object, what: str) -> Mapping[object, object]:
    """`value`, which must be a map."""
    if not isinstance(value, Mapping):
        raise ExpressionError(f"{what} must be a map, not a {kind_of(value)}")
    return value


def as_text(scope: Scope, value: object) -> str:
    """What Java's toString gives: Kestra's text filters take any value so."""
    return value if type(value) is str else to_java(value, scope.meter)
