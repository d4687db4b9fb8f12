"""Numbers as Java holds, prints and formats them."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from struct import pack, unpack

from penstock.expression.errors import BudgetExceeded, ExpressionError

LONG_MAX = 2**63 - 1
LONG_MIN = -(2**63)
INT_MAX = 2**31 - 1
INT_MIN = -(2**31)
_BIG_BITS = 10_000
_PATTERN_LENGTH = 200
_MOST_EXPONENT = 9_999
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,9})?")
_HEX = re.compile(r"([+-]?)(?:0[xX]|#)([0-9a-fA-F]+)")
_WHOLE = re.compile(r"[+-]?\d+")


class Single(float):
    """A java.lang.Float. As a float it is what Java prints of it, so that it can leave an expression unharmed."""

    __slots__ = ()


Number = int | float | Decimal
"""`Decimal` stands for a BigDecimal."""


def single(value: float) -> Single:
    """The nearest 32-bit float. Raises OverflowError when there is none."""
    exact: float = unpack("f", pack("f", value))[0] if math.isfinite(value) else value
    for digits in range(1, 10):
        short = float(f"{exact:.{digits}g}")
        if not math.isfinite(exact) or unpack("f", pack("f", short))[0] == exact:
            return Single(short)
    return Single(exact)


def widened(value: Number) -> float:
    """As a double: of a 32-bit float every bit, which is not what is printed of it."""
    if isinstance(value, Single) and math.isfinite(value):
        exact: float = unpack("f", pack("f", value))[0]
        return exact
    return float(value)


def wrap(value: int, *, big: bool = False) -> int:
    """The 64-bit long that Java would have after an overflow; a BigInteger (`big`) grows up to 10,000 bits."""
    if LONG_MIN <= value <= LONG_MAX:
        return value
    if big:
        if value.bit_length() > _BIG_BITS:
            raise BudgetExceeded(f"a number in the expression passes the bound of {_BIG_BITS:,} bits")
        return value
    return (value - LONG_MIN) % 2**64 + LONG_MIN


def as_data(value: object) -> object:
    """As it leaves a typed rendering, where a 32-bit float is a float like any other."""
    return float(value) if isinstance(value, Single) else value


def magnitude(value: Number) -> Number:
    """Without its sign, of the same kind."""
    if isinstance(value, Single):
        return Single(math.fabs(value))
    if isinstance(value, float):
        return math.fabs(value)
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


def print_int(value: int) -> str:
    if value.bit_length() > _BIG_BITS:
        raise BudgetExceeded(f"a number in the expression passes the bound of {_BIG_BITS:,} bits")
    return str(int(value))


def print_double(value: float) -> str:
    """As java.lang.Double.toString: `2.0`, `1.0E8`, `1.5E-5`, `NaN`, `Infinity`."""
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(float(value))
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        return text
    sign = "-" if text.startswith("-") else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    scale = int(exponent or 0) + len(whole) - 1
    if whole == "0":
        scale = int(exponent or 0) - (len(fraction) - len(digits)) - 1
    rest = digits[1:].rstrip("0") or "0"
    return f"{sign}{digits[0]}.{rest}E{scale}"


def print_decimal(value: Decimal) -> str:
    """As java.math.BigDecimal.toString, which is also Python's way."""
    return str(value)


def read_number(text: str, kind: str | None) -> Number:
    """As Kestra's `number` filter (commons-lang NumberUtils). Raises ExpressionError when it is none."""
    wanted = kind or ""
    if wanted not in ("", "INT", "LONG", "FLOAT", "DOUBLE", "BIGDECIMAL", "BIGINTEGER"):
        raise ExpressionError(f"`{kind}` is not a type of number: INT, FLOAT, LONG, DOUBLE, BIGDECIMAL or BIGINTEGER")
    wrong = ExpressionError(f"{text[:100]} is not a valid number")
    if len(text) > 3000:
        raise wrong
    try:
        if wanted in ("FLOAT", "DOUBLE", "BIGDECIMAL"):
            return _with_point(text, wanted)
        if wanted == "" and not _WHOLE.fullmatch(text) and not _HEX.fullmatch(text):
            return _of_any_kind(text)
        value = _whole(text)
    except (ValueError, OverflowError, InvalidOperation):
        raise wrong from None
    low, high = (INT_MIN, INT_MAX) if wanted == "INT" else (LONG_MIN, LONG_MAX)
    if wanted in ("INT", "LONG") and not low <= value <= high:
        raise wrong
    return value


def _whole(text: str) -> int:
    """Decimal, `0x1F`, `#1F`, or octal with a leading 0 (java.lang.Long.decode). Raises ValueError."""
    hexadecimal = _HEX.fullmatch(text)
    if hexadecimal is not None:
        return int(hexadecimal[1] + hexadecimal[2], 16)
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    digits = text.lstrip("+-")
    return int(text, 8) if digits[0] == "0" and len(digits) > 1 else int(text)


