"""What is to be rendered for a decision, and what the rendered values amount to. The shell renders in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.duration import parse_duration
from penstock.errors import UserError
from penstock.execution.executable import EXECUTABLES
from penstock.execution.executable.loop import COLLECTED
from penstock.execution.flowable import FLOWABLES
from penstock.execution.folding.runs import PASSED
from penstock.execution.model import ROOT, Execution
from penstock.flow.foreach_item import BATCHES
from penstock.flow.inputs import resolve_output
from penstock.flow.model import Flow, Kind
from penstock.truth import is_truthy

RUN_IF = "runIf"
TIMEOUT = "timeout"
OUTPUTS = "outputs"

GATE_FACTS = frozenset({RUN_IF, "timeout_s", PASSED})
"""What is known of a task run once it is past its gate; everything else is an answer to what its type asks."""
_ASSERTION = "sla:"

OUTDATED = ""
"""Among what was judged: something has changed since it was asked, so that the answer is not the last word."""


def assertion(sla: str) -> str:
    """The name under which the assertion of a promise is asked, and under which its answer is known."""
    return _ASSERTION + sla


def is_assertion(name: str) -> bool:
    return name.startswith(_ASSERTION)


def templates(flow: Flow, execution: Execution, key: str) -> Mapping[str, Any]:
    """The unrendered values that `key` (the execution, or a task run) has asked for, by name."""
    if key == ROOT:
        if any(map(is_assertion, execution.asked[ROOT])):
            known = {assertion(sla.id): sla.assertion for sla in flow.sla}
            return {name: known[name] for name in execution.asked[ROOT]}
        return {output.id: output.value for output in flow.outputs}
    task = flow.by_id[execution.runs[key].task]
    own = {RUN_IF: task.run_if, TIMEOUT: task.timeout, COLLECTED: None, BATCHES: None}
    return {name: own[name] if name in own else task.properties[name] for name in execution.asked[key]}


def interpret(flow: Flow, execution: Execution, key: str, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts for `Evaluated`. Raises UserError when the values are not what they must be."""
    if key == ROOT:
        if any(map(is_assertion, rendered)):
            return {name: is_truthy(str(value)) for name, value in rendered.items()}
        return {OUTPUTS: {output.id: resolve_output(output, rendered[output.id]) for output in flow.outputs}}
    if RUN_IF in rendered:
        return {RUN_IF: is_truthy(str(rendered[RUN_IF]))}
    if TIMEOUT in rendered:
        try:
            return {"timeout_s": parse_duration(str(rendered[TIMEOUT])).total_seconds()}
        except ValueError as error:
            raise UserError(str(error)) from error
    task = flow.by_id[execution.runs[key].task]
    if task.kind is Kind.EXECUTABLE:
        return EXECUTABLES[task.type].interpret(task, rendered)
    return FLOWABLES[task.type].interpret(task, rendered)
