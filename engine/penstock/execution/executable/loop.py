"""Loop (Kestra 2.0): its tasks once for each value, each time in an execution of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.errors import UserError
from penstock.execution.executable.base import Call, Executable, Outcome, is_set
from penstock.execution.family import Family
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Task

COLLECTED = "collected"
"""What is asked at the end: the outputs of all iterations, in their order."""

STORAGE = "kestra://"
_WORST_FIRST = (State.FAILED, State.KILLED, State.WARNING)


class Loop(Executable):
    """What it goes over is a list, a mapping, text that is one of them in JSON, or a file with a value on each line.

    The facts: `values` with their `keys`, or the `uri` of the file; and the `count` of them, which for a file the shell
    finds out.
    """

    def asks(self, task: Task) -> tuple[str, ...]:
        return ("values",)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        values = rendered["values"]
        if isinstance(values, str) and values.strip().startswith(STORAGE):
            return {"uri": values.strip()}
        return items_of(values)

    def call(self, execution: Execution, task: Task, run: TaskRun) -> Call:
        return Call(int(run.facts["count"]), width=int(task.properties.get("concurrencyLimit") or 0))

    def collects(self, task: Task, run: TaskRun, family: Family) -> tuple[str, ...]:
        """What is to be asked when all iterations are over."""
        return (COLLECTED,) if task.properties.get("outputs") and family.begun else ()

    def outcome(self, task: Task, run: TaskRun, family: Family) -> Outcome:
        outputs: dict[str, Any] = {
            "iterationCount": family.begun,
            "runningIterations": 0,
            "terminatedIterations": dict(family.states),
            **run.facts.get(COLLECTED, {}),
        }
        if family.error is not None:
            return Outcome(State.FAILED, outputs, family.error)
        state = next((each for each in _WORST_FIRST if each in family.states), State.SUCCESS)
        if not is_set(task, "transmitFailed"):
            return Outcome(State.SUCCESS, outputs)
        error = f"{family.states.get(state, 0)} of {family.begun} iterations end in {state} state"
        return Outcome(state, outputs, error if state is State.FAILED else None)


def items_of(values: Any) -> dict[str, Any]:
    """Values as text, in order, and the keys where they have some; those of a list each once (kestra core 2.0,
    FlowableUtils.resolveValues). Raises UserError."""
    if isinstance(values, str):
        try:
            values = json.loads(values)
        except ValueError as error:
            raise UserError(f"the values of a loop are a list, a mapping or a file, not `{values[:200]}`") from error
    if isinstance(values, Mapping):
        if None in values.values():
            raise UserError(f"Found a null value inside the iteration values={json.dumps(dict(values))[:200]}")
        keys = [str(key) for key in values]
        return {"values": [as_text(value) for value in values.values()], "keys": keys, "count": len(keys)}
    if not isinstance(values, list | tuple):
        raise UserError(f"the values of a loop are a list, a mapping or a file, not `{str(values)[:200]}`")
    nulls = sum(value is None for value in values)
    if nulls:
        raise UserError(f"Found a null value inside the iteration values={json.dumps(list(values))[:200]}")
    texts = list(dict.fromkeys(map(as_text, values)))
    return {"values": texts, "count": len(texts)}


def as_text(value: Any) -> str:
    """What is no text is its JSON (Kestra docs, Loop: `item.value` is a string)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
