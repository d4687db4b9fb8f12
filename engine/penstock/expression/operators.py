"""What the operators mean: Pebble's OperatorUtils on plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from penstock.expression import arithmetic
from penstock.expression.budget import Meter, too_deep
from penstock.expression.errors import ExpressionError
from penstock.expression.numbers import Number, print_double
from penstock.expression.stringify import is_list, is_map, kind_of, to_java, to_text

Operation = Callable[[object, object, Meter], object]

_FAR = 2**63


def truth(value: object, where: str) -> bool:
    """A condition's truth: booleans, numbers (not zero), texts (not empty). Raises for null, lists and maps."""
    if value is True or value is False:
        return bool(value)
    if isinstance(value, str):
        return value != ""
    if isinstance(value, int | float | Decimal):
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
    return _reckoned(arithmetic.ADDITION, left, right)


def subtract(left: object, right: object, meter: Meter) -> object:
    if isinstance(left, Sequence) and is_list(left):
        gone = list(right) if isinstance(right, Sequence) and is_list(right) else [right]
        meter.made_items(len(left))
        return [item for item in left if not any(same(item, other, meter) for other in gone)]
    return _reckoned(arithmetic.SUBTRACTION, left, right)


def multiply(left: object, right: object, _meter: Meter) -> object:
    return _reckoned(arithmetic.MULTIPLICATION, left, right)


def divide(left: object, right: object, _meter: Meter) -> object:
    return _reckoned(arithmetic.DIVISION, left, right)


def modulo(left: object, right: object, _meter: Meter) -> object:
    return _reckoned(arithmetic.MODULUS, left, right)


def concatenate(left: object, right: object, meter: Meter) -> str:
    """`~`: null is nothing, everything else as Java prints it."""
    before = "" if left is None else to_java(left, meter)
    after = "" if right is None else to_java(right, meter)
    meter.made_text(len(before) + len(after))
    return before + after


def span(start: object, end: object, step: object, meter: Meter) -> list[object]:
    """`a..b` and `range`: whole numbers or single letters, the end included."""
    if not isinstance(step, int | float | Decimal) or isinstance(step, bool):
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
        mine, other = _comparable(left, right)
        return mine == other
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
    if isinstance(left, int | float | Decimal) or isinstance(right, int | float | Decimal):
        kinds = {kind for kind in (int, float, Decimal) if isinstance(left, kind) or isinstance(right, kind)}
        return len(kinds) == 1 and left == right
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

    Source: Kestra core after 0.21, InExpression; there a null among them is an error, here it equals nothing.
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
    mine, other = _comparable(left, right)
    if sign == "<":
        return mine < other
    if sign == ">":
        return mine > other
    return mine <= other if sign == "<=" else mine >= other


def _comparable(left: object, right: object) -> tuple[Number, Number]:
    """Beside a BigDecimal a double counts as what is printed of it."""
    assert isinstance(left, int | float | Decimal)
    assert isinstance(right, int | float | Decimal)
    if isinstance(left, Decimal) and isinstance(right, float):
        return left, Decimal(print_double(right))
    if isinstance(right, Decimal) and isinstance(left, float):
        return Decimal(print_double(left)), right
    return left, right


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _whole(value: object) -> int:
    if isinstance(value, float | Decimal):
        if not math.isfinite(value) or not -_FAR <= value <= _FAR:
            raise ExpressionError("a range needs numbers of at most 64 bits")
        return int(value)
    assert isinstance(value, int)
    return value


def _reckoned(operation: arithmetic.Operation, left: object, right: object) -> Number:
    if not (_is_number(left) and _is_number(right)):
        raise ExpressionError(
            f"invalid operands for the {operation.name}: a {kind_of(left)} and a {kind_of(right)}",
            help="turn a text into a number first: `value | number`",
        )
    assert isinstance(left, int | float | Decimal)
    assert isinstance(right, int | float | Decimal)
    return operation(left, right)
