"""Pause: waits for a person, or for a while, then runs its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from penstock.duration import parse_duration
from penstock.errors import UserError
from penstock.execution.flowable.base import Flowable, Lanes, Wait, one_lane, templates_of
from penstock.execution.state import State
from penstock.flow.model import Task

BEHAVIORS = ("RESUME", "WARN", "FAIL", "CANCEL")

_BECOMES = {"RESUME": "RUNNING", "WARN": "WARNING"}
"""What the execution goes on as when nobody has resumed it (Kestra core 1.x, Pause.Behavior)."""

_TOO_LATE = {
    "TIMEOUT": "nobody resumed it before its timeout",
    "FAIL": "nobody resumed it before its delay was over",
}


def nobody_resumed(then: str) -> str | None:
    """Why a Pause has failed whose wait was to come to `then`; None where it has not."""
    return _TOO_LATE.get(then)


class Pausable(Flowable):
    """What waits for a person."""

    @property
    def waits_itself(self) -> bool:
        return True


class Pause(Pausable):
    """`pauseDuration` (or `delay`) elapsed: it goes on as `behavior` says. `timeout` elapsed: it has failed, and its
    own `errors` and `finally` follow (Kestra core 1.x, Pause.findTerminalState).

    The task in `onPause` runs before the wait.
    """

    def asks(self, task: Task) -> tuple[str, ...]:
        lengths = [name for name in ("pauseDuration", "delay") if task.properties.get(name) is not None]
        return (*lengths, *templates_of(task, "behavior"))

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        facts: dict[str, Any] = {}
        for name in ("pauseDuration", "delay"):
            if name in rendered:
                facts.setdefault("delay_s", seconds_of(rendered[name]))
        if "behavior" in rendered:
            facts["behavior"] = str(rendered["behavior"]).strip()
            if facts["behavior"] not in BEHAVIORS:
                raise UserError(f"`behavior` is one of {', '.join(BEHAVIORS)}, not `{facts['behavior']}`")
        return facts

    def wait(self, task: Task, facts: Mapping[str, Any]) -> Wait:
        delay = timedelta(seconds=facts["delay_s"]) if "delay_s" in facts else None
        limit = limit_of(task, facts)
        if limit is not None and (delay is None or limit < delay):
            return Wait(limit, "TIMEOUT")
        return Wait(delay, _behavior(task, facts))

    def before(self, task: Task) -> tuple[Task, ...]:
        return task.branches.get("onPause", ())

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        return one_lane(task.branches.get("tasks", ()))

    def ends(self, task: Task, facts: Mapping[str, Any], children: State) -> State:
        warns = facts.get("elapsed") and _behavior(task, facts) == "WARN"
        return State.WARNING if warns and children is State.SUCCESS else children

    def objects(self, facts: Mapping[str, Any]) -> str | None:
        return nobody_resumed(facts.get("decision", ""))

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """`onResume`, where there were answers, and `resumed`: by whom, when, and to what (1.x)."""
        if "onResume" not in facts:
            return {}
        by = {"by": facts["by"]} if "by" in facts else {}
        if self.objects(facts) is not None:
            return {"resumed": {"on": facts["on"], "to": "FAILED"}}
        to = _BECOMES[_behavior(task, facts)] if facts["elapsed"] else "SUCCESS"
        answer = {"onResume": facts["onResume"]} if facts["onResume"] else {}
        return {**answer, "resumed": {**by, "on": facts["on"], "to": to}}


def _behavior(task: Task, facts: Mapping[str, Any]) -> str:
    return str(facts.get("behavior") or task.properties.get("behavior") or "RESUME")


def limit_of(task: Task, facts: Mapping[str, Any]) -> timedelta | None:
    """The timeout, once it is known."""
    if "timeout_s" in facts:
        return timedelta(seconds=facts["timeout_s"])
    return task.timeout if isinstance(task.timeout, timedelta) else None


def seconds_of(rendered: Any) -> float:
    try:
        return parse_duration(str(rendered)).total_seconds()
    except ValueError as error:
        raise UserError(str(error)) from error
