"""Assert: fails unless all its conditions hold, and says which of them do not."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.errors import PenstockError
from penstock.flow.model import Kind, Level
from penstock.tasks.base import Context, Properties, Result, TaskFailed, TaskType
from penstock.tasks.executions import listed
from penstock.tasks.markers import Dynamic, Late, Text
from penstock.tasks.names import CORE
from penstock.truth import is_truthy


class AssertProperties(Properties):
    """Fails unless all conditions hold."""

    conditions: Late[list[Text]] = Field(description="Expressions: `false`, `0`, `-0` and nothing are false")
    error_message: Dynamic[Text | None] = Field(None, description="What the failure says besides")


class Assert(TaskType):
    """Looks at every condition, also after one that does not hold (Kestra core, Assert)."""

    type = CORE + "execution.Assert"
    kind = Kind.INLINE
    properties = AssertProperties

    def run(self, properties: AssertProperties, context: Context) -> Result:
        conditions = _listed(properties.conditions, context)
        failed = sum(not _holds(condition, context) for condition in conditions)
        metrics = _counters(success=len(conditions) - failed, failed=failed)
        if failed:
            more = f"\n{properties.error_message}" if properties.error_message is not None else ""
            raise TaskFailed(f"{failed} assertion{'s' if failed > 1 else ''} failed!{more}", metrics=metrics)
        return Result(metrics=metrics)


def _listed(given: list[str] | str, context: Context) -> list[str]:
    """The conditions, where an expression gives the list of them. Raises UserError."""
    return given if isinstance(given, list) else listed(context.render(given))


def _holds(condition: str, context: Context) -> bool:
    """Whether a condition does; one that cannot be rendered does not."""
    try:
        holds = is_truthy(context.render(condition))
    except PenstockError as error:
        context.log(Level.ERROR, f"Assertion `{condition}` failed, failed to render `{error.message}`")
        return False
    if not holds:
        context.log(Level.ERROR, f"Assertion `{condition}` failed!")
    return holds


def _counters(**counts: int) -> tuple[dict[str, Any], ...]:
    return tuple({"name": name, "type": "counter", "value": count, "tags": {}} for name, count in counts.items())
