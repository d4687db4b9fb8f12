"""Numbers reckoned with as Java promotes them: a BigDecimal above a double above a float above a whole number.

Source: Pebble 3.2, OperatorUtils. Two accidents of it are left out: two floats are always equal there, and a
BigInteger is cut to 64 bits by the next operation (`wrap` says what happens here).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from penstock.expression.errors import ExpressionError
from penstock.expression.numbers import (
    LONG_MAX,
    LONG_MIN,
    Number,
    Single,
    print_double,
    single,
    widened,
    wrap,
)

_DECIMAL128 = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144)
_EXACT = Context(prec=1_000, rounding=ROUND_HALF_EVEN)  # a double has at most 309 digits before its point, 325 behind


@dataclass(frozen=True, slots=True)
class Operation:
    """What one sign means for each kind of number."""

    name: str
    of_ints: Callable[[int, int], int]
    of_floats: Callable[[float, float], float]
    of_decimals: Callable[[Decimal, Decimal], Decimal]

    def __call__(self, left: Number, right: Number) -> Number:
        """Raises ExpressionError where there is no answer."""
        if isinstance(left, int) and isinstance(right, int):
            big = not (LONG_MIN <= left <= LONG_MAX and LONG_MIN <= right <= LONG_MAX)
            return wrap(self.of_ints(left, right), big=big)
        try:
            if isinstance(left, Decimal) or isinstance(right, Decimal):
                return self.of_decimals(_through_double(left), _through_double(right))
            if (isinstance(left, Single) or isinstance(right, Single)) and _fits_float(left) and _fits_float(right):
                return single(self.of_floats(widened(left), widened(right)))
            return self.of_floats(widened(left), widened(right))
        except (OverflowError, InvalidOperation):
            raise ExpressionError(f"a number is too large for the {self.name}") from None


def _fits_float(value: Number) -> bool:
    return isinstance(value, int | Single)


def _through_double(value: Number) -> Decimal:
    """Pebble makes every operand of a BigDecimal a double first."""
    as_double = float(value) if isinstance(value, Decimal) else widened(value)
    if not math.isfinite(as_double):
        raise OverflowError("no double holds it")
    return Decimal(print_double(as_double))


def _refuse_zero(right: int | Decimal) -> None:
    if not right:
        raise ExpressionError("/ by zero")


def _divide_ints(left: int, right: int) -> int:
    _refuse_zero(right)
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _modulo_ints(left: int, right: int) -> int:
    _refuse_zero(right)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _divide_floats(left: float, right: float) -> float:
    if right == 0:
        if left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def _modulo_floats(left: float, right: float) -> float:
    if right == 0 or not math.isfinite(left):
        return math.nan
    return math.fmod(left, right)


def _divide_decimals(left: Decimal, right: Decimal) -> Decimal:
    _refuse_zero(right)
    return _DECIMAL128.divide(left, right)


def _modulo_decimals(left: Decimal, right: Decimal) -> Decimal:
    _refuse_zero(right)
    return _EXACT.remainder(left, right)


ADDITION = Operation("addition", int.__add__, float.__add__, _EXACT.add)
SUBTRACTION = Operation("subtraction", int.__sub__, float.__sub__, _EXACT.subtract)
MULTIPLICATION = Operation("multiplication", int.__mul__, float.__mul__, _DECIMAL128.multiply)
DIVISION = Operation("division", _divide_ints, _divide_floats, _divide_decimals)
MODULUS = Operation("modulus", _modulo_ints, _modulo_floats, _modulo_decimals)
