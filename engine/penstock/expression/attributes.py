"""What stands behind a dot or in brackets: items of maps and lists, and a fixed table of pure methods.

A name is an item, never a Python attribute: nothing here calls getattr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.expression.budget import Meter
from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.numbers import print_double, print_int
from penstock.expression.operators import contains, same
from penstock.expression.stringify import is_list, is_map, kind_of

Method = Callable[[Meter, object, tuple[object, ...]], object]

_FORBIDDEN = frozenset({"class", "getClass", "wait", "notify", "notifyAll"})


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
        if key in _FORBIDDEN:
            raise ExpressionError(f"for security reasons `{key}` is not accessible")
        getter = _GETTERS.get(key)
        if getter is not None and value is not None:
            found = getter(value)
            if found is not None:
                return found
    raise UndefinedVariable(_named(key))


def call_method(value: object, name: str, arguments: tuple[object, ...], meter: Meter) -> object:
    """`value.name(arguments)` from the table. Raises UndefinedVariable when the value has no such method."""
    if name in _FORBIDDEN:
        raise ExpressionError(f"for security reasons `{name}` is not accessible")
    if isinstance(value, str):
        method = _TEXT.get(name)
    elif is_map(value):
        method = _MAP.get(name)
    elif is_list(value):
        method = _LIST.get(name)
    else:
        method = None
    if method is None:
        raise UndefinedVariable(name)
    least, most, call = method
    if not least <= len(arguments) <= most:
        raise ExpressionError(f"the method `{name}` takes {_count(least, most)}, not {len(arguments)}")
    return call(meter, value, arguments)


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
    if isinstance(key, int | float) and any(isinstance(known, str) for known in values):
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
    return print_double(key) if isinstance(key, float) else kind_of(key)


def _count(least: int, most: int) -> str:
    if least == most:
        return f"{least} argument{'' if least == 1 else 's'}"
    return f"{least} to {most} arguments"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"the method `{name}` takes a text, not a {kind_of(value)}")
    return value


def _index(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionError(f"the method `{name}` takes a whole number, not a {kind_of(value)}")
    return value


def _substring(_meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    text = _text("substring", value)
    start = _index("substring", arguments[0])
    end = _index("substring", arguments[1]) if len(arguments) > 1 else len(text)
    if not 0 <= start <= end <= len(text):
        raise ExpressionError(f"substring from {start} to {end} lies outside a text of {len(text)} characters")
    return text[start:end]


def _replace(meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    text, old, new = _text("replace", value), _text("replace", arguments[0]), _text("replace", arguments[1])
    meter.made_text(len(text) + text.count(old) * max(len(new) - len(old), 0))
    return text.replace(old, new)


def _split(meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    from penstock.expression.patterns import split

    limit = _index("split", arguments[1]) if len(arguments) > 1 else 0
    return split(_text("split", value), _text("split", arguments[0]), limit, meter)


def _get_item(_meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    assert isinstance(value, Sequence)
    index = _index("get", arguments[0])
    if not 0 <= index < len(value):
        raise ExpressionError(f"index {index} out of bounds for length {len(value)}")
    return value[index]


def _get_entry(meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    assert isinstance(value, Mapping)
    return value[arguments[0]] if contains(value, arguments[0], meter) else None


def _index_of(meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    if isinstance(value, str):
        return value.find(_text("indexOf", arguments[0]))
    assert isinstance(value, Sequence)
    return next((at for at, item in enumerate(value) if same(item, arguments[0], meter)), -1)


def _list_contains(meter: Meter, value: object, arguments: tuple[object, ...]) -> object:
    return contains(value, [arguments[0]], meter)


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

_Row = tuple[int, int, Method]
_TEXT: dict[str, _Row] = {
    "length": (0, 0, lambda _meter, value, _arguments: len(_text("length", value))),
    "isEmpty": (0, 0, lambda _meter, value, _arguments: not value),
    "contains": (
        1,
        1,
        lambda meter, value, arguments: contains(value, _text("contains", arguments[0]), meter),
    ),
    "startsWith": (
        1,
        1,
        lambda _meter, value, arguments: _text("", value).startswith(_text("startsWith", arguments[0])),
    ),
    "endsWith": (
        1,
        1,
        lambda _meter, value, arguments: _text("", value).endswith(_text("endsWith", arguments[0])),
    ),
    "indexOf": (1, 1, _index_of),
    "substring": (1, 2, _substring),
    "toUpperCase": (0, 0, lambda _meter, value, _arguments: _text("", value).upper()),
    "toLowerCase": (0, 0, lambda _meter, value, _arguments: _text("", value).lower()),
    "trim": (0, 0, lambda _meter, value, _arguments: _text("", value).strip()),
    "replace": (2, 2, _replace),
    "split": (1, 2, _split),
}
_LIST: dict[str, _Row] = {
    "size": (0, 0, lambda _meter, value, _arguments: _size(value)),
    "isEmpty": (0, 0, lambda _meter, value, _arguments: not value),
    "get": (1, 1, _get_item),
    "contains": (1, 1, _list_contains),
    "indexOf": (1, 1, _index_of),
}


def _map_size(_meter: Meter, value: object, _arguments: tuple[object, ...]) -> object:
    assert isinstance(value, Mapping)
    return len(value)


def _map_keys(meter: Meter, value: object, _arguments: tuple[object, ...]) -> object:
    assert isinstance(value, Mapping)
    meter.made_items(len(value))
    return list(value)


def _map_values(meter: Meter, value: object, _arguments: tuple[object, ...]) -> object:
    assert isinstance(value, Mapping)
    meter.made_items(len(value))
    return [value[key] for key in value]


_MAP: dict[str, _Row] = {
    "size": (0, 0, _map_size),
    "isEmpty": (0, 0, lambda _meter, value, _arguments: not value),
    "get": (1, 1, _get_entry),
    "containsKey": (1, 1, lambda meter, value, arguments: contains(value, arguments[0], meter)),
    "keySet": (0, 0, _map_keys),
    "values": (0, 0, _map_values),
}
METHODS: frozenset[str] = frozenset({*_TEXT, *_LIST, *_MAP})
