"""What follows a value: binary operators, filters and tests, as links of one chain.

A chain of equal or falling precedence is evaluated in a loop, so that a thousand `~` need no deeper stack than
one. A missing variable travels along the chain until a link rescues it (`??`, `???`, `default`, `is defined`) or
wraps it (arithmetic and comparison, which Pebble 3.2 turns into errors that nothing further out catches).
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.nodes import WRONG_VALUES, Node, measured, not_yet, refused
from penstock.expression.operators import (
    Operation,
    add,
    compare,
    concatenate,
    contains,
    divide,
    equals,
    is_in,
    modulo,
    multiply,
    span,
    subtract,
    truth,
)
from penstock.expression.registry import Spec
from penstock.expression.scope import Scope


class Link:
    """One step of a chain."""

    __slots__ = ("offset", "width")

    def __init__(self, offset: int, width: int) -> None:
        self.offset = offset
        self.width = width

    def apply(self, value: object, scope: Scope) -> object:
        """The value after this link."""
        raise NotImplementedError

    def rescue(self, missing: UndefinedVariable, scope: Scope) -> object:
        """The value after this link when there is none before it."""
        raise missing


class Chain(Node):
    __slots__ = ("first", "links")

    def __init__(self, offset: int, width: int, first: Node, links: tuple[Link, ...]) -> None:
        self.offset = offset
        self.width = width
        self.first = first
        self.links = links

    def evaluate(self, scope: Scope) -> object:
        missing: UndefinedVariable | None = None
        value: object = None
        try:
            value = self.first.evaluate(scope)
        except UndefinedVariable as error:
            missing = error
        for link in self.links:
            try:
                if missing is None:
                    value = link.apply(value, scope)
                else:
                    value = link.rescue(missing, scope)
                    missing = None
            except UndefinedVariable as error:
                missing = error
            except ExpressionError as error:
                error.at(link.offset, link.width)
                raise
        if missing is not None:
            raise missing
        return value


class Operator(Link):
    """An operator of two values. `wraps` names what could not be done when one of them is missing."""

    __slots__ = ("operation", "right", "wraps")

    def __init__(self, offset: int, width: int, right: Node, operation: Operation, wraps: str | None) -> None:
        self.offset = offset
        self.width = width
        self.right = right
        self.operation = operation
        self.wraps = wraps

    def apply(self, value: object, scope: Scope) -> object:
        try:
            other = self.right.evaluate(scope)
        except UndefinedVariable as error:
            if self.wraps is None:
                raise
            raise error.wrapped(self.wraps) from error
        return self.operation(value, other, scope.meter)

    def rescue(self, missing: UndefinedVariable, scope: Scope) -> object:
        if self.wraps is None:
            raise missing
        raise missing.wrapped(self.wraps) from missing


class And(Link):
    __slots__ = ("right",)

    def __init__(self, offset: int, width: int, right: Node) -> None:
        super().__init__(offset, width)
        self.right = right

    def apply(self, value: object, scope: Scope) -> object:
        return truth(value, "`and`") and truth(self.right.evaluate(scope), "`and`")


class Or(And):
    __slots__ = ()

    def apply(self, value: object, scope: Scope) -> object:
        return truth(value, "`or`") or truth(self.right.evaluate(scope), "`or`")


class Coalesce(Link):
    """`??`: the right side for null and for what is not there; `???` (`strict`) only for what is not there."""

    __slots__ = ("right", "strict")

    def __init__(self, offset: int, width: int, right: Node, *, strict: bool) -> None:
        super().__init__(offset, width)
        self.right = right
        self.strict = strict

    def apply(self, value: object, scope: Scope) -> object:
        return self.right.evaluate(scope) if value is None and not self.strict else value

    def rescue(self, missing: UndefinedVariable, scope: Scope) -> object:
        return self.right.evaluate(scope)


class Filter(Link):
    __slots__ = ("arguments", "spec")

    def __init__(self, offset: int, width: int, spec: Spec, arguments: tuple[Node, ...]) -> None:
        self.offset = offset
        self.width = width
        self.spec = spec
        self.arguments = arguments

    def apply(self, value: object, scope: Scope) -> object:
        arguments = [node.evaluate(scope) for node in self.arguments]
        if value is None and not self.spec.takes_null:
            return None
        scope.meter.tick()
        scope.meter.look()
        try:
            made = self.spec.call(scope, value, *arguments)
            return made if self.spec.borrows else measured(made, scope)
        except WRONG_VALUES as error:
            raise refused("filter", self.spec.name, error, Node(self.offset, self.width)) from error

    def rescue(self, missing: UndefinedVariable, scope: Scope) -> object:
        if self.spec.name == "default":
            return self.apply(None, scope)
        raise missing


class Test(Link):
    """`is name` and, `negated`, `is not name`."""

    __slots__ = ("arguments", "negated", "spec")

    def __init__(self, offset: int, width: int, spec: Spec, arguments: tuple[Node, ...], *, negated: bool) -> None:
        super().__init__(offset, width)
        self.spec = spec
        self.arguments = arguments
        self.negated = negated

    def apply(self, value: object, scope: Scope) -> object:
        arguments = [node.evaluate(scope) for node in self.arguments]
        return bool(self.spec.call(scope, value, *arguments)) is not self.negated

    def rescue(self, missing: UndefinedVariable, scope: Scope) -> object:
        if self.spec.name == "defined":
            return self.apply(None, scope)
        raise missing


class FilterNotYet(Link):
    """A filter that Kestra has and we do not."""

    __slots__ = ("name",)

    def __init__(self, offset: int, width: int, name: str) -> None:
        super().__init__(offset, width)
        self.name = name

    def apply(self, value: object, scope: Scope) -> object:
        raise not_yet("filter", self.name, self.offset, self.width)


Maker = Callable[[int, int, Node], Link]


def _operator(operation: Operation, wraps: str | None = None) -> Maker:
    return lambda offset, width, right: Operator(offset, width, right, operation, wraps)


def _comparison(sign: str, words: str) -> Maker:
    return _operator(lambda left, right, _: compare(left, right, sign), f"Could not perform {words} comparison")


# Sign → how tightly it binds (Pebble's CoreExtension and Kestra's Extension), and how its link is made.
FILTER_BINDS, TEST_BINDS = 100, 20
_equals = _operator(equals, "Could not perform equals comparison")
OPERATORS: dict[str, tuple[int, Maker]] = {
    "or": (10, Or),
    "and": (15, And),
    "contains": (20, _operator(contains)),
    "==": (30, _equals),
    "equals": (30, _equals),
    "isIn": (30, _operator(is_in)),
    "!=": (
        30,
        _operator(
            lambda left, right, meter: not equals(left, right, meter),
            "Could not perform not equals comparison",
        ),
    ),
    ">": (30, _comparison(">", "greater than")),
    "<": (30, _comparison("<", "less than")),
    ">=": (30, _comparison(">=", "greater than or equals")),
    "<=": (30, _comparison("<=", "less than or equals")),
    "+": (40, _operator(add, "Could not perform addition")),
    "-": (40, _operator(subtract, "Could not perform subtraction")),
    "*": (60, _operator(multiply, "Could not perform multiplication")),
    "/": (60, _operator(divide, "Could not perform division")),
    "%": (60, _operator(modulo, "Could not perform modulus")),
    "~": (110, _operator(concatenate)),
    "..": (120, _operator(lambda start, end, meter: span(start, end, 1, meter))),
    "??": (120, lambda offset, width, right: Coalesce(offset, width, right, strict=False)),
    "???": (120, lambda offset, width, right: Coalesce(offset, width, right, strict=True)),
}
