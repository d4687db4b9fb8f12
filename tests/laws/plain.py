"""Random flows that the reference knows all of, and those that they call."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from flows_strategy import Dice, chance, random_flow
from laws.fates import Fates
from laws.kinds import FLOWABLES, WAITS_ITSELF
from penstock.flow.looping import LOOP
from penstock.flow.model import Flow, Kind, RetryBehavior, Task

MOST_DEEP = 2
"""So deep random flows call one another."""


def made(seed: str, most_tasks: int = 12, *, depth: int = 0) -> Flow:
    """The flow of that seed. So deep in others, it calls none any more."""
    calls = depth < MOST_DEEP
    return plain(random_flow(Dice(seed), name="f", most_tasks=most_tasks, calls=calls, approvals=True, loops=calls))


def plain(flow: Flow) -> Flow:
    """`flow` without what the reference does not tell: kinds of its own, timeouts that run out at one moment, and those
    of flowables where a task run may leave the execution: what is left goes on to its end, in or out of time."""
    leaves = any(map(_may_leave, flow.walk())) or (flow.retry is not None and flow.retry.behavior is _ANEW)

    def of(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        return tuple(
            _task(replace(task, branches={each: of(it) for each, it in task.branches.items()})) for task in tasks
        )

    def _task(task: Task) -> Task:
        core, _, kind = task.type.rpartition(".")
        if task.kind is not Kind.FLOWABLE:
            return task
        if kind not in FLOWABLES:
            task = replace(task, type=f"{core}.Sequential", properties={})
        if not isinstance(task.timeout, timedelta):
            return task
        if leaves and kind not in WAITS_ITSELF:
            return replace(task, timeout=None)
        return replace(task, timeout=task.timeout + timedelta(microseconds=int(task.id.removeprefix("t"))))

    lists = (flow.tasks, flow.errors, flow.finally_, flow.after_execution)
    tasks, errors, finally_, after = map(of, lists)
    return replace(flow, tasks=tasks, errors=errors, finally_=finally_, after_execution=after)


_ANEW = RetryBehavior.CREATE_NEW_EXECUTION


def _may_leave(task: Task) -> bool:
    return task.type.endswith("Approval") or (task.retry is not None and task.retry.behavior is _ANEW)


def called(flow: Flow, task: Task, fates: Fates) -> Flow | None:
    """What an execution with such fates runs, that `task` has called; None: there is no such flow.

    An iteration of a Loop has the loop's own tasks, errors and finally (Kestra docs, Loop, 2026-08); what the flow
    promises, and how it is tried again, is no matter of a part of it.
    """
    if task.type != LOOP:
        return _callee(fates.seed, fates.depth)
    of = {name: task.branches.get(name, ()) for name in ("tasks", "errors", "finally")}
    whole = replace(flow, tasks=of["tasks"], errors=of["errors"], finally_=of["finally"])
    return replace(whole, after_execution=(), outputs=(), sla=(), retry=None)


@lru_cache(maxsize=1_000)
def _callee(seed: str, depth: int) -> Flow | None:
    return None if chance(Dice(f"{seed}/missing"), 8) else made(f"{seed}/flow", 3, depth=depth)
