"""The lists of tasks of a scope, as lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.execution.event import Phase
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes, one_lane
from penstock.execution.model import ROOT, Execution
from penstock.flow.model import Flow, Task

_OF_THE_FLOW: Mapping[Phase, Callable[[Flow], tuple[Task, ...]]] = {
    Phase.ERRORS: lambda flow: flow.errors,
    Phase.FINALLY: lambda flow: flow.finally_,
    Phase.AFTER: lambda flow: flow.after_execution,
}


def branch_of(flow: Flow, execution: Execution, key: str, phase: Phase) -> tuple[Task, ...]:
    """The tasks of the errors, finally or afterExecution list of a scope."""
    if key == ROOT:
        return _OF_THE_FLOW[phase](flow)
    return flow.by_id[execution.runs[key].task].branches.get(phase.value, ())


def lanes_of(flow: Flow, execution: Execution, key: str, phase: Phase) -> Lanes:
    if phase is Phase.BEFORE:
        task = flow.by_id[execution.runs[key].task]
        return one_lane(FLOWABLES[task.type].before(task))
    if phase is not Phase.MAIN:
        return one_lane(branch_of(flow, execution, key, phase))
    if key == ROOT:
        return one_lane(flow.tasks)
    run = execution.runs[key]
    task = flow.by_id[run.task]
    return FLOWABLES[task.type].lanes(task, run.facts)
