"""Triggers that do not start anything here yet: dates, webhooks, other flows, HTTP answers, tools of agents."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from penstock.execution.state import State
from penstock.tasks.base import Properties
from penstock.tasks.catalogue.windows import TimeWindow, Window
from penstock.tasks.common_models import Labels, TaskId
from penstock.tasks.markers import Duration, Dynamic, Text, Within, told
from penstock.tasks.triggers import RecoverMissed


class ScheduleOnDates(Properties):
    """Starts an execution on each of some dates."""

    dates: Dynamic[list[Text] | str] = Field(description="The moments, each with its offset")
    timezone: Dynamic[Text | None] = Field(None, description="Where the times are told, such as Europe/Berlin")
    inputs: Within[dict[str, Any] | None] = Field(None, description="The inputs of the executions")
    recover_missed_schedules: RecoverMissed | None = Field(
        None, description="Which of the dates that were missed are made up for; ALL by default"
    )


# ── calls from outside ──


class BodyFetch(StrEnum):
    NONE = "NONE"
    FETCH = "FETCH"
    STORE = "STORE"


class Called(Properties):
    """What every webhook has."""

    key: Dynamic[Text] = Field(
        min_length=1, max_length=256, description="The last part of the address, which only those who may call know"
    )
    inputs: Within[dict[str, Any] | None] = Field(
        None, description="The inputs of the executions", json_schema_extra=told(since="1.1")
    )
    fetch_type: BodyFetch | None = Field(
        None, description="Whether the body is kept at hand, in a file, or not at all; FETCH by default",
        json_schema_extra=told(since="2.0"),
    )  # fmt: skip


class Webhook(Called):
    """Starts an execution when its address is called. Expressions see `trigger.body` and `trigger.headers`."""

    wait: bool | None = Field(
        None, description="Answer when the execution is over", json_schema_extra=told(since="0.24")
    )
    return_outputs: bool | None = Field(
        None, description="Answer with its outputs, with `wait`", json_schema_extra=told(since="0.24")
    )
    response_content_type: Text | None = Field(
        None, description="The media type of the answer, with `returnOutputs`", json_schema_extra=told(since="1.2")
    )
    response_code: Dynamic[int | None] = Field(
        None, description="The status of the answer, with `returnOutputs`", json_schema_extra=told(since="1.3")
    )


class BatchWebhook(Called):
    """Starts an execution for several calls of its address at once, which it sees as the file `trigger.uri`."""

    events_count: int | None = Field(None, ge=1, description="For so many calls")
    polling_interval: Duration | None = Field(None, description="So long after the first of them, at the latest")
    event_filter: Dynamic[Text | None] = Field(
        None, description="An expression over `trigger.body` and the like; a call for which it is false is dropped"
    )


class ToolAnnotations(Properties):
    """What an agent may assume of a tool."""

    read_only: bool | None = Field(None, description="It changes nothing")
    open_world: bool | None = Field(None, description="It reaches other systems; it is said to by default")
    destructive: bool | None = Field(None, description="What it does cannot be undone; it is said to by default")
    idempotent: bool | None = Field(None, description="Doing it again makes no difference")
    return_direct: bool | None = Field(None, description="Its result goes to the person as it is")


class McpToolTrigger(Properties):
    """Offers the flow as a tool to agents that speak MCP."""

    tool_name: str = Field(
        pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$", min_length=1, max_length=64,
        description="Name of the tool",
    )  # fmt: skip
    title: str = Field(description="What people and agents see it called")
    tool_description: str = Field(description="What it does, and when an agent should use it")
    annotations: ToolAnnotations | None = Field(None, description="What an agent may assume of it")
    mcp_server: str | None = Field(None, description="The server that offers it; `default` without")


# ── other flows ──


class Upstream(Properties):
    """Which executions of a flow count, for Kestra 1."""

    namespace: Text = Field(description="Namespace of the flow")
    flow_id: Text | None = Field(None, description="Name of the flow; any of the namespace without")
    states: list[State] | None = Field(None, description="The states that they may have ended in")
    labels: Labels | dict[str, Any] | None = Field(None, description="The labels that they must have")


class FilterField(StrEnum):
    FLOW_ID = "FLOW_ID"
    NAMESPACE = "NAMESPACE"
    STATE = "STATE"
    EXPRESSION = "EXPRESSION"


class FilterType(StrEnum):
    EQUAL_TO = "EQUAL_TO"
    NOT_EQUAL_TO = "NOT_EQUAL_TO"
    IN = "IN"
    NOT_IN = "NOT_IN"
    IS_TRUE = "IS_TRUE"
    IS_FALSE = "IS_FALSE"
    IS_NULL = "IS_NULL"
    IS_NOT_NULL = "IS_NOT_NULL"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    REGEX = "REGEX"
    CONTAINS = "CONTAINS"


class Filter(Properties):
    """One comparison."""

    field: FilterField = Field(description="What of an execution is compared")
    type: FilterType = Field(description="How")
    value: Text | None = Field(None, description="With what")
    values: list[Text] | None = Field(None, description="With which, for IN and NOT_IN")


class Where(Properties):
    """Comparisons that hold together, or of which one holds."""

    id: Text = Field(min_length=1, description="Name of what is remembered")
    operand: Literal["AND", "OR"] = Field("AND", description="Whether all must hold or one")
    filters: list[Filter] = Field(min_length=1, description="The comparisons")


class Preconditions(Properties):
    """What must have come about within a window of time, for Kestra 0.20 to 1."""

    id: TaskId = Field(description="Name of what is remembered")
    time_window: TimeWindow | None = Field(None, description="The window; a day from midnight without")
    reset_on_success: bool = Field(True, description="Once all has come about, it must all come about anew")
    flows: list[Upstream] | None = Field(None, description="Flows, of each of which an execution must have ended")
    where: list[Where] | None = Field(None, description="Comparisons, each of which an execution must have fulfilled")


class Dependency(Properties):
    """Which executions of a flow count, for Kestra 2."""

    namespace: Text | None = Field(None, description="Namespace of the flow")
    flow_id: Text | None = Field(None, description="Name of the flow; any without")
    states: list[State] | None = Field(None, description="The states that they may have ended in")
    labels: dict[str, Any] | None = Field(None, description="The labels that they must have")
    when: Dynamic[Text | None] = Field(None, description="An expression that must be true")


class MissBehavior(Properties):
    """What is done when a window ends and something has not come about."""

    behavior: Literal["FAIL"] = Field("FAIL", description="FAIL records an execution that has failed")
    labels: Labels | None = Field(None, description="The labels of that execution")


class Mode(StrEnum):
    ALL = "ALL"
    ANY = "ANY"
    AT_LEAST = "AT_LEAST"


class Flow(Properties):
    """Starts an execution when others end. Expressions see `trigger.outputs` and more of the last one."""

    inputs: Within[dict[str, Any] | None] = Field(None, description="The inputs of the executions")
    states: list[State] | None = Field(None, description="The states that count; all final ones, and PAUSED, without")
    preconditions: Within[Preconditions | None] = Field(
        None, description="What must have come about", json_schema_extra=told(until="2.0")
    )
    depends_on: Within[list[Dependency] | None] = Field(
        None, description="The flows that it waits for", json_schema_extra=told(since="2.0")
    )
    window: Window | None = Field(
        None, description="The window in which they must have ended", json_schema_extra=told(since="2.0")
    )
    mode: Mode | None = Field(
        None, description="How many of `dependsOn`; ALL by default", json_schema_extra=told(since="2.0")
    )
    min_satisfied: int | None = Field(
        None, ge=1, description="How many, for AT_LEAST", json_schema_extra=told(since="2.0")
    )
    on_miss: MissBehavior | None = Field(
        None, description="What is done when the window ends without them", json_schema_extra=told(since="2.0")
    )
