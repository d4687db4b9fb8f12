"""The rounds of a loop that goes by a condition: whether another one follows, and what makes room for it."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution.deciding.lists import lanes_of
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    Instant,
    IterationAwaited,
    IterationBegun,
    Phase,
    TaskRunEnded,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.until import ITERATIONS
from penstock.execution.folding.runs import CONDITION
from penstock.execution.model import Execution, Scope, TaskRun
from penstock.execution.outcome import softened
from penstock.execution.state import State
from penstock.flow.model import Flow, Kind


def another(flow: Flow, run: TaskRun, scope: Scope, now: Instant) -> Event | None:
    """What is to be known, or waited for, before its tasks are done again; None when they are not, or it has none."""
    task = flow.by_id[run.task]
    flowable = FLOWABLES[task.type]
    asks = flowable.asks_after(task)
    if not asks or scope.failing or not scope.open.lanes:
        return None
    if run.failure is not None:
        return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=run.failure)
    if CONDITION not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=asks)
    until = flowable.next_round(flow.dialect, run.facts, run.since, now)
    return None if until is None else IterationAwaited(at=now, run=run.id, until=until)


def begun(flow: Flow, execution: Execution, run: TaskRun, now: Instant) -> IterationBegun:
    lanes = lanes_of(flow, execution, run.id, Phase.MAIN)
    number = run.facts.get(ITERATIONS, 1) + 1
    task = flow.by_id[run.task]
    return IterationBegun(
        at=now,
        run=run.id,
        number=number,
        lanes=lanes.count,
        width=lanes.width,
        dropped=tuple(sorted(child.ordinal for child in below(flow, execution, run))),
        outputs=FLOWABLES[task.type].outputs(task, {**run.facts, ITERATIONS: number}),
    )


def below(flow: Flow, execution: Execution, run: TaskRun) -> Iterator[TaskRun]:
    """Everything below a flowable task run, found by its places: the cost is by what there is, not by the execution."""
    paths = (run.path, *((*run.path, value) for value in run.facts.get("values", ())))
    for tasks in flow.by_id[run.task].branches.values():
        for task in tasks:
            at = execution.places.get(task.id)
            for key in (at.get(path) for path in paths) if at is not None else ():
                if key is None or execution.runs[key].parent != run.id:
                    continue
                yield execution.runs[key]
                if task.kind is Kind.FLOWABLE:
                    yield from below(flow, execution, execution.runs[key])
