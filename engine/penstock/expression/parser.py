"""Tokens into nodes: Pebble's expression grammar by precedence climbing, and what it reads on the way."""

from __future__ import annotations

from penstock.expression.budget import DEFAULT, too_deep
from penstock.expression.cursor import Cursor
from penstock.expression.errors import ExpressionSyntaxError
from penstock.expression.lexer import (
    NAME,
    NUMBER,
    OPERATOR,
    PIECE_CLOSE,
    PIECE_OPEN,
    PUNCTUATION,
    STRING,
    STRING_CLOSE,
    STRING_OPEN,
)
from penstock.expression.links import (
    FILTER_BINDS,
    OPERATORS,
    TEST_BINDS,
    Chain,
    Filter,
    FilterNotYet,
    Link,
    Test,
)
from penstock.expression.names import LATER_FILTERS, LATER_FUNCTIONS, REFUSED
from penstock.expression.nodes import (
    FunctionCall,
    Interpolation,
    ListLiteral,
    Literal,
    MacroCall,
    MapLiteral,
    Member,
    MethodCall,
    Node,
    Not,
    NotYet,
    Path,
    Sign,
    Subscript,
    Ternary,
    negative,
)
from penstock.expression.reads import COMPUTED, Call, Reads
from penstock.expression.reads import Path as ReadPath
from penstock.expression.registry import FILTERS, FUNCTIONS, REQUIRED, TESTS, Spec

UNARY_BINDS = 500
_CONSTANTS: dict[str, object] = {
    "true": True, "TRUE": True, "false": False, "FALSE": False,
    "null": None, "NULL": None, "none": None, "NONE": None,
}  # fmt: skip
_RESCUES = frozenset({"??", "???"})
_LAZY = _RESCUES | {"and", "or"}
"""Their right side is evaluated only where the left one does not decide."""


