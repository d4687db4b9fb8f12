"""What an expression sees while it is evaluated: the variables, names of its own, the meter and the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from penstock.expression.budget import Meter
from penstock.expression.world import World


class _Missing:
    """Stands for a name that is not there, which is not the same as null."""

    __slots__ = ()


MISSING = _Missing()


class Expandable(Protocol):
    """A macro, as its calls see it."""

    def expand(self, scope: Scope, arguments: list[object], named: dict[str, object]) -> str: ...


class Passage(Protocol):
    """A block, as `block('name')` sees it."""

    def text(self, scope: Scope) -> str: ...


class Host(Protocol):
    """The template that a scope belongs to, as its expressions see it."""

    @property
    def macros(self) -> Mapping[str, Expandable]: ...

    @property
    def blocks(self) -> Mapping[str, Passage]: ...

    def parse(self, source: str) -> Host:
        """Another template. Raises ExpressionSyntaxError."""
        ...

    def evaluate(self, scope: Scope) -> object:
        """Its text over `scope`."""
        ...


class Scope:
    """Names inside out: `frames` (made by `set`, `for` and macros), then `variables`. One rendering, one thread."""

    __slots__ = ("frames", "meter", "template", "variables", "world")

    def __init__(self, template: Host, variables: Mapping[str, object], meter: Meter, world: World) -> None:
        self.template = template
        self.variables = variables
        self.meter = meter
        self.world = world
        self.frames: list[dict[str, object]] = []

    def get(self, name: str) -> object:
        """The value, or MISSING."""
        for frame in reversed(self.frames):
            if name in frame:
                return frame[name]
        try:
            return self.variables[name]
        except KeyError:
            return MISSING

    def set(self, name: str, value: object) -> None:
        """As Pebble's scope chain: where the name is already known, else innermost; the variables stay untouched."""
        if not self.frames:
            self.frames.append({})
        for frame in reversed(self.frames):
            if name in frame:
                frame[name] = value
                return
        self.frames[0 if name in self.variables else -1][name] = value

    def isolated(self, arguments: dict[str, object]) -> Scope:
        """The scope of a macro's body, which sees its arguments only."""
        inner = Scope(self.template, {}, self.meter, self.world)
        inner.frames.append(arguments)
        return inner

    def within(self, template: Host) -> Scope:
        """The scope of another template rendered from here: the variables, but not this one's own names."""
        return Scope(template, self.variables, self.meter, self.world)
