"""The methods that texts, lists, maps and numbers answer to: a fixed table of pure ones, named as in Java.

Kestra reaches any public method of the Java object; here it is these, and no spelling gives another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from penstock.expression.attributes import FORBIDDEN
from penstock.expression.budget import Meter
from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.numbers import Number
from penstock.expression.operators import contains, same
from penstock.expression.regex import patterns
from penstock.expression.stringify import is_list, is_map, kind_of, to_java

Body = Callable[["Call"], object]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the value before the dot, and the arguments, looked at by their kind."""

    name: str
    value: object
    arguments: tuple[object, ...]
    meter: Meter

    @property
    def text(self) -> str:
        return self._text(self.value)

    @property
    def items(self) -> Sequence[object]:
        assert isinstance(self.value, Sequence)
        return self.value

    @property
    def entries(self) -> Mapping[object, object]:
        assert isinstance(self.value, Mapping)
        return self.value

    @property
    def number(self) -> Number:
        assert isinstance(self.value, int | float | Decimal)
        return self.value

    def given(self, at: int) -> object:
        return self.arguments[at]

    def text_given(self, at: int) -> str:
        return self._text(self.arguments[at])

    def whole_given(self, at: int, default: int | None = None) -> int:
        if at >= len(self.arguments) and default is not None:
            return default
        value = self.arguments[at]
        if not isinstance(value, int) or isinstance(value, bool):
            raise ExpressionError(f"the method `{self.name}` takes a whole number, not a {kind_of(value)}")
        return value

    def place_given(self, at: int, length: int) -> int:
        place = self.whole_given(at)
        if not 0 <= place < length:
            raise ExpressionError(f"index {place} out of bounds for length {length}")
        return place

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise ExpressionError(f"the method `{self.name}` takes a text, not a {kind_of(value)}")
        return value


@dataclass(frozen=True, slots=True)
class Method:
    """`least` to `most` arguments."""

    body: Body
    least: int = 0
    most: int = 0


def call_method(value: object, name: str, arguments: tuple[object, ...], meter: Meter) -> object:
    """`value.name(arguments)` from the tables. Raises UndefinedVariable when the value has no such method."""
    if name in FORBIDDEN:
        raise ExpressionError(f"for security reasons `{name}` is not accessible")
    method = _table(value).get(name)
    if method is None:
        raise UndefinedVariable(name)
    if not method.least <= len(arguments) <= method.most:
        raise ExpressionError(f"the method `{name}` takes {_count(method)}, not {len(arguments)}")
    return method.body(Call(name, value, arguments, meter))


def _table(value: object) -> Mapping[str, Method]:
    if isinstance(value, str):
        return TEXT
    if is_map(value):
        return MAP
    if is_list(value):
        return LIST
    if isinstance(value, bool):
        return BOOLEAN
    return NUMBER if isinstance(value, int | float | Decimal) else {}


def _count(method: Method) -> str:
    if method.least == method.most:
        return f"{method.least} argument{'' if method.least == 1 else 's'}"
    return f"{method.least} to {method.most} arguments"


def _substring(call: Call) -> object:
    text = call.text
    start, end = call.whole_given(0), call.whole_given(1, len(text))
    if not 0 <= start <= end <= len(text):
        raise ExpressionError(f"substring from {start} to {end} lies outside a text of {len(text)} characters")
    return text[start:end]


def _replace(call: Call) -> object:
    text, old, new = call.text, call.text_given(0), call.text_given(1)
    call.meter.made_text(len(text) + text.count(old) * max(len(new) - len(old), 0))
    return text.replace(old, new)


def _replace_all(call: Call) -> object:
    return patterns.replace_all(call.text, call.text_given(0), call.text_given(1), call.meter)


def _matches(call: Call) -> object:
    """The whole text, as String.matches has it; the Java pattern stays one group of its own."""
    return patterns.matches_whole(call.text, call.text_given(0))


def _concat(call: Call) -> object:
    call.meter.made_text(len(call.text) + len(call.text_given(0)))
    return call.text + call.text_given(0)


def _split(call: Call) -> object:
    return patterns.split(call.text, call.text_given(0), call.whole_given(1, 0), call.meter)


def _index_of(call: Call) -> object:
    return next((at for at, item in enumerate(call.items) if same(item, call.given(0), call.meter)), -1)


def _last_index_of(call: Call) -> object:
    places = range(len(call.items) - 1, -1, -1)
    return next((at for at in places if same(call.items[at], call.given(0), call.meter)), -1)


def _end(at: int) -> Body:
    def end(call: Call) -> object:
        if not call.items:
            raise ExpressionError(f"the method `{call.name}` takes a list that is not empty")
        return call.items[at]

    return end


