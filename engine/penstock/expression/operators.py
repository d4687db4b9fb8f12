"""What the operators mean: Pebble's OperatorUtils on plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from penstock.expression.budget import Meter, too_deep
from penstock.expression.errors import ExpressionError
from penstock.expression.numbers import LONG_MAX, LONG_MIN, wrap
from penstock.expression.stringify import is_list, is_map, kind_of, to_java, to_text

Operation = Callable[[object, object, Meter], object]


def truth(value: object, where: str) -> bool:
    """A condition's truth: booleans, numbers (not zero), texts (not empty). Raises for null, lists and maps."""
    if value is True or value is False:
        return bool(value)
    if isinstance(value, str):
        return value != ""
    if isinstance(value, int | float):
        return value != 0
    if value is None:
        raise ExpressionError(f"null value given to {where}", help="give it a default: `value ?? false`")
    raise ExpressionError(
        f"a {kind_of(value)} given to {where}, which takes a boolean, a text or a number",
        help="ask for what you mean: `is empty`, `is defined`, `| length > 0`",
    )


def add(left: object, right: object, meter: Meter) -> object:
    if isinstance(left, str) or isinstance(right, str):
        before, after = to_java(left, meter), to_java(right, meter)
        meter.made_text(len(before) + len(after))
        return before + after
    if isinstance(left, Sequence) and is_list(left):
        more = list(right) if isinstance(right, Sequence) and is_list(right) else [right]
        meter.made_items(len(left) + len(more))
        return [*left, *more]
    return _arithmetic(left, right, int.__add__, float.__add__, "addition")


def subtract(left: object, right: object, meter: Meter) -> object:
    if isinstance(left, Sequence) and is_list(left):
        gone = list(right) if isinstance(right, Sequence) and is_list(right) else [right]
        meter.made_items(len(left))
        return [item for item in left if not any(same(item, other, meter) for other in gone)]
    return _arithmetic(left, right, int.__sub__, float.__sub__, "subtraction")


def multiply(left: object, right: object, _meter: Meter) -> object:
    return _arithmetic(left, right, int.__mul__, float.__mul__, "multiplication")


def divide(left: object, right: object, _meter: Meter) -> object:
    return _arithmetic(left, right, _divide_ints, _divide_floats, "division")


def modulo(left: object, right: object, _meter: Meter) -> object:
    return _arithmetic(left, right, _modulo_ints, _modulo_floats, "modulus")


def concatenate(left: object, right: object, meter: Meter) -> str:
    """`~`: null is nothing, everything else as Java prints it."""
    before = "" if left is None else to_java(left, meter)
    after = "" if right is None else to_java(right, meter)
    meter.made_text(len(before) + len(after))
    return before + after


def span(start: object, end: object, step: object, meter: Meter) -> list[object]:
    """`a..b` and `range`: whole numbers or single letters, the end included."""
    if not isinstance(step, int | float) or isinstance(step, bool):
        raise ExpressionError(f"the increment of a range must be a number, not a {kind_of(step)}")
    stride = _whole(step)
    if stride == 0:
        raise ExpressionError("the increment of a range must be different from 0")
    if _is_number(start) and _is_number(end):
        low, high, letters = _whole(start), _whole(end), False
    elif isinstance(start, str) and isinstance(end, str) and len(start) == len(end) == 1:
        low, high, letters = ord(start), ord(end), True
    else:
        raise ExpressionError("a range goes between two numbers or two texts of one letter")
    count = max((high - low) // stride + 1, 0)
    meter.made_items(count)
    values = range(low, low + count * stride, stride)
    return [chr(value) for value in values] if letters else list(values)


def equals(left: object, right: object, meter: Meter) -> bool:
    """`==`: numbers by value whatever their type; otherwise the same kind and the same content."""
    if _is_number(left) and _is_number(right):
        return left == right
    return same(left, right, meter)


def same(left: object, right: object, meter: Meter, room: int = 50) -> bool:
    """As items of collections are compared: kinds differ (`1`, `1.0` and `true` are three things), widths do not.

    Java also tells a 32-bit from a 64-bit integer there, which nobody who writes YAML can see; we do not.
    """
    if left is right:
        return True
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and left == right
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, int | float) or isinstance(right, int | float):
        return (isinstance(left, int) and isinstance(right, int) and left == right) or (
            isinstance(left, float) and isinstance(right, float) and left == right
        )
    if room <= 0:
        raise too_deep(meter.budget.depth)
    if isinstance(left, Mapping) or isinstance(right, Mapping):
        if not (isinstance(left, Mapping) and isinstance(right, Mapping)) or len(left) != len(right):
            return False
        for key in left:
            meter.tick()
            if key not in right or not same(left[key], right[key], meter, room - 1):
                return False
        return True
    if is_list(left) or is_list(right):
        if not (isinstance(left, Sequence) and isinstance(right, Sequence)) or len(left) != len(right):
            return False
        for mine, other in zip(left, right, strict=False):
            meter.tick()
            if not same(mine, other, meter, room - 1):
                return False
        return True
    return type(left) is type(right) and left == right


