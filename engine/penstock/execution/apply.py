"""The execution after one more event. Total: every event has an arm; each costs what it changes."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.diagnostic import FlowName
from penstock.execution.draft import Draft
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    BreakpointReached,
    ChildEnded,
    ChildRefused,
    ChildrenRequested,
    ChildStarted,
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionCreated,
    ExecutionInherited,
    ExecutionReopened,
    ExitRequested,
    FlowableClosing,
    FlowableStarted,
    IterationAwaited,
    IterationBegun,
    LabelsChanged,
    LabelsSet,
    ResumeRequested,
    RunForced,
    ScopeOpened,
    StatusChanged,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunRetrying,
    TaskRunStopping,
    Unqueued,
    VariablesChanged,
)
from penstock.execution.folding.children import fold_child
from penstock.execution.folding.effects import stop_children, take_effect
from penstock.execution.folding.index import keep, put
from penstock.execution.folding.overrides import fold_override
from penstock.execution.folding.reopening import begin_iteration, inherit, reopen
from penstock.execution.folding.runs import after, answered, answered_by_person, closing
from penstock.execution.folding.scopes import create_run, end_run, open_scope
from penstock.execution.folding.whole import fold_whole
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
    match event:
        case TaskRunCreated():
            create_run(draft, event)
        case TaskRunEnded():
            end_run(draft, event)
        case ScopeOpened(run=str() as run):
            open_scope(draft, run, event)
        case FlowableClosing():
            draft.scopes = keep(draft.scopes, event.run, None)
            put(draft, closing(draft.runs[event.run], event))
        case Evaluated(run=str() as run) | EvaluationFailed(run=str() as run) | EvaluationRequested(run=str() as run):
            put(draft, answered(draft.runs[run], event))
        case (
            AttemptStarted()
            | AttemptEnded()
            | AttemptLost()
            | TaskRunAdmitted()
            | FlowableStarted()
            | TaskRunRetrying()
            | TaskRunReleased()
            | TaskRunPaused()
            | TaskRunResumed()
            | TaskRunStopping()
            | BreakpointReached()
            | IterationAwaited()
        ):
            put(draft, after(draft.runs[event.run], event))
            if isinstance(event, TaskRunStopping) and event.run in draft.halted:
                stop_children(draft, event)
        case ResumeRequested(paused=str() as paused):
            put(draft, answered_by_person(draft.runs[paused], event))
            if event.breakpoints is not None:
                draft.breakpoints = event.breakpoints
        case IterationBegun():
            begin_iteration(draft, event)
        case ExecutionInherited():
            inherit(draft, event)
        case ExecutionReopened():
            reopen(draft, event)
        case LabelsSet() | RunForced() | StatusChanged() | Unqueued():
            fold_override(draft, event)
        case LabelsChanged() | VariablesChanged() | ExitRequested():
            take_effect(draft, event)
        case ChildrenRequested() | ChildStarted() | ChildRefused() | ChildEnded():
            fold_child(draft, event)
        case _:
            fold_whole(draft, event)
