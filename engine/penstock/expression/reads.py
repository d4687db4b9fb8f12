"""What a template reads and calls: found by parsing, without evaluating anything."""

from __future__ import annotations

from dataclasses import dataclass


class _Computed:
    """Stands for an argument whose value is known only when it is evaluated."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "COMPUTED"


COMPUTED = _Computed()


@dataclass(frozen=True, slots=True)
class Path:
    """A walk from a variable: `outputs.a['b c'][0]` is `("outputs", "a", "b c", 0)`; None is a computed subscript.

    `offset` and `width` are characters in the template's source. `optional` says that `??`, `???`, `default`
    or `is defined` stands by, so that a missing value is no fault. `conditional` says that it is not evaluated every
    time: it stands behind `??`, `???`, `and` or `or`, in an answer of `? :`, or within `if` or `for`. (The argument of
    `default` is evaluated every time.)
    """

    parts: tuple[str | int | None, ...]
    offset: int
    width: int
    optional: bool = False
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, filter or test that is called; `kind` is which. `offset` and `width` are of its name.

    `arguments` holds those that are given, by the names of their parameters (those beyond all parameters by their
    place): a constant, or COMPUTED. `conditional` is as a path's, and true in macros, which nothing may call.
    """

    kind: str
    name: str
    offset: int
    width: int
    arguments: tuple[tuple[str, object], ...] = ()
    conditional: bool = False

    def constant(self, parameter: str) -> str | None:
        """The text that stands in the template as this argument; None where it is none, or is not given."""
        return next((value for name, value in self.arguments if name == parameter and isinstance(value, str)), None)


@dataclass(frozen=True, slots=True)
class Reads:
    """Paths and calls in reading order. Of names that the template itself makes (`set`, `for`, macro arguments) there
    are no paths, and none at all in macros, which see their arguments only; calls in macros are here."""

    paths: tuple[Path, ...] = ()
    calls: tuple[Call, ...] = ()

    @property
    def functions(self) -> frozenset[str]:
        return frozenset(call.name for call in self.calls if call.kind == "function")

    @property
    def filters(self) -> frozenset[str]:
        return frozenset(call.name for call in self.calls if call.kind == "filter")


NOTHING = Reads()
