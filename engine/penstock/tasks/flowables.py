"""The properties of the tasks that hold tasks. What they do is decided in `penstock.execution.flowable`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.markers import DagTasks, Duration, Dynamic, OneTask, TaskCases, Tasks, Text, Within, told
from penstock.tasks.scripts.model import SharedFiles


class Flowable(Properties):
    """What every flowable may have."""

    errors: Tasks | None = Field(None, description="What is done when a task within has failed")
    finally_: Tasks | None = Field(None, alias="finally", description="What is done at its end in any case")


class Sequential(Flowable):
    """Runs its tasks one after another. With `errors` and `finally` of its own it is a scope for failures."""

    tasks: Tasks = Field(description="The tasks, in their order")


class AllowFailure(Flowable):
    """Runs its tasks one after another. A failure among them only warns."""

    tasks: Tasks = Field(description="The tasks, in their order")


class WorkingDirectory(SharedFiles, Flowable):
    """Runs its tasks one after another in one working directory: each finds what the ones before it have left."""

    tasks: Tasks = Field(description="The tasks, in their order; none of them may hold tasks itself")


class OnChildFailure(StrEnum):
    """What becomes of the others; the longer words are of the first releases of Kestra 2 (kestra pull 19062)."""

    CONTINUE = "CONTINUE"
    CANCEL = "CANCEL"
    CANCELLED = "CANCELLED"
    FAIL = "FAIL"
    FAILED = "FAILED"


class Parallel(Flowable):
    """Runs its tasks at the same time. A failed one does not stop the others."""

    tasks: Tasks = Field(description="The tasks")
    concurrent: Dynamic[int] = Field(0, ge=0, description="How many at the same time; 0 is all")
    on_child_failure: Dynamic[OnChildFailure | None] = Field(
        None, description="What the others end as when one has failed; CONTINUE up to Kestra 1, then FAIL",
        json_schema_extra=told(since="2.0"),
    )  # fmt: skip


class Dag(Flowable):
    """Runs each of its tasks as soon as all that it depends on have ended."""

    tasks: DagTasks = Field(description="The tasks, each with what it depends on")
    concurrent: Dynamic[int] = Field(0, ge=0, description="How many at the same time; 0 is all that may")
    on_child_failure: Dynamic[OnChildFailure | None] = Field(
        None, description="What the others end as when one has failed; CONTINUE up to Kestra 1, then FAIL",
        json_schema_extra=told(since="2.0"),
    )  # fmt: skip


class If(Flowable):
    """Runs one list of tasks or another, by a condition that is evaluated once."""

    condition: Dynamic[Text] = Field(description="An expression: `false`, `0`, `-0` and nothing are false")
    then: Tasks = Field(description="The tasks when it is true")
    else_: Tasks | None = Field(None, alias="else", description="The tasks when it is false")


class Switch(Flowable):
    """Runs the tasks that are listed under the value of an expression."""

    value: Dynamic[Text] = Field(description="The expression")
    cases: TaskCases | None = Field(None, description="Tasks by value, which must be equal letter by letter")
    defaults: Tasks | None = Field(None, description="The tasks when no case fits")


class ForEach(Flowable):
    """Runs its tasks once for each value; equal values count once. `taskrun.value` is the value."""

    values: Dynamic[list[Any] | dict[str, Any] | Text] = Field(description="A list, or text that is a JSON array")
    tasks: Tasks = Field(description="The tasks of one value, one after another")
    concurrency_limit: int = Field(1, ge=0, description="How many values at the same time; 0 is all")


class EachSequential(Flowable):
    """Runs its tasks for each value, one value after another."""

    value: Dynamic[list[Any] | dict[str, Any] | Text] = Field(description="A list, or text that is a JSON array")
    tasks: Tasks = Field(description="The tasks of one value")


class EachParallel(Flowable):
    """Runs every task for every value at the same time."""

    value: Dynamic[list[Any] | dict[str, Any] | Text] = Field(description="A list, or text that is a JSON array")
    tasks: Tasks = Field(description="The tasks of one value")
    concurrent: int = Field(0, ge=0, description="How many task runs at the same time; 0 is all")


class PauseBehavior(StrEnum):
    RESUME = "RESUME"
    WARN = "WARN"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


class CheckFrequency(Properties):
    """How often a loop goes round, and for how long."""

    max_iterations: Dynamic[int | None] = Field(None, description="Most iterations; up to Kestra 0.22 100 by default")
    max_duration: Dynamic[Duration | None] = Field(
        None, description="Longest time; up to Kestra 0.22 an hour by default"
    )
    interval: Dynamic[Duration | None] = Field(None, description="The pause between two iterations")


class LoopUntil(Flowable):
    """Runs its tasks again and again until a condition holds."""

    tasks: Tasks = Field(description="The tasks, one after another")
    condition: Dynamic[Text] = Field(description="An expression that is looked at after each iteration")
    fail_on_max_reached: Dynamic[bool] = Field(
        False, description="Fail when the condition does not hold in time; by default it is given up"
    )
    check_frequency: Dynamic[CheckFrequency | None] = Field(None, description="How often, and for how long")


class Pause(Flowable):
    """Waits until somebody resumes the execution, or until a while has passed."""

    pause_duration: Dynamic[Duration | None] = Field(
        None, description="How long it waits; without it, for somebody", json_schema_extra=told(since="0.22")
    )
    delay: Dynamic[Duration | None] = Field(
        None, description="Older spelling of `pauseDuration`", json_schema_extra=told(until="2.0", old=True)
    )
    behavior: Dynamic[PauseBehavior] = Field(
        PauseBehavior.RESUME, description="What happens when the while has passed",
        json_schema_extra=told(since="0.22"),
    )  # fmt: skip
    on_resume: Within[list[dict[str, Any]] | None] = Field(None, description="Inputs that whoever resumes is asked for")
    on_pause: OneTask | None = Field(
        None, description="A task that runs when the wait begins", json_schema_extra=told(since="1.0")
    )
    tasks: Tasks | None = Field(
        None, description="Tasks that run after the wait", json_schema_extra=told(until="2.0", old=True)
    )


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
