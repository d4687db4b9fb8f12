"""What stands behind a dot or in brackets: items of maps and lists, and what Java's getters give of texts and lists.

A name is an item, never a Python attribute: nothing here calls getattr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.numbers import print_decimal, print_double, print_int
from penstock.expression.stringify import is_list, is_map, kind_of

FORBIDDEN = frozenset({"class", "getClass", "wait", "notify", "notifyAll"})


def attribute(value: object, key: object) -> object:
    """`value.key` or `value[key]`. Raises UndefinedVariable when it is not there."""
    if isinstance(value, Mapping):
        return _entry(value, key)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        index = key
        if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10:
            index = int(key)
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(value):
            return value[index]
    if isinstance(key, str):
        if key in FORBIDDEN:
            raise ExpressionError(f"for security reasons `{key}` is not accessible")
        getter = _GETTERS.get(key)
        if getter is not None and value is not None:
            found = getter(value)
            if found is not None:
                return found
    raise UndefinedVariable(_named(key))


def _entry(values: Mapping[object, object], key: object) -> object:
    if type(key) is str:
        try:
            return values[key]
        except KeyError:
            raise UndefinedVariable(key) from None
    if isinstance(key, bool) or is_map(key) or is_list(key):
        for known in values:
            if known is key:
                return values[known]
        raise UndefinedVariable(_named(key))
    if key in values:
        return values[key]
    if isinstance(key, int | float | Decimal) and any(isinstance(known, str) for known in values):
        # Pebble's MapResolver refuses a number as the key of a map of texts, and `??` does not catch that
        raise ExpressionError(f"the number {_named(key)} cannot be a key of this map: its keys are texts")
    raise UndefinedVariable(_named(key))


def _named(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return print_int(key)
    if isinstance(key, Decimal):
        return print_decimal(key)
    return print_double(key) if isinstance(key, float) else kind_of(key)


def _size(value: object) -> int | None:
    return len(value) if is_list(value) and isinstance(value, Sequence) else None


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, str) else None


def _empty(value: object) -> bool | None:
    return not value if isinstance(value, str | Sequence) else None


# What a bare name gives on a text or a list, as Java's getters do; a bare name on a map is always a key.
_GETTERS: dict[str, Callable[[object], object]] = {
    "length": _length,
    "size": _size,
    "empty": _empty,
    "isEmpty": _empty,
    "toUpperCase": lambda value: value.upper() if isinstance(value, str) else None,
    "toLowerCase": lambda value: value.lower() if isinstance(value, str) else None,
    "trim": lambda value: value.strip() if isinstance(value, str) else None,
}
