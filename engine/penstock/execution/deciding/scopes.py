"""What follows for a scope: the next tasks, the next list, its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.execution import evaluation
from penstock.execution.deciding.lists import branch_of, lanes_of
from penstock.execution.deciding.opening import on_the_way, opened
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    ExecutionEnded,
    FlowableClosing,
    Instant,
    Phase,
    StopCause,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes
from penstock.execution.identity import derive_id
from penstock.execution.model import ROOT, Execution, Scope, TaskRun
from penstock.execution.outcome import softened, why_timed_out
from penstock.execution.state import State, worst
from penstock.flow.model import Flow, Kind

_FIRST = frozenset({Phase.BEFORE, Phase.MAIN})
_WELL = frozenset({State.SUCCESS, State.WARNING})


def about_scopes(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    keys = sorted((ordinal, key) for key, ordinal in execution.agenda.items() if key in execution.scopes)
    for _, key in keys:
        scope = execution.scopes[key]
        is_stopping = _is_stopping(execution, key)
        if scope.is_over or (is_stopping and scope.alive == 0):
            yield _close(flow, execution, key, scope, now)
        elif not execution.held and not is_stopping:
            yield from _proceed(flow, execution, key, scope, now)


def _is_stopping(execution: Execution, key: str) -> bool:
    return execution.kill or (key != ROOT and execution.runs[key].doomed is not None)


def _proceed(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Iterator[Event]:
    """The next tasks of lanes that have begun, then new lanes, as far as the width allows."""
    lanes = lanes_of(flow, execution, key, scope.open.phase)
    for lane, position in scope.steps:
        yield _created(execution, key, scope.open.phase, lanes, lane, position, now)
    for lane in scope.next_lanes:
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
        gated=task.kind is Kind.FLOWABLE or task.run_if is not None or isinstance(task.timeout, str),
        value=place.value,
        iteration=place.iteration,
    )


def _close(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Event:
    """The open list is worked off: the next list, or the end of what it belongs to."""
    if not _is_stopping(execution, key):
        following = _following(flow, execution, key, scope, now)
        if following is not None:
            return following
    if key == ROOT:
        return _end(flow, execution, State.KILLED if execution.kill else worst(scope.states), now)
    run = execution.runs[key]
    if execution.kill or run.doomed is not None:
        state = State.KILLED if execution.kill else run.doomed or State.KILLED
        return TaskRunEnded(at=now, run=key, state=state, outputs=_outputs(flow, run))
    task = flow.by_id[run.task]
    if run.stop is StopCause.TIMEOUT:
        error = why_timed_out(task, run)
        failed = softened(task, State.FAILED)
        return TaskRunEnded(at=now, run=key, state=failed, outputs=_outputs(flow, run), error=error)
    flowable = FLOWABLES[task.type]
    state = flowable.ends(task, run.facts, worst(scope.states))
    if state in _WELL and flowable.closes(task):
        return FlowableClosing(at=now, run=key, state=state)
    return TaskRunEnded(at=now, run=key, state=softened(task, state), outputs=_outputs(flow, run))


def _following(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Event | None:
    """The list that comes after the one that is worked off; None when it was the last."""
    phase = scope.open.phase
    run = execution.runs.get(key)
    if run is not None and phase is Phase.BEFORE and not scope.failing:
        return on_the_way(flow, execution, flow.by_id[run.task], run, now)
    failed = State.FAILED in scope.states or (run is not None and run.stop is StopCause.TIMEOUT)
    if phase in _FIRST and failed and branch_of(flow, execution, key, Phase.ERRORS):
        return opened(flow, execution, key, Phase.ERRORS, now)
    if phase is not Phase.FINALLY and branch_of(flow, execution, key, Phase.FINALLY):
        return opened(flow, execution, key, Phase.FINALLY, now)
    return None


def _outputs(flow: Flow, run: TaskRun) -> Mapping[str, Any]:
    task = flow.by_id[run.task]
    return FLOWABLES[task.type].outputs(task, run.facts)


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
