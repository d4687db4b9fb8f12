"""Findings as rows of plain values, for JSON, and the parts that other rows are made of. Never a pickle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from penstock.diagnostic import Diagnostic, Edit, FlowName, Position, Range, Severity

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value is written as plain data, and read again."""

    write: Callable[[T], Any]
    read: Callable[[Any], T]


def many(part: Codec[T]) -> Codec[tuple[T, ...]]:
    write, read = part.write, part.read
    return Codec(lambda values: [write(one) for one in values], lambda rows: tuple([read(row) for row in rows]))


def maybe(part: Codec[T]) -> Codec[T | None]:
    write, read = part.write, part.read
    return Codec(lambda value: None if value is None else write(value), lambda row: None if row is None else read(row))


def row(kind: Callable[..., T], **parts: Codec[Any]) -> Codec[T]:
    """A dataclass of these fields, in their order."""
    writers = [(name, part.write) for name, part in parts.items()]
    readers = [part.read for part in parts.values()]

    def write(value: T) -> list[Any]:
        return [one(getattr(value, name)) for name, one in writers]

    def read(values: list[Any]) -> T:
        return kind(*[one(value) for one, value in zip(readers, values, strict=True)])

    return Codec(write, read)


def _as_it_is(value: Any) -> Any:
    return value


PLAIN: Codec[Any] = Codec(_as_it_is, _as_it_is)
TEXTS: Codec[tuple[str, ...]] = Codec(list, tuple)
RANGE: Codec[Range] = Codec(
    lambda one: [one.start.line, one.start.column, one.end.line, one.end.column],
    lambda row: Range(Position(row[0], row[1]), Position(row[2], row[3])),
)
NAME: Codec[FlowName] = Codec(lambda one: [one.namespace, one.id], lambda row: FlowName(row[0], row[1]))
_SEVERITY: Codec[Severity] = Codec(str, Severity)
_EDIT = row(Edit, range=RANGE, text=PLAIN, safe=PLAIN)
FINDING = row(
    Diagnostic, code=PLAIN, severity=_SEVERITY, message=PLAIN, file=PLAIN, range=RANGE, help=PLAIN, label=PLAIN,
    flow=maybe(NAME), fix=maybe(_EDIT),
)  # fmt: skip
