"""Windows of time in which several things must have come about: as Kestra 1 writes them, and as Kestra 2 does."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.markers import Duration, Text, told


class WindowType(StrEnum):
    DURATION_WINDOW = "DURATION_WINDOW"
    SLIDING_WINDOW = "SLIDING_WINDOW"
    DAILY_TIME_DEADLINE = "DAILY_TIME_DEADLINE"
    DAILY_TIME_WINDOW = "DAILY_TIME_WINDOW"


class TimeWindow(Properties):
    """A window of Kestra 0.20 to 1. Its type says which of the other properties it has."""

    type: WindowType = Field(WindowType.DURATION_WINDOW, description="Which kind of window")
    window: Duration | None = Field(None, description="How long it is, for DURATION_WINDOW and SLIDING_WINDOW")
    window_advance: Duration | None = Field(
        None, description="How long after midnight the first one begins, for DURATION_WINDOW"
    )
    deadline: Text | None = Field(None, description="The time until which it lasts, for DAILY_TIME_DEADLINE: 09:00:00")
    start_time: Text | None = Field(None, description="The time at which it begins, for DAILY_TIME_WINDOW")
    end_time: Text | None = Field(None, description="The time at which it ends, for DAILY_TIME_WINDOW")
    timezone: Text | None = Field(
        None, description="Where the times are meant, such as Europe/Berlin", json_schema_extra=told(since="1.3")
    )


class Window(Properties):
    """A window of Kestra 2. What it has says of which kind it is."""

    deadline: Text | None = Field(None, description="It lasts from midnight until this time: 09:00:00")
    from_: Text | None = Field(None, alias="from", description="It lasts each day from this time until `to`")
    to: Text | None = Field(None, description="The time at which it ends, with `from`")
    every: Duration | None = Field(None, description="One follows upon the other, each as long as this")
    offset: Duration | None = Field(None, description="How long after midnight the first one begins, with `every`")
    lookback: Duration | None = Field(None, description="It is the time that has just passed, as long as this")
    timezone: Text | None = Field(None, description="Where the times are meant, such as Europe/Berlin")
    fire_once: bool = Field(False, description="Once all has come about, it must all come about anew")
