"""Sleep: waits for a while, in a slot of the worker."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from penstock.duration import format_duration, parse_duration
from penstock.flow.model import Level
from penstock.tasks.base import Context, Properties, Result, TaskStopped, TaskType
from penstock.tasks.markers import Duration, Dynamic
from penstock.tasks.names import CORE


class SleepProperties(Properties):
    """Waits for a while."""

    duration: Dynamic[Duration] = Field(description="How long")


class Sleep(TaskType):
    """Sleeps from the start of its attempt: whoever adopts it sleeps no longer than what is left."""

    type = CORE + "flow.Sleep"
    properties = SleepProperties
    adoptable = True

    def run(self, properties: SleepProperties, context: Context) -> Result:
        length = parse_duration(properties.duration)
        until = _start(context) + length
        if not context.resumed:
            context.log(Level.INFO, f"Waiting for {format_duration(length)}")
        while (left := until - context.now()) > timedelta(0):
            if context.halt.wait(left.total_seconds()):
                raise TaskStopped
        return Result()


def _start(context: Context) -> datetime:
    """When the attempt began, by the clock of whoever began it."""
    return datetime.fromisoformat(context.variables["taskrun"]["startDate"])
