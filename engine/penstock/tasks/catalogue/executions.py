"""Tasks about executions that do not run here yet: their labels, variables and ends."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import Mapping, Texts, WithinDates
from penstock.tasks.markers import Dynamic, Text


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
