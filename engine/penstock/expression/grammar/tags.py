"""Tokens into statements: text, `{{ }}` and the tags that Kestra leaves of Pebble's."""

from __future__ import annotations

from penstock.expression.errors import ExpressionSyntaxError
from penstock.expression.grammar.lexer import (
    END,
    NAME,
    OPERATOR,
    PRINT_CLOSE,
    PRINT_OPEN,
    STRING,
    TAG_OPEN,
    TEXT,
)
from penstock.expression.grammar.parser import ExpressionParser
from penstock.expression.links import Link
from penstock.expression.nodes import Node
from penstock.expression.statements import (
    Block,
    Body,
    FilterBlock,
    For,
    If,
    Macro,
    Output,
    Set,
    Statement,
    Text,
)

_NO_ENDS: frozenset[str] = frozenset()
_ONE_TEMPLATE = "a template stands by itself; `render(read('file'))` renders a namespace file"
_REMOVED = {
    "autoescape": "nothing is escaped unless a filter does",
    "cache": "a template is rendered as a whole",
    "embed": _ONE_TEMPLATE,
    "extends": _ONE_TEMPLATE,
    "flush": "a template is rendered as a whole",
    "from": "a macro is written in the template that calls it",
    "import": "a macro is written in the template that calls it",
    "include": _ONE_TEMPLATE,
    "parallel": "a template is rendered as a whole",
}
_TAGS = ("if", "for", "set", "macro", "filter", "block", "verbatim", "raw")


