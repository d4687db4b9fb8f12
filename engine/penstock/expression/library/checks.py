"""The tests behind `is`: defined, empty, even, odd, iterable, json, map, null."""

from __future__ import annotations

from collections.abc import Sized

from penstock.expression.errors import ExpressionError
from penstock.expression.library.encodings import read_json
from penstock.expression.registry import check
from penstock.expression.scope import Scope
from penstock.expression.stringify import is_list, is_map, kind_of


def is_blank(value: object) -> bool:
    """Null, a blank text, an empty list or map; zero and false are not."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return (is_list(value) or is_map(value)) and isinstance(value, Sized) and len(value) == 0


@check(
    "defined",
    says="Whether there is a value, and it is not null.",
    example="{{ inputs.day is defined }}",
)
def _defined(_scope: Scope, value: object) -> bool:
    return value is not None


@check(
    "null",
    says="Whether a value is null.",
    example="{{ null is null }}",
)
def _null(_scope: Scope, value: object) -> bool:
    return value is None


@check(
    "empty",
    says="Whether a value is null, a blank text, or a list or map of nothing.",
    example="{{ [] is empty }}",
)
def _empty(_scope: Scope, value: object) -> bool:
    return is_blank(value)


@check(
    "iterable",
    says="Whether a value is a list.",
    example="{{ [1, 2] is iterable }}",
)
def _iterable(_scope: Scope, value: object) -> bool:
    return is_list(value)


@check(
    "map",
    says="Whether a value is a map.",
    example="{{ {'a': 1} is map }}",
)
def _map(_scope: Scope, value: object) -> bool:
    return is_map(value)


@check(
    "even",
    says="Whether a whole number is even.",
    example="{{ 4 is even }}",
)
def _even(_scope: Scope, value: object) -> bool:
    return _parity(value, "even") == 0


@check(
    "odd",
    says="Whether a whole number is odd.",
    example="{{ 5 is odd }}",
)
def _odd(_scope: Scope, value: object) -> bool:
    return _parity(value, "odd") == 1


@check(
    "json",
    says="Whether a text is JSON.",
    example="{{ '[1, 2]' is json }}",
)
def _json(scope: Scope, value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        read_json(value, scope)
    except ExpressionError:
        return False
    return True


def _parity(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionError(f"`is {name}` takes a whole number, not a {kind_of(value)}")
    return value % 2
