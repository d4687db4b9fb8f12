"""A place in the tokens of one template, and the faults that are told from there."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.expression.budget import DEFAULT, too_deep
from penstock.expression.errors import ExpressionSyntaxError
from penstock.expression.grammar.lexer import END, NAME, PUNCTUATION, TAG_CLOSE, TEXT, Token, tokenize


class Cursor:
    """`at` is the token to be read next; `depth` how many brackets and tags are open around it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens: list[Token] = tokenize(source)
        self.at = 0
        self.depth = 0

    def is_mark(self, mark: str) -> bool:
        token = self.tokens[self.at]
        return token[1] == mark and token[0] == PUNCTUATION

    def take(self, mark: str) -> bool:
        if self.is_mark(mark):
            self.at += 1
            return True
        return False

    def expect(self, mark: str, after: str) -> None:
        if not self.take(mark):
            raise self.fault(f"expected `{mark}` {after}, found {self.found()}")

    def name(self, what: str) -> str:
        kind, value, _, _ = self.tokens[self.at]
        if kind != NAME:
            raise self.fault(f"expected {what}, found {self.found()}")
        self.at += 1
        return str(value)

    def found(self) -> str:
        kind, value, start, end = self.tokens[self.at]
        if kind == END:
            return "the end"
        return "text" if kind == TEXT else f"`{self.source[start:end][:40] or value}`"

    def fault(self, message: str, help: str | None = None) -> ExpressionSyntaxError:  # noqa: A002
        _, _, start, end = self.tokens[self.at]
        return ExpressionSyntaxError(message, offset=start, width=max(end - start, 1), help=help)

    def unknown(self, start: int, message: str, word: str, known: Iterable[str]) -> ExpressionSyntaxError:
        from penstock.diagnostic import did_you_mean

        return ExpressionSyntaxError(message, offset=start, width=len(word), help=did_you_mean(word, known))

    def since(self, start: int) -> int:
        """The width from `start` to the last token that was taken."""
        return self.tokens[self.at - 1][3] - start

    def enter(self) -> None:
        self.depth += 1
        if self.depth > DEFAULT.depth:
            raise too_deep(DEFAULT.depth, offset=self.tokens[self.at][2])

    def close_tag(self, what: str) -> None:
        if self.tokens[self.at][0] != TAG_CLOSE:
            raise self.fault(f"expected `%}}` at the end of `{what}`, found {self.found()}")
        self.at += 1
