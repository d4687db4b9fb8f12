"""What events about the execution itself change."""

from __future__ import annotations

import immutables

from penstock.execution.event import (
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionAdmitted,
    ExecutionEnded,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
    Instant,
    KillRequested,
    PauseRequested,
    ResumeRequested,
    ScopeOpened,
)
from penstock.execution.folding.halting import sleeps_on
from penstock.execution.folding.index import keep, put, touch
from penstock.execution.folding.scopes import set_scope
from penstock.execution.model import ROOT, Draft, changed
from penstock.execution.state import State


def fold_whole(draft: Draft, event: Event) -> None:
    match event:
        case ExecutionQueued():
            move(draft, event.at, State.QUEUED)
            draft.queued = True
        case ExecutionAdmitted():
            draft.queued = False
        case ExecutionStarted():
            move(draft, event.at, State.RUNNING)
        case ExecutionWaiting():
            move(draft, event.at, event.state)
        case ExecutionResumed():
            _go_on(draft, event.at)
        case ExecutionEnded():
            move(draft, event.at, event.state)
            draft.outputs, draft.error = event.outputs, event.error
            draft.asks, draft.asked = (), immutables.Map()
            draft.agenda, draft.scopes = immutables.Map(), immutables.Map()
        case KillRequested():
            move(draft, event.at, State.KILLING)
            draft.kill, draft.held = True, False
            touch(draft, ROOT)
            for run in [run for run in draft.runs.values() if not run.state.is_terminal]:
                put(draft, changed(run, wake_at=sleeps_on(run)))
        case PauseRequested():
            move(draft, event.at, State.PAUSED)
            draft.held = True
        case ResumeRequested():
            _go_on(draft, event.at)
            draft.held = False
        case ScopeOpened():
            draft.opened = set_scope(draft, ROOT, event)
            touch(draft, ROOT)
        case EvaluationRequested():
            _ask_root(draft, event.names)
        case Evaluated():
            draft.facts = {**draft.facts, **event.values}
            draft.sealed += event.sealed
            _ask_root(draft, ())
        case EvaluationFailed():
            draft.failure = event.message
            _ask_root(draft, ())
        case _:
            raise TypeError(f"{type(event).__name__} has no arm")


def _go_on(draft: Draft, at: Instant) -> None:
    """PAUSED passes through RESTARTED on its way back, as in Kestra; RETRYING does not."""
    if draft.state is State.PAUSED:
        move(draft, at, State.RESTARTED)
    move(draft, at, State.RUNNING)


def move(draft: Draft, at: Instant, state: State) -> None:
    draft.state = state
    draft.histories = (*draft.histories, (state, at))


def _ask_root(draft: Draft, names: tuple[str, ...]) -> None:
    draft.asks = names
    draft.asked = keep(draft.asked, ROOT, names or None)
    touch(draft, ROOT)
