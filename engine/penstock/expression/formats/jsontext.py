"""JSON as text, read as Jackson reads it: the first value, and what follows it is not looked at."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from penstock.expression.budget import Meter, too_deep
from penstock.expression.errors import ExpressionError

if TYPE_CHECKING:  # only for speed: most expressions read no JSON
    from json import JSONDecoder

_SPACE = re.compile(r"[ \t\r\n]*")


def read(text: str, meter: Meter) -> object:
    """The first value of a JSON text, nested at most as deep as the budget says. Raises ExpressionError."""
    return _decoded(text, meter)[0]


def first(text: str, meter: Meter) -> str:
    """The part of a text that `read` reads, as it stands there."""
    return _decoded(text, meter)[1]


def _decoded(text: str, meter: Meter) -> tuple[object, str]:
    # the C scanner cannot be stopped once it runs, so its work is bounded beforehand
    meter.made_text(len(text))
    space = _SPACE.match(text)
    assert space is not None, "it matches the empty text"
    begin = space.end()
    try:
        value, end = _decoder().raw_decode(text, begin)
    except RecursionError:
        raise too_deep(meter.budget.depth) from None
    except ValueError as error:
        raise ExpressionError(f"Invalid json: {error}") from None
    if not isinstance(value, str | list | dict) and text[end : end + 1].strip(" \t\r\n"):
        raise ExpressionError(f"Invalid json: `{text[end]}` stands behind the first value, at column {end + 1}")
    _check_depth(value, meter)
    return value, text[begin:end]


def _check_depth(value: object, meter: Meter) -> None:
    """Level by level, so that deep data needs no deep stack."""
    level = [value]
    for _ in range(meter.budget.depth):
        inner: list[object] = []
        for holder in level:
            if isinstance(holder, dict):
                inner += [item for item in holder.values() if type(item) is dict or type(item) is list]
            elif isinstance(holder, list):
                inner += [item for item in holder if type(item) is dict or type(item) is list]
        if not inner:
            return
        meter.look()
        level = inner
    raise too_deep(meter.budget.depth)


@lru_cache(maxsize=1)
def _decoder() -> JSONDecoder:
    from json import JSONDecoder

    return JSONDecoder(parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> object:
    raise ExpressionError(f"Invalid json: {name} is no JSON number")
