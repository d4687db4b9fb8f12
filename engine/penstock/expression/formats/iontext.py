"""Amazon Ion as text, written as Kestra's mapper writes it.

Kestra gives moments an annotation (core/src/main/java/io/kestra/core/serializers/ion/IonModule.java, 1.0); numbers,
texts and symbols are written as ion-java's _Private_IonTextAppender does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from penstock.expression.budget import Meter
from penstock.expression.errors import ExpressionError
from penstock.expression.formats.pieces import Pieces
from penstock.expression.numbers import print_double, print_int, widened
from penstock.expression.stringify import print_moment, to_java

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_KEYWORD = re.compile(r"null|true|false|nan|\$\d+")
_QUOTED = re.compile(r"[\x00-\x1f\"'\\\x7f-\x9f]")
_WRITTEN = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
    "\\": "\\\\",
}  # fmt: skip


def write(value: object, meter: Meter) -> str:
    """Ion text in one line, as Kestra's mapper gives it: null entries of maps stay."""
    pieces = Pieces(meter)
    _write(value, pieces)
    return pieces.text()


def _write(value: object, pieces: Pieces) -> None:
    if isinstance(value, str):
        pieces.add(_quoted(value, '"'))
    elif isinstance(value, Mapping):
        pieces.enter()
        pieces.add("{")
        comma = ""
        for key in value:
            pieces.meter.tick()
            pieces.add(comma + _name(to_java(key, pieces.meter)) + ":")
            _write(value[key], pieces)
            comma = ","
        pieces.add("}")
        pieces.leave()
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        pieces.enter()
        pieces.add("[")
        for index, item in enumerate(value):
            pieces.meter.tick()
            if index:
                pieces.add(",")
            _write(item, pieces)
        pieces.add("]")
        pieces.leave()
    else:
        pieces.add(_scalar(value, pieces.meter))


def _scalar(value: object, meter: Meter) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return print_int(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        return _written_decimal(value)
    if isinstance(value, datetime):
        # written as a text that says what it is, for a timestamp would forget the zone
        kind = "LocalDateTime" if value.tzinfo is None else "ZonedDateTime"
        return f'{kind}::"{print_moment(value)}"'
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _written_decimal(seconds_of(value))
    raise ExpressionError(f"Unable to transform to ion a value of another kind: {to_java(value, meter)}")


def seconds_of(value: timedelta) -> Decimal:
    """A length of time as Jackson writes it where it writes numbers: seconds and nine digits, `0.0` for none."""
    return (
        Decimal("0.0")
        if not value
        else Decimal(value // timedelta(microseconds=1)).scaleb(-6).quantize(Decimal("1e-9"))
    )


def _float(value: float) -> str:
    """As ion-java's _Private_IonTextAppender.printFloat: always with an exponent."""
    value = widened(value)
    if value == 0:
        return "-0e0" if str(value).startswith("-") else "0e0"
    if value != value:
        return "nan"
    text = print_double(value)
    if text.endswith("Infinity"):
        return "-inf" if value < 0 else "+inf"
    if text.endswith(".0"):
        return text[:-2] + "e0"
    return text if "E" in text else text + "e0"


def _written_decimal(value: Decimal) -> str:
    """As ion-java's _Private_IonTextAppender.printDecimal: a point, or a `d` before the exponent."""
    if not value.is_finite():
        return _float(float(value))
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "it is finite"
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if exponent > 0:
        return f"{minus}{text}d{exponent}"
    whole = len(text) + exponent
    if whole > 0:
        return f"{minus}{text[:whole]}.{text[whole:]}"
    if whole > -6:
        return f"{minus}0.{'0' * -whole}{text}"
    return f"{minus}{text}d{exponent}"


def _name(text: str) -> str:
    """A field's name: bare where it is an identifier that means nothing else."""
    if _IDENTIFIER.fullmatch(text) and not _KEYWORD.fullmatch(text):
        return text
    return _quoted(text, "'")


def _quoted(text: str, quote: str) -> str:
    """Between quotes, of which the other kind is a character like any."""

    def escaped(found: re.Match[str]) -> str:
        char = found.group()
        if char in "\"'":
            return "\\" + char if char == quote else char
        return _WRITTEN.get(char) or f"\\x{ord(char):02x}"

    return quote + _QUOTED.sub(escaped, text) + quote
