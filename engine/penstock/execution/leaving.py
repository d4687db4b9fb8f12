"""What becomes of task runs whose end is settled from above: the execution is left, or a flowable's time is over."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.execution.draft import Draft
from penstock.execution.event import Phase, StopCause
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State


@dataclass(frozen=True, slots=True)
class Leave:
    """What is not over takes `state`. With `stop` what runs is stopped, else it may end by itself."""

    state: State
    stop: bool


_TIMED_OUT = Leave(State.KILLED, stop=True)
"""What goes on below a flowable whose time is over."""


def leave_of(execution: Execution | Draft, run: TaskRun | None = None) -> Leave | None:
    """What was settled for `run`, or for the execution itself; None where it goes its own way."""
    if execution.kill:
        return Leave(execution.exit or State.KILLED, stop=True)
    if run is not None and execution.halted:
        leave = _below_a_halted_one(execution, run)
        if leave is not None:
            return leave
    return Leave(execution.exit, stop=False) if execution.exit is not None else None


def _below_a_halted_one(execution: Execution | Draft, run: TaskRun) -> Leave | None:
    """What was settled for what goes on in the main list of a flowable. What is done afterwards, for errors and at the
    end, stands below the same flowable, and goes its own way."""
    while run.parent is not None:
        above = execution.runs[run.parent]
        if above.id in execution.halted and run.phase is Phase.MAIN:
            if above.stop is StopCause.TIMEOUT:
                return _TIMED_OUT
            if above.opened is not None and above.opened.on_failure is not None:
                return Leave(above.opened.on_failure, stop=True)
        run = above
    return None
