"""Filters of lists and maps, and what looks alike on texts: first, last, length, reverse, slice, …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from decimal import Decimal

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.library.checks import is_blank
from penstock.expression.numbers import Number
from penstock.expression.operators import equals, same, span
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope
from penstock.expression.stringify import class_name, is_list, is_map, kind_of, to_java, to_json, to_text


@filter_(
    "default",
    "default",
    takes_null=True,
    borrows=True,
    says="The value, or another where it is missing, null or empty.",
    example="{{ inputs.name | default('nobody') }}",
)
def _default(_scope: Scope, value: object, default: object) -> object:
    return default if is_blank(value) else value


@filter_(
    "length",
    takes_null=True,
    says="How many characters a text has, or items a list or map; 0 for anything else.",
    example="{{ ['a', 'b'] | length }}",
)
def _length(_scope: Scope, value: object) -> int:
    if isinstance(value, str) or is_list(value) or is_map(value):
        return len(value) if isinstance(value, Sized) else 0
    return 0


@filter_(
    "first",
    borrows=True,
    says="The first item of a list, or character of a text.",
    example="{{ ['a', 'b'] | first }}",
)
def _first(_scope: Scope, value: object) -> object:
    return _end(value, 0, "first")


@filter_(
    "last",
    borrows=True,
    says="The last item of a list, or character of a text.",
    example="{{ ['a', 'b'] | last }}",
)
def _last(_scope: Scope, value: object) -> object:
    return _end(value, -1, "last")


@filter_(
    "join",
    ("separator", None),
    says="The items of a list as one text.",
    example="{{ ['a', 'b'] | join(', ') }}",
)
def _join(scope: Scope, value: object, separator: object) -> object:
    between = "" if separator is None else arguments.text(separator, "the separator")
    if isinstance(value, str):
        return value
    texts = []
    size = 0
    for item in arguments.items(value, "what is joined"):
        scope.meter.tick()
        text = "" if item is None else to_java(item, scope.meter)
        size += len(text) + len(between)
        if size > scope.meter.budget.output:
            scope.meter.made_text(size)
        texts.append(text)
    return between.join(texts)


@filter_(
    "sort",
    says="A list of texts, or of numbers, in rising order.",
    example="{{ [3, 1, 2] | sort }}",
)
def _sort(_scope: Scope, value: object) -> object:
    return _sorted(value, descending=False)


@filter_(
    "rsort",
    says="A list of texts, or of numbers, in falling order.",
    example="{{ [3, 1, 2] | rsort }}",
)
def _rsort(_scope: Scope, value: object) -> object:
    return _sorted(value, descending=True)


@filter_(
    "reverse",
    says="A list from its end to its beginning.",
    example="{{ [1, 2, 3] | reverse }}",
)
def _reverse(_scope: Scope, value: object) -> object:
    return list(arguments.items(value, "what is reversed"))[::-1]


@filter_(
    "slice",
    ("fromIndex", 0),
    ("toIndex", None),
    says="Part of a list or text: from one index up to another, which is no longer part of it.",
    example="{{ 'penstock' | slice(0, 3) }}",
)
def _slice(_scope: Scope, value: object, start: object, end: object) -> object:
    first = 0 if start is None else _index(start, "fromIndex")
    if not isinstance(value, str) and not (is_list(value) and isinstance(value, Sequence)):
        raise ExpressionError(f"the filter `slice` takes a text or a list, not a {kind_of(value)}")
    length = len(value)
    if first < 0:
        raise ExpressionError("fromIndex must not be negative")
    last = length
    if end is not None:
        last = _index(end, "toIndex")
        if last > length:
            raise ExpressionError(f"toIndex must be smaller than input size: {length}")
        if first >= last:
            raise ExpressionError("toIndex must be greater than fromIndex")
    if first > last:
        raise ExpressionError(f"fromIndex must not be larger than input size: {length}")
    return value[first:last] if isinstance(value, str) else list(value[first:last])


@filter_(
    "merge",
    "items",
    takes_null=True,
    says="Two lists as one, or two maps, where the second wins.",
    example="{{ {'a': 1, 'b': 2} | merge({'b': 3}) }}",
)
def _merge(scope: Scope, value: object, items: object) -> object:
    if value is None or items is None:
        if value is None and items is None:
            raise ExpressionError("the two values to merge are both null")
        return items if value is None else value
    if isinstance(value, Mapping):
        if isinstance(items, Mapping):
            return {**value, **items}
        return {**value, **{item: item for item in arguments.items(items, "what is merged")}}
    merged = list(arguments.items(value, "what is merged"))
    if isinstance(items, Mapping):
        return merged + [{key: items[key]} for key in items]
    more = arguments.items(items, "what is merged")
    scope.meter.made_items(len(merged) + len(more))
    return [*merged, *more]


@filter_(
    "keys",
    says="The keys of a map, or the indexes of a list.",
    example="{{ {'a': 1, 'b': 2} | keys }}",
)
def _keys(_scope: Scope, value: object) -> object:
    if isinstance(value, Mapping):
        return list(value)
    if is_list(value) and isinstance(value, Sequence):
        return list(range(len(value)))
    raise ExpressionError(f"the filter `keys` takes a list or a map, not a {kind_of(value)}")


@filter_(
    "values",
    says="The values of a map, or the items of a list.",
    example="{{ {'a': 1, 'b': 2} | values }}",
)
def _values(_scope: Scope, value: object) -> object:
    if isinstance(value, Mapping):
        return [value[key] for key in value]
    if is_list(value) and isinstance(value, Sequence):
        return list(value)
    raise ExpressionError(f"the filter `values` takes a list or a map, not a {kind_of(value)}")


@filter_(
    "chunk",
    "size",
    says="A list cut into lists of a size; the last may be shorter.",
    example="{{ [1, 2, 3] | chunk(2) }}",
)
def _chunk(_scope: Scope, value: object, size: object) -> object:
    items = arguments.items(value, "what is cut into chunks")
    length = arguments.whole(size, "the size of a chunk")
    if length < 1:
        raise ExpressionError("the size of a chunk must be at least 1")
    return [list(items[start : start + length]) for start in range(0, len(items), length)]


@filter_(
    "distinct",
    says="A list with each item once, where it first stood.",
    example="{{ ['a', 'b', 'a'] | distinct }}",
)
def _distinct(scope: Scope, value: object) -> object:
    """Each item once, where it first stood. The printed form groups, the values decide."""
    groups: dict[str, list[object]] = {}
    found: list[object] = []
    for item in arguments.items(value, "the list of `distinct`"):
        scope.meter.tick()
        alike = groups.setdefault(to_json(item, scope.meter), [])
        if not any(same(item, other, scope.meter) for other in alike):
            alike.append(item)
            found.append(item)
    return found


@filter_(
    "flatten",
    says="A list with the items of its lists in their place, one level deep.",
    example="{{ [1, [2, 3]] | flatten }}",
)
def _flatten(scope: Scope, value: object) -> object:
    flat: list[object] = []
    for item in arguments.items(value, "what is flattened"):
        scope.meter.tick()
        if is_list(item) and isinstance(item, Sequence):
            scope.meter.made_items(len(flat) + len(item))
            flat.extend(item)
        else:
            flat.append(item)
    return flat


@filter_(
    "className",
    says="The name of the Java class that a value has in Kestra.",
    example="{{ 1.5 | className }}",
)
def _class_name(_scope: Scope, value: object) -> object:
    return class_name(value)


@filter_(
    "string",
    says="A value as the text that would be printed.",
    example="{{ [1, 2] | string | length }}",
)
def _string(scope: Scope, value: object) -> str:
    return to_text(value, scope.meter)


@function(
    "range",
    "start",
    "end",
    ("increment", 1),
    says="Numbers, or letters, from one up to another, which is part of it.",
    example="{{ range(0, 10, 5) }}",
)
def _range(scope: Scope, start: object, end: object, increment: object) -> object:
    return span(start, end, 1 if increment is None else increment, scope.meter)


@function(
    "max",
    variadic=True,
    says="The largest of several numbers.",
    example="{{ max(3, 20, 7) }}",
)
def _max(scope: Scope, *values: object) -> object:
    return _extreme(scope, values, "max")


@function(
    "min",
    variadic=True,
    says="The smallest of several numbers.",
    example="{{ min(3, 20, 7) }}",
)
def _min(scope: Scope, *values: object) -> object:
    return _extreme(scope, values, "min")


def _index(value: object, name: str) -> int:
    """Any number, cut to a whole one."""
    number = arguments.number(value, name)
    if not -(2**63) <= number < 2**63:
        raise ExpressionError(f"{name} lies far outside")
    return int(number)


def _end(value: object, index: int, name: str) -> object:
    if isinstance(value, str) or (is_list(value) and isinstance(value, Sequence)):
        if not value:
            return "" if isinstance(value, str) else None
        return value[index]
    raise ExpressionError(f"the filter `{name}` takes a text or a list, not a {kind_of(value)}")


def _sorted(value: object, *, descending: bool) -> object:
    items = arguments.items(value, "what is sorted")
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) == len(items):
        return sorted(texts, reverse=descending)
    numbers = [item for item in items if isinstance(item, int | float | Decimal)]
    if len(numbers) == len(items) and not any(isinstance(item, bool) or item != item for item in numbers):
        return sorted(numbers, reverse=descending)
    raise ExpressionError("only texts can be sorted, or only numbers, not both together or anything else")


def _extreme(scope: Scope, values: tuple[object, ...], name: str) -> object:
    best: Number | None = None
    for value in values:
        number = arguments.number(value, f"what `{name}` compares")
        if best is None or (number > best if name == "max" else number < best):
            best = number
    if best is not None and not equals(best, best, scope.meter):
        raise ExpressionError(f"`{name}` cannot compare what is not a number")
    return best
