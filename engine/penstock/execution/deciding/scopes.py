"""What follows for a scope: the next tasks, the next list, its end."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution import evaluation
from penstock.execution.deciding.ending import ended
from penstock.execution.deciding.gates import has_gate
from penstock.execution.deciding.iterations import another
from penstock.execution.deciding.lists import branch_of, lanes_of
from penstock.execution.deciding.opening import on_the_way, opened
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    ExecutionClosed,
    ExecutionLeaving,
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
from penstock.execution.leaving import leave_of
from penstock.execution.model import ROOT, Execution, Scope
from penstock.execution.outcome import out_of_time, softened
from penstock.execution.state import State, worst
from penstock.flow.model import Flow

_FIRST = frozenset({Phase.BEFORE, Phase.MAIN})
_WELL = frozenset({State.SUCCESS, State.WARNING})
_CLOSED = _WELL | {State.FAILED}
"""What the children of a flowable have come to that has something left to do."""

MOST_TASK_RUNS = 50_000
"""So many task runs an execution may have."""

TOO_MANY = "PEN047"
"""The code of an execution that wants more."""


def about_scopes(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    created = len(execution.runs)
    for event in _follows(flow, execution, now):
        if isinstance(event, TaskRunCreated):
            created += 1
            if created > MOST_TASK_RUNS:
                yield _too_many(event, now)
                return
        yield event


def _too_many(wanted: TaskRunCreated, now: Instant) -> ExecutionLeaving:
    """What is there stays, with its outputs; nothing more is begun."""
    most = f"{MOST_TASK_RUNS:,} task runs"
    error = (
        f"the execution has {most}, which is the most: there is no room for one of task `{wanted.task}` ({TOO_MANY})"
    )
    return ExecutionLeaving(at=now, state=State.FAILED, stop=True, error=error)


def _follows(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    keys = sorted((ordinal, key) for key, ordinal in execution.agenda.items() if key in execution.scopes)
    for _, key in keys:
        scope = execution.scopes[key]
        leaves = _leaves(execution, key)
        if scope.alive == 0 if leaves else scope.is_over:
            yield _close(flow, execution, key, scope, now)
        elif not execution.held and not leaves:
            yield from _proceed(flow, execution, key, scope, now)


def _leaves(execution: Execution, key: str) -> bool:
    """Whether the scope takes nothing up any more."""
    if key == ROOT:
        return execution.is_leaving
    run = execution.runs[key]
    is_late = run.stop is StopCause.TIMEOUT and execution.scopes[key].open.phase is Phase.MAIN
    return is_late or leave_of(execution, run) is not None


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
    opening = execution.runs[key].openings if parent else execution.openings
    return TaskRunCreated(
        at=now,
        run=derive_id(execution.id, parent, task.id, place.iteration, opening),
        task=task.id,
        kind=task.kind,
        parent=parent,
        phase=phase,
        lane=lane,
        position=position,
        last=position == len(place.tasks) - 1,
        gated=has_gate(execution, task, place.value),
        value=place.value,
        iteration=place.iteration,
    )


def _close(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Event:
    """The open list is worked off: the next list, or the end of what it belongs to."""
    if key == ROOT and scope.open.phase is Phase.AFTER:
        return ExecutionClosed(at=now)
    run = execution.runs.get(key)
    leave = leave_of(execution, run)
    follows = following(flow, execution, key, scope, now) if leave is None else None
    if follows is not None:
        return follows
    if run is None:
        return _end(flow, execution, worst(scope.states), now)
    task = flow.by_id[run.task]
    flowable = FLOWABLES[task.type]
    outputs = flowable.outputs(task, run.facts)
    if leave is not None:
        return TaskRunEnded(at=now, run=key, state=leave.state, outputs=outputs)
    if run.stop is StopCause.TIMEOUT:
        return out_of_time(task, run, now, flowable.ends(task, run.facts, State.FAILED))
    state = flowable.ends(task, run.facts, worst(scope.states))
    if state in _CLOSED and flowable.closes(task):
        return FlowableClosing(at=now, run=key, state=state)
    error = flowable.objects(run.facts) if state in _WELL else None
    if error is not None:
        state = State.FAILED
    return TaskRunEnded(at=now, run=key, state=softened(task, state), outputs=outputs, error=error)


def following(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Event | None:
    """The list that comes after the one that is worked off; None when it was the last."""
    phase = scope.open.phase
    if phase is Phase.BEFORE and not scope.failing:
        run = execution.runs[key]
        return on_the_way(flow, execution, flow.by_id[run.task], run, now)
    if key != ROOT and phase is Phase.MAIN and execution.runs[key].stop is not StopCause.TIMEOUT:
        again = another(flow, execution.runs[key], scope, now)
        if again is not None:
            return again
    failed = State.FAILED in scope.states or (key != ROOT and execution.runs[key].stop is StopCause.TIMEOUT)
    if phase in _FIRST and failed and branch_of(flow, execution, key, Phase.ERRORS):
        return opened(flow, execution, key, Phase.ERRORS, now)
    if phase is not Phase.FINALLY and branch_of(flow, execution, key, Phase.FINALLY):
        return opened(flow, execution, key, Phase.FINALLY, now)
    return None


def _end(flow: Flow, execution: Execution, state: State, now: Instant) -> Event:
    """The end of the execution; its outputs are rendered first, also when it failed (Kestra 0.21)."""
    leave = leave_of(execution)
    if leave is not None:
        return ended(flow, now, leave.state)
    if not flow.outputs:
        return ended(flow, now, state)
    if execution.failure is not None:
        return ended(flow, now, State.FAILED, error=f"Failed to render output values: {execution.failure}")
    if evaluation.OUTPUTS not in execution.facts:
        return EvaluationRequested(at=now, run=None, names=(evaluation.OUTPUTS,))
    return ended(flow, now, state, outputs=execution.facts[evaluation.OUTPUTS])
