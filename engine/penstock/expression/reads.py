"""What a template reads: found by parsing, without evaluating anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """A walk from a variable: `outputs.a['b c'][0]` is `("outputs", "a", "b c", 0)`; None is a computed subscript.

    `offset` and `width` are characters in the template's source. `optional` says that `??`, `???`, `default`
    or `is defined` stands by, so that a missing value is no fault.
    """

    parts: tuple[str | int | None, ...]
    offset: int
    width: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Reads:
    """Paths in reading order, without names that the template itself makes (`set`, `for`, macro arguments)."""

    paths: tuple[Path, ...] = ()
    functions: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()


NOTHING = Reads()
