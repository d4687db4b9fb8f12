"""Flowables that do not run here yet: loops, graphs of tasks, waits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import OfNamespaces
from penstock.tasks.flow_models import Output
from penstock.tasks.flowables import Flowable, OnChildFailure
from penstock.tasks.markers import DagTasks, Duration, Dynamic, Sees, Tasks, Text, Within, told


class Dag(Flowable):
    """Runs each of its tasks as soon as all that it depends on have ended."""

    tasks: DagTasks = Field(description="The tasks, each with what it depends on")
    concurrent: int = Field(0, ge=0, description="How many at the same time; 0 is all that may")
    on_child_failure: Dynamic[OnChildFailure | None] = Field(
        None, description="What becomes of the tasks that still run when one has failed",
        json_schema_extra=told(since="2.0"),
    )  # fmt: skip


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


class AllowFailure(Flowable):
    """Runs its tasks one after another. A failure among them only warns."""

    tasks: Tasks = Field(description="The tasks, in their order")


class Template(Properties):
    """Runs the tasks of a template, which the server keeps."""

    namespace: Dynamic[Text] = Field(description="Namespace of the template")
    template_id: Dynamic[Text] = Field(description="Name of the template")
    args: Dynamic[dict[str, Any] | None] = Field(None, description="What the template sees as `parent.outputs.args`")
    errors: Tasks | None = Field(None, description="What is done when a task within has failed")
    tenant_id: Text | None = Field(None, description="Kept by the server")


class Sleep(Properties):
    """Waits for a while."""

    duration: Dynamic[Duration] = Field(description="How long")


# ── approval ──


class CommentRequired(StrEnum):
    NEVER = "NEVER"
    ALWAYS = "ALWAYS"
    ON_DENY = "ON_DENY"
    ON_APPROVE = "ON_APPROVE"


class Outcome(StrEnum):
    CONTINUE = "CONTINUE"
    WARN = "WARN"
    FAIL = "FAIL"
    SUCCEED = "SUCCEED"
    CANCEL = "CANCEL"
    KILL = "KILL"


class Decisions(Properties):
    """What the two answers are called."""

    approve: Dynamic[str | None] = Field(None, description="The consenting answer; `Approve` by default")
    deny: Dynamic[str | None] = Field(None, description="The refusing answer; `Deny` by default")


class Approval(Flowable):
    """Waits until somebody has approved or denied. `timeout` says how long the request stands."""

    inputs: Within[list[dict[str, Any]] | None] = Field(None, description="Inputs that whoever decides is asked for")
    decisions: Dynamic[Decisions | None] = Field(None, description="What the two answers are called")
    comment_required: Dynamic[CommentRequired] = Field(
        CommentRequired.NEVER, description="When whoever decides has to write why"
    )
    auto_approve: Dynamic[bool] = Field(False, description="Ask nobody, and go on as if it were approved")
    approve_behavior: Dynamic[Outcome] = Field(
        Outcome.CONTINUE, description="What becomes of the execution after `onApprove`"
    )
    deny_behavior: Dynamic[Outcome] = Field(Outcome.CANCEL, description="What becomes of the execution after `onDeny`")
    expire_behavior: Dynamic[Outcome] = Field(
        Outcome.CANCEL, description="What becomes of the execution when nobody has decided in time"
    )
    on_wait: Tasks | None = Field(None, description="What is done before the wait")
    on_approve: Tasks | None = Field(None, description="What is done when it is approved")
    on_deny: Tasks | None = Field(None, description="What is done when it is denied")


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
