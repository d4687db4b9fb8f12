"""The models of the tasks that call other flows. What they do is decided in `penstock.execution.executable`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import GivenLabels
from penstock.tasks.flow_models import Output
from penstock.tasks.flowables import Flowable
from penstock.tasks.markers import Dynamic, Sees, Tasks, Text, Within, told


class RestartBehavior(StrEnum):
    RETRY_FAILED = "RETRY_FAILED"
    NEW_EXECUTION = "NEW_EXECUTION"


class Call(Properties):
    """What every call of another flow says."""

    namespace: Dynamic[Text] = Field(min_length=1, description="Namespace of the flow")
    flow_id: Dynamic[Text] = Field(description="Name of the flow")
    revision: Dynamic[int | None] = Field(None, ge=1, description="Which revision of it; the latest without")
    inputs: Dynamic[dict[str, Any] | None] = Field(None, description="The inputs of its execution")
    labels: Dynamic[GivenLabels | None] = Field(None, description="The labels of its execution")
    wait: bool = Field(True, description="Wait for its end")
    transmit_failed: bool = Field(True, description="Fail when it fails")
    inherit_labels: Dynamic[bool] = Field(False, description="Give it the labels of this execution too")
    schedule_date: Dynamic[Text | None] = Field(None, description="When it is to start; at once without")
    restart_behavior: RestartBehavior = Field(
        RestartBehavior.RETRY_FAILED, description="What a restart of this execution does about one that has failed"
    )


class Subflow(Call):
    """Starts another flow."""

    outputs: Dynamic[dict[str, Any] | None] = Field(
        None, description="Outputs as this task gives them; `outputs` of the flow itself say it since Kestra 0.15",
        json_schema_extra=told(until="2.0", old=True),
    )  # fmt: skip


class Batch(Properties):
    """How a file is cut into batches of lines."""

    rows: Dynamic[int | None] = Field(None, description="So many lines each; 1 where nothing else is said")
    bytes: Dynamic[Text | None] = Field(None, description="No batch larger than this: a number of bytes, or 10MB")
    partitions: Dynamic[int | None] = Field(None, description="So many batches in all")
    separator: Dynamic[str | None] = Field(None, description="What ends a line; a line feed by default")
    regex_pattern: Dynamic[str | None] = Field(
        None, description="Lines with the same first group go into one batch", json_schema_extra=told(since="1.1")
    )


class ForEachItem(Call):
    """Starts another flow for each batch of a file's lines, which its inputs see as `taskrun.items`."""

    items: Dynamic[Text] = Field(min_length=1, description="URI of the file")
    batch: Dynamic[Batch | None] = Field(None, description="How it is cut; line by line without")
    schedule_on: Dynamic[Text | None] = Field(
        None, description="Another spelling of `scheduleDate`", json_schema_extra=told(until="2.0", old=True)
    )
    errors: Tasks | None = Field(None, description="What is done when a task within has failed")
    finally_: Tasks | None = Field(None, alias="finally", description="What is done at its end in any case")


class FetchType(StrEnum):
    AUTO = "AUTO"
    FETCH = "FETCH"
    STORE = "STORE"


class Loop(Flowable):
    """Runs its tasks once for each value, each time in an execution of its own. `item.value` is the value."""

    values: Dynamic[list[Any] | dict[str, Any] | Text] = Field(
        description="A list, a mapping, text that is a JSON array, or the URI of a file with a value on each line"
    )
    tasks: Tasks = Field(description="The tasks of one value, one after another")
    concurrency_limit: int = Field(0, ge=0, description="How many values at the same time; 0 is all")
    transmit_failed: bool = Field(True, description="The first failure ends the loop, and fails it")
    outputs: Within[list[Output] | None] = Field(None, description="What each iteration leaves")
    fetch_type: FetchType = Field(
        FetchType.AUTO, description="Whether outputs are kept at hand or in a file; AUTO does as the values came"
    )
    break_when: Annotated[Dynamic[Text | None], Sees(("iteration",))] = Field(
        None, description="An expression that is looked at after each iteration; when it is true, no other begins"
    )
