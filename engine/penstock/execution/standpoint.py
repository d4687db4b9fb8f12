"""What expressions of a task run see from where it stands: itself, the flowables around it, the failure before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.execution.event import Phase, StopCause
from penstock.execution.flowable import FLOWABLES
from penstock.execution.instants import iso
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import why
from penstock.execution.sealed import unseal
from penstock.flow.model import Dialect, Flow


def taskrun(flow: Flow, execution: Execution, run: TaskRun) -> dict[str, Any]:
    """`taskrun`: itself, with the loop value that it goes by."""
    earlier = len(run.attempts) - 1 if run.is_running else len(run.attempts)
    told: dict[str, Any] = {
        "id": run.id,
        "startDate": iso(run.attempt.started if run.attempt else run.histories[0][1]),
        "attemptsCount": earlier,
    }
    if run.parent is not None:
        told["parentId"] = run.parent
    value = _value(flow, execution, run)
    if value is not None:
        told["value"] = value
    if run.iteration is not None:
        told["iteration"] = run.iteration
    return told


def around_run(flow: Flow, execution: Execution, run: TaskRun, open_: Callable[[str], str]) -> list[dict[str, Any]]:
    """`parents`: the flowables around it, nearest first; up to 1.x only those that have a value or outputs
    (kestra core/.../RunVariables.java)."""
    every = flow.dialect is Dialect.V2
    seen = (above for above in execution.lineage(run) if every or above.value is not None or above.outputs)
    return [_parent(flow, above, open_) for above in seen]


def _value(flow: Flow, execution: Execution, run: TaskRun) -> str | None:
    """Its own loop value; the tasks of a WorkingDirectory go by the value of that one, as one task would."""
    if run.value is not None or run.parent is None:
        return run.value
    above = execution.runs[run.parent]
    return above.value if FLOWABLES[flow.by_id[above.task].type].lends_value else None


def _parent(flow: Flow, run: TaskRun, open_: Callable[[str], str]) -> dict[str, Any]:
    """What is known of a flowable around: what it has not is not there, so that `??` and `is defined` can tell."""
    seen: dict[str, Any] = {"task": {"id": run.task, "type": flow.by_id[run.task].type}}
    told = {"value": run.value, "iteration": run.iteration}
    if taskrun := {name: each for name, each in told.items() if each is not None}:
        seen["taskrun"] = taskrun
    if run.outputs:
        seen["outputs"] = unseal(run.outputs, open_)
    return seen


def failure(flow: Flow, execution: Execution, run: TaskRun) -> dict[str, Any] | None:
    """`error`, in an errors branch: the task run that failed last in what the branch belongs to, and its message; of a
    flowable whose time is over that. There is no stack to trace: that is the message again."""
    handler = next((each for each in (run, *execution.lineage(run)) if each.phase is Phase.ERRORS), None)
    if handler is None:
        return None
    owner = execution.runs[handler.parent] if handler.parent is not None else None
    failed = [each for each in execution.runs.values() if each.error is not None and _is_of(execution, each, owner)]
    if owner is not None and owner.stop is StopCause.TIMEOUT:
        task, message = owner.task, why(flow.by_id[owner.task], owner, None)
    elif failed:
        last = max(failed, key=lambda each: each.ordinal)
        task, message = last.task, last.error
    elif owner is not None:
        task, message = owner.task, FLOWABLES[flow.by_id[owner.task].type].objects(owner.facts)
    else:
        return None
    return {"taskId": task, "message": message, "stackTrace": message}


def _is_of(execution: Execution, failed: TaskRun, owner: TaskRun | None) -> bool:
    """Whether a task run has failed in the main list of `owner` (None: the execution), at any depth."""
    key = owner.id if owner is not None else None
    while failed.parent != key and failed.parent is not None:
        failed = execution.runs[failed.parent]
    return failed.parent == key and failed.phase is not Phase.ERRORS
