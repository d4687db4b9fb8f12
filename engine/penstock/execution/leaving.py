"""What becomes of task runs whose end is settled from above: the execution is left, or a flowable's time is over."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.execution.model import Draft, Execution, TaskRun
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
    if run is not None and execution.halted and _is_below_a_halted_one(execution, run):
        return _TIMED_OUT
    return Leave(execution.exit, stop=False) if execution.exit is not None else None


def _is_below_a_halted_one(execution: Execution | Draft, run: TaskRun) -> bool:
    parent = run.parent
    while parent is not None:
        if parent in execution.halted:
            return True
        parent = execution.runs[parent].parent
    return False
