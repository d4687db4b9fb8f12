"""Tasks about executions: their labels, variables and ends, and what is kept of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import Mapping, OfAnExecution, States, Texts, WithinDates
from penstock.tasks.markers import Dynamic, Sees, Text


class GivenLabel(Properties):
    """One label, in the form of a list item."""

    key: Text = Field(description="Name of the label")
    value: Any = Field(description="What it says; a mapping is kept as JSON")


class Labels(Properties):
    """Adds labels to the execution, or changes them."""

    labels: Dynamic[dict[str, Any] | list[GivenLabel] | str] = Field(
        description="A mapping, a list of `key` and `value`, or JSON text"
    )


class ExitState(StrEnum):
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    KILLED = "KILLED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CANCELED = "CANCELED"


class Exit(Properties):
    """Ends the execution. KILLED ends what still runs, too."""

    state: Dynamic[ExitState] = Field(ExitState.SUCCESS, description="The state that it ends in")


class SetVariables(Properties):
    """Sets variables of the execution, which later tasks see as `vars`."""

    variables: Dynamic[Mapping] = Field(description="The variables by name; mappings are merged deeply")
    overwrite: Dynamic[bool] = Field(True, description="Replace those that are there; otherwise they fail the task")


class UnsetVariables(Properties):
    """Removes variables of the execution."""

    variables: Dynamic[Texts] = Field(description="The names of the variables")
    ignore_missing: Dynamic[bool] = Field(False, description="One that is not there does not fail the task")


class CountedFlow(Properties):
    """A flow whose executions are counted."""

    namespace: Text = Field(description="Namespace of the flow")
    flow_id: Text = Field(description="Name of the flow")


class Count(Properties):
    """Counts executions of flows or namespaces, and keeps the counts that fulfil an expression."""

    flows: Dynamic[list[CountedFlow] | None] = Field(None, description="The flows; they or `namespaces` are given")
    namespaces: Dynamic[Texts | None] = Field(None, description="The namespaces")
    states: Dynamic[States | None] = Field(None, description="Only executions in these states")
    start_date: Dynamic[Text] = Field(description="Only executions from after this moment")
    end_date: Dynamic[Text | None] = Field(None, description="Only executions from before this moment")
    expression: Annotated[Dynamic[Text], Sees(("count",))] = Field(
        description="What must be true of `count`, such as `{{ count == 0 }}`"
    )


class Resume(OfAnExecution):
    """Resumes an execution that is paused."""

    inputs: Dynamic[Mapping | None] = Field(None, description="What `onResume` asks for")


class Kill(Properties):
    """Kills the execution that it is part of."""

    propagate_kill: Dynamic[bool] = Field(False, description="Kill the executions that it has started, too")


class PurgeExecutions(WithinDates):
    """Deletes old executions with their logs, metrics and files."""

    states: Dynamic[States | None] = Field(None, description="Only executions in these states")
    purge_execution: Dynamic[bool] = Field(True, description="Delete the executions")
    purge_log: Dynamic[bool] = Field(True, description="Delete their logs")
    purge_metric: Dynamic[bool] = Field(True, description="Delete their metrics")
    purge_storage: Dynamic[bool] = Field(True, description="Delete their files")
    batch_size: Dynamic[int | None] = Field(None, ge=1, description="How many are deleted at once; 100 by default")


class ToggleTrigger(Properties):
    """Enables or disables a trigger."""

    trigger: Dynamic[Text] = Field(description="Name of the trigger")
    namespace: Dynamic[Text | None] = Field(None, description="Namespace of its flow; this one without")
    flow_id: Dynamic[Text | None] = Field(None, description="Its flow; this one without")
    enabled: Dynamic[bool] = Field(False, description="Whether it is to be enabled")


class Metric(Properties):
    """One value that is measured."""

    type: str = Field(pattern="^(counter|timer|gauge)$", description="`counter`, `timer` or `gauge`")
    name: Dynamic[Text] = Field(description="Name of the metric")
    description: Dynamic[str | None] = Field(None, description="What it says")
    value: Dynamic[Any] = Field(description="A number; of a timer a duration")
    tags: Dynamic[Mapping | None] = Field(None, description="What tells it from others of its name")


class PublishMetrics(Properties):
    """Publishes metrics of the execution."""

    metrics: Dynamic[list[Metric] | None] = Field(None, description="The metrics")


class PurgeMetrics(WithinDates):
    """Deletes old metrics."""
