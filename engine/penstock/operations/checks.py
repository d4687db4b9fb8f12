"""What a flow asks before one of its executions is created (`checks`), and what follows where it does not hold.

A condition holds where it renders to `true`; one that cannot be rendered blocks (kestra core/.../services/FlowService).
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import PenstockError, Refused
from penstock.execution.apply import begin
from penstock.execution.event import ExecutionCreated
from penstock.flow.model import NOTHING, Check, CheckBehavior, CheckStyle, Flow
from penstock.operations.intake import Intake


def unmet(flow: Flow, created: ExecutionCreated, intake: Intake | None) -> tuple[Check, ...]:
    """The checks that do not hold, over what the execution would see. Raises Refused where one of them blocks it."""
    if not flow.checks:
        return ()
    if intake is None:
        raise Refused(f"the flow {flow.name} has checks, and nothing here could look at them")
    failed = tuple(_failed(flow, created, intake))
    blocking = [check.message for check in failed if check.behavior is CheckBehavior.BLOCK_EXECUTION]
    if blocking:
        raise Refused(
            f"the flow {flow.name} was not started: {'; '.join(blocking)}",
            help="its `checks` say what must hold before it begins",
        )
    return failed


def failure(failed: tuple[Check, ...]) -> str | None:
    """Why the execution is FAILED from its beginning; None where it may begin."""
    messages = [check.message for check in failed if check.behavior is CheckBehavior.FAIL_EXECUTION]
    return "; ".join(messages) or None


def _failed(flow: Flow, created: ExecutionCreated, intake: Intake) -> Iterator[Check]:
    execution = begin(created)
    for check in flow.checks:
        try:
            rendered = intake.render(flow, execution, check.when, NOTHING, typed=True)
        except PenstockError as error:
            message = f"Failed to evaluate check condition. Cause: {error.message}"
            yield Check(check.when, message, CheckStyle.ERROR, CheckBehavior.BLOCK_EXECUTION, check.range)
            continue
        if rendered not in (True, "true"):
            yield check