class Parser(ExpressionParser):
    """The whole template: a body, and the macros and blocks that stand in it."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.found_macros: dict[str, Macro] = {}
        self.blocks: dict[str, Body] = {}
        self.locals.append(set())

    def template(self) -> Body:
        """The body. Raises ExpressionSyntaxError."""
        body = self.body(_NO_ENDS, "", 0)
        self.check_calls()
        return body

    def body(self, ends: frozenset[str], opener: str, start: int) -> Body:
        """Statements up to a tag named in `ends`, which is left standing."""
        self.enter()
        statements: list[Statement] = []
        while True:
            kind, value = self.tokens[self.at][:2]
            if kind == TEXT:
                self.at += 1
                statements.append(Text(str(value)))
            elif kind == PRINT_OPEN:
                self.at += 1
                statements.append(Output(self.expression()))
                if self.tokens[self.at][0] != PRINT_CLOSE:
                    raise self.fault(f"expected `}}}}` at the end of the expression, found {self.found()}")
                self.at += 1
            elif kind == TAG_OPEN:
                if self.tokens[self.at + 1][1] in ends:
                    break
                statement = self.tag(opener)
                if statement is not None:
                    statements.append(statement)
            elif kind == END and not ends:
                break
            else:
                raise ExpressionSyntaxError(
                    f"`{opener}` is not closed",
                    offset=start,
                    width=len(opener),
                    help=f"close it with `{{% end{opener} %}}`",
                )
        self.depth -= 1
        return Body(statements)

    def tag(self, opener: str) -> Statement | None:
        self.at += 1
        start = self.tokens[self.at][2]
        name = self.name("the name of a tag")
        if name == "if":
            return self.if_tag(start)
        if name == "for":
            return self.for_tag(start)
        if name == "set":
            return self.set_tag()
        if name == "macro":
            self.macro_tag(start)
            return None
        if name == "filter":
            return self.filter_tag(start)
        if name == "block":
            return self.block_tag(start)
        self.at -= 1
        if name in _REMOVED:
            raise self.fault(f"the tag `{name}` is not part of Kestra's expressions", _REMOVED[name])
        if name.startswith("end") or name in ("else", "elseif"):
            raise self.fault(f"unexpected `{name}`", f"the open tag is `{opener}`" if opener else "no tag is open")
        raise self.unknown(start, f"there is no tag `{name}`", name, _TAGS)

    def end(self, name: str) -> None:
        """The closing tag, at which `body` stopped."""
        self.at += 2
        if name == "endblock" and self.tokens[self.at][0] == NAME:
            self.at += 1
        self.close_tag(name)

    def if_tag(self, start: int) -> Statement:
        branches: list[tuple[Node, Body]] = []
        otherwise = Body(())
        condition = self.expression()
        self.close_tag("if")
        self.branches += 1
        while True:
            body = self.body(frozenset({"elseif", "else", "endif"}), "if", start)
            branches.append((condition, body))
            word = self.tokens[self.at + 1][1]
            if word == "endif":
                break
            self.at += 2
            chained = word == "else" and self.tokens[self.at][:2] == (NAME, "if")
            if chained:
                self.at += 1
            if word == "elseif" or chained:
                condition = self.expression()
                self.close_tag("elseif")
                continue
            self.close_tag("else")
            otherwise = self.body(frozenset({"endif"}), "if", start)
            break
        self.branches -= 1
        self.end("endif")
        return If(tuple(branches), otherwise)

    def for_tag(self, start: int) -> Statement:
        name = self.name("the name of the loop's variable")
        if self.is_mark(","):
            raise self.fault("a loop has one variable", "over a map it is an entry: `entry.key`, `entry.value`")
        if self.name("`in`") != "in":
            self.at -= 1
            raise self.fault(f"expected `in`, found {self.found()}")
        items = self.expression()
        self.close_tag("for")
        self.branches += 1
        self.locals.append({name, "loop"})
        body = self.body(frozenset({"else", "endfor"}), "for", start)
        self.locals.pop()
        otherwise = Body(())
        if self.tokens[self.at + 1][1] == "else":
            self.at += 2
            self.close_tag("else")
            otherwise = self.body(frozenset({"endfor"}), "for", start)
        self.branches -= 1
        self.end("endfor")
        return For(name, items, body, otherwise)

    def set_tag(self) -> Statement:
        name = self.name("the name of a variable")
        self.expect("=", "behind the name")
        node = self.expression()
        self.close_tag("set")
        self.locals[-1].add(name)
        return Set(name, node)

    def macro_tag(self, start: int) -> None:
        if self.in_macro:
            raise self.fault("a macro cannot stand in a macro")
        place = self.tokens[self.at][2]
        name = self.name("the name of the macro")
        if name in self.macros:
            raise ExpressionSyntaxError(f"the macro `{name}` is defined twice", offset=place, width=len(name))
        self.macros.add(name)
        self.in_macro = True
        self.expect("(", "behind the macro's name")
        parameters: list[tuple[str, Node | None]] = []
        while not self.take(")"):
            if parameters:
                self.expect(",", "between two arguments")
            parameter = self.name("the name of an argument")
            parameters.append((parameter, self.expression() if self.take("=") else None))
        self.close_tag("macro")
        body = self.body(frozenset({"endmacro"}), "macro", start)
        self.end("endmacro")
        self.in_macro = False
        self.found_macros[name] = Macro(name, tuple(parameters), body)

    def filter_tag(self, start: int) -> Statement:
        links: list[Link] = [self.filter_link()]
        while self.tokens[self.at][:2] == (OPERATOR, "|"):
            self.at += 1
            links.append(self.filter_link())
        self.close_tag("filter")
        body = self.body(frozenset({"endfilter"}), "filter", start)
        self.end("endfilter")
        return FilterBlock(tuple(links), body)

    def block_tag(self, start: int) -> Statement:
        kind, name, offset, _ = self.tokens[self.at]
        if kind not in (NAME, STRING):
            raise self.fault("expected the name of the block")
        self.at += 1
        self.close_tag("block")
        if str(name) in self.blocks:
            raise ExpressionSyntaxError(f"the block `{name}` is defined twice", offset=offset, width=len(str(name)))
        self.blocks[str(name)] = Body(())
        body = self.body(frozenset({"endblock"}), "block", start)
        self.end("endblock")
        self.blocks[str(name)] = body
        return Block(body)
