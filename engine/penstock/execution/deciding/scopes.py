"""What follows for a scope: the next tasks, the next list, its end."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution import evaluation
from penstock.execution.deciding.lists import branch_of, lanes_of
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    ExecutionEnded,
    FlowableClosing,
    Instant,
    Phase,
    ScopeOpened,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes
from penstock.execution.identity import derive_id
from penstock.execution.model import ROOT, Execution, Scope
from penstock.execution.outcome import softened
from penstock.execution.state import State, worst
from penstock.flow.model import Flow, Kind

_WELL = frozenset({State.SUCCESS, State.WARNING})


def about_scopes(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    keys = sorted((ordinal, key) for key, ordinal in execution.agenda.items() if key in execution.scopes)
    for _, key in keys:
        scope = execution.scopes[key]
        if scope.is_over or (execution.kill and scope.alive == 0):
            yield _close(flow, execution, key, scope, now)
        elif not execution.held and not execution.kill:
            yield from _proceed(flow, execution, key, scope, now)


def _proceed(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Iterator[Event]:
    """The next tasks of lanes that have begun, then new lanes, as far as the width allows."""
    lanes = lanes_of(flow, execution, key, scope.open.phase)
    for lane, position in scope.steps:
        yield _created(execution, key, scope.open.phase, lanes, lane, position, now)
    for lane in range(scope.begun, scope.begun + scope.may_begin):
        yield _created(execution, key, scope.open.phase, lanes, lane, 0, now)


def _created(
    execution: Execution, key: str, phase: Phase, lanes: Lanes, lane: int, position: int, now: Instant
) -> TaskRunCreated:
    place = lanes.lane(lane)
    task = place.tasks[position]
    parent = key or None
    return TaskRunCreated(
        at=now,
        run=derive_id(execution.id, parent, task.id, place.iteration),
        task=task.id,
        kind=task.kind,
        parent=parent,
        phase=phase,
        lane=lane,
        position=position,
        last=position == len(place.tasks) - 1,
        gated=task.kind in (Kind.FLOWABLE, Kind.EXECUTABLE) or task.run_if is not None or isinstance(task.timeout, str),
        value=place.value,
        iteration=place.iteration,
    )


def _close(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Event:
    """The open list is worked off: the next list, or the end of what it belongs to."""
    if not execution.kill:
        failed = State.FAILED in scope.states
        if scope.open.phase is Phase.MAIN and failed and branch_of(flow, execution, key, Phase.ERRORS):
            return _opened(flow, execution, key, Phase.ERRORS, now)
        if scope.open.phase is not Phase.FINALLY and branch_of(flow, execution, key, Phase.FINALLY):
            return _opened(flow, execution, key, Phase.FINALLY, now)
    state = State.KILLED if execution.kill else worst(scope.states)
    if key == ROOT:
        return _end(flow, execution, state, now)
    run = execution.runs[key]
    task = flow.by_id[run.task]
    if state is State.SUCCESS and run.then == "WARN" and run.facts.get("elapsed"):
        state = State.WARNING
    flowable = FLOWABLES[task.type]
    if state in _WELL and flowable.closes(task):
        return FlowableClosing(at=now, run=key, state=state)
    outputs = flowable.outputs(task, run.facts)
    return TaskRunEnded(at=now, run=key, state=softened(task, state), outputs=outputs)


def _end(flow: Flow, execution: Execution, state: State, now: Instant) -> Event:
    """The end of the execution; its outputs are rendered first, also when it failed (Kestra 0.21)."""
    if not flow.outputs or execution.kill:
        return ExecutionEnded(at=now, state=state)
    if execution.failure is not None:
        error = f"Failed to render output values: {execution.failure}"
        return ExecutionEnded(at=now, state=State.FAILED, error=error)
    if evaluation.OUTPUTS not in execution.facts:
        return EvaluationRequested(at=now, run=None, names=(evaluation.OUTPUTS,))
    return ExecutionEnded(at=now, state=state, outputs=execution.facts[evaluation.OUTPUTS])


def _opened(flow: Flow, execution: Execution, key: str, phase: Phase, now: Instant) -> ScopeOpened:
    lanes = lanes_of(flow, execution, key, phase)
    return ScopeOpened(at=now, run=key or None, phase=phase, lanes=lanes.count, width=lanes.width)
