"""What every task and every trigger may have beside the properties of its type. Schemas are generated from these."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from penstock.execution.state import State
from penstock.flow.model import Fallback, Level, RetryBehavior
from penstock.tasks.base import Properties
from penstock.tasks.markers import Duration, Dynamic, Scalars, Text, Within, told

WORKER_GROUP = told(until="2.0", enterprise=True)
ENTERPRISE_2 = told(since="2.0", enterprise=True)
ASSETS = told(since="1.2", enterprise=True)

TaskId = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", min_length=1, max_length=256)]


class Label(Properties):
    """One label, in the form of a list item."""

    key: str = Field(min_length=1, description="Name of the label")
    value: Text = Field(description="What it says")


Labels = Scalars | list[Label]


class Retry(Properties):
    """When a failed attempt is followed by another."""

    type: Literal["constant", "exponential", "random"] = Field(description="How the delay before each attempt is found")
    interval: Duration | None = Field(None, description="Delay; of exponential the unit that grows")
    min_interval: Duration | None = Field(None, description="Shortest delay of random")
    max_interval: Duration | None = Field(None, description="Longest delay of exponential and random")
    delay_factor: float | None = Field(None, description="What exponential multiplies the interval with; 2 by default")
    max_attempts: int | None = Field(None, ge=1, description="How many attempts in all, the first included")
    max_attempt: int | None = Field(
        None, ge=1, description="Older spelling of `maxAttempts`", json_schema_extra=told(until="2.0", old=True)
    )
    max_duration: Duration | None = Field(None, description="No attempt begins later than this after the first began")
    warning_on_retry: bool | None = Field(None, description="Success after more than one attempt is WARNING")
    behavior: RetryBehavior | None = Field(None, description="Try the task again, or the whole execution")


class Unselected(StrEnum):
    """What becomes of a task in Kestra 2 when no worker fits; with IGNORE any worker takes it."""

    WAIT = "WAIT"
    FAIL = "FAIL"
    CANCEL = "CANCEL"
    IGNORE = "IGNORE"


class WorkerGroup(Properties):
    """Which workers may take it, in Kestra's Enterprise Edition (Kestra docs, Worker Group Fallback, 0.20)."""

    key: Text | None = Field(None, description="Name of the group")
    fallback: Fallback | None = Field(
        None, description="What to do when none of the group is there: WAIT (by default), FAIL or CANCEL"
    )


class WorkerSelector(Properties):
    """Which workers may take it, in Kestra 2."""

    tags: list[Text] | Scalars | None = Field(None, description="What a worker must be tagged with")
    match: str | None = Field(None, description="Whether all tags must fit, or one")
    fallback: Unselected | None = Field(None, description="What to do when no worker fits; FAIL by default")


class TaskCache(Properties):
    """Whether the outputs of an earlier run with the same properties are used again."""

    enabled: bool = Field(description="Whether it is")
    ttl: Duration | None = Field(None, description="How long outputs are kept")


class TaskBase(Properties):
    """What every task may have."""

    id: TaskId = Field(description="Name of the task, unique within the flow")
    version: Text | None = Field(None, description="Version of the plugin", json_schema_extra=told(enterprise=True))
    description: str | None = Field(None, description="What it is for, in Markdown")
    retry: Retry | None = Field(None, description="When a failed attempt is followed by another")
    timeout: Dynamic[Duration | None] = Field(None, description="An attempt that takes longer has failed")
    disabled: bool | None = Field(None, description="Leave the task out, as if it did not exist")
    run_if: Dynamic[Text | None] = Field(None, description="A condition; when it is false the task is SKIPPED")
    when: Dynamic[Text | None] = Field(
        None, description="Another name of `runIf`, which wins where both stand", json_schema_extra=told(since="2.0")
    )
    allow_failure: bool | None = Field(None, description="A failure only warns, and what follows runs")
    allow_warning: bool | None = Field(None, description="A warning counts as success")
    log_level: Level | None = Field(None, description="Least severe level of log lines that are kept")
    log_to_file: bool | None = Field(None, description="Keep the log in a file of its own only")
    worker_group: WorkerGroup | None = Field(
        None, description="Which group of workers may take it", json_schema_extra=WORKER_GROUP
    )
    worker_selector: WorkerSelector | None = Field(
        None, description="Which workers may take it", json_schema_extra=ENTERPRISE_2
    )
    task_cache: TaskCache | None = Field(
        None, description="Whether earlier outputs are used again", json_schema_extra=told(since="0.24")
    )
    assets: Within[dict[str, Any] | None] = Field(
        None, description="Assets that it reads and writes (Enterprise Edition)", json_schema_extra=ASSETS
    )
    policy_refs: list[Any] | None = Field(
        None, description="Policies that hold for it (Enterprise Edition)", json_schema_extra=ENTERPRISE_2
    )


class TriggerBase(Properties):
    """What every trigger may have."""

    id: TaskId = Field(description="Name of the trigger, unique within the flow")
    version: Text | None = Field(None, description="Version of the plugin", json_schema_extra=told(enterprise=True))
    description: str | None = Field(None, description="What it is for, in Markdown")
    conditions: Within[list[dict[str, Any]] | None] = Field(
        None, description="Conditions that must all hold (up to Kestra 1)", json_schema_extra=told(until="2.0")
    )
    when: Dynamic[Text | None] = Field(
        None, description="An expression that must be true (Kestra 2)", json_schema_extra=told(since="2.0")
    )
    disabled: bool | None = Field(None, description="Leave the trigger out")
    labels: Within[Labels | None] = Field(None, description="Labels of the executions that it starts")
    stop_after: list[State] | None = Field(None, description="Disable it once an execution has ended in such a state")
    log_level: Level | None = Field(None, description="Least severe level of log lines that are kept")
    min_log_level: Level | None = Field(
        None, description="Older spelling of `logLevel`", json_schema_extra=told(until="2.0", old=True)
    )
    log_to_file: bool | None = Field(None, description="Keep the log in a file of its own only")
    fail_on_trigger_error: bool | None = Field(
        None, description="Record a failed execution when the trigger fails", json_schema_extra=told(since="1.0")
    )
    allow_concurrent: bool | None = Field(
        None, description="Start though the execution before is still running", json_schema_extra=told(since="1.0")
    )
    worker_group: WorkerGroup | None = Field(
        None, description="Which group of workers may evaluate it", json_schema_extra=WORKER_GROUP
    )
    worker_selector: WorkerSelector | None = Field(
        None, description="Which workers may evaluate it", json_schema_extra=ENTERPRISE_2
    )
    assets: Within[dict[str, Any] | None] = Field(
        None, description="Assets that it reads and writes (Enterprise Edition)", json_schema_extra=ASSETS
    )
    policy_refs: list[Any] | None = Field(
        None, description="Policies that hold for it (Enterprise Edition)", json_schema_extra=ENTERPRISE_2
    )
