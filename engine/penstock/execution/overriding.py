"""When people may speak over the engine's head: what is legal of an execution that is over, or that waits its turn."""

from __future__ import annotations

from penstock.execution.event import (
    ExecutionInherited,
    ExecutionReopened,
    LabelsSet,
    Refusal,
    RunForced,
    StatusChanged,
    Unqueued,
)
from penstock.execution.model import Execution
from penstock.execution.state import State

FromAbove = ExecutionInherited | ExecutionReopened | LabelsSet | RunForced | StatusChanged | Unqueued
FROM_ABOVE = (ExecutionInherited, ExecutionReopened, LabelsSet, RunForced, StatusChanged, Unqueued)


def refuse_from_above(execution: Execution, event: FromAbove) -> Refusal | None:
    """Why `event` is not legal now; None when it is."""
    state, standing = execution.state, execution.standing
    match event:
        case ExecutionInherited():
            return None if execution.seq == 1 else Refusal("only an execution that is new inherits anything")
        case ExecutionReopened():
            return _reopening(execution, event)
        case RunForced():
            return _forcing(execution)
        case Unqueued():
            if not execution.queued:
                return Refusal(f"Execution must be queued to be unqueued, current state is {standing} !")
            fits = event.state is State.RUNNING or _is_an_end(event.state)
            return None if fits else Refusal(f"an execution does not leave the queue as {event.state}")
        case StatusChanged():
            if not execution.is_over:
                return Refusal(f"only an execution that is over can be given a state, current state is {standing} !")
            if not _is_an_end(event.state):
                return Refusal(f"{event.state} is no state that an execution ends in")
            return Refusal(f"the execution is {state} already") if event.state is state else None
        case LabelsSet():
            if not execution.is_over:
                return Refusal(f"labels can be set once an execution is over, current state is {standing} !")
            return Refusal("it has these labels already") if event.labels == execution.labels else None


def _reopening(execution: Execution, event: ExecutionReopened) -> Refusal | None:
    if not execution.is_over and execution.state is not State.PAUSED:
        words = f"Execution must be terminated to be restarted, current state is {execution.standing} !"
        return Refusal(words, "wait for its end, or kill it")
    if event.number != execution.attempt_number + 1:
        return Refusal(f"somebody else has opened the execution again: it is in its attempt {execution.attempt_number}")
    if execution.running or execution.children:
        return Refusal("tasks of the execution still run", "wait until they have ended")
    wanted = [*(run for run, _ in event.runs), *(run for run, _ in event.marked)]
    if not all(run in execution.runs for run in wanted) or not all(each in execution.order for each in event.dropped):
        return Refusal("it has not the task runs that are to go on")
    return None


def _is_an_end(state: State) -> bool:
    """Whether a person may give it to an execution: what is RETRIED is followed by another one."""
    return state.is_terminal and state is not State.RETRIED


def _forcing(execution: Execution) -> Refusal | None:
    if execution.is_over:
        return Refusal(f"only an execution that is not over can be forced to run, current state is '{execution.state}'")
    if execution.kill:
        return Refusal("the execution is being killed")
    if execution.held or execution.queued or (execution.opened is None and not execution.forced):
        return None
    if execution.state in (State.RETRYING, State.PAUSED):
        what = "a retry" if execution.state is State.RETRYING else "a further round of a loop"
        return Refusal(f"{what} waits for its time, which is not forced, current state is '{execution.state}'")
    return Refusal(f"nothing keeps the execution from running, current state is {execution.standing}")
