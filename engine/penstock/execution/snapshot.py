"""An execution from its stored parts: the header and the task runs, with every index derived anew."""

from __future__ import annotations

from collections.abc import Iterable

import immutables

from penstock.execution.agenda import wants_decision
from penstock.execution.event import Phase
from penstock.execution.folding.index import index
from penstock.execution.folding.scopes import counts, stops_its_list
from penstock.execution.model import ROOT, Draft, Execution, Scope, ScopeList, TaskRun
from penstock.execution.state import State


def restore(header: Execution, runs: Iterable[TaskRun], living: Iterable[tuple[str, int, str]] = ()) -> Execution:
    """`header` with `runs` in it, equal to the fold of the log that both were projected from. `living` are the
    executions that task runs wait for: of which task run, the how-many-eth, and its id."""
    draft = Draft(header)
    in_order = sorted(runs, key=lambda run: run.ordinal)
    draft.runs = immutables.Map((run.id, run) for run in in_order)
    draft.order = immutables.Map((run.ordinal, run.id) for run in in_order)
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
    if not header.is_over:
        draft.scopes = immutables.Map(
            (key, _scope(opened, children.get(key, []))) for key, opened in _open_lists(header, in_order)
        )
        if header.asks:
            draft.asked = draft.asked.set(ROOT, header.asks)
        keys = [(ROOT, -1), *((run.id, run.ordinal) for run in in_order)]
        draft.agenda = immutables.Map((key, ordinal) for key, ordinal in keys if wants_decision(draft, key))
    return draft.freeze()


def _open_lists(header: Execution, runs: Iterable[TaskRun]) -> Iterable[tuple[str, ScopeList]]:
    after = header.opened is not None and header.opened.phase is Phase.AFTER
    if header.opened is not None and header.state.is_terminal == after:
        yield ROOT, header.opened
    for run in runs:
        if run.opened is not None and run.closing is None and not run.state.is_terminal:
            yield run.id, run.opened


def _scope(opened: ScopeList, children: list[TaskRun]) -> Scope:
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
    ended = [child for child in furthest.values() if child.state.is_terminal and not stops_its_list(child)]
    return Scope(
        open=opened,
        begun=len(furthest),
        done=sum(child.last for child in ended),
        alive=alive,
        failing=failing,
        steps=() if failing else tuple(sorted((c.lane, c.position + 1) for c in ended if not c.last)),
        states=immutables.Map(states),
    )
