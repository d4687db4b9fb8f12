"""LoopUntil: its tasks are done again and again, until a condition holds or patience is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from penstock.duration import parse_duration
from penstock.errors import UserError
from penstock.execution.event import Instant
from penstock.execution.flowable.base import Flowable, Lanes, one_lane
from penstock.execution.flowable.choice import as_text
from penstock.flow.model import Dialect, Task
from penstock.truth import is_truthy

ITERATIONS = "iterationCount"

_LEGACY = {"maxIterations": 100, "maxDuration": "PT1H", "interval": "PT1S"}
_SINCE = {"interval": "PT1M"}
"""What holds where `checkFrequency` says nothing: in Kestra 0.21, and from 0.23 on."""


class LoopUntil(Flowable):
    """The condition is asked for after each round; a failing task ends the loop at once. Iterations count from 1.

    A condition that holds after the last round that is allowed ends the loop well, whatever `failOnMaxReached` says.
    """

    def asks(self, task: Task) -> tuple[str, ...]:
        given = [name for name in ("checkFrequency", "failOnMaxReached") if task.properties.get(name) is not None]
        return tuple(given)

    def asks_after(self, task: Task) -> tuple[str, ...]:
        return ("condition",)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        if "condition" in rendered:
            return {"condition": is_truthy(as_text(rendered["condition"]))}
        frequency = rendered.get("checkFrequency") or {}
        if not isinstance(frequency, Mapping):
            raise UserError("`checkFrequency` must be a mapping")
        facts: dict[str, Any] = {"failOnMaxReached": is_truthy(as_text(rendered.get("failOnMaxReached", False)))}
        if frequency.get("maxIterations") is not None:
            facts["maxIterations"] = _count(frequency["maxIterations"])
        for name in ("maxDuration", "interval"):
            if frequency.get(name) is not None:
                facts[name] = _seconds(name, frequency[name])
        return facts

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        """Its tasks know in which round they are, as `taskrun.iteration`, from 0 on."""
        lanes = one_lane(task.branches.get("tasks", ()))
        lane = replace(lanes.lane(0), iteration=facts.get(ITERATIONS, 1) - 1)
        return replace(lanes, lane=lambda _: lane)

    def next_round(self, dialect: Dialect, facts: Mapping[str, Any], since: Instant, now: Instant) -> Instant | None:
        if facts["condition"]:
            return None
        defaults = _LEGACY if dialect is Dialect.V0_21 else _SINCE
        most = facts.get("maxIterations", defaults.get("maxIterations"))
        if most is not None and facts.get(ITERATIONS, 1) >= most:
            return None
        longest = _limit(facts, defaults, "maxDuration")
        if longest is not None and since + longest < now:
            return None
        return now + (_limit(facts, defaults, "interval") or timedelta(0))

    def objects(self, facts: Mapping[str, Any]) -> str | None:
        if facts.get("condition", True) or not facts.get("failOnMaxReached"):
            return None
        return f"the condition does not hold after {facts.get(ITERATIONS, 1)} iterations: the limit is reached"

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        return {ITERATIONS: facts.get(ITERATIONS, 1)}


def _limit(facts: Mapping[str, Any], defaults: Mapping[str, Any], name: str) -> timedelta | None:
    if name in facts:
        return timedelta(seconds=facts[name])
    return parse_duration(defaults[name]) if name in defaults else None


def _count(value: Any) -> int:
    try:
        count = int(str(value))
    except ValueError as error:
        raise UserError(f"`maxIterations` must be a whole number, not `{value}`") from error
    if count < 1:
        raise UserError(f"`maxIterations` must be at least 1, not {count}")
    return count


def _seconds(name: str, value: Any) -> float:
    try:
        return parse_duration(str(value)).total_seconds()
    except ValueError as error:
        raise UserError(f"`{name}`: {error}") from error
