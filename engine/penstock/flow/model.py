"""A flow after parsing: frozen values, aliases resolved, plugin defaults merged, every part knowing its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from penstock.diagnostic import START, FlowName, Range
from penstock.flow.words import Dialect as Dialect
from penstock.flow.words import InputType as InputType
from penstock.flow.words import Kind as Kind

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The empty mapping, shared and read-only."""


def nothing() -> Mapping[str, Any]:
    """`NOTHING`, as a dataclass wants its defaults."""
    return NOTHING


class Level(StrEnum):
    """Log levels, Kestra's names. `rank` grows with severity."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Level.TRACE: 0, Level.DEBUG: 1, Level.INFO: 2, Level.WARN: 3, Level.ERROR: 4}


class Backoff(StrEnum):
    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    RANDOM = "random"


class RetryBehavior(StrEnum):
    RETRY_FAILED_TASK = "RETRY_FAILED_TASK"
    CREATE_NEW_EXECUTION = "CREATE_NEW_EXECUTION"


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed attempt is followed by another.

    `max_attempts` counts every attempt, the first included. `interval` belongs to constant and exponential,
    `min_interval` to random, `max_interval` to exponential and random (Kestra docs, Retries, 2026).
    """

    backoff: Backoff
    interval: timedelta = timedelta(0)
    min_interval: timedelta = timedelta(0)
    max_interval: timedelta | None = None
    factor: float = 2.0
    max_attempts: int | None = None
    max_duration: timedelta | None = None
    warning_on_retry: bool = False
    behavior: RetryBehavior = RetryBehavior.RETRY_FAILED_TASK


@dataclass(frozen=True, slots=True)
class TaskCache:
    """Whether outputs of an earlier run of the task are used again, and for how long they are kept; None: for ever."""

    enabled: bool
    ttl: timedelta | None = None


class Fallback(StrEnum):
    """What becomes of a task when no worker of its group is there."""

    WAIT = "WAIT"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """Which workers may take it, in Kestra's Enterprise Edition (Kestra docs, Worker Group Fallback, 0.20).

    One agent runs everything here, so it is kept as a part of the flow, and chooses nothing.
    """

    key: str | None = None
    fallback: Fallback = Fallback.WAIT


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a flow.

    `type` is the canonical name. `properties` are the type's own, plain values, defaults merged, not rendered.
    `branches` holds the lists of child tasks of a flowable under the name of their property: `tasks`, `then`,
    `else`, `defaults`, `cases.<KEY>`, `errors`, `finally`; a branch that is absent or empty is not in it.
    `timeout` is text when it is an expression. `runnable` is False for a type that is only known by name.
    """

    id: str
    type: str
    kind: Kind
    properties: Mapping[str, Any] = field(default_factory=nothing)
    branches: Mapping[str, tuple[Task, ...]] = field(default_factory=nothing)
    description: str | None = None
    retry: Retry | None = None
    timeout: timedelta | str | None = None
    run_if: str | None = None
    disabled: bool = False
    allow_failure: bool = False
    allow_warning: bool = False
    log_level: Level | None = None
    log_to_file: bool = False
    cache: TaskCache | None = None
    worker_group: WorkerGroup | None = None
    runnable: bool = True
    range: Range = field(default=START, compare=False)

    def children(self) -> Iterator[Task]:
        """Every direct child, in the order of the branches."""
        for tasks in self.branches.values():
            yield from tasks

    def walk(self) -> Iterator[Task]:
        """This task, then all below it, depth first."""
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class DependsOn:
    """What must hold for an input to be there: each of `inputs` is, and `condition`, an expression, is true."""

    inputs: tuple[str, ...] = ()
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a flow, or of a Pause on resume. `rules` are the type's own: validator, min, max, values …

    `prefill` is what a form shows at first, and no default. All of `depends_on` must hold: a form has one of its own.
    """

    id: str
    type: InputType
    required: bool = True
    defaults: Any = None
    prefill: Any = None
    description: str | None = None
    display_name: str | None = None
    depends_on: tuple[DependsOn, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=nothing)
    range: Range = field(default=START, compare=False)


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a flow: `value` is rendered when the execution ends, then read as `type`."""

    id: str
    type: InputType
    value: Any
    required: bool = True
    description: str | None = None
    display_name: str | None = None
    rules: Mapping[str, Any] = field(default_factory=nothing)
    range: Range = field(default=START, compare=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts executions by itself. `inputs` are rendered when it fires."""

    id: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=nothing)
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    disabled: bool = False
    runnable: bool = True
    range: Range = field(default=START, compare=False)


