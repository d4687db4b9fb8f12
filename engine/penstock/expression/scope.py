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
    """Names inside out: `frames` (made by `set`, `for` and macros), then `variables`. One rendering, one thread.

    `finals` are texts that are never rendered again, whatever they hold: secrets.
    """

    __slots__ = ("finals", "frames", "meter", "template", "variables", "world")

    def __init__(
        self,
        template: Host,
        variables: Mapping[str, object],
        meter: Meter,
        world: World,
        finals: list[str] | None = None,
    ) -> None:
        self.template = template
        self.variables = variables
        self.meter = meter
        self.world = world
        self.frames: list[dict[str, object]] = []
        self.finals: list[str] = [] if finals is None else finals

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
        inner = Scope(self.template, {}, self.meter, self.world, self.finals)
        inner.frames.append(arguments)
        return inner

    def within(self, template: Host) -> Scope:
        """The scope of another template rendered from here: the variables, but not this one's own names."""
        return Scope(template, self.variables, self.meter, self.world, self.finals)

    def make_final(self, text: str) -> None:
        """`text` is as it is, though it may look like a template."""
        if "{" in text and text not in self.finals:
            self.finals.append(text)

    def hide_final(self, text: str) -> str:
        """`text` with marks in place of what is final. The longest first: one may hold another."""
        for number, final in sorted(enumerate(self.finals), key=lambda item: -len(item[1])):
            text = text.replace(final, f"\ue000{number}\ue001")
        return text

    def show_final(self, text: str) -> str:
        for number, final in enumerate(self.finals):
            text = text.replace(f"\ue000{number}\ue001", final)
        return text
