"""Whether an event is legal now: what a fact is checked against, under the lock, before it is appended.

No event is legal twice. A refusal is a sentence for whoever sent it: a person, or a worker that came too late.
"""

from __future__ import annotations

from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    ChildrenStopping,
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionAdmitted,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
    FlowableClosing,
    FlowableStarted,
    KillRequested,
    PauseRequested,
    Phase,
    Refusal,
    ResumeRequested,
    RunEvent,
    ScopeOpened,
    StopCause,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunRetrying,
    TaskRunStopping,
)
from penstock.execution.model import ROOT, Execution, ScopeList, TaskRun
from penstock.execution.state import State

_PHASES = tuple(Phase)


def refuse(execution: Execution, event: Event) -> Refusal | None:
    """Why `event` is not legal now; None when it is."""
    if execution.is_over:
        return Refusal(f"the execution is over, it is {execution.state}")
    match event:
        case TaskRunCreated():
            return _unless(event.run not in execution.runs, f"task run {event.run} exists already")
        case RunEvent():
            run = execution.runs.get(event.run)
            return Refusal(f"there is no task run {event.run}") if run is None else _refuse_run(execution, run, event)
        case Evaluated() | EvaluationFailed() | EvaluationRequested() | ScopeOpened():
            return _refuse_scope(execution, event)
        case _:
            return _refuse_execution(execution, event)


def _unless(legal: bool, reason: str, help: str = "") -> Refusal | None:  # noqa: A002
    return None if legal else Refusal(reason, help)


def _refuse_execution(execution: Execution, event: Event) -> Refusal | None:
    state = execution.state
    match event:
        case ExecutionCreated():
            return Refusal(f"execution {execution.id} exists already")
        case KillRequested():
            return _unless(not execution.kill, "the execution is being killed already")
        case PauseRequested():
            return _unless(state is State.RUNNING, f"the execution is not running, it is {state}")
        case ResumeRequested(paused=None):
            return _unless(execution.held, f"the execution is not paused by anybody, it is {state}")
        case ResumeRequested(paused=str() as paused):
            run = execution.runs.get(paused)
            waits = run is not None and run.state is State.PAUSED and "resumed" not in run.facts
            return _unless(waits, f"task run {paused} does not wait to be resumed")
        case ExecutionQueued():
            return _unless(state is State.CREATED, f"the execution has begun, it is {state}")
        case ExecutionAdmitted():
            return _unless(execution.queued, f"the execution does not wait to be let in, it is {state}")
        case ExecutionStarted():
            waits = state is State.CREATED or (state is State.QUEUED and not execution.queued)
            return _unless(waits, f"the execution has begun, it is {state}")
        case ExecutionWaiting():
            return _unless(state is not event.state, f"the execution is {state} already")
        case ExecutionResumed():
            waits = state in (State.PAUSED, State.RETRYING) and not execution.held
            return _unless(waits, f"the execution does not wait, it is {state}")
        case ExecutionEnded():
            return None
        case _:
            return Refusal(f"{type(event).__name__} is not known here")


def _refuse_scope(
    execution: Execution, event: Evaluated | EvaluationFailed | EvaluationRequested | ScopeOpened
) -> Refusal | None:
    key = event.run or ROOT
    run = execution.runs.get(event.run) if event.run is not None else None
    if event.run is not None and (run is None or run.state.is_terminal):
        return Refusal(f"there is no task run {event.run} that goes on")
    if isinstance(event, ScopeOpened):
        opened = run.opened if run is not None else execution.opened
        if run is not None and run.closing is not None:
            return Refusal(f"task run {run.id} is being closed")
        return _unless(_is_later(event.phase, opened), f"the {event.phase.value} list was opened already")
    asked = execution.asked.get(key, ())
    if isinstance(event, EvaluationRequested):
        return _unless(not asked, "the answer to an earlier question has not come yet")
    return _unless(bool(asked), "nobody has asked for it")


def _is_later(phase: Phase, opened: ScopeList | None) -> bool:
    return opened is None or _PHASES.index(phase) > _PHASES.index(opened.phase)


def _refuse_run(execution: Execution, run: TaskRun, event: RunEvent) -> Refusal | None:
    if run.state.is_terminal:
        return Refusal(f"task run {run.id} is over, it is {run.state}")
    match event:
        case AttemptStarted():
            ready = run.id in execution.ready or run.id in execution.inline
            may = ready and not execution.held and not execution.kill
            in_turn = event.attempt == len(run.attempts) + 1
            return _unless(may and in_turn, f"task run {run.id} is not to be started, it is {run.state}")
        case AttemptEnded() | AttemptLost():
            mine = run.is_running and event.attempt == len(run.attempts)
            return _unless(mine, f"attempt {event.attempt} of task run {run.id} is over already")
        case TaskRunAdmitted() | FlowableStarted():
            return _unless(run.state is State.CREATED and run.gated, f"task run {run.id} was let in already")
        case ChildrenStopping():
            goes_on = run.id in execution.scopes and run.stop is None and run.doomed is None
            return _unless(goes_on, f"the children of task run {run.id} were told to stop already")
        case FlowableClosing():
            fresh = run.state is State.RUNNING and run.opened is not None and run.closing is None
            return _unless(fresh, f"task run {run.id} has no children that have just ended, it is {run.state}")
        case TaskRunRetrying():
            ended = not run.is_running and run.state in (State.RUNNING, State.KILLING)
            return _unless(ended, f"task run {run.id} has no failed attempt to be tried again")
        case TaskRunReleased():
            lost = run.attempt is not None and run.attempt.lost and run.state is not State.CREATED
            return _unless(run.state is State.RETRYING or lost, f"task run {run.id} does not wait for a retry")
        case TaskRunPaused():
            fresh = run.state is State.RUNNING and "onResume" not in run.facts
            return _unless(fresh, f"task run {run.id} cannot be paused, it is {run.state}")
        case TaskRunResumed():
            return _unless(run.state is State.PAUSED, f"task run {run.id} is not paused, it is {run.state}")
        case TaskRunStopping():
            sooner = run.stop is None or (run.stop is StopCause.TIMEOUT and event.cause is StopCause.KILL)
            return _unless(run.is_running and sooner, f"task run {run.id} was told to stop already")
        case TaskRunEnded():
            return None
        case _:
            return Refusal(f"{type(event).__name__} is not known here")