class Excess(StrEnum):
    """What becomes of an execution of a flow that has as many as it may have."""

    QUEUE = "QUEUE"
    CANCEL = "CANCEL"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most `limit` executions of the flow at the same time."""

    limit: int
    behavior: Excess = Excess.QUEUE


class SlaType(StrEnum):
    MAX_DURATION = "MAX_DURATION"
    EXECUTION_ASSERTION = "EXECUTION_ASSERTION"


class SlaBehavior(StrEnum):
    """What becomes of an execution that breaks a promise; NONE: it gets the labels, and goes on."""

    FAIL = "FAIL"
    CANCEL = "CANCEL"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Sla:
    """What executions promise: to be over within `duration`, or that `assertion`, an expression, stays true."""

    id: str
    type: SlaType
    behavior: SlaBehavior
    duration: timedelta | None = None
    assertion: str | None = None
    labels: Mapping[str, str] = field(default_factory=nothing)
    range: Range = field(default=START, compare=False)


class CheckStyle(StrEnum):
    """How the message of a check is shown to people."""

    ERROR = "ERROR"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    INFO = "INFO"


class CheckBehavior(StrEnum):
    """What becomes of an execution whose check does not hold. The first of these wins where several do not."""

    BLOCK_EXECUTION = "BLOCK_EXECUTION"
    FAIL_EXECUTION = "FAIL_EXECUTION"
    CREATE_EXECUTION = "CREATE_EXECUTION"


@dataclass(frozen=True, slots=True)
class Check:
    """A condition, an expression, that is looked at before an execution is created (Kestra docs, Checks, 2026)."""

    when: str
    message: str
    style: CheckStyle = CheckStyle.INFO
    behavior: CheckBehavior = CheckBehavior.BLOCK_EXECUTION
    range: Range = field(default=START, compare=False)


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow. `source_digest` is the SHA-256 of the bytes it was read from, in hexadecimal."""

    namespace: str
    id: str
    tasks: tuple[Task, ...]
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=nothing)
    variables: Mapping[str, Any] = field(default_factory=nothing)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    errors: tuple[Task, ...] = ()
    finally_: tuple[Task, ...] = ()
    after_execution: tuple[Task, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    retry: Retry | None = None
    concurrency: Concurrency | None = None
    sla: tuple[Sla, ...] = ()
    checks: tuple[Check, ...] = ()
    disabled: bool = False
    draft: bool = False
    worker_group: WorkerGroup | None = None
    dialect: Dialect = Dialect.AUTO
    source_digest: str = ""
    by_id: Mapping[str, Task] = field(init=False, repr=False, compare=False)
    parents: Mapping[str, Task] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id: dict[str, Task] = {}
        parents: dict[str, Task] = {}
        for task in self.walk():
            by_id[task.id] = task
            for child in task.children():
                parents[child.id] = task
        object.__setattr__(self, "by_id", MappingProxyType(by_id))
        object.__setattr__(self, "parents", MappingProxyType(parents))

    @property
    def name(self) -> FlowName:
        return FlowName(self.namespace, self.id)

    def walk(self) -> Iterator[Task]:
        """Every task of the flow, depth first: tasks, errors, finally, afterExecution."""
        for tasks in (self.tasks, self.errors, self.finally_, self.after_execution):
            for task in tasks:
                yield from task.walk()

    def ancestors(self, task: Task) -> Iterator[Task]:
        """The flowables around `task`, nearest first."""
        parent = self.parents.get(task.id)
        while parent is not None:
            yield parent
            parent = self.parents.get(parent.id)

    def retry_of(self, task: Task) -> Retry | None:
        """The retry in force: the task's own, else the nearest flowable's, else the flow's (Kestra 0.21)."""
        if task.retry is not None:
            return task.retry
        for ancestor in self.ancestors(task):
            if ancestor.retry is not None:
                return ancestor.retry
        return self.retry
