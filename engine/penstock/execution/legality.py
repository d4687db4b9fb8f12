"""Whether an event is legal now: what a fact is checked against, under the lock, before it is appended.

No event is legal twice. A refusal is a sentence for whoever sent it: a person, or a worker that came too late.
"""

from __future__ import annotations

import immutables

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
    ExecutionAdmitted,
    ExecutionClosed,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionLeaving,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
    ExitRequested,
    FlowableClosing,
    FlowableStarted,
    IterationAwaited,
    IterationBegun,
    KillRequested,
    LabelsChanged,
    PauseRequested,
    Phase,
    Refusal,
    ResumeRequested,
    RunEvent,
    ScopeOpened,
    SlaViolated,
    StopCause,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunRetrying,
    TaskRunStopping,
    VariablesChanged,
)
from penstock.execution.flowable.until import ITERATIONS
from penstock.execution.folding.index import WAITING
from penstock.execution.folding.runs import CONDITION, PASSED
from penstock.execution.leaving import leave_of
from penstock.execution.model import ROOT, Execution, ScopeList, TaskRun
from penstock.execution.overriding import FROM_ABOVE, refuse_from_above
from penstock.execution.state import BEGINNING, State
from penstock.flow.model import Kind

_PHASES = tuple(Phase)

_STOPS = (StopCause.SIBLING, StopCause.TIMEOUT, StopCause.KILL)
"""Each goes beyond those before it."""


def refuse(execution: Execution, event: Event) -> Refusal | None:
    """Why `event` is not legal now; None when it is."""
    if isinstance(event, FROM_ABOVE):
        return refuse_from_above(execution, event)
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
            waits = run is not None and run.state in WAITING and "resumed" not in run.facts
            return _unless(waits, f"task run {paused} does not wait to be resumed")
        case ExecutionQueued():
            return _unless(state is State.CREATED, f"the execution has begun, it is {state}")
        case ExecutionAdmitted():
            return _unless(execution.queued, f"the execution does not wait to be let in, it is {state}")
        case ExecutionStarted():
            waits = state in BEGINNING or (state is State.QUEUED and not execution.queued)
            return _unless(waits, f"the execution has begun, it is {state}")
        case ExecutionWaiting():
            fresh = state is not event.state and not state.is_terminal
            return _unless(fresh, f"the execution is {state} already")
        case ExecutionResumed():
            waits = state in (State.PAUSED, State.RETRYING, State.BREAKPOINT) and not execution.held
            return _unless(waits, f"the execution does not wait, it is {state}")
        case ExecutionEnded():
            return _unless(not state.is_terminal, f"the execution has ended already, it is {state}")
        case ExecutionClosed():
            return _unless(state.is_terminal, f"the execution goes on, it is {state}")
        case ExecutionLeaving():
            may = not (execution.is_leaving or state.is_terminal)
            return _unless(may, "the execution is on its way to its end already")
        case SlaViolated():
            return _unless(event.sla not in execution.broken, f"the SLA `{event.sla}` was violated already")
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
        if run is None and execution.state.is_terminal != (event.phase is Phase.AFTER):
            return Refusal(f"the {event.phase.value} list is not to be opened while the execution is {execution.state}")
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
            may = ready and not execution.held and leave_of(execution, run) is None
            in_turn = event.attempt == len(run.attempts) + 1
            return _unless(may and in_turn, f"task run {run.id} is not to be started, it is {run.state}")
        case AttemptEnded() | AttemptLost():
            mine = run.is_running and event.attempt == len(run.attempts)
            return _unless(mine, f"attempt {event.attempt} of task run {run.id} is over already")
        case ChildrenRequested() | ChildStarted() | ChildRefused() | ChildEnded():
            return _refuse_child(execution, run, event)
        case TaskRunAdmitted() | FlowableStarted():
            return _unless(run.state in BEGINNING and run.gated, f"task run {run.id} was let in already")
        case BreakpointReached() | IterationAwaited() | IterationBegun():
            return _refuse_standing(run, event)
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
            sooner = run.stop is None or _STOPS.index(run.stop) < _STOPS.index(event.cause)
            at_work = run.is_running or run.is_calling
            goes_on = at_work or (run.kind is Kind.FLOWABLE and event.cause is not StopCause.KILL)
            return _unless(goes_on and sooner, f"task run {run.id} was told to stop already")
        case LabelsChanged() | VariablesChanged() | ExitRequested():
            attempt = run.attempts[-1] if run.is_running and event.attempt == len(run.attempts) else None
            fresh = attempt is not None and type(event).__name__ not in attempt.effects
            return _unless(fresh, f"attempt {event.attempt} of task run {run.id} changes nothing any more")
        case TaskRunEnded():
            return None
        case _:
            return Refusal(f"{type(event).__name__} is not known here")


def _refuse_child(
    execution: Execution, run: TaskRun, event: ChildrenRequested | ChildStarted | ChildRefused | ChildEnded
) -> Refusal | None:
    if isinstance(event, ChildrenRequested):
        fresh = run.kind is Kind.EXECUTABLE and run.state in BEGINNING
        return _unless(fresh, f"task run {run.id} has asked for executions already, it is {run.state}")
    if isinstance(event, ChildEnded):
        lives = execution.children.get(run.id, immutables.Map()).get(event.index) == event.child
        return _unless(lives, f"task run {run.id} does not wait for execution {event.child}")
    may = run.id in execution.bearing and not execution.held and leave_of(execution, run) is None
    in_turn = run.family is not None and event.index == run.family.begun
    return _unless(may and in_turn, f"task run {run.id} is not to have execution {event.index} now, it is {run.state}")


def _refuse_standing(run: TaskRun, event: BreakpointReached | IterationAwaited | IterationBegun) -> Refusal | None:
    match event:
        case BreakpointReached():
            fresh = run.state in BEGINNING and run.gated and PASSED not in run.facts
            return _unless(fresh, f"task run {run.id} is past its breakpoint, it is {run.state}")
        case IterationAwaited():
            fresh = run.state is State.RUNNING and run.wake_at is None and CONDITION in run.facts
            return _unless(fresh, f"task run {run.id} has no round that has just ended, it is {run.state}")
        case IterationBegun():
            in_turn = run.wake_at is not None and event.number == run.facts.get(ITERATIONS, 1) + 1
            return _unless(in_turn, f"task run {run.id} does not wait for its round {event.number}")
