"""Flowables that do not run here yet: loops, graphs of tasks, waits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import OfNamespaces
from penstock.tasks.flow_models import Output
from penstock.tasks.flowables import Flowable
from penstock.tasks.markers import Dynamic, Sees, Tasks, Text, Within


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


class Template(Properties):
    """Runs the tasks of a template, which the server keeps."""

    namespace: Dynamic[Text] = Field(description="Namespace of the template")
    template_id: Dynamic[Text] = Field(description="Name of the template")
    args: Dynamic[dict[str, Any] | None] = Field(None, description="What the template sees as `parent.outputs.args`")
    errors: Tasks | None = Field(None, description="What is done when a task within has failed")
    tenant_id: Text | None = Field(None, description="Kept by the server")


# ── housekeeping ──


class OldRevisions(Properties):
    """Which revisions of a flow are old. The latest never is."""

    type: str = Field(pattern="^version$", description="`version`")
    before: Text | None = Field(None, description="Those from before this moment")
    keep_amount: int | None = Field(None, ge=0, description="All but so many of the latest")


class PurgeFlows(OfNamespaces):
    """Deletes old revisions of flows."""

    flow_pattern: Dynamic[Text | None] = Field(None, description="A glob of flows by name")
    behavior: Dynamic[OldRevisions | None] = Field(None, description="Which revisions are old; all but one by default")
