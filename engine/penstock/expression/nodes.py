"""Expressions that evaluate themselves: what stands alone. What follows a value stands in `links`."""

from __future__ import annotations

from penstock.expression.attributes import attribute
from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.methods import call_method
from penstock.expression.operators import multiply, truth
from penstock.expression.registry import Spec
from penstock.expression.scope import MISSING, Scope
from penstock.expression.stringify import is_list, is_map, to_java

# What a call with values of the wrong kind may raise inside Python; it is told as an error of the expression.
WRONG_VALUES = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError)


class Node:
    """One expression. `offset` and `width` are characters of the source."""

    __slots__ = ("offset", "width")

    def __init__(self, offset: int, width: int) -> None:
        self.offset = offset
        self.width = width

    def evaluate(self, scope: Scope) -> object:
        """The value. Raises UndefinedVariable for what is not there, ExpressionError for what cannot be."""
        raise NotImplementedError


class Literal(Node):
    __slots__ = ("value",)

    def __init__(self, offset: int, width: int, value: object) -> None:
        self.offset = offset
        self.width = width
        self.value = value

    def evaluate(self, scope: Scope) -> object:
        return self.value


class Path(Node):
    """A variable and constant keys behind it: the commonest expression, so it is walked in one loop."""

    __slots__ = ("keys", "name")

    def __init__(self, offset: int, width: int, name: str, keys: tuple[str | int, ...]) -> None:
        self.offset = offset
        self.width = width
        self.name = name
        self.keys = keys

    def evaluate(self, scope: Scope) -> object:
        value = scope.get(self.name)
        if value is MISSING:
            raise UndefinedVariable(self.name, offset=self.offset, width=self.width)
        try:
            for key in self.keys:
                if type(value) is dict and type(key) is str and key in value:
                    value = value[key]
                else:
                    value = attribute(value, key)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise
        return value


class Member(Node):
    """A constant key behind any other expression."""

    __slots__ = ("base", "key")

    def __init__(self, offset: int, width: int, base: Node, key: str | int) -> None:
        super().__init__(offset, width)
        self.base = base
        self.key = key

    def evaluate(self, scope: Scope) -> object:
        value = self.base.evaluate(scope)
        try:
            return attribute(value, self.key)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise


class Subscript(Node):
    __slots__ = ("base", "key")

    def __init__(self, offset: int, width: int, base: Node, key: Node) -> None:
        super().__init__(offset, width)
        self.base = base
        self.key = key

    def evaluate(self, scope: Scope) -> object:
        value = self.base.evaluate(scope)
        key = self.key.evaluate(scope)
        try:
            return attribute(value, key)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise


class MethodCall(Node):
    __slots__ = ("arguments", "base", "name")

    def __init__(self, offset: int, width: int, base: Node, name: str, arguments: tuple[Node, ...]) -> None:
        super().__init__(offset, width)
        self.base = base
        self.name = name
        self.arguments = arguments

    def evaluate(self, scope: Scope) -> object:
        value = self.base.evaluate(scope)
        arguments = tuple([node.evaluate(scope) for node in self.arguments])
        scope.meter.tick()
        scope.meter.look()
        try:
            return call_method(value, self.name, arguments, scope.meter)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise
        except WRONG_VALUES as error:
            raise refused("method", self.name, error, self) from error


class FunctionCall(Node):
    __slots__ = ("arguments", "spec")

    def __init__(self, offset: int, width: int, spec: Spec, arguments: tuple[Node, ...]) -> None:
        self.offset = offset
        self.width = width
        self.spec = spec
        self.arguments = arguments

    def evaluate(self, scope: Scope) -> object:
        arguments = [node.evaluate(scope) for node in self.arguments]
        scope.meter.tick()
        scope.meter.look()
        try:
            if self.spec.impure:
                with scope.meter.paused():
                    value = self.spec.call(scope, *arguments)
            else:
                value = self.spec.call(scope, *arguments)
            return value if self.spec.borrows else measured(value, scope)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise
        except WRONG_VALUES as error:
            if self.spec.impure:
                raise  # the world's own fault, which is no fault of the values
            raise refused("function", self.spec.name, error, self) from error


class MacroCall(Node):
    """A call of a macro of this template. Which one is known only when the whole template has been read."""

    __slots__ = ("arguments", "name", "named")

    def __init__(self, offset: int, width: int, name: str, arguments: tuple[Node, ...], named: dict[str, Node]) -> None:
        super().__init__(offset, width)
        self.name = name
        self.arguments = arguments
        self.named = named

    def evaluate(self, scope: Scope) -> object:
        macro = scope.template.macros[self.name]
        arguments = [node.evaluate(scope) for node in self.arguments]
        named = {name: node.evaluate(scope) for name, node in self.named.items()}
        scope.meter.tick()
        scope.meter.enter()
        try:
            return macro.expand(scope, arguments, named)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise
        finally:
            scope.meter.leave()


