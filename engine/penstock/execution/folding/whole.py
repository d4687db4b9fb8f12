"""What events about the execution itself change."""

from __future__ import annotations

import immutables

from penstock.execution import evaluation
from penstock.execution.draft import Draft
from penstock.execution.event import (
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionAdmitted,
    ExecutionClosed,
    ExecutionEnded,
    ExecutionLeaving,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
    Instant,
    KillRequested,
    PauseRequested,
    ResumeRequested,
    ScopeOpened,
    SlaViolated,
)
from penstock.execution.folding.effects import leave
from penstock.execution.folding.index import keep, touch
from penstock.execution.folding.scopes import set_scope
from penstock.execution.model import ROOT
from penstock.execution.state import State

WholeChange = (
    ExecutionQueued
    | ExecutionAdmitted
    | ExecutionStarted
    | ExecutionWaiting
    | ExecutionResumed
    | ExecutionEnded
    | ExecutionClosed
    | SlaViolated
    | ExecutionLeaving
    | KillRequested
    | PauseRequested
)


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
            go_on(draft, event.at)
        case ExecutionEnded():
            _end(draft, event)
        case ExecutionClosed():
            draft.trailing = False
            draft.agenda, draft.scopes = immutables.Map(), immutables.Map()
        case SlaViolated() | ExecutionLeaving() | KillRequested():
            _turn(draft, event)
        case PauseRequested():
            move(draft, event.at, State.PAUSED)
            draft.held = True
        case ResumeRequested():
            go_on(draft, event.at)
            draft.held = False
        case ScopeOpened():
            draft.opened = set_scope(draft, ROOT, event)
            touch(draft, ROOT)
        case EvaluationRequested():
            _ask_root(draft, event.names)
        case Evaluated():
            draft.facts = {**draft.facts, **event.values}
            draft.sealed += event.sealed
            _note_judged(draft)
            _ask_root(draft, ())
        case EvaluationFailed():
            if not _note_judged(draft):
                draft.failure = event.message
            _ask_root(draft, ())
        case _:
            raise TypeError(f"{type(event).__name__} has no arm")


def _turn(draft: Draft, event: SlaViolated | ExecutionLeaving | KillRequested) -> None:
    match event:
        case SlaViolated():
            draft.broken = (*draft.broken, event.sla)
            draft.labels = {**draft.labels, **event.labels}
        case ExecutionLeaving():
            draft.error, draft.again_at = event.error, event.again_at
            leave(draft, event.state, stop=event.stop)
        case KillRequested():
            if not draft.state.is_terminal:
                move(draft, event.at, State.KILLING)
            draft.spares = not event.cascade
            leave(draft, None, stop=True)


def _end(draft: Draft, event: ExecutionEnded) -> None:
    """The terminal state. What it has come to does not bind what follows after it."""
    end(draft, event.at, event.state)
    draft.outputs, draft.trailing = event.outputs, event.trailing
    draft.error = event.error if event.error is not None else draft.error
    if event.trailing:
        draft.kill, draft.exit, draft.held = False, None, False


def end(draft: Draft, at: Instant, state: State) -> None:
    """Nothing is asked, open or to be decided any more."""
    move(draft, at, state)
    draft.asks, draft.asked = (), immutables.Map()
    draft.agenda, draft.scopes = immutables.Map(), immutables.Map()


def _note_judged(draft: Draft) -> bool:
    """Whether what was asked were assertions: they are not asked again until something changes."""
    judged = tuple(name for name in draft.asks if evaluation.is_assertion(name))
    draft.judged = () if evaluation.OUTDATED in draft.judged else draft.judged + judged
    return bool(judged)


def go_on(draft: Draft, at: Instant) -> None:
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
