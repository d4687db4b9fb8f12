"""Pause: waits for a person, or for a while, then runs its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from penstock.duration import parse_duration
from penstock.errors import UserError
from penstock.execution.flowable.base import Flowable, Lanes, Wait, one_lane
from penstock.flow.model import Task

_AT_THE_END = {"RESUME": "RESUME", "WARN": "WARN", "FAIL": "FAIL", "CANCEL": "CANCEL"}


class Pause(Flowable):
    """`pauseDuration` (or `delay`) elapsed: it goes on as `behavior` says. `timeout` elapsed: it has failed."""

    @property
    def waits_itself(self) -> bool:
        return True

    def asks(self, task: Task) -> tuple[str, ...]:
        return tuple(name for name in ("pauseDuration", "delay") if task.properties.get(name) is not None)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        for text in rendered.values():
            try:
                return {"delay_s": parse_duration(str(text)).total_seconds()}
            except ValueError as error:
                raise UserError(str(error)) from error
        return {}

    def wait(self, task: Task, facts: Mapping[str, Any]) -> Wait:
        timeout = facts.get("timeout_s")
        limit = timedelta(seconds=timeout) if timeout is not None else task.timeout
        delay = timedelta(seconds=facts["delay_s"]) if "delay_s" in facts else None
        behavior = _AT_THE_END.get(str(task.properties.get("behavior", "RESUME")), "RESUME")
        if isinstance(limit, timedelta) and (delay is None or limit < delay):
            return Wait(limit, "TIMEOUT")
        return Wait(delay, behavior)

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        return one_lane(task.branches.get("tasks", ()))

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = facts.get("onResume")
        return {"onResume": answer} if answer else {}