def _with_point(text: str, kind: str) -> float | Decimal:
    """Raises ValueError, OverflowError, InvalidOperation."""
    if kind != "BIGDECIMAL" and text in ("NaN", "Infinity", "+Infinity", "-Infinity"):
        return single(float(text)) if kind == "FLOAT" else float(text)
    digits = text if kind == "BIGDECIMAL" else text.rstrip("fFdD")
    if not _DECIMAL.fullmatch(digits):
        raise ValueError(text)
    if kind == "BIGDECIMAL":
        value = Decimal(digits)
        if abs(value.adjusted()) > _MOST_EXPONENT:
            raise BudgetExceeded(f"a number in the expression passes the bound of 10 to the power {_MOST_EXPONENT:,}")
        return value
    return single(float(digits)) if kind == "FLOAT" else float(digits)


def _of_any_kind(text: str) -> Number:
    """NumberUtils.createNumber: the narrowest kind that loses nothing of what is written."""
    suffix = text[-1:].upper()
    if suffix == "L":
        value = int(text[:-1]) if _WHOLE.fullmatch(text[:-1]) else None
        if value is None:
            raise ValueError(text)
        return value
    if suffix in ("F", "D") and text[:-1]:
        return _with_point(text[:-1], "FLOAT" if suffix == "F" else "DOUBLE")
    exact = _with_point(text, "BIGDECIMAL")
    assert isinstance(exact, Decimal)
    double = float(exact)
    if not math.isfinite(double) or (double == 0 and exact):
        return exact
    try:
        short = single(double)
    except OverflowError:
        short = Single(math.inf)
    if short == double:
        return short
    return double if Decimal(print_double(double)) == exact else exact


def format_number(value: Number, pattern: str) -> str:
    """As java.text.DecimalFormat in English: `#,##0.00`, `0.#`, `0.0%`, `'#'0`, `0.00E0`, `pos;neg`.

    Raises ExpressionError for a pattern that it cannot read. Rounds half to even, as Java does.
    """
    if len(pattern) > _PATTERN_LENGTH:
        raise ExpressionError(f"a number pattern has at most {_PATTERN_LENGTH} characters")
    if not isinstance(value, int) and not math.isfinite(value):
        return "NaN" if value != value else ("∞" if value > 0 else "-∞")
    positive, _, negative = pattern.partition(";")
    prefix, body, suffix = _split_pattern(positive)
    factor = 100 if "%" in prefix + suffix else 1000 if "\u2030" in prefix + suffix else 1
    digits = _format_body(magnitude(value), factor, body, pattern)
    if value < 0 and any(char in "123456789" for char in digits):
        if negative:
            before, _, after = _split_pattern(negative)
            return before + digits + after
        prefix = "-" + prefix
    return prefix + digits + suffix


def _split_pattern(pattern: str) -> tuple[str, str, str]:
    """Prefix, the part that holds digits, suffix; quotes taken off."""
    parts = ["", "", ""]
    where, quoted, index = 0, False, 0
    while index < len(pattern):
        char = pattern[index]
        if char == "'":
            if pattern[index + 1 : index + 2] == "'":
                parts[where] += "'"
                index += 1
            else:
                quoted = not quoted
        elif quoted or char not in "#0,.E":
            where = 2 if where else 0
            if not quoted and char in "+-" and parts[1].endswith("E"):
                raise ExpressionError(f"`{pattern}` is not a number pattern")
            parts[where] += char
        else:
            if where == 2:
                raise ExpressionError(f"`{pattern}` is not a number pattern: digits after its end")
            where = 1
            parts[1] += char
        index += 1
    return parts[0], parts[1], parts[2]


def _format_body(value: Number, factor: int, body: str, pattern: str) -> str:
    mantissa, _, exponent = body.partition("E")
    whole, _, fraction = mantissa.partition(".")
    if "," in fraction or "." in fraction or set(exponent) - {"0"} or ("E" in body and not exponent):
        raise ExpressionError(f"`{pattern}` is not a number pattern")
    # a context of our own: the default one holds 28 digits, a double in plain digits may need 1,100
    context = Context(prec=4000, rounding=ROUND_HALF_EVEN)
    number = context.multiply(Decimal(repr(float(value)) if isinstance(value, float) else value), Decimal(factor))
    least, most = fraction.count("0"), len(fraction)
    least_whole = whole.count("0")
    tail = ""
    if exponent:
        shift = max(least_whole, 1) - 1
        power = (number.adjusted() - shift) if number else 0
        number = number.scaleb(-power, context)
        tail = f"E{'-' if power < 0 else ''}{abs(power):0{len(exponent)}d}"
    text = format(number.quantize(Decimal(1).scaleb(-most), context=context), "f")
    left, _, right = text.partition(".")
    right = right.rstrip("0").ljust(least, "0")
    left = left.lstrip("0").rjust(least_whole, "0")
    if not left and not right:
        left = "0"
    if "," in whole:
        left = _grouped(left, len(whole) - whole.rindex(",") - 1)
    return left + ("." + right if right else "") + tail


def _grouped(digits: str, size: int) -> str:
    if size <= 0:
        return digits
    groups = []
    while len(digits) > size:
        groups.append(digits[-size:])
        digits = digits[:-size]
    return ",".join([digits, *reversed(groups)])
