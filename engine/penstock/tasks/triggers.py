"""The properties of the triggers. When they are due is computed in `penstock.triggers`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.markers import Duration, Dynamic, Within, told


class RecoverMissed(StrEnum):
    ALL = "ALL"
    LAST = "LAST"
    NONE = "NONE"


class Schedule(Properties):
    """Starts an execution at each time that a cron expression names. Expressions see `trigger.date`, `trigger.next`
    and `trigger.previous`."""

    cron: str = Field(
        min_length=1,
        description="Minute, hour, day of the month, month, day of the week (0, 7: Sunday), or @daily and the like",
    )
    with_seconds: bool = Field(False, description="The expression has six fields, the seconds first")
    timezone: str | None = Field(None, description="Where the times are meant, such as Europe/Berlin")
    inputs: Within[dict[str, Any] | None] = Field(None, description="The inputs of the executions")
    late_maximum_delay: Dynamic[Duration | None] = Field(
        None, description="A time that could not be kept is given up after this"
    )
    recover_missed_schedules: RecoverMissed | None = Field(
        None, description="Which of the times that were missed are made up for; ALL by default"
    )
    schedule_conditions: Within[list[dict[str, Any]] | None] = Field(
        None, description="Older spelling of `conditions`", json_schema_extra=told(until="2.0", old=True)
    )
    backfill: dict[str, Any] | None = Field(
        None, description="Kept by a Kestra server", json_schema_extra=told(until="2.0", old=True)
    )
