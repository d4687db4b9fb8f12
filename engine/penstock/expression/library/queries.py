"""The filter `jq`, whose programs run in a child process: jq holds the interpreter while it works."""

from __future__ import annotations

import json

from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.formats import jsontext
from penstock.expression.library import arguments
from penstock.expression.registry import filter_
from penstock.expression.scope import Scope
from penstock.expression.stringify import to_json

_LONGEST = 100_000


@filter_(
    "jq",
    "expression",
    slow=True,
    says="Applies a jq program to a value, or to the JSON in a text; the result is always the list of its results.",
    example="{{ {'a': [1, 2]} | jq('.a[]') | last }}",
)
def _jq(scope: Scope, value: object, expression: object) -> object:
    """As Kestra's JqFilter.java: a text is read as JSON first, and of several JSON texts only the first."""
    from penstock.expression.apart.children import Job, ask

    program = arguments.text(expression, "the argument `expression`")
    if len(program) > _LONGEST:
        raise BudgetExceeded(f"a jq program is longer than the bound of {_LONGEST:,} characters")
    text = value if isinstance(value, str) else to_json(value, scope.meter)
    content = json.dumps([program, text]).encode("ascii")
    with scope.meter.paused():
        try:
            results = ask(Job("jq", content)).decode("utf-8", "surrogatepass")
        except BudgetExceeded:
            raise
        except ExpressionError as error:
            raise ExpressionError(f"Unable to apply jq: {error.message}", help=error.help) from None
    made: list[object] = []
    for line in results.split("\n") if results else ():
        scope.meter.tick()
        made.append(jsontext.read(line, scope.meter))
    return made
