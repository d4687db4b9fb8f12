"""The top level of a flow, as a model: what may stand there. Tasks, triggers and inputs are judged by their types."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from penstock.flow.model import CheckBehavior, CheckStyle, Excess, InputType, SlaBehavior, SlaType
from penstock.tasks.base import Properties
from penstock.tasks.common_models import ENTERPRISE_2, WORKER_GROUP, Labels, Retry, WorkerGroup, WorkerSelector
from penstock.tasks.markers import Duration, Tasks, Text, told

InputId = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][.a-zA-Z0-9_-]*$", min_length=1)]
AnyList = Annotated[list[Any], WithJsonSchema({"type": "array"})]


class Output(Properties):
    """One output of the flow."""

    id: InputId = Field(description="Name of the output")
    type: InputType = Field(description="What the value is read as")
    value: Any = Field(description="The value, rendered when the execution ends")
    required: bool | None = Field(None, description="Whether it must have a value; it must by default")
    description: str | None = Field(None, description="What it is for, in Markdown")
    display_name: str | None = Field(None, max_length=64, description="How people see it named")
    item_type: InputType | None = Field(None, description="What each item of an ARRAY is read as")


class PluginDefault(Properties):
    """Values that tasks of a type take where they give none."""

    type: str | None = Field(None, description="Name of a type, or the beginning of names")
    forced: bool | None = Field(None, description="Win over what the task gives")
    values: dict[str, Any] | None = Field(None, description="Properties with their values")


class Concurrency(Properties):
    """How many executions of the flow may run at the same time."""

    limit: int = Field(ge=1, description="How many")
    behavior: Excess | None = Field(None, description="What becomes of one too many; QUEUE by default")


class Sla(Properties):
    """What an execution promises, and what happens when it does not keep it."""

    id: InputId = Field(description="Name of the promise")
    type: SlaType = Field(description="How long it may take, or what must hold")
    behavior: SlaBehavior = Field(description="What becomes of the execution")
    duration: Duration | None = Field(None, description="How long an execution may take")
    assert_: Text | None = Field(None, alias="assert", description="An expression that must stay true")
    labels: Labels | None = Field(None, description="Labels that the execution gets")


class Check(Properties):
    """A condition that is looked at before an execution is created."""

    when: Text | None = Field(None, description="The condition", json_schema_extra=told(since="2.0"))
    condition: Text | None = Field(None, description="Older spelling of `when`", json_schema_extra=told(old=True))
    message: str | None = Field(None, description="What people are told")
    style: CheckStyle | None = Field(None, description="How it is shown")
    behavior: CheckBehavior | None = Field(None, description="What becomes of the execution")


class Beyond(StrEnum):
    FAIL = "FAIL"
    CANCEL = "CANCEL"


class Quota(Properties):
    """How many executions a flow may have within a while (Enterprise Edition)."""

    duration: Duration = Field(description="The while, of a minute at least")
    limit: int = Field(ge=1, description="How many")
    behavior: Beyond | None = Field(None, description="What becomes of one too many")


class Listener(Properties):
    """Tasks that run after the execution under conditions; older than `afterExecution`."""

    description: str | None = Field(None, description="What it is for")
    conditions: list[dict[str, Any]] | None = Field(None, description="Conditions that must all hold")
    tasks: AnyList = Field(description="The tasks")


class FlowDocument(Properties):
    """A flow."""

    id: str = Field(
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$", min_length=1, max_length=100,
        description="Name of the flow, unique within its namespace",
    )  # fmt: skip
    namespace: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]*$", min_length=1, max_length=150,
        description="Where the flow belongs, as words with dots between",
    )  # fmt: skip
    revision: int | None = Field(None, ge=1, description="Counted by the server")
    description: str | None = Field(None, description="What it is for, in Markdown")
    inputs: list[dict[str, Any]] | None = Field(None, description="What an execution is given")
    variables: dict[str, Any] | None = Field(None, description="Values that expressions see as `vars`")
    labels: Labels | None = Field(None, description="Labels of the flow and its executions")
    tasks: Tasks = Field(description="What is done")
    errors: Tasks | None = Field(None, description="What is done when a task has failed")
    finally_: Tasks | None = Field(None, alias="finally", description="What is done at the end in any case")
    after_execution: Tasks | None = Field(
        None, description="What is done after the execution has its final state", json_schema_extra=told(since="0.22")
    )
    listeners: list[Listener] | None = Field(
        None, description="Use `afterExecution`", json_schema_extra=told(until="2.0", old=True)
    )
    triggers: AnyList | None = Field(None, description="What starts executions by itself")
    plugin_defaults: list[PluginDefault] | None = Field(
        None, description="Defaults for properties, by type", json_schema_extra=told(until="2.0")
    )
    task_defaults: list[PluginDefault] | None = Field(
        None, description="Older spelling of `pluginDefaults`", json_schema_extra=told(until="2.0", old=True)
    )
    concurrency: Concurrency | None = Field(None, description="How many executions may run at the same time")
    outputs: list[Output] | None = Field(None, description="What an execution leaves")
    retry: Retry | None = Field(None, description="The retry of tasks that have none of their own")
    sla: list[Sla] | None = Field(None, description="What executions promise")
    disabled: bool | None = Field(None, description="No execution is created")
    draft: bool | None = Field(None, description="Not ready yet", json_schema_extra=told(since="2.0"))
    checks: list[Check] | None = Field(
        None, description="Conditions looked at before an execution is created", json_schema_extra=told(since="1.2")
    )
    quotas: list[Quota] | None = Field(
        None, description="How many executions within a while (Enterprise Edition)", json_schema_extra=ENTERPRISE_2
    )
    worker_group: WorkerGroup | None = Field(
        None, description="Which group of workers may take the tasks", json_schema_extra=WORKER_GROUP
    )
    worker_selector: WorkerSelector | None = Field(
        None, description="Which workers may take the tasks", json_schema_extra=ENTERPRISE_2
    )
    policy_refs: list[Any] | None = Field(
        None, description="Policies that hold for it (Enterprise Edition)", json_schema_extra=ENTERPRISE_2
    )
    deleted: bool | None = Field(None, description="Kept by the server")
    tenant_id: str | None = Field(None, description="Kept by the server")
    updated: str | None = Field(None, description="Kept by the server")
