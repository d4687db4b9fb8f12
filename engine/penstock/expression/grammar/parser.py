"""Tokens into nodes: Pebble's expression grammar by precedence climbing, and what it reads on the way."""

from __future__ import annotations

from penstock.expression.binding import bound
from penstock.expression.budget import DEFAULT, too_deep
from penstock.expression.errors import ExpressionSyntaxError
from penstock.expression.grammar.cursor import Cursor
from penstock.expression.grammar.lexer import (
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
from penstock.expression.grammar.notes import Notes
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
from penstock.expression.registry import FILTERS, FUNCTIONS, TESTS

UNARY_BINDS = 500
_CONSTANTS: dict[str, object] = {
    "true": True, "TRUE": True, "false": False, "FALSE": False,
    "null": None, "NULL": None, "none": None, "NONE": None,
}  # fmt: skip
_RESCUES = frozenset({"??", "???"})
_LAZY = _RESCUES | {"and", "or"}
"""Their right side is evaluated only where the left one does not decide."""
_MAY_RESCUE = _RESCUES | {"|", "is"}
_BEHIND = (".", "[", "(")
_ENDS = (",", ")", ":", "]", "}")
_TEXT_OR_NUMBER = (STRING, NUMBER)


class ExpressionParser(Cursor):
    """One walk over the tokens of one template. `Parser` in `tags` adds the statements.

    `branches` counts what is open around the cursor that is not evaluated every time. What every template goes
    through is written out here in place of calls: parsing has 40 µs for a template of 50 characters.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.notes = Notes()
        self.branches = 0
        self.locals: list[set[str]] = []
        self.in_macro = False
        self.macros: set[str] = set()
        self.calls: list[MacroCall] = []

    # -- expressions ----------------------------------------------------------------------------------------------

    def expression(self) -> Node:
        """A whole expression, ternary included."""
        kind, value, start, end = self.tokens[self.at]
        if kind in _TEXT_OR_NUMBER:
            behind = self.tokens[self.at + 1]
            if behind[0] == PUNCTUATION and behind[1] in _ENDS:
                self.at += 1
                return Literal(start, end - start, value)
        self.depth += 1
        if self.depth > DEFAULT.depth:
            raise too_deep(DEFAULT.depth, offset=start)
        node = self.binary(0)
        kind, value, _, _ = self.tokens[self.at]
        if value == "?" and kind == PUNCTUATION:
            self.at += 1
            self.branches += 1
            then = self.expression()
            self.expect(":", "between the two answers of `?`")
            otherwise = self.expression()
            self.branches -= 1
            node = Ternary(start, self.since(start), node, then, otherwise)
        self.depth -= 1
        return node

    def binary(self, binds: int) -> Node:
        tokens, start = self.tokens, self.tokens[self.at][2]
        mark = len(self.notes.paths)
        node = self.operand()
        kind, value, offset, _ = tokens[self.at]
        if kind != OPERATOR and kind != NAME:
            return node
        links: list[Link] = []
        while kind == OPERATOR:
            if value in _MAY_RESCUE and self.rescues(value):
                self.notes.make_optional(mark)
                mark = len(self.notes.paths)
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
                row = OPERATORS.get(value) if isinstance(value, str) else None
                if row is None or row[0] < binds:
                    break
                self.at += 1
                lazy = value in _LAZY
                self.branches += lazy
                right = self.binary(row[0] + 1)
                self.branches -= lazy
                links.append(row[1](offset, tokens[self.at - 1][3] - offset, right))
            kind, value, offset, _ = tokens[self.at]
        if kind == NAME:
            self.refuse("operator", str(value), offset)
        return Chain(start, tokens[self.at - 1][3] - start, node, tuple(links)) if links else node

    def rescues(self, operator: object) -> bool:
        """Whether the operator at the cursor takes what is not there: `??`, `???`, `default`, `is defined`."""
        if operator == "|":
            return self.tokens[self.at + 1][1] == "default"
        if operator == "is":
            behind = self.at + 1
            if self.tokens[behind][1] == "not":
                behind += 1
            return self.tokens[behind][1] == "defined"
        return True

    def filter_link(self) -> Link:
        start = self.tokens[self.at][2]
        name = self.name("the name of a filter")
        kind, value, _, _ = self.tokens[self.at]
        arguments, named = self.arguments() if value == "(" and kind == PUNCTUATION else ([], {})
        spec = FILTERS.get(name)
        self.notes.filters.add(name)
        conditional = self.branches > 0 or self.in_macro
        self.notes.calls.append(("filter", name, start, spec, arguments, named, conditional))
        end = self.tokens[self.at - 1][3]
        if spec is not None:
            return Filter(start, end - start, spec, bound(spec, "filter", arguments, named, (start, end - start)))
        if name in LATER_FILTERS:
            return FilterNotYet(start, end - start, name)
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
        conditional = self.branches > 0 or self.in_macro
        self.notes.calls.append(("test", name, start_of_name, spec, arguments, named, conditional))
        if spec is None:
            self.refuse("test", name, start_of_name)
            raise self.unknown(start_of_name, f"there is no test `{name}`", name, TESTS)
        width = self.since(start)
        return Test(start, width, spec, bound(spec, "test", arguments, named, (start, width)), negated=negated)

    def operand(self) -> Node:
        kind, value, start, end = self.tokens[self.at]
        node: Node
        if kind == NAME:
            self.at += 1
            assert isinstance(value, str)
            behind = self.tokens[self.at]
            if behind[1] == "(" and behind[0] == PUNCTUATION:
                node = self.call(value, start)
            elif value in _CONSTANTS:
                node = Literal(start, end - start, _CONSTANTS[value])
            else:
                node = self.path(value, start, end)
        elif kind in _TEXT_OR_NUMBER:
            self.at += 1
            node = Literal(start, end - start, value)
        elif kind == PUNCTUATION and value == "(":
            self.at += 1
            node = self.expression()
            self.expect(")", "to close the bracket")
        elif kind == PUNCTUATION and value == "[":
            return self.list_literal(start)
        elif kind == PUNCTUATION and value == "{":
            return self.map_literal(start)
        elif kind == STRING_OPEN:
            node = self.interpolation(start)
        elif kind == OPERATOR and value in ("not", "-", "+"):
            return self.unary(start, value == "not", value == "-")
        else:
            raise self.fault(f"expected an expression, found {self.found()}")
        kind, value, _, _ = self.tokens[self.at]
        return self.postfix(node) if kind == PUNCTUATION and value in _BEHIND else node

    def unary(self, start: int, is_not: bool, is_minus: bool) -> Node:
        self.enter()
        self.at += 1
        inner = self.binary(UNARY_BINDS)
        self.depth -= 1
        width = self.since(start)
        if is_not:
            return Not(start, width, inner)
        return negative(inner, start, width) if is_minus else Sign(start, width, 1, inner)

    def path(self, name: str, start: int, end: int) -> Node:
        """A variable with the keys behind it: `.name`, `['name']`, `[0]` as one node, computed ones around it."""
        tokens, at = self.tokens, self.at
        keys: list[str | int] = []
        while True:
            kind, value, _, _ = tokens[at]
            if kind != PUNCTUATION:
                break
            key = tokens[at + 1]
            if value == "." and key[0] == NAME:
                if tokens[at + 2][1] == "(" and tokens[at + 2][0] == PUNCTUATION:
                    break
                assert isinstance(key[1], str)
                keys.append(key[1])
                end = key[3]
                at += 2
            elif value == "[" and key[0] in _TEXT_OR_NUMBER and tokens[at + 2][:2] == (PUNCTUATION, "]"):
                if isinstance(key[1], float):
                    break
                keys.append(key[1])
                end = tokens[at + 2][3]
                at += 3
            else:
                break
        self.at = at
        node: Node = Path(start, end - start, name, tuple(keys))
        if self.in_macro or self.is_local(name):
            return node
        place = len(self.notes.paths)
        conditional = self.branches > 0
        self.notes.paths.append(((name, *keys), start, end - start, False, conditional))
        if kind == PUNCTUATION and value in (".", "["):
            parts: list[str | int | None] = [name, *keys]
            node = self.computed(node, start, parts)
            self.notes.paths[place] = (tuple(parts), start, self.since(start), False, conditional)
        return node

    def is_local(self, name: str) -> bool:
        """Whether the template itself makes this name."""
        for names in self.locals:  # noqa: SIM110 - `any` makes a generator for every path
            if name in names:
                return True
        return False

    def computed(self, node: Node, start: int, parts: list[str | int | None]) -> Node:
        """Computed subscripts, and constant keys behind them, which belong to the same path."""
        spine = 0
        while self.is_mark("[") or (self.is_mark(".") and not self.is_call_behind_dot()):
            spine += 1
            if spine > DEFAULT.depth:
                raise too_deep(DEFAULT.depth, offset=self.tokens[self.at][2])
            node = self.step(node, start)
            parts.append(node.key if isinstance(node, Member) else None)
        return node

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
        if spec is not None or name in LATER_FUNCTIONS:
            self.notes.functions.add(name)
            conditional = self.branches > 0 or self.in_macro
            self.notes.calls.append(("function", name, start, spec, arguments, named, conditional))
            if spec is None:
                return NotYet(start, width, "function", name)
            return FunctionCall(start, width, spec, bound(spec, "function", arguments, named, (start, width)))
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
        """Those of a call, from its `(`, which is the next token, to its `)`."""
        tokens = self.tokens
        self.at += 1
        arguments: list[Node] = []
        named: dict[str, Node] = {}
        while not self.take(")"):
            if arguments or named:
                self.expect(",", "between two arguments")
            kind, value, _, _ = tokens[self.at]
            behind = tokens[self.at + 1]
            if kind == NAME and behind[1] == "=" and behind[0] == PUNCTUATION:
                if value in named:
                    raise self.fault(f"the argument `{value}` is given twice")
                self.at += 2
                named[str(value)] = self.expression()
            elif named:
                raise self.fault("an argument by place cannot follow one by name")
            else:
                arguments.append(self.expression())
        return arguments, named

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
