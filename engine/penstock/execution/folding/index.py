"""A task run in its place, and in exactly the indexes and on the agenda that its state puts it in."""

from __future__ import annotations

from typing import TypeVar

import immutables

from penstock.execution.agenda import is_ready, wants_decision
from penstock.execution.draft import Draft
from penstock.execution.event import Phase, StopCause
from penstock.execution.model import ROOT, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Kind

V = TypeVar("V")

_HALTING = (StopCause.TIMEOUT, StopCause.SIBLING)
"""Why what goes on below a flowable is to stop."""

_SOONER = (None, StopCause.SIBLING)
"""Beyond these a time that runs out goes; a kill goes beyond it."""

WAITING = frozenset({State.PAUSED, State.BREAKPOINT})
"""What a task run is that waits for a person."""


def put(draft: Draft, run: TaskRun) -> None:
    """Put `run` in its place, and in exactly the indexes that its state puts it in."""
    draft.runs = draft.runs.set(run.id, run)
    index(draft, run)
    touch(draft, run.id)


def index(draft: Draft, run: TaskRun) -> None:
    """Put `run` in exactly the indexes that its state puts it in."""
    goes_on, kind = not run.state.is_terminal, run.kind
    ready = goes_on and is_ready(run)
    if kind is Kind.INLINE:
        draft.inline = _member(draft.inline, run, belongs=ready)
    else:
        draft.ready = _member(draft.ready, run, belongs=ready)
    draft.running = _member(draft.running, run, belongs=goes_on and run.is_running)
    if kind is Kind.EXECUTABLE:
        draft.bearing = _member(draft.bearing, run, belongs=goes_on and run.bears)
    draft.paused = _member(draft.paused, run, belongs=run.state in WAITING)
    draft.sleeping = keep(draft.sleeping, run.id, run.wake_at if goes_on else None)
    draft.asked = keep(draft.asked, run.id, run.asks or None)
    if kind is Kind.FLOWABLE:
        is_bound = goes_on and run.stop in _SOONER and _has_a_limit(run)
        draft.deadlines = keep(draft.deadlines, run.id, run.deadline if is_bound else None)
        draft.halted = _member(draft.halted, run, belongs=goes_on and run.stop in _HALTING)


def _has_a_limit(run: TaskRun) -> bool:
    """Its main list has, and the attempt of its own while that is made."""
    if run.closing is not None:
        return run.is_running
    return run.opened is None or run.opened.phase is Phase.MAIN


def _member(members: immutables.Map[str, int], run: TaskRun, *, belongs: bool) -> immutables.Map[str, int]:
    if belongs is (run.id in members):
        return members
    return members.set(run.id, run.ordinal) if belongs else members.delete(run.id)


def keep(values: immutables.Map[str, V], key: str, value: V | None) -> immutables.Map[str, V]:
    if value is None:
        return values.delete(key) if key in values else values
    return values if values.get(key) == value else values.set(key, value)


def touch(draft: Draft, *keys: str) -> None:
    """Put the agenda right about `keys`."""
    for key in keys:
        wanted = wants_decision(draft, key)
        if wanted is not (key in draft.agenda):
            ordinal = -1 if key == ROOT else draft.runs[key].ordinal
            draft.agenda = draft.agenda.set(key, ordinal) if wanted else draft.agenda.delete(key)
