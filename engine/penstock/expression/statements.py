"""What stands in a template side by side: text, `{{ }}` and tags. Each writes itself to a sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from penstock.expression.budget import Meter
from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.links import Link
from penstock.expression.nodes import Node
from penstock.expression.numbers import as_data
from penstock.expression.operators import truth
from penstock.expression.scope import Scope
from penstock.expression.stringify import is_list, kind_of, to_text


class Sink:
    """Where a rendering goes: here into one text."""

    __slots__ = ("meter", "parts", "size")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.parts: list[str] = []
        self.size = 0

    def text(self, text: str) -> None:
        """Text of the template itself."""
        self.size += len(text)
        if self.size > self.meter.budget.output:
            self.meter.made_text(self.size)
        self.parts.append(text)

    def value(self, value: object) -> None:
        """What an expression gave."""
        self.text(to_text(value, self.meter))

    def result(self) -> object:
        return "".join(self.parts)


class TypedSink(Sink):
    """Keeps the type of the one value written (Kestra 0.21 TypedObjectWriter).

    Null counts for nothing; text joins text; a second value, or text beside anything that is not text, is refused.
    """

    __slots__ = ("current",)

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self.current: object = None

    def text(self, text: str) -> None:
        if self.current is None:
            self.current = text
        elif isinstance(self.current, str):
            self.meter.made_text(len(self.current) + len(text))
            self.current += text
        else:
            raise self._mixed(text)

    def value(self, value: object) -> None:
        if value is None:
            return
        if self.current is not None:
            raise self._mixed(value)
        self.current = value

    def result(self) -> object:
        return as_data(self.current)

    def _mixed(self, more: object) -> ExpressionError:
        return ExpressionError(
            f"Tried to add a {kind_of(more)} to a {kind_of(self.current)}",
            help="a typed value is exactly one expression, with nothing before or behind it",
        )


class Statement:
    __slots__ = ()

    def write(self, scope: Scope, sink: Sink) -> None:
        raise NotImplementedError


class Body:
    """Statements one after the other."""

    __slots__ = ("statements",)

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements = tuple(statements)

    def write(self, scope: Scope, sink: Sink) -> None:
        for statement in self.statements:
            statement.write(scope, sink)

    def text(self, scope: Scope) -> str:
        sink = Sink(scope.meter)
        self.write(scope, sink)
        text = "".join(sink.parts)
        scope.meter.made_text(len(text))
        return text


class Text(Statement):
    __slots__ = ("content",)

    def __init__(self, content: str) -> None:
        self.content = content

    def write(self, scope: Scope, sink: Sink) -> None:
        sink.text(self.content)


class Output(Statement):
    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def write(self, scope: Scope, sink: Sink) -> None:
        sink.value(self.node.evaluate(scope))


class If(Statement):
    __slots__ = ("branches", "otherwise")

    def __init__(self, branches: tuple[tuple[Node, Body], ...], otherwise: Body) -> None:
        self.branches = branches
        self.otherwise = otherwise

    def write(self, scope: Scope, sink: Sink) -> None:
        for condition, body in self.branches:
            try:
                holds = truth(condition.evaluate(scope), "if")
            except UndefinedVariable as error:
                raise error.wrapped("Wrong operand(s) type in conditional expression") from error
            except ExpressionError as error:
                error.at(condition.offset, condition.width)
                raise
            if holds:
                body.write(scope, sink)
                return
        self.otherwise.write(scope, sink)


class For(Statement):
    """`{% for name in items %}`: lists, and maps as entries with `key` and `value`; null is no item and no `else`."""

    __slots__ = ("body", "items", "name", "otherwise")

    def __init__(self, name: str, items: Node, body: Body, otherwise: Body) -> None:
        self.name = name
        self.items = items
        self.body = body
        self.otherwise = otherwise

    def write(self, scope: Scope, sink: Sink) -> None:
        value = self.items.evaluate(scope)
        if value is None:
            return
        items: Iterable[object]
        if isinstance(value, Mapping):
            length = len(value)
            items = ({"key": key, "value": value[key]} for key in value)
        elif isinstance(value, Sequence) and is_list(value):
            length = len(value)
            items = value
        else:
            raise ExpressionError(
                f"a {kind_of(value)} cannot be iterated", offset=self.items.offset, width=self.items.width
            )
        if not length:
            self.otherwise.write(scope, sink)
            return
        scope.frames.append({})
        try:
            for index, item in enumerate(items):
                scope.meter.tick()
                frame = scope.frames[-1]
                frame[self.name] = item
                frame["loop"] = {
                    "index": index,
                    "length": length,
                    "first": index == 0,
                    "last": index == length - 1,
                    "revindex": length - index - 1,
                }
                self.body.write(scope, sink)
        finally:
            scope.frames.pop()


class Set(Statement):
    __slots__ = ("name", "node")

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node

    def write(self, scope: Scope, sink: Sink) -> None:
        scope.set(self.name, self.node.evaluate(scope))


class FilterBlock(Statement):
    """`{% filter upper | trim %}`."""

    __slots__ = ("body", "links")

    def __init__(self, links: tuple[Link, ...], body: Body) -> None:
        self.links = links
        self.body = body

    def write(self, scope: Scope, sink: Sink) -> None:
        value: object = self.body.text(scope)
        for link in self.links:
            try:
                value = link.apply(value, scope)
            except ExpressionError as error:
                error.at(link.offset, link.width)
                raise
        sink.value(value)


class Block(Statement):
    """`{% block name %}`: without `extends` (Kestra has none) it is its body, which `block('name')` repeats."""

    __slots__ = ("body",)

    def __init__(self, body: Body) -> None:
        self.body = body

    def write(self, scope: Scope, sink: Sink) -> None:
        self.body.write(scope, sink)


class Macro:
    """`{% macro name(a, b='x') %}`: a text made from its arguments; it sees nothing else."""

    __slots__ = ("body", "name", "parameters")

    def __init__(self, name: str, parameters: tuple[tuple[str, Node | None], ...], body: Body) -> None:
        self.name = name
        self.parameters = parameters
        self.body = body

    def expand(self, scope: Scope, arguments: list[object], named: dict[str, object]) -> str:
        known = [name for name, _ in self.parameters]
        strange = next((name for name in named if name not in known), None)
        if strange is not None or len(arguments) > len(known):
            fault = f"no argument `{strange}`" if strange else f"{len(known)} arguments, not {len(arguments)}"
            raise ExpressionError(f"the macro `{self.name}` takes {fault}")
        values = {**dict(zip(known, arguments, strict=False)), **named}
        inner = scope.isolated(values)
        for name, default in self.parameters:
            if name not in values:
                values[name] = None if default is None else default.evaluate(inner)
        return self.body.text(inner)
