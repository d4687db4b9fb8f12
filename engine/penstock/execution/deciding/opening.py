"""A flowable on its way to its lanes: asking, waiting, opening."""

from __future__ import annotations

from penstock.execution import evaluation
from penstock.execution.deciding.lists import branch_of, lanes_of
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    Instant,
    Phase,
    ScopeOpened,
    TaskRunPaused,
    TaskRunResumed,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import out_of_time
from penstock.execution.state import State
from penstock.flow.model import Flow, Task


def on_the_way(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """The next step of a flowable whose main list is not open yet."""
    flowable = FLOWABLES[task.type]
    if run.state is State.PAUSED:
        return TaskRunResumed(at=now, run=run.id, **run.facts["resumed"])
    asks = flowable.asks(task)
    if asks and not run.facts.keys() - evaluation.GATE_FACTS:
        return EvaluationRequested(at=now, run=run.id, names=asks)
    wait = flowable.wait(task, run.facts)
    if wait is not None and "onResume" not in run.facts:
        if run.opened is None and flowable.before(task):
            return opened(flow, execution, run.id, Phase.BEFORE, now)
        until = None if wait.delay is None else now + wait.delay
        return TaskRunPaused(at=now, run=run.id, until=until, then=wait.then)
    if wait is not None and flowable.objects(run.facts) is not None:
        return too_late(flow, execution, task, run, now)
    return opened(flow, execution, run.id, Phase.MAIN, now)


def too_late(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """What follows for a flowable whose time was over before its main list has begun, or before an attempt of its own
    could: it has failed."""
    if run.closing is not None:
        return out_of_time(task, run, now)
    for phase in (Phase.ERRORS, Phase.FINALLY):
        if branch_of(flow, execution, run.id, phase):
            return opened(flow, execution, run.id, phase, now)
    return out_of_time(task, run, now)


def opened(flow: Flow, execution: Execution, key: str, phase: Phase, now: Instant) -> ScopeOpened:
    """The list of that phase begins, for the execution itself or for the flowable task run `key`."""
    lanes = lanes_of(flow, execution, key, phase)
    run = execution.runs.get(key)
    if run is None:
        return ScopeOpened(at=now, run=None, phase=phase, lanes=lanes.count, width=lanes.width)
    task = flow.by_id[run.task]
    flowable = FLOWABLES[task.type]
    if phase is not Phase.MAIN:
        is_first = run.opened is None and flowable.objects(run.facts) is not None
        outputs = flowable.outputs(task, run.facts) if is_first else None
        return ScopeOpened(at=now, run=key, phase=phase, lanes=lanes.count, width=lanes.width, outputs=outputs)
    return ScopeOpened(
        at=now,
        run=key,
        phase=phase,
        lanes=lanes.count,
        width=lanes.width,
        outputs=flowable.outputs(task, run.facts) or None,
        followers=flowable.followers(task, run.facts),
        on_failure=flowable.others_end_as(task, run.facts),
    )