def _sub_list(call: Call) -> object:
    start, end = call.whole_given(0), call.whole_given(1)
    if not 0 <= start <= end <= len(call.items):
        raise ExpressionError(f"a list from {start} to {end} lies outside a list of {len(call.items)} items")
    return list(call.items[start:end])


def _entry_or(call: Call, default: object) -> object:
    key = call.given(0)
    return call.entries[key] if contains(call.value, key, call.meter) else default


def _keys(call: Call) -> object:
    call.meter.made_items(len(call.entries))
    return list(call.entries)


def _values(call: Call) -> object:
    call.meter.made_items(len(call.entries))
    return [call.entries[key] for key in call.entries]


def _entry_set(call: Call) -> object:
    call.meter.made_items(2 * len(call.entries))
    return [{"key": key, "value": call.entries[key]} for key in call.entries]


def _has_value(call: Call) -> object:
    return any(same(call.entries[key], call.given(0), call.meter) for key in call.entries)


def _compared(call: Call) -> object:
    mine, other = call.text, call.text_given(0)
    return (mine > other) - (mine < other)


def _whole_value(call: Call) -> object:
    if not -(2**63) <= call.number < 2**63:
        raise ExpressionError(f"the method `{call.name}` takes a number of at most 64 bits")
    return int(call.number)


_OF_ALL: dict[str, Method] = {
    "toString": Method(lambda call: to_java(call.value, call.meter)),
    "equals": Method(lambda call: same(call.value, call.given(0), call.meter), 1, 1),
}
_SIZED: dict[str, Method] = {
    "size": Method(lambda call: len(call.entries) if is_map(call.value) else len(call.items)),
    "isEmpty": Method(lambda call: not call.value),
}
TEXT: dict[str, Method] = {
    **_OF_ALL,
    "length": Method(lambda call: len(call.text)),
    "isEmpty": Method(lambda call: not call.value),
    "isBlank": Method(lambda call: not call.text.strip()),
    "contains": Method(lambda call: contains(call.value, call.text_given(0), call.meter), 1, 1),
    "startsWith": Method(lambda call: call.text.startswith(call.text_given(0)), 1, 1),
    "endsWith": Method(lambda call: call.text.endswith(call.text_given(0)), 1, 1),
    "indexOf": Method(lambda call: call.text.find(call.text_given(0)), 1, 1),
    "lastIndexOf": Method(lambda call: call.text.rfind(call.text_given(0)), 1, 1),
    "charAt": Method(lambda call: call.text[call.place_given(0, len(call.text))], 1, 1),
    "substring": Method(_substring, 1, 2),
    "toUpperCase": Method(lambda call: call.text.upper()),
    "toLowerCase": Method(lambda call: call.text.lower()),
    "trim": Method(lambda call: call.text.strip()),
    "strip": Method(lambda call: call.text.strip()),
    "stripLeading": Method(lambda call: call.text.lstrip()),
    "stripTrailing": Method(lambda call: call.text.rstrip()),
    "concat": Method(_concat, 1, 1),
    "equalsIgnoreCase": Method(lambda call: call.text.casefold() == call.text_given(0).casefold(), 1, 1),
    "compareTo": Method(_compared, 1, 1),
    "matches": Method(_matches, 1, 1),
    "replace": Method(_replace, 2, 2),
    "replaceAll": Method(_replace_all, 2, 2),
    "split": Method(_split, 1, 2),
}
LIST: dict[str, Method] = {
    **_OF_ALL,
    **_SIZED,
    "get": Method(lambda call: call.items[call.place_given(0, len(call.items))], 1, 1),
    "getFirst": Method(_end(0)),
    "getLast": Method(_end(-1)),
    "contains": Method(lambda call: contains(call.value, [call.given(0)], call.meter), 1, 1),
    "indexOf": Method(_index_of, 1, 1),
    "lastIndexOf": Method(_last_index_of, 1, 1),
    "subList": Method(_sub_list, 2, 2),
}
MAP: dict[str, Method] = {
    **_OF_ALL,
    **_SIZED,
    "get": Method(lambda call: _entry_or(call, None), 1, 1),
    "getOrDefault": Method(lambda call: _entry_or(call, call.given(1)), 2, 2),
    "containsKey": Method(lambda call: contains(call.value, call.given(0), call.meter), 1, 1),
    "containsValue": Method(_has_value, 1, 1),
    "keySet": Method(_keys),
    "values": Method(_values),
    "entrySet": Method(_entry_set),
}
BOOLEAN: dict[str, Method] = _OF_ALL
NUMBER: dict[str, Method] = {
    **_OF_ALL,
    "intValue": Method(_whole_value),
    "longValue": Method(_whole_value),
    "doubleValue": Method(lambda call: float(call.number)),
}
METHODS: frozenset[str] = frozenset({*TEXT, *LIST, *MAP, *NUMBER})
