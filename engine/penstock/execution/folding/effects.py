"""What the effects of an inline task change: labels, variables, and the end of the execution."""

from __future__ import annotations

from penstock.execution.draft import Draft, changed
from penstock.execution.event import ExitRequested, LabelsChanged, StopCause, TaskRunStopping, VariablesChanged
from penstock.execution.folding.index import put, touch
from penstock.execution.model import ROOT
from penstock.execution.overlay import merged, without
from penstock.execution.state import State

Effect = LabelsChanged | VariablesChanged | ExitRequested


def take_effect(draft: Draft, event: Effect) -> None:
    run = draft.runs[event.run]
    attempt = run.attempts[-1]
    noted = changed(attempt, effects=(*attempt.effects, type(event).__name__))
    put(draft, changed(run, attempts=(*run.attempts[:-1], noted)))
    match event:
        case LabelsChanged():
            draft.labels = {**draft.labels, **event.labels}
        case VariablesChanged():
            draft.variables = merged(without(draft.variables, event.removed), event.values)
            draft.unset = (*draft.unset, *(path for path in event.removed if path not in draft.unset))
        case ExitRequested() if not (draft.is_leaving or draft.state.is_terminal):
            leave(draft, event.state, stop=event.state is State.KILLED)
        case ExitRequested():
            return  # it is on its way to another end already


def leave(draft: Draft, state: State | None, *, stop: bool) -> None:
    """From now on nothing new begins: everything that goes on is to be decided upon."""
    draft.exit, draft.kill, draft.held = state, stop, False
    touch_all(draft)


def stop_children(draft: Draft, event: TaskRunStopping) -> None:
    """Everything below a flowable is to stop: its time is over, or a child of it has failed."""
    scope = draft.scopes.get(event.run)
    if scope is not None and event.cause is StopCause.SIBLING:
        draft.scopes = draft.scopes.set(event.run, changed(scope, stopped=True))
    touch_all(draft)


def touch_all(draft: Draft) -> None:
    touch(draft, ROOT, *(key for key, run in draft.runs.items() if not run.state.is_terminal))
