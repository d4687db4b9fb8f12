"""Random flows without what the reference does not know: promises, retries as another execution, kinds of its own."""

from __future__ import annotations

from dataclasses import replace

from laws.kinds import FLOWABLES
from penstock.flow.model import Flow, Kind, Retry, RetryBehavior, Task


def plain(flow: Flow) -> Flow:
    """`flow`, where every such thing has become the next best that the reference knows."""
    return replace(
        flow,
        tasks=_plain(flow.tasks),
        errors=_plain(flow.errors),
        finally_=_plain(flow.finally_),
        after_execution=_plain(flow.after_execution),
        retry=_in_place(flow.retry),
        sla=(),
    )


def _plain(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    return tuple(_task(task) for task in tasks)


def _task(task: Task) -> Task:
    branches = {name: _plain(tasks) for name, tasks in task.branches.items()}
    task = replace(task, branches=branches, retry=_in_place(task.retry))
    core, _, kind = task.type.rpartition(".")
    if task.kind is Kind.FLOWABLE and kind not in FLOWABLES:
        task = replace(task, type=f"{core}.Sequential", properties={})
    return task


def _in_place(retry: Retry | None) -> Retry | None:
    return replace(retry, behavior=RetryBehavior.RETRY_FAILED_TASK) if retry is not None else None
