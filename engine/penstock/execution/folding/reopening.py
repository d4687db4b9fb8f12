"""What events change that open an execution, or a part of it, again. Opening a whole one costs what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import immutables

from penstock.execution.codec import run_of
from penstock.execution.draft import Draft, changed
from penstock.execution.event import (
    Again,
    ExecutionInherited,
    ExecutionReopened,
    Instant,
    IterationBegun,
    Phase,
    TaskRunResumed,
)
from penstock.execution.flowable.until import ITERATIONS
from penstock.execution.folding.index import put
from penstock.execution.folding.runs import CONDITION, after, moved
from penstock.execution.folding.whole import move
from penstock.execution.model import ROOT, Attempt, Scope, ScopeList, TaskRun
from penstock.execution.snapshot import rebuild
from penstock.execution.state import State
from penstock.flow.model import nothing


def inherit(draft: Draft, event: ExecutionInherited) -> None:
    draft.histories = event.histories
    draft.state = event.histories[-1][0]
    rebuild(draft, (run_of(data) for data in event.runs))


def reopen(draft: Draft, event: ExecutionReopened) -> None:
    move(draft, event.at, State.RESTARTED)
    draft.attempt_number, draft.openings, draft.outcome = event.number, draft.openings + 1, draft.outcome + 1
    draft.labels = {**draft.labels, **event.labels}
    draft.asks, draft.facts, draft.sealed, draft.failure = (), nothing(), (), None
    draft.outputs = draft.error = None
    draft.held = draft.kill = draft.spares = draft.queued = draft.forced = draft.trailing = False
    draft.exit, draft.again_at, draft.judged, draft.broken = None, None, (), ()
    lists = {
        key: ScopeList(phase, lanes, width, followers, on_failure)
        for key, phase, lanes, width, followers, on_failure in event.lists
    }
    draft.opened = lists.get(ROOT, draft.opened)
    runs = {key: run for key, run in draft.runs.items() if run.ordinal not in set(event.dropped)}
    for key, again in event.runs:
        runs[key] = _again(runs[key], again, lists.get(key), event.at, event.by)
    for key, state in event.marked:
        runs[key] = _marked(runs[key], state, event.at)
    for owner in {draft.runs[draft.order[ordinal]].scope_key for ordinal in event.dropped} & runs.keys():
        runs[owner] = changed(runs[owner], openings=runs[owner].openings + 1)
    rebuild(draft, runs.values(), _living(draft, runs))


def _living(draft: Draft, runs: Mapping[str, TaskRun]) -> list[tuple[str, int, str]]:
    """The executions that are waited for by task runs which were at it all the while."""
    calling = [(key, each) for key, each in draft.children.items() if key in runs and runs[key].is_calling]
    return [(key, at, child) for key, each in calling for at, child in each.items()]


def _again(run: TaskRun, again: Again, opened: ScopeList | None, at: Instant, by: str) -> TaskRun:
    match again:
        case Again.START | Again.GATED:
            return changed(_forgetful(moved(run, at, State.RESTARTED)), gated=again is Again.GATED)
        case Again.ANEW:
            return _forgetful(moved(run, at, State.RUNNING))
        case Again.WITHIN:
            fresh = run if run.state is State.RUNNING else moved(run, at, State.RUNNING)
            facts = {key: value for key, value in run.facts.items() if key != CONDITION}
            return changed(
                fresh,
                facts=facts,
                opened=opened,
                closing=None,
                failure=None,
                error=None,
                stop=None,
                orphan=False,
                deadline=None,
                earlier=len(run.attempts),
            )
        case Again.PASSED:
            return after(run, TaskRunResumed(at=at, run=run.id, by=by))


def _forgetful(run: TaskRun) -> TaskRun:
    """`run` as if nothing had been asked, opened or begun of it, but for its attempts and what they have left."""
    return changed(
        run,
        gated=False,
        asks=(),
        facts=nothing(),
        sealed=(),
        failure=None,
        error=None,
        wake_at=None,
        then="",
        stop=None,
        orphan=False,
        opened=None,
        closing=None,
        deadline=None,
        family=None,
        earlier=len(run.attempts),
    )


def _marked(run: TaskRun, state: State, at: Instant) -> TaskRun:
    """With the state that a person has given it; its latest attempt has come to the same."""
    attempts: tuple[Attempt, ...] = run.attempts
    if attempts:
        attempts = (*attempts[:-1], replace(attempts[-1], state=state))
    return changed(moved(run, at, state), attempts=attempts, error=None, failure=None, wake_at=None, asks=())


def begin_iteration(draft: Draft, event: IterationBegun) -> None:
    """Costs what is dropped: a loop may go round for days."""
    for ordinal in event.dropped:
        _drop(draft, draft.runs[draft.order[ordinal]])
    opened = ScopeList(Phase.MAIN, event.lanes, event.width)
    loop = draft.runs[event.run]
    draft.scopes = draft.scopes.set(loop.id, Scope(opened))
    outputs = event.outputs if event.outputs is not None else loop.outputs
    facts = {**loop.facts, ITERATIONS: event.number}
    again = changed(loop, opened=opened, wake_at=None, openings=loop.openings + 1, facts=facts, outputs=outputs)
    put(draft, again)


def _drop(draft: Draft, run: TaskRun) -> None:
    draft.runs = draft.runs.delete(run.id)
    draft.order = draft.order.delete(run.ordinal)
    at = draft.places[run.task]
    if at.get(run.path) == run.id:
        left = at.delete(run.path)
        draft.places = draft.places.set(run.task, left) if left else draft.places.delete(run.task)
    for name in ("scopes", "agenda", "asked", "ready", "inline", "running", "sleeping", "paused", "bearing"):
        members: immutables.Map[str, object] = getattr(draft, name)
        if run.id in members:
            setattr(draft, name, members.delete(run.id))
