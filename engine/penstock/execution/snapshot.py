"""An execution from its stored parts: the header and the task runs, with every index derived anew."""

from __future__ import annotations

from collections.abc import Iterable

import immutables

from penstock.execution.agenda import wants_decision
from penstock.execution.draft import Draft
from penstock.execution.event import Phase, StopCause
from penstock.execution.folding.index import index
from penstock.execution.folding.scopes import counts, released, stops_its_list, waiting_lanes
from penstock.execution.model import ROOT, Execution, Revived, Scope, ScopeList, TaskRun
from penstock.execution.state import State

_INDEXES = (
    "scopes",
    "agenda",
    "asked",
    "ready",
    "inline",
    "running",
    "bearing",
    "sleeping",
    "deadlines",
    "halted",
    "paused",
)
"""What is indexed anew, run by run."""


def restore(header: Execution, runs: Iterable[TaskRun], living: Iterable[tuple[str, int, str]] = ()) -> Execution:
    """`header` with `runs` in it, equal to the fold of the log that both were projected from. `living` are the
    executions that task runs wait for: of which task run, the how-many-eth, and its id."""
    draft = Draft(header)
    rebuild(draft, runs, living)
    return draft.freeze()


def rebuild(draft: Draft, runs: Iterable[TaskRun], living: Iterable[tuple[str, int, str]] = ()) -> None:
    """Make `runs` all that the draft has, and every index anew from them and from the header."""
    in_order = sorted(runs, key=lambda run: run.ordinal)
    draft.runs = immutables.Map((run.id, run) for run in in_order)
    draft.order = immutables.Map((run.ordinal, run.id) for run in in_order)
    draft.next_ordinal = max(draft.next_ordinal, in_order[-1].ordinal + 1 if in_order else 0)
    for name in _INDEXES:
        setattr(draft, name, immutables.Map())
    places: dict[str, dict[tuple[str, ...], str]] = {}
    children: dict[str, list[TaskRun]] = {}
    for run in in_order:
        index(draft, run)
        places.setdefault(run.task, {})[run.path] = run.id
        children.setdefault(run.scope_key, []).append(run)
    draft.places = immutables.Map((task, immutables.Map(at)) for task, at in places.items())
    called: dict[str, dict[int, str]] = {}
    for caller, at, child in living:
        called.setdefault(caller, {})[at] = child
    draft.children = immutables.Map((caller, immutables.Map(each)) for caller, each in called.items())
    if draft.is_over:
        return
    draft.scopes = immutables.Map(
        (key, scope_of(opened, children.get(key, []), is_stopped=_is_stopped(draft, key, opened)))
        for key, opened in _open_lists(draft, in_order)
    )
    if draft.asks:
        draft.asked = draft.asked.set(ROOT, draft.asks)
    keys = [(ROOT, -1), *((run.id, run.ordinal) for run in in_order)]
    draft.agenda = immutables.Map((key, ordinal) for key, ordinal in keys if wants_decision(draft, key))


def _open_lists(header: Draft, runs: Iterable[TaskRun]) -> Iterable[tuple[str, ScopeList]]:
    after = header.opened is not None and header.opened.phase is Phase.AFTER
    if header.opened is not None and header.state.is_terminal == after:
        yield ROOT, header.opened
    for run in runs:
        if run.opened is not None and run.closing is None and not run.state.is_terminal:
            yield run.id, run.opened


def _is_stopped(draft: Draft, key: str, opened: ScopeList) -> bool:
    """Whether the others in its main list were told to stop, because one has failed."""
    return key != ROOT and opened.phase is Phase.MAIN and draft.runs[key].stop is StopCause.SIBLING


def scope_of(opened: ScopeList, children: list[TaskRun], *, is_stopped: bool = False) -> Scope:
    """How far a list has come, by the children that there are."""
    states: dict[State, int] = {}
    furthest: dict[int, TaskRun] = {}
    alive, failing = 0, False
    for child in children:
        if child.state.is_terminal and counts(child) and opened.phase is not Phase.AFTER:
            states[child.state] = states.get(child.state, 0) + 1
        if child.phase is not opened.phase:
            continue
        alive += not child.state.is_terminal
        failing = failing or stops_its_list(child)
        if child.lane not in furthest or furthest[child.lane].position < child.position:
            furthest[child.lane] = child
    revived = _revived(opened, children, furthest)
    ended = [child for child in furthest.values() if child.lane not in revived and _ended_well(child)]
    waits = waiting_lanes(opened)
    for child in ended:
        if child.last:
            waits, _ = released(opened, waits, child.lane)
    return Scope(
        open=opened,
        begun=len(furthest),
        done=sum(child.last for child in ended),
        alive=alive,
        failing=failing,
        steps=() if failing else tuple(sorted((c.lane, c.position + 1) for c in ended if not c.last)),
        states=immutables.Map(states),
        waits=waits,
        free=tuple(lane for lane, number in sorted(waits.items()) if not number and lane not in furthest),
        stopped=is_stopped,
        revived=immutables.Map(revived),
    )


def _revived(opened: ScopeList, children: list[TaskRun], furthest: dict[int, TaskRun]) -> dict[int, Revived]:
    """The lanes in which a child goes on that another one has come after."""
    alive: dict[int, int] = {}
    for child in children:
        if child.phase is opened.phase and not child.state.is_terminal and child is not furthest[child.lane]:
            alive[child.lane] = alive.get(child.lane, 0) + 1
    return {
        lane: Revived(
            count,
            furthest[lane].position,
            furthest[lane].last,
            _ended_well(furthest[lane]) if furthest[lane].state.is_terminal else None,
        )
        for lane, count in alive.items()
    }


def _ended_well(run: TaskRun) -> bool:
    return run.state.is_terminal and not stops_its_list(run)
