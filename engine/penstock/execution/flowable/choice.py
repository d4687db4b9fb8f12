"""If and Switch: one lane, chosen once, when the task run begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import UserError
from penstock.execution.flowable.base import Flowable, Lanes, one_lane
from penstock.flow.model import Task
from penstock.truth import is_truthy


class If(Flowable):
    def asks(self, task: Task) -> tuple[str, ...]:
        return ("condition",)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"evaluationResult": is_truthy(as_text(rendered["condition"]))}

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        return one_lane(task.branches.get("then" if facts["evaluationResult"] else "else", ()))

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"evaluationResult": facts["evaluationResult"]} if "evaluationResult" in facts else {}


class Switch(Flowable):
    """`case` is kept apart from `value`, so that a value which holds a secret can be sealed."""

    def asks(self, task: Task) -> tuple[str, ...]:
        return ("value",)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        value = as_text(rendered["value"])
        cases = task.properties.get("cases") or {}
        if value in {as_text(key) for key in cases}:
            return {"value": value, "case": value}
        if "defaults" not in task.branches:
            known = ", ".join(f"`{as_text(key)}`" for key in cases)
            raise UserError(f"no case for the value `{value}`: the cases are {known}, and there are no defaults")
        return {"value": value, "case": None}

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        case = facts["case"]
        return one_lane(task.branches.get("defaults" if case is None else f"cases.{case}", ()))

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        if "value" not in facts:  # its time was over before anything was known
            return {}
        return {"value": facts["value"], "defaults": facts["case"] is None}


def as_text(value: Any) -> str:
    """A YAML scalar as an expression would print it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