def contains(left: object, right: object, meter: Meter) -> bool:
    """A part of a text, an item of a list (or all of a list of items), a key of a map; null contains nothing."""
    if left is None:
        return False
    if isinstance(left, str):
        if right is None:
            raise ExpressionError("a text cannot contain null")
        return to_text(right, meter) in left
    if isinstance(left, Mapping):
        return _has_key(left, right)
    if isinstance(left, Sequence) and is_list(left):
        wanted = right if isinstance(right, Sequence) and is_list(right) else [right]
        return all(_has_item(left, item, meter) for item in wanted)
    raise ExpressionError(f"`contains` looks into texts, lists and maps, not into a {kind_of(left)}")


def is_in(left: object, right: object, meter: Meter) -> bool:
    """`isIn`: among the items of a list, or the keys and values of a map, each as it is printed.

    Source: Kestra core (1.0), InExpression; there a null among them is an error, here it equals nothing.
    """
    if left is None or right is None:
        return False
    wanted = to_java(left, meter)
    if isinstance(right, Mapping):
        among = [one for key in right for one in (key, right[key])]
    elif isinstance(right, Sequence) and is_list(right):
        among = list(right)
    else:
        return False
    for item in among:
        meter.tick()
        if item is not None and to_java(item, meter) == wanted:
            return True
    return False


def _has_item(items: Sequence[object], wanted: object, meter: Meter) -> bool:
    for item in items:
        meter.tick()
        if same(item, wanted, meter):
            return True
    return False


def _has_key(values: Mapping[object, object], key: object) -> bool:
    if is_map(key) or is_list(key):
        return False
    if isinstance(key, bool):
        return any(key is known for known in values)
    return key in values


def negate(value: object, meter: Meter) -> object:
    return multiply(-1, value, meter)


def compare(left: object, right: object, sign: str) -> bool:
    """`<`, `>`, `<=`, `>=`: numbers only; anything compared with null is false."""
    if left is None or right is None:
        return False
    if not (_is_number(left) and _is_number(right)):
        raise ExpressionError(
            f"invalid operands for the comparison `{sign}`: a {kind_of(left)} and a {kind_of(right)}",
            help="turn a text into a number first: `value | number`",
        )
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    if sign == "<":
        return left < right
    if sign == ">":
        return left > right
    return left <= right if sign == "<=" else left >= right


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: object) -> int:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("a range needs finite numbers")
        return int(value)
    assert isinstance(value, int)
    return value


def _arithmetic(
    left: object,
    right: object,
    of_ints: Callable[[int, int], int],
    of_floats: Callable[[float, float], float],
    name: str,
) -> int | float:
    if not (_is_number(left) and _is_number(right)):
        raise ExpressionError(
            f"invalid operands for the {name}: a {kind_of(left)} and a {kind_of(right)}",
            help="turn a text into a number first: `value | number`",
        )
    if isinstance(left, int) and isinstance(right, int):
        big = not (LONG_MIN <= left <= LONG_MAX and LONG_MIN <= right <= LONG_MAX)
        return wrap(of_ints(left, right), big=big)
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    try:
        return of_floats(float(left), float(right))
    except OverflowError:
        raise ExpressionError(f"a number is too large for the {name}") from None


def _divide_ints(left: int, right: int) -> int:
    if right == 0:
        raise ExpressionError("/ by zero")
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _modulo_ints(left: int, right: int) -> int:
    if right == 0:
        raise ExpressionError("/ by zero")
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
