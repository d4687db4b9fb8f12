"""Values as text: what `{{ }}` prints (JSON for lists and maps) and what `~` and `+` append (Java's toString)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from json.encoder import encode_basestring

from penstock.duration import format_duration
from penstock.expression.budget import Meter, too_deep
from penstock.expression.errors import ExpressionError
from penstock.expression.numbers import (
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    Single,
    print_decimal,
    print_double,
    print_int,
)


def to_text(value: object, meter: Meter) -> str:
    """As `{{ value }}` prints it: null is empty, lists and maps are compact JSON, moments ISO-8601."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    scalar = _scalar(value)
    return to_json(value, meter) if scalar is None else scalar


def to_json(value: object, meter: Meter, *, nulls: bool = False) -> str:
    """Compact JSON as Kestra's mapper writes it: null map entries are left out (not with `nulls`), list items stay."""
    parts = _Parts(meter, nulls=nulls)
    _write_json(value, parts, meter.budget.depth)
    return "".join(parts.texts)


def to_java(value: object, meter: Meter) -> str:
    """As Java's String.valueOf: `[1, 2]`, `{a=1}`, `null`."""
    if type(value) is str:
        return value
    if value is None:
        return "null"
    scalar = _scalar(value)
    if scalar is not None:
        return scalar
    parts = _Parts(meter)
    _write_java(value, parts, meter.budget.depth)
    return "".join(parts.texts)


def print_moment(value: datetime) -> str:
    """ISO-8601 with seconds, and the fraction in groups of three digits, as java.time prints an instant."""
    text = value.strftime("%H:%M:%S")
    if value.microsecond:
        fraction = f"{value.microsecond:06d}"
        text += "." + (fraction[:3] if fraction.endswith("000") else fraction)
    text = f"{value.year:04d}-{value.month:02d}-{value.day:02d}T{text}"
    if value.tzinfo is None:
        return text
    return text + print_offset(value.utcoffset() or timedelta(0))


def print_offset(offset: timedelta, *, zero: str = "Z", colon: str = ":") -> str:
    """`+02:00`, `-05:30`, and `zero` for none."""
    if not offset:
        return zero
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


def kind_of(value: object) -> str:
    """What a value is, for a message to a person."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "text"
    if is_map(value):
        return "map"
    if is_list(value):
        return "list"
    return "date" if isinstance(value, date) else "value of another kind"


def class_name(value: object) -> str | None:
    """The Java class that Kestra would name. An integer's width is not kept here: it follows from its size."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "java.lang.Boolean"
    if isinstance(value, int):
        if INT_MIN <= value <= INT_MAX:
            return "java.lang.Integer"
        return "java.lang.Long" if LONG_MIN <= value <= LONG_MAX else "java.math.BigInteger"
    if isinstance(value, float):
        return "java.lang.Float" if isinstance(value, Single) else "java.lang.Double"
    if isinstance(value, Decimal):
        return "java.math.BigDecimal"
    if isinstance(value, str):
        return "java.lang.String"
    if isinstance(value, datetime):
        return "java.time.ZonedDateTime"
    if isinstance(value, date):
        return "java.time.LocalDate"
    if isinstance(value, timedelta):
        return "java.time.Duration"
    return "java.util.LinkedHashMap" if is_map(value) else "java.util.ArrayList"


def is_map(value: object) -> bool:
    return type(value) is dict or isinstance(value, Mapping)


def is_list(value: object) -> bool:
    kind = type(value)
    if kind is list or kind is tuple:
        return True
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def utc(value: datetime) -> datetime:
    """An aware moment; one without a zone is taken as UTC, in which Kestra's servers run."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


class _Parts:
    """Pieces of one text under the meter."""

    __slots__ = ("meter", "nulls", "size", "texts")

    def __init__(self, meter: Meter, *, nulls: bool = False) -> None:
        self.meter = meter
        self.nulls = nulls
        self.size = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        self.size += len(text)
        if self.size > self.meter.budget.output:
            self.meter.made_text(self.size)
        self.texts.append(text)


def _scalar(value: object) -> str | None:
    """The text of anything but a list or map; None for those."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return print_int(value)
    if isinstance(value, float):
        return print_double(value)
    if isinstance(value, Decimal):
        return print_decimal(value)
    if isinstance(value, datetime):
        return print_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value)
    if is_map(value) or is_list(value):
        return None
    raise ExpressionError("a value of a kind that expressions do not know cannot be printed")


def _write_json(value: object, parts: _Parts, room: int) -> None:
    if value is None:
        parts.add("null")
        return
    scalar = _scalar(value)
    if scalar is not None:
        bare = isinstance(value, int | float | Decimal) and scalar[-1] not in "yN"  # Infinity and NaN are quoted
        parts.add(scalar if bare else encode_basestring(scalar))
        return
    if room <= 0:
        raise too_deep(parts.meter.budget.depth)
    tick = parts.meter.tick
    if isinstance(value, Mapping):
        comma = "{"
        for key in value:
            tick()
            item = value[key]
            if item is not None or parts.nulls:
                parts.add(comma + encode_basestring(to_java(key, parts.meter)) + ":")
                _write_json(item, parts, room - 1)
                comma = ","
        parts.add("}" if comma == "," else "{}")
    elif isinstance(value, Sequence):
        parts.add("[")
        for index, item in enumerate(value):
            tick()
            if index:
                parts.add(",")
            _write_json(item, parts, room - 1)
        parts.add("]")


def _write_java(value: object, parts: _Parts, room: int) -> None:
    scalar = "null" if value is None else _scalar(value)
    if scalar is not None:
        parts.add(scalar)
        return
    if room <= 0:
        raise too_deep(parts.meter.budget.depth)
    tick = parts.meter.tick
    if isinstance(value, Mapping):
        comma = "{"
        for key in value:
            tick()
            parts.add(comma + to_java(key, parts.meter) + "=")
            _write_java(value[key], parts, room - 1)
            comma = ", "
        parts.add("}" if comma == ", " else "{}")
    elif isinstance(value, Sequence):
        parts.add("[")
        for index, item in enumerate(value):
            tick()
            if index:
                parts.add(", ")
            _write_java(item, parts, room - 1)
        parts.add("]")
