"""The lists of tasks of a scope, as lanes."""

from __future__ import annotations

from penstock.execution.event import Phase
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes, one_lane
from penstock.execution.model import ROOT, Execution
from penstock.flow.model import Flow, Task


def branch_of(flow: Flow, execution: Execution, key: str, phase: Phase) -> tuple[Task, ...]:
    """The tasks of the errors or finally list of a scope."""
    if key == ROOT:
        return flow.errors if phase is Phase.ERRORS else flow.finally_
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
