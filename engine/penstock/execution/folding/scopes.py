"""What events about scopes and their children change."""

from __future__ import annotations

from bisect import insort
from dataclasses import replace

import immutables

from penstock.execution.draft import Draft, changed
from penstock.execution.evaluation import OUTDATED
from penstock.execution.event import Phase, ScopeOpened, TaskRunCreated, TaskRunEnded
from penstock.execution.folding.index import keep, put, touch
from penstock.execution.folding.runs import called
from penstock.execution.model import Revived, Scope, ScopeList, TaskRun
from penstock.execution.state import FAILING, State

_STOPPING = (Phase.BEFORE, Phase.MAIN)
_COUNTING = (Phase.BEFORE, Phase.MAIN, Phase.FINALLY)
_NOWHERE: immutables.Map[tuple[str, ...], str] = immutables.Map()


def set_scope(draft: Draft, key: str, event: ScopeOpened) -> ScopeList:
    opened = ScopeList(event.phase, event.lanes, event.width, event.followers, event.on_failure)
    before = draft.scopes.get(key)
    states = before.states if before is not None else immutables.Map()
    waits = waiting_lanes(opened)
    free = tuple(lane for lane, number in sorted(waits.items()) if not number)
    draft.scopes = draft.scopes.set(key, Scope(opened, states=states, waits=waits, free=free))
    return opened


def waiting_lanes(opened: ScopeList) -> immutables.Map[int, int]:
    """For how many others each lane waits at first; empty where none waits for any."""
    counts = dict.fromkeys(range(len(opened.followers)), 0)
    for lanes in opened.followers:
        for lane in lanes:
            counts[lane] += 1
    return immutables.Map(counts)


def released(
    opened: ScopeList, waits: immutables.Map[int, int], lane: int
) -> tuple[immutables.Map[int, int], list[int]]:
    """The counts once `lane` is done, and the lanes that wait for nothing any more."""
    free = []
    for follower in opened.followers[lane] if opened.followers else ():
        left = waits[follower] - 1
        waits = waits.set(follower, left)
        if left == 0:
            free.append(follower)
    return waits, free


def open_scope(draft: Draft, key: str, event: ScopeOpened) -> None:
    opened = set_scope(draft, key, event)
    run = draft.runs[key]
    outputs = event.outputs if event.outputs is not None else run.outputs
    put(draft, changed(run, opened=opened, outputs=outputs))


def create_run(draft: Draft, event: TaskRunCreated) -> None:
    path = draft.runs[event.parent].path if event.parent else ()
    if event.value is not None:
        path = (*path, event.value)
    run = TaskRun(
        id=event.run,
        ordinal=draft.next_ordinal,
        task=event.task,
        kind=event.kind,
        parent=event.parent,
        phase=event.phase,
        lane=event.lane,
        position=event.position,
        last=event.last,
        gated=event.gated,
        state=State.CREATED,
        histories=((State.CREATED, event.at),),
        path=path,
        value=event.value,
        iteration=event.iteration,
    )
    key = run.scope_key
    draft.next_ordinal += 1
    draft.order = draft.order.set(run.ordinal, run.id)
    draft.scopes = draft.scopes.set(key, child_created(draft.scopes[key], event.lane, event.position))
    draft.places = draft.places.set(run.task, draft.places.get(run.task, _NOWHERE).set(path, run.id))
    put(draft, run)
    touch(draft, key)


def end_run(draft: Draft, event: TaskRunEnded) -> None:
    run = draft.runs[event.run]
    attempts = run.attempts
    if run.is_running:
        written_off = changed(attempts[-1], state=State.KILLED, ended=event.at, error=event.error)
        attempts = (*attempts[:-1], written_off)
    elif run.is_calling:
        attempts = (*attempts[:-1], called(run, event.at, event.state))
    ended = changed(
        run,
        state=event.state,
        histories=(*run.histories, (event.state, event.at)),
        attempts=attempts,
        outputs=event.outputs if event.outputs is not None else run.outputs,
        error=event.error if event.error is not None else run.error,
        wake_at=None,
        asks=(),
        orphan=event.orphan,
    )
    key = run.scope_key
    draft.children = keep(draft.children, run.id, None)
    if run.id in draft.scopes:
        draft.scopes = draft.scopes.delete(run.id)
    draft.scopes = draft.scopes.set(key, child_ended(draft.scopes[key], ended))
    put(draft, ended)
    touch(draft, key)
    if draft.judged or draft.asks:
        draft.judged = (OUTDATED,) if draft.asks else ()


def stops_its_list(child: TaskRun) -> bool:
    """A failure ends the main list of a scope; what is done for errors and at the end is done to its last task.

    Kestra resolves the next task of `errors`, `finally` and `afterExecution` without a look at how the one before it
    has ended (FlowableUtils.resolveSequentialNexts).
    """
    return child.state in FAILING and child.phase in _STOPPING


def counts(child: TaskRun) -> bool:
    """Whether what it has come to tells in the state of its parent."""
    return child.phase in _COUNTING


def child_created(scope: Scope, lane: int, position: int) -> Scope:
    """The scope after the task at `position` of `lane` was created."""
    if position == 0:
        free = tuple(one for one in scope.free if one != lane) if scope.free else ()
        return changed(scope, begun=scope.begun + 1, alive=scope.alive + 1, free=free)
    steps = tuple(step for step in scope.steps if step != (lane, position))
    return changed(scope, steps=steps, alive=scope.alive + 1)


def child_ended(scope: Scope, child: TaskRun) -> Scope:
    """The scope after one child of its open list became terminal."""
    states = scope.states
    if counts(child):
        states = states.set(child.state, states.get(child.state, 0) + 1)
    well = not stops_its_list(child)
    failing = scope.failing or not well
    ended = changed(scope, alive=scope.alive - 1, failing=failing, steps=() if failing else scope.steps, states=states)
    if scope.revived and child.lane in scope.revived:
        return _revived_ended(ended, scope.revived[child.lane], child, well=well)
    return _lane_ended(ended, child.lane, child.position, last=child.last) if well else ended


def _lane_ended(scope: Scope, lane: int, position: int, *, last: bool) -> Scope:
    """The scope after the task at `position`, as far as its lane has come, ended well: the lane is done, or goes on."""
    if last and scope.open.followers:
        waits, free = released(scope.open, scope.waits, lane)
        merged = tuple(sorted((*scope.free, *free))) if free else scope.free
        return changed(scope, done=scope.done + 1, waits=waits, free=merged)
    if last or scope.failing:
        return changed(scope, done=scope.done + last)
    steps = list(scope.steps)
    insort(steps, (lane, position + 1))
    return changed(scope, steps=tuple(steps))


def _revived_ended(scope: Scope, lane: Revived, child: TaskRun, *, well: bool) -> Scope:
    """The scope after a child of a lane ended in which some were opened again."""
    if child.position == lane.furthest:
        left = replace(lane, well=well)
        return changed(scope, revived=scope.revived.set(child.lane, left))
    if lane.alive > 1:
        return changed(scope, revived=scope.revived.set(child.lane, replace(lane, alive=lane.alive - 1)))
    scope = changed(scope, revived=scope.revived.delete(child.lane))
    return _lane_ended(scope, child.lane, lane.furthest, last=lane.last) if lane.well else scope
