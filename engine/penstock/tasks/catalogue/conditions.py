"""Conditions of triggers, up to Kestra 1: of a date, of another execution, and made of other conditions."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from penstock.execution.state import State
from penstock.tasks.base import Properties
from penstock.tasks.catalogue.windows import TimeWindow
from penstock.tasks.common_models import Labels, TaskId
from penstock.tasks.markers import Duration, Dynamic, Text, Typed, told


class OfDate(Properties):
    """Which date is looked at."""

    date: Dynamic[Text] = Field("{{ trigger.date }}", description="The date; that of the trigger without")


class Day(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class DateTimeBetween(OfDate):
    """The date lies between two moments."""

    after: Dynamic[Text | None] = Field(None, description="The earlier moment, with its offset")
    before: Dynamic[Text | None] = Field(None, description="The later moment, with its offset")


class TimeBetween(OfDate):
    """The time of day lies between two times."""

    after: Dynamic[Text | None] = Field(None, description="The earlier time, with its offset: 16:00:00+02:00")
    before: Dynamic[Text | None] = Field(None, description="The later time, with its offset")


class DayWeek(OfDate):
    """The date is a given day of the week."""

    day_of_week: Dynamic[Day] = Field(description="The day")


class DayInMonth(StrEnum):
    FIRST = "FIRST"
    SECOND = "SECOND"
    THIRD = "THIRD"
    FOURTH = "FOURTH"
    LAST = "LAST"


class DayWeekInMonth(OfDate):
    """The date is the first, second … given day of the week in its month."""

    day_of_week: Dynamic[Day] = Field(description="The day")
    day_in_month: Dynamic[DayInMonth] = Field(description="Which of the month")


class Weekend(OfDate):
    """The date lies on a weekend."""


class PublicHoliday(OfDate):
    """The date is a public holiday."""

    country: Dynamic[Text | None] = Field(
        None, description="The country by its two letters; that of the server without"
    )
    sub_division: Dynamic[Text | None] = Field(None, description="A part of the country by its code, such as `by`")


# ── of another execution ──


class ExecutionStatus(Properties):
    """The other execution ended in one of some states."""

    in_: Dynamic[list[State] | None] = Field(None, alias="in", description="The states that it may have")
    not_in: Dynamic[list[State] | None] = Field(None, description="The states that it may not have")


class ExecutionFlow(Properties):
    """The other execution is one of a given flow."""

    namespace: Dynamic[Text] = Field(description="Namespace of the flow")
    flow_id: Dynamic[Text] = Field(description="Name of the flow")


class Comparison(StrEnum):
    EQUALS = "EQUALS"
    PREFIX = "PREFIX"
    SUFFIX = "SUFFIX"


class ExecutionNamespace(Properties):
    """The other execution is one of a given namespace."""

    namespace: Dynamic[Text] = Field(description="The namespace, or how it begins or ends")
    comparison: Dynamic[Comparison | None] = Field(None, description="How they are compared; EQUALS by default")
    prefix: Dynamic[bool] = Field(False, description="The namespace begins so: another way to say PREFIX")


class ExecutionLabels(Properties):
    """The other execution has given labels."""

    labels: Dynamic[Labels] = Field(description="The labels, all of which it must have")


class ExecutionOutputs(Properties):
    """The outputs of the other execution fulfil an expression."""

    expression: Dynamic[Text] = Field(description="What must be true of `trigger.outputs`")


class HasRetryAttempt(Properties):
    """A task of the other execution was tried more than once."""

    in_: Dynamic[list[State] | None] = Field(None, alias="in", description="States that an attempt may have ended in")
    not_in: Dynamic[list[State] | None] = Field(None, description="States that no attempt may have ended in")


class FlowCondition(Properties):
    """The flow is a given one."""

    namespace: Dynamic[Text] = Field(description="Namespace of the flow")
    flow_id: Dynamic[Text] = Field(description="Name of the flow")


class FlowNamespaceCondition(Properties):
    """The flow lies in a given namespace."""

    namespace: Dynamic[Text] = Field(description="The namespace, or how it begins")
    prefix: Dynamic[bool] = Field(False, description="The namespace only begins so")


# ── made of others ──


class Expression(Properties):
    """An expression is true."""

    expression: Dynamic[Text] = Field(description="The expression: `false`, `0`, `-0` and nothing are false")


class Not(Properties):
    """Some conditions do not all hold."""

    conditions: list[Typed] = Field(min_length=1, description="The conditions")


class Or(Properties):
    """One of some conditions holds."""

    conditions: list[Typed] = Field(min_length=1, description="The conditions")


class MultipleCondition(Properties):
    """Several conditions hold within a window of time, each for an execution of its own."""

    id: TaskId = Field(description="Name of what is remembered")
    conditions: dict[str, Typed] = Field(description="The conditions, each under a name of its own")
    time_window: TimeWindow | None = Field(None, description="The window; a day from midnight without")
    reset_on_success: bool = Field(True, description="Once all have held, all must hold anew")
    window: Duration | None = Field(
        None, description="Older spelling of `timeWindow.window`", json_schema_extra=told(old=True)
    )
    window_advance: Duration | None = Field(
        None, description="Older spelling of `timeWindow.windowAdvance`", json_schema_extra=told(old=True)
    )
