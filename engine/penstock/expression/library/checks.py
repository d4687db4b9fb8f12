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


@check("defined")
def _defined(_scope: Scope, value: object) -> bool:
    return value is not None


@check("null")
def _null(_scope: Scope, value: object) -> bool:
    return value is None


@check("empty")
def _empty(_scope: Scope, value: object) -> bool:
    return is_blank(value)


@check("iterable")
def _iterable(_scope: Scope, value: object) -> bool:
    return is_list(value)


@check("map")
def _map(_scope: Scope, value: object) -> bool:
    return is_map(value)


@check("even")
def _even(_scope: Scope, value: object) -> bool:
    return _parity(value, "even") == 0


@check("odd")
def _odd(_scope: Scope, value: object) -> bool:
    return _parity(value, "odd") == 1


@check("json")
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
