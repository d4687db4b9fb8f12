"""What can go wrong with an expression.

UserError
└── ExpressionError          PEN300  it parsed, but cannot be evaluated
    ├── ExpressionSyntaxError PEN301  it does not parse, or names a function, filter or test that does not exist
    ├── UndefinedVariable    PEN302  it reads something that is not there; `??`, `???`, `default`, `is defined` catch it
    └── BudgetExceeded       PEN303  it went past a bound; the message names the bound and its limit
"""

from __future__ import annotations

from penstock.errors import UserError

_SHOWN_SOURCE = 200


class ExpressionError(UserError):
    """It cannot be evaluated. `offset` and `width` are characters in `source`, when they are known."""

    code = "PEN300"

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002
        offset: int | None = None,
        width: int = 0,
    ) -> None:
        super().__init__(message, help=help)
        self.offset = offset
        self.width = width
        self.source: str | None = None

    def at(self, offset: int, width: int) -> None:
        """Say where it happened, unless an inner place is known already."""
        if self.offset is None:
            self.offset, self.width = offset, width

    def within(self, source: str) -> None:
        """Say in which template it happened, unless an inner template is known already."""
        if self.source is None:
            self.source = source
            self.message = self._located(source)
            self.args = (self.message,)

    @property
    def line(self) -> int:
        """The line of the template it happened on, from 1."""
        return 1 if self.source is None else self.source.count("\n", 0, self.offset or 0) + 1

    def _located(self, source: str) -> str:
        shown = source if len(source) <= _SHOWN_SOURCE else source[:_SHOWN_SOURCE] + "…"
        return f"{self.message} in the expression `{shown}` at line {self.line}"


class ExpressionSyntaxError(ExpressionError):
    """It does not parse. `offset` (always known) lies within the source or just behind it."""

    code = "PEN301"
    offset: int

    def __init__(
        self,
        message: str,
        *,
        offset: int,
        width: int = 1,
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message, help=help, offset=offset, width=width)

    def _located(self, source: str) -> str:
        return self.message


class UndefinedVariable(ExpressionError):
    """`name` is not there. The wording is Kestra's (IllegalVariableEvaluationException)."""

    code = "PEN302"

    def __init__(self, name: str, *, offset: int | None = None, width: int = 0) -> None:
        super().__init__(f"Unable to find `{name}`", offset=offset, width=width)
        self.name = name

    def _located(self, source: str) -> str:
        return f"Unable to find `{self.name}` used in the expression `{source}` at line {self.line}"

    def final(self) -> ExpressionError:
        """The same fault, told in the same words, which nothing further out catches."""
        error = ExpressionError(self.message, offset=self.offset, width=self.width)
        error.source = self.source
        return error

    def wrapped(self, what: str) -> ExpressionError:
        """The same fault inside an operator, which nothing further out catches (Pebble 3.2 wraps it)."""
        return ExpressionError(f"{what}: unable to find `{self.name}`", offset=self.offset, width=self.width)


class BudgetExceeded(ExpressionError):
    """A bound was passed. The bounds stand in `penstock.expression.Budget`."""

    code = "PEN303"


class WallTimeExceeded(BudgetExceeded):
    """The time was over, which another place may have more of (`penstock.expression.apart.remote`)."""
