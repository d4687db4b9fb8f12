"""Values of expressions as bytes, for the pipe to a child process: pickled, and read back by a table of kinds.

Lazy views become plain maps and lists on the way. Reading builds nothing but what the table names, so bytes of a
child that was taken over can do no more harm than a wrong value.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.stringify import is_list

_KINDS = frozenset(
    {
        ("builtins", "dict"), ("builtins", "list"), ("builtins", "str"), ("builtins", "int"), ("builtins", "float"),
        ("datetime", "date"), ("datetime", "datetime"), ("datetime", "timedelta"), ("datetime", "timezone"),
        ("decimal", "Decimal"), ("zoneinfo", "ZoneInfo"),
    }
)  # fmt: skip


def pack(value: object) -> bytes:
    """Raises ExpressionError for a value of a kind that expressions do not have, BudgetExceeded for one too deep."""
    made = io.BytesIO()
    try:
        _Packer(made, protocol=5).dump(value)
    except (pickle.PicklingError, TypeError) as error:
        raise ExpressionError(f"a value of a kind that expressions do not know is in the way: {error}") from None
    except RecursionError:
        raise BudgetExceeded("a value is nested too deep for a child process") from None
    return made.getvalue()


def unpack(content: bytes) -> Any:
    """What was packed. Raises ExpressionError when it was not."""
    try:
        return _Unpacker(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise ExpressionError(f"a child process has given no value of an expression: {error}") from None


class _Packer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Called for whatever is none of Python's own plain kinds."""
        kind = type(value)
        if isinstance(value, ZoneInfo) and value.key is not None:
            return ZoneInfo, (value.key,)
        if (kind.__module__, kind.__qualname__) in _KINDS or isinstance(value, type):
            return NotImplemented  # by Python's own way, which names kinds; reading compares them with the table
        if isinstance(value, Mapping):
            return dict, (list(value.items()),)
        if is_list(value):
            return list, (list(value),)
        for plain in (str, int, float):
            if isinstance(value, plain):
                return plain, (plain(value),)
        raise pickle.PicklingError(kind.__name__)


class _Unpacker(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KINDS:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)
