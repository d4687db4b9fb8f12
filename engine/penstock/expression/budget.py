"""What one rendering may cost: bounds with names, and the meter that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from penstock.expression.errors import BudgetExceeded, WallTimeExceeded

_TICKS_PER_LOOK = 256


@dataclass(frozen=True, slots=True)
class Budget:
    """The bounds of one rendering. Passing one raises BudgetExceeded, which names it and its limit.

    steps   loop steps, macro calls and calls of functions and filters
    output  characters of the result, and of any one text on the way
    items   items of any one list or map made on the way
    churn   characters (eight an item) of all values made on the way together
    depth   nesting of brackets and tags, of macro calls, of `render` within `render`; data when it is printed
    wall_s  seconds, without those that the world takes; looked at every 256 steps and at every call
    """

    steps: int = 1_000_000
    output: int = 10_000_000
    items: int = 1_000_000
    churn: int = 256_000_000
    depth: int = 50
    wall_s: float = 0.25


DEFAULT = Budget()


class Meter:
    """What has been used of a budget. One rendering, one thread."""

    __slots__ = ("budget", "churn", "deadline", "depth", "steps")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.steps = 0
        self.churn = 0
        self.depth = 0
        self.deadline = monotonic() + budget.wall_s

    def tick(self) -> None:
        """One step of a loop or of a long walk over data."""
        self.steps += 1
        if self.steps > self.budget.steps:
            raise BudgetExceeded(f"the expression takes more than {self.budget.steps:,} steps")
        if not self.steps % _TICKS_PER_LOOK:
            self.look()

    def look(self) -> None:
        """Compare with the clock."""
        if monotonic() > self.deadline:
            raise WallTimeExceeded(f"the expression takes longer than {self.budget.wall_s * 1000:g} ms of wall time")

    def made_text(self, length: int) -> None:
        """A text of `length` characters is about to be made, or has been."""
        if length > self.budget.output:
            raise BudgetExceeded(
                f"a text in the expression is longer than the output bound of {self.budget.output:,} characters"
            )
        self._add(length)

    def made_items(self, count: int) -> None:
        """A list or map of `count` items is about to be made, or has been."""
        if count > self.budget.items:
            raise BudgetExceeded(f"a list or map in the expression has more than {self.budget.items:,} items")
        self._add(8 * count)

    def enter(self) -> None:
        """One level deeper: a macro call or a `render`. Whoever enters leaves."""
        self.depth += 1
        if self.depth > self.budget.depth:
            raise too_deep(self.budget.depth)

    def leave(self) -> None:
        self.depth -= 1

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time within does not count: the world has deadlines of its own."""
        began = monotonic()
        try:
            yield
        finally:
            self.deadline += monotonic() - began

    def _add(self, characters: int) -> None:
        self.churn += characters
        if self.churn > self.budget.churn:
            raise BudgetExceeded(
                f"the values made by the expression together pass the bound of {self.budget.churn:,} characters"
            )


def too_deep(limit: int, *, offset: int | None = None) -> BudgetExceeded:
    error = BudgetExceeded(f"the expression is nested deeper than the depth bound of {limit} levels")
    if offset is not None:
        error.at(offset, 1)
    return error