class NotYet(Node):
    """A function that Kestra has and we do not."""

    __slots__ = ("kind", "name")

    def __init__(self, offset: int, width: int, kind: str, name: str) -> None:
        super().__init__(offset, width)
        self.kind = kind
        self.name = name

    def evaluate(self, scope: Scope) -> object:
        raise not_yet(self.kind, self.name, self.offset, self.width)


class Not(Node):
    __slots__ = ("operand",)

    def __init__(self, offset: int, width: int, operand: Node) -> None:
        super().__init__(offset, width)
        self.operand = operand

    def evaluate(self, scope: Scope) -> object:
        return not truth(self.operand.evaluate(scope), "not()")


class Sign(Node):
    """Unary plus and minus."""

    __slots__ = ("factor", "operand")

    def __init__(self, offset: int, width: int, factor: int, operand: Node) -> None:
        super().__init__(offset, width)
        self.factor = factor
        self.operand = operand

    def evaluate(self, scope: Scope) -> object:
        try:
            return multiply(self.factor, self.operand.evaluate(scope), scope.meter)
        except ExpressionError as error:
            error.at(self.offset, self.width)
            raise


class Ternary(Node):
    """`a ? b : c`; null counts as false here, and only here."""

    __slots__ = ("condition", "otherwise", "then")

    def __init__(self, offset: int, width: int, condition: Node, then: Node, otherwise: Node) -> None:
        super().__init__(offset, width)
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    def evaluate(self, scope: Scope) -> object:
        value = self.condition.evaluate(scope)
        if value is not None and truth(value, "a condition"):
            return self.then.evaluate(scope)
        return self.otherwise.evaluate(scope)


class ListLiteral(Node):
    __slots__ = ("items",)

    def __init__(self, offset: int, width: int, items: tuple[Node, ...]) -> None:
        super().__init__(offset, width)
        self.items = items

    def evaluate(self, scope: Scope) -> object:
        scope.meter.made_items(len(self.items))
        return [node.evaluate(scope) for node in self.items]


class MapLiteral(Node):
    __slots__ = ("entries",)

    def __init__(self, offset: int, width: int, entries: tuple[tuple[Node, Node], ...]) -> None:
        super().__init__(offset, width)
        self.entries = entries

    def evaluate(self, scope: Scope) -> object:
        scope.meter.made_items(len(self.entries))
        made: dict[object, object] = {}
        for key_node, node in self.entries:
            key = key_node.evaluate(scope)
            if is_map(key) or is_list(key):
                raise ExpressionError(
                    "a list or map cannot be the key of a map", offset=key_node.offset, width=key_node.width
                )
            made[key] = node.evaluate(scope)
        return made


class Interpolation(Node):
    """`"a #{b} c"`."""

    __slots__ = ("pieces",)

    def __init__(self, offset: int, width: int, pieces: tuple[Node, ...]) -> None:
        super().__init__(offset, width)
        self.pieces = pieces

    def evaluate(self, scope: Scope) -> object:
        texts: list[str] = []
        for piece in self.pieces:
            value = piece.evaluate(scope)
            if value is not None:
                texts.append(to_java(value, scope.meter))
        scope.meter.made_text(sum(map(len, texts)))
        return "".join(texts)


def measured(value: object, scope: Scope) -> object:
    """A value that a function or filter has just made, counted."""
    if type(value) is str:
        scope.meter.made_text(len(value))
    elif type(value) is list or type(value) is dict:
        scope.meter.made_items(len(value))
    return value


def refused(kind: str, name: str, error: BaseException, node: Node) -> ExpressionError:
    """The error for a call that Python could not make with these values."""
    reason = "they are nested too deep" if isinstance(error, RecursionError) else str(error) or "of their kind"
    return ExpressionError(
        f"the {kind} `{name}` cannot work with these values: {reason[:200]}",
        offset=node.offset,
        width=node.width,
    )


def not_yet(kind: str, name: str, offset: int, width: int) -> ExpressionError:
    return ExpressionError(f"the {kind} `{name}` is not available yet", offset=offset, width=width)


def negative(node: Node, offset: int, width: int) -> Node:
    """`-node`, folded when it is a number that stands in the source."""
    if isinstance(node, Literal):
        value = node.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Literal(offset, width, -value)
    return Sign(offset, width, -1, node)
