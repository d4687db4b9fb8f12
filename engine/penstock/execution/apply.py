"""The execution after one more event. Total: every event has an arm; each costs what it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from penstock.diagnostic import FlowName
from penstock.execution.draft import Draft
from penstock.execution.event import (
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionCreated,
    ExecutionInherited,
    ExecutionReopened,
    FlowableClosing,
    IterationBegun,
    ResumeRequested,
    ScopeOpened,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunStopping,
)
from penstock.execution.folding.children import ChildChange, fold_child
from penstock.execution.folding.effects import Effect, stop_children, take_effect
from penstock.execution.folding.index import keep, put
from penstock.execution.folding.overrides import Override, fold_override
from penstock.execution.folding.reopening import begin_iteration, inherit, reopen
from penstock.execution.folding.runs import RunChange, after, answered, answered_by_person, closing
from penstock.execution.folding.scopes import create_run, end_run, open_scope
from penstock.execution.folding.whole import WholeChange, fold_whole
from penstock.execution.model import Execution
from penstock.execution.state import State


def begin(created: ExecutionCreated) -> Execution:
    """The execution after its first event, at sequence 1."""
    return Execution(
        id=created.id,
        flow=FlowName(created.namespace, created.flow_id),
        revision=created.revision,
        flow_digest=created.flow_digest,
        created=created.at,
        state=State.CREATED,
        histories=((State.CREATED, created.at),),
        seq=1,
        inputs=created.inputs,
        labels=created.labels,
        trigger=created.trigger,
        schedule_date=created.schedule_date,
        source=created.source,
        dialect=created.dialect,
        original_id=created.original_id or created.id,
        parent_id=created.parent_id,
        attempt_number=created.attempt_number,
        breakpoints=created.breakpoints,
        original_created=created.original_created,
        checks=created.checks,
        caller=created.caller,
    )


def apply(execution: Execution, event: Event) -> Execution:
    """The execution after `event`. `event` is legal here: see `penstock.execution.legality`."""
    return extend(execution, (event,))


def extend(execution: Execution, events: Iterable[Event]) -> Execution:
    """The execution after all of `events`, in order."""
    draft = Draft(execution)
    for event in events:
        _fold_in(draft, event)
    return draft.freeze()


def fold(events: Iterable[Event]) -> Execution:
    """The execution that a whole log tells of: its first event is the creation."""
    log = iter(events)
    created = next(log, None)
    if not isinstance(created, ExecutionCreated):
        raise TypeError(f"a log begins with ExecutionCreated, not with {type(created).__name__}")
    return extend(begin(created), log)


def _fold_in(draft: Draft, event: Event) -> None:
    draft.seq += 1
    _ARMS[type(event)](draft, event)


def _open(draft: Draft, event: ScopeOpened) -> None:
    if event.run is None:
        fold_whole(draft, event)
    else:
        open_scope(draft, event.run, event)


def _answer(draft: Draft, event: Evaluated | EvaluationFailed | EvaluationRequested) -> None:
    if event.run is None:
        fold_whole(draft, event)
    else:
        put(draft, answered(draft.runs[event.run], event))


def _go_on(draft: Draft, event: RunChange) -> None:
    put(draft, after(draft.runs[event.run], event))


def _stop(draft: Draft, event: TaskRunStopping) -> None:
    _go_on(draft, event)
    if event.run in draft.halted:
        stop_children(draft, event)


def _close(draft: Draft, event: FlowableClosing) -> None:
    draft.scopes = keep(draft.scopes, event.run, None)
    put(draft, closing(draft.runs[event.run], event))


def _resume(draft: Draft, event: ResumeRequested) -> None:
    if event.paused is None:
        fold_whole(draft, event)
        return
    put(draft, answered_by_person(draft.runs[event.paused], event))
    if event.breakpoints is not None:
        draft.breakpoints = event.breakpoints


_ARMS: Mapping[type[Event], Callable[[Draft, Any], None]] = {
    TaskRunCreated: create_run,
    TaskRunEnded: end_run,
    ScopeOpened: _open,
    FlowableClosing: _close,
    **dict.fromkeys((Evaluated, EvaluationFailed, EvaluationRequested), _answer),
    **dict.fromkeys(get_args(RunChange), _go_on),
    TaskRunStopping: _stop,
    ResumeRequested: _resume,
    IterationBegun: begin_iteration,
    ExecutionInherited: inherit,
    ExecutionReopened: reopen,
    **dict.fromkeys(get_args(Override), fold_override),
    **dict.fromkeys(get_args(Effect), take_effect),
    **dict.fromkeys(get_args(ChildChange), fold_child),
    **dict.fromkeys(get_args(WholeChange), fold_whole),
}
"""Who folds what in."""
