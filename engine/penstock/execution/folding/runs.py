"""What events about one task run change of it."""

from __future__ import annotations

from typing import Any, assert_never

from penstock.execution.draft import changed
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    BreakpointReached,
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    FlowableClosing,
    FlowableStarted,
    Instant,
    IterationAwaited,
    ResumeRequested,
    StopCause,
    TaskRunAdmitted,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunRetrying,
    TaskRunStopping,
)
from penstock.execution.instants import iso
from penstock.execution.model import Attempt, Histories, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Kind

CONDITION = "condition"
"""The fact that says whether the condition of a loop holds; asked again after each iteration."""

PASSED = "breakpoint"
"""The fact that a breakpoint was passed."""

RunChange = (
    AttemptStarted
    | AttemptEnded
    | AttemptLost
    | TaskRunAdmitted
    | FlowableStarted
    | TaskRunRetrying
    | TaskRunReleased
    | TaskRunPaused
    | TaskRunResumed
    | TaskRunStopping
    | BreakpointReached
    | IterationAwaited
)


def after(run: TaskRun, event: RunChange) -> TaskRun:
    match event:
        case AttemptStarted():
            attempt = Attempt(event.attempt, event.session, event.epoch, event.at)
            attempts = (*run.attempts, attempt)
            if run.state is State.RUNNING:
                return changed(run, attempts=attempts)
            return moved(run, event.at, State.RUNNING, attempts=attempts)
        case AttemptEnded():
            return changed(run, attempts=_closed(run, event), outputs=event.outputs, error=event.error, wake_at=None)
        case AttemptLost():
            lost = changed(run.attempts[-1], state=State.KILLED, ended=event.at, error=event.reason, lost=True)
            return changed(run, attempts=(*run.attempts[:-1], lost), wake_at=None)
        case TaskRunAdmitted():
            return changed(run, gated=False)
        case FlowableStarted():
            return moved(run, event.at, State.RUNNING, gated=False, deadline=event.deadline)
        case TaskRunRetrying():
            failed = run if run.state is State.FAILED else moved(run, event.at, State.FAILED)
            if run.is_calling:
                failed = changed(failed, attempts=(*run.attempts[:-1], called(run, event.at, State.FAILED)))
            return moved(failed, event.at, State.RETRYING, wake_at=event.until, stop=None)
        case TaskRunReleased():
            return moved(run, event.at, State.CREATED, wake_at=None, stop=None)
        case TaskRunPaused():
            return moved(run, event.at, State.PAUSED, wake_at=event.until, then=event.then)
        case TaskRunResumed():
            return moved(run, event.at, State.RUNNING, wake_at=None, facts=_told(run, event))
        case TaskRunStopping():
            stopping = moved(run, event.at, State.KILLING) if event.cause is StopCause.KILL else run
            is_waited_for = run.is_running or (run.family is not None and run.is_calling and run.family.living > 0)
            asks = () if run.kind is Kind.FLOWABLE else run.asks  # whoever stops needs no answer any more
            wake_at = event.until if is_waited_for else run.wake_at
            return changed(stopping, stop=event.cause, wake_at=wake_at, asks=asks)
        case BreakpointReached():
            return moved(run, event.at, State.BREAKPOINT)
        case IterationAwaited():
            facts = {key: value for key, value in run.facts.items() if key != CONDITION}
            return changed(run, wake_at=event.until, facts=facts)
        case _:
            assert_never(event)


def closing(run: TaskRun, event: FlowableClosing) -> TaskRun:
    """With an attempt of its own ahead. What `errors` and `finally` have taken beyond its time does not count."""
    is_late = run.deadline is not None and run.deadline <= event.at
    return changed(run, closing=event.state, deadline=None if is_late else run.deadline)


def answered_by_person(run: TaskRun, event: ResumeRequested) -> TaskRun:
    """A Pause goes on as decided next, with the answer; what stands at a breakpoint is at its start again."""
    if run.state is State.BREAKPOINT:
        return moved(run, event.at, State.CREATED, facts={**run.facts, PASSED: True})
    told = {"values": dict(event.values), "by": event.by, "decision": event.decision, "comment": event.comment}
    return changed(run, facts={**run.facts, "resumed": told})


def _told(run: TaskRun, event: TaskRunResumed) -> dict[str, Any]:
    """The facts after the wait: what was answered, by whom and when, or that nobody has answered."""
    facts = {key: value for key, value in run.facts.items() if key != "resumed"}
    facts |= {"onResume": dict(event.values), "elapsed": event.elapsed, "on": iso(event.at)}
    due = iso(run.wake_at) if run.wake_at is not None and run.then == "EXPIRE" else ""
    said = {"by": event.by, "decision": event.decision, "comment": event.comment, "due": due}
    return facts | {name: value for name, value in said.items() if value}


def _closed(run: TaskRun, event: AttemptEnded) -> tuple[Attempt, ...]:
    ended = changed(
        run.attempts[-1],
        state=event.state,
        ended=event.at,
        error=event.error,
        exit_code=event.exit_code,
        metrics=event.metrics,
        log=event.log,
        usage=event.usage,
    )
    return (*run.attempts[:-1], ended)


def answered(run: TaskRun, event: Evaluated | EvaluationFailed | EvaluationRequested) -> TaskRun:
    match event:
        case EvaluationRequested():
            return changed(run, asks=event.names)
        case Evaluated():
            return changed(run, asks=(), facts={**run.facts, **event.values}, sealed=run.sealed + event.sealed)
        case EvaluationFailed():
            return changed(run, asks=(), failure=event.message)
        case _:
            assert_never(event)


def called(run: TaskRun, at: Instant, state: State) -> Attempt:
    """The attempt of a task run whose children have come to `state`."""
    return changed(run.attempts[-1], state=state, ended=at, error=run.family.error if run.family is not None else None)


def moved(run: TaskRun, at: Instant, state: State, **changes: Any) -> TaskRun:
    """`run` in another state, with what else changes of it."""
    histories: Histories = (*run.histories, (state, at))
    return changed(run, state=state, histories=histories, **changes)
