"""Kestra's expressions: Pebble's grammar, its functions and filters, and rendering under budgets.

    render("{{ inputs.name | upper }}", {"inputs": {"name": "ada"}})   # "ADA"

The grammar and the evaluator are our own (docs/adr/0003, 0006). Values are plain data, a name is an item and never a
Python attribute, and only what is registered can be called.
"""

from __future__ import annotations

from penstock.expression.budget import Budget
from penstock.expression.errors import (
    BudgetExceeded,
    ExpressionError,
    ExpressionSyntaxError,
    UndefinedVariable,
    WallTimeExceeded,
)
from penstock.expression.names import IMPURE, LATER_FILTERS, LATER_FUNCTIONS, REFUSED
from penstock.expression.reads import COMPUTED, Call, Path, Reads
from penstock.expression.registry import FILTERS, FUNCTIONS, TESTS, Parameter, Spec
from penstock.expression.template import Template, is_slow, parse, reads, render, render_value
from penstock.expression.world import WebAnswer, WebCall, World

__all__ = [
    "COMPUTED",
    "FILTERS",
    "FUNCTIONS",
    "IMPURE",
    "LATER_FILTERS",
    "LATER_FUNCTIONS",
    "REFUSED",
    "TESTS",
    "Budget",
    "BudgetExceeded",
    "Call",
    "ExpressionError",
    "ExpressionSyntaxError",
    "Parameter",
    "Path",
    "Reads",
    "Spec",
    "Template",
    "UndefinedVariable",
    "WallTimeExceeded",
    "WebAnswer",
    "WebCall",
    "World",
    "is_slow",
    "parse",
    "reads",
    "render",
    "render_value",
]