class ExpressionParser(Cursor):
    """One walk over the tokens of one template. `Parser` in `tags` adds the statements.

    `branches` counts what is open around the cursor that is not evaluated every time.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.paths: list[ReadPath] = []
        self.called: list[Call] = []
        self.branches = 0
        self.locals: list[set[str]] = []
        self.in_macro = False
        self.macros: set[str] = set()
        self.calls: list[MacroCall] = []

    # -- what is read ---------------------------------------------------------------------------------------------

    def reads(self) -> Reads:
        paths = sorted(self.paths, key=lambda path: path.offset)
        return Reads(tuple(paths), tuple(sorted(self.called, key=lambda call: call.offset)))

    def note_call(
        self, kind: str, name: str, start: int, spec: Spec | None, arguments: list[Node], named: dict[str, Node]
    ) -> None:
        """Note a call, with what of its arguments is known by now."""
        names = [parameter.name for parameter in spec.parameters] if spec is not None else []
        given = [(names[at] if at < len(names) else str(at), _constant(node)) for at, node in enumerate(arguments)]
        given += [(word, _constant(node)) for word, node in named.items()]
        conditional = self.branches > 0 or self.in_macro
        self.called.append(Call(kind, name, start, len(name), tuple(given), conditional))

    # -- expressions ----------------------------------------------------------------------------------------------

    def expression(self) -> Node:
        """A whole expression, ternary included."""
        self.enter()
        start = self.tokens[self.at][2]
        node = self.binary(0)
        if self.take("?"):
            self.branches += 1
            then = self.expression()
            self.expect(":", "between the two answers of `?`")
            otherwise = self.expression()
            self.branches -= 1
            node = Ternary(start, self.since(start), node, then, otherwise)
        self.depth -= 1
        return node

    def binary(self, binds: int) -> Node:
        mark, start = len(self.paths), self.tokens[self.at][2]
        node = self.operand()
        links: list[Link] = []
        while True:
            kind, value, offset, _ = self.tokens[self.at]
            if kind != OPERATOR:
                if kind == NAME:
                    self.refuse("operator", str(value), offset)
                break
            if self.rescues(str(value)):
                self.make_optional(mark)
                mark = len(self.paths)
            if value == "|":
                if binds > FILTER_BINDS:
                    break
                self.at += 1
                links.append(self.filter_link())
            elif value == "is":
                if binds > TEST_BINDS:
                    break
                self.at += 1
                links.append(self.test_link())
            else:
                row = OPERATORS.get(str(value))
                if row is None or row[0] < binds:
                    break
                self.at += 1
                lazy = value in _LAZY
                self.branches += lazy
                right = self.binary(row[0] + 1)
                self.branches -= lazy
                links.append(row[1](offset, self.since(offset), right))
        return Chain(start, self.since(start), node, tuple(links)) if links else node

    def rescues(self, operator: str) -> bool:
        """Whether the operator at the cursor takes what is not there: `??`, `???`, `default`, `is defined`."""
        if operator == "|":
            return self.tokens[self.at + 1][1] == "default"
        if operator == "is":
            behind = self.at + 1
            if self.tokens[behind][1] == "not":
                behind += 1
            return self.tokens[behind][1] == "defined"
        return operator in _RESCUES

    def make_optional(self, mark: int) -> None:
        for index in range(mark, len(self.paths)):
            path = self.paths[index]
            self.paths[index] = ReadPath(path.parts, path.offset, path.width, True, path.conditional)

    def filter_link(self) -> Link:
        start = self.tokens[self.at][2]
        name = self.name("the name of a filter")
        arguments, named = self.arguments() if self.is_mark("(") else ([], {})
        spec = FILTERS.get(name)
        self.note_call("filter", name, start, spec, arguments, named)
        if spec is not None:
            return Filter(start, self.since(start), spec, self.bind("filter", spec, arguments, named, start))
        if name in LATER_FILTERS:
            return FilterNotYet(start, self.since(start), name)
        self.refuse("filter", name, start)
        raise self.unknown(start, f"there is no filter `{name}`", name, [*FILTERS, *LATER_FILTERS])

    def test_link(self) -> Link:
        start = self.tokens[self.at][2]
        negated = self.tokens[self.at][:2] == (OPERATOR, "not")
        if negated:
            self.at += 1
        start_of_name = self.tokens[self.at][2]
        name = self.name("the name of a test")
        arguments, named = self.arguments() if self.is_mark("(") else ([], {})
        spec = TESTS.get(name)
        self.note_call("test", name, start_of_name, spec, arguments, named)
        if spec is None:
            self.refuse("test", name, start_of_name)
            raise self.unknown(start_of_name, f"there is no test `{name}`", name, TESTS)
        bound = self.bind("test", spec, arguments, named, start)
        return Test(start, self.since(start), spec, bound, negated=negated)

    def operand(self) -> Node:
        kind, value, start, end = self.tokens[self.at]
        if kind == NAME:
            return self.postfix(self.named(str(value), start, end))
        if kind in (STRING, NUMBER):
            self.at += 1
            return self.postfix(Literal(start, end - start, value))
        if kind == PUNCTUATION and value == "(":
            self.at += 1
            node = self.expression()
            self.expect(")", "to close the bracket")
            return self.postfix(node)
        if kind == PUNCTUATION and value == "[":
            return self.list_literal(start)
        if kind == PUNCTUATION and value == "{":
            return self.map_literal(start)
        if kind == STRING_OPEN:
            return self.postfix(self.interpolation(start))
        if kind == OPERATOR and value in ("not", "-", "+"):
            self.enter()
            self.at += 1
            inner = self.binary(UNARY_BINDS)
            self.depth -= 1
            width = self.since(start)
            if value == "not":
                return Not(start, width, inner)
            return negative(inner, start, width) if value == "-" else Sign(start, width, 1, inner)
        raise self.fault(f"expected an expression, found {self.found()}")

    def named(self, name: str, start: int, end: int) -> Node:
        """A constant, a call, or a variable with the keys behind it."""
        self.at += 1
        if name in _CONSTANTS:
            return Literal(start, end - start, _CONSTANTS[name])
        if self.is_mark("("):
            return self.call(name, start)
        return self.path(name, start)

    def path(self, name: str, start: int) -> Node:
        keys: list[str | int] = []
        while True:
            before = self.at
            key = self.constant_key()
            if key is None:
                self.at = before
                break
            keys.append(key)
        node: Node = Path(start, self.since(start), name, tuple(keys))
        if self.in_macro or any(name in names for names in self.locals):
            return node
        place = len(self.paths)
        conditional = self.branches > 0
        self.paths.append(ReadPath((name, *keys), start, self.since(start), False, conditional))
        parts: list[str | int | None] = [name, *keys]
        # computed subscripts, and constant keys behind them, belong to the same path
        spine = 0
        while self.is_mark("[") or (self.is_mark(".") and not self.is_call_behind_dot()):
            spine += 1
            if spine > DEFAULT.depth:
                raise too_deep(DEFAULT.depth, offset=self.tokens[self.at][2])
            node = self.step(node, start)
            parts.append(node.key if isinstance(node, Member) else None)
        if spine:
            self.paths[place] = ReadPath(tuple(parts), start, self.since(start), False, conditional)
        return node

    def constant_key(self) -> str | int | None:
        """`.name`, `['name']` or `[0]`; None, with the position anywhere, for all else."""
        tokens, at = self.tokens, self.at
        if tokens[at][0] != PUNCTUATION:
            return None
        if tokens[at][1] == ".":
            if tokens[at + 1][0] != NAME or tokens[at + 2][:2] == (PUNCTUATION, "("):
                return None
            self.at += 2
            return str(tokens[at + 1][1])
        if tokens[at][1] == "[" and tokens[at + 1][0] in (STRING, NUMBER):
            key = tokens[at + 1][1]
            if tokens[at + 2][:2] == (PUNCTUATION, "]") and not isinstance(key, float):
                self.at += 3
                return key
        return None

    def is_call_behind_dot(self) -> bool:
        return self.tokens[self.at + 1][0] == NAME and self.tokens[self.at + 2][:2] == (PUNCTUATION, "(")

    def postfix(self, node: Node) -> Node:
        """Attributes, subscripts and method calls behind a value."""
        spine = 0
        while self.is_mark(".") or self.is_mark("["):
            spine += 1
            if spine > DEFAULT.depth:
                raise too_deep(DEFAULT.depth, offset=self.tokens[self.at][2])
            node = self.step(node, node.offset)
        if self.is_mark("("):
            raise self.fault("only a function, a macro or a method can be called")
        return node

    def step(self, node: Node, start: int) -> Node:
        if self.take("["):
            key = self.expression()
            self.expect("]", "to close the subscript")
            if isinstance(key, Literal) and isinstance(key.value, str | int) and not isinstance(key.value, bool):
                return Member(start, self.since(start), node, key.value)
            return Subscript(start, self.since(start), node, key)
        self.at += 1
        name = self.name("a name behind the dot")
        if not self.is_mark("("):
            return Member(start, self.since(start), node, name)
        arguments, named = self.arguments()
        if named:
            raise self.fault(f"the method `{name}` takes its arguments by place, not by name")
        return MethodCall(start, self.since(start), node, name, tuple(arguments))

    # -- calls ----------------------------------------------------------------------------------------------------

    def call(self, name: str, start: int) -> Node:
        arguments, named = self.arguments()
        width = self.since(start)
        spec = FUNCTIONS.get(name)
        if spec is not None:
            self.note_call("function", name, start, spec, arguments, named)
            return FunctionCall(start, width, spec, self.bind("function", spec, arguments, named, start))
        if name in LATER_FUNCTIONS:
            self.note_call("function", name, start, None, arguments, named)
            return NotYet(start, width, "function", name)
        call = MacroCall(start, width, name, tuple(arguments), named)
        self.calls.append(call)
        return call

    def check_calls(self) -> None:
        """Every call that is no function must be a macro of this template."""
        for call in self.calls:
            if call.name not in self.macros:
                self.refuse("function", call.name, call.offset)
                known = [*FUNCTIONS, *LATER_FUNCTIONS, *self.macros]
                raise self.unknown(call.offset, f"there is no function `{call.name}`", call.name, known)

    def refuse(self, kind: str, name: str, start: int) -> None:
        """Tell why a name that others have heard of is none here."""
        reason = REFUSED[kind].get(name)
        if reason is not None:
            raise ExpressionSyntaxError(reason, offset=start, width=len(name))

    def arguments(self) -> tuple[list[Node], dict[str, Node]]:
        self.expect("(", "before the arguments")
        arguments: list[Node] = []
        named: dict[str, Node] = {}
        while not self.take(")"):
            if arguments or named:
                self.expect(",", "between two arguments")
            token, behind = self.tokens[self.at], self.tokens[self.at + 1]
            if token[0] == NAME and behind[:2] == (PUNCTUATION, "="):
                if token[1] in named:
                    raise self.fault(f"the argument `{token[1]}` is given twice")
                self.at += 2
                named[str(token[1])] = self.expression()
            elif named:
                raise self.fault("an argument by place cannot follow one by name")
            else:
                arguments.append(self.expression())
        return arguments, named

    def bind(
        self, kind: str, spec: Spec, arguments: list[Node], named: dict[str, Node], start: int
    ) -> tuple[Node, ...]:
        """One node per parameter, and what is left when it takes any number."""
        parameters = spec.parameters
        names = [parameter.name for parameter in parameters]
        if len(arguments) > len(parameters) and not spec.variadic:
            most = f"{len(parameters)} argument{'' if len(parameters) == 1 else 's'}"
            raise ExpressionSyntaxError(
                f"the {kind} `{spec.name}` takes {most}, not {len(arguments)}",
                offset=start,
                width=self.since(start),
            )
        for name, node in named.items():
            if name not in names:
                raise self.unknown(start, f"the {kind} `{spec.name}` has no argument `{name}`", name, names)
            if names.index(name) < len(arguments):
                message = f"the argument `{name}` of `{spec.name}` is given twice"
                raise ExpressionSyntaxError(message, offset=node.offset, width=node.width)
        bound = list(arguments)
        for parameter in parameters[len(arguments) :]:
            given = named.get(parameter.name)
            if given is None and parameter.default is REQUIRED:
                message = f"the {kind} `{spec.name}` expects an argument `{parameter.name}`"
                raise ExpressionSyntaxError(message, offset=start, width=self.since(start))
            bound.append(Literal(start, 0, parameter.default) if given is None else given)
        return tuple(bound)

    # -- literals -------------------------------------------------------------------------------------------------

    def list_literal(self, start: int) -> Node:
        self.at += 1
        items: list[Node] = []
        while not self.take("]"):
            if items:
                self.expect(",", "between two items of the list")
            items.append(self.expression())
        return ListLiteral(start, self.since(start), tuple(items))

    def map_literal(self, start: int) -> Node:
        self.at += 1
        if self.tokens[self.at][:2] == (OPERATOR, "%"):
            raise self.fault("a tag `{% %}` cannot stand inside `{{ }}`", "write the tag outside, or a `? :` inside")
        entries: list[tuple[Node, Node]] = []
        while not self.take("}"):
            if entries:
                self.expect(",", "between two entries of the map")
            key = self.expression()
            self.expect(":", "behind the key of a map")
            entries.append((key, self.expression()))
        return MapLiteral(start, self.since(start), tuple(entries))

    def interpolation(self, start: int) -> Node:
        self.at += 1
        pieces: list[Node] = []
        while True:
            kind, value, offset, end = self.tokens[self.at]
            self.at += 1
            if kind == STRING:
                pieces.append(Literal(offset, end - offset, value))
            elif kind == PIECE_OPEN:
                pieces.append(self.expression())
                if self.tokens[self.at][0] != PIECE_CLOSE:
                    raise self.fault(f"expected `}}` to close `#{{`, found {self.found()}")
                self.at += 1
            elif kind == STRING_CLOSE:
                return Interpolation(start, self.since(start), tuple(pieces))
            else:
                self.at -= 1
                raise self.fault(f"expected the end of the text, found {self.found()}")


def _constant(node: Node) -> object:
    return node.value if isinstance(node, Literal) else COMPUTED
