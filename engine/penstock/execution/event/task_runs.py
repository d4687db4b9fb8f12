"""Decisions about task runs and their scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.execution.event.base import Event, Instant, Phase, RunEvent, StopCause
from penstock.execution.state import State
from penstock.flow.model import Kind, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunCreated(RunEvent):
    """A place in a lane of its parent's scope is taken up. `gated`: something is to be decided before it is ready."""

    task: str
    kind: Kind
    parent: str | None
    phase: Phase
    lane: int
    position: int
    last: bool
    gated: bool
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequested(Event):
    """Something must be rendered before the next decision; the shell renders it and answers."""

    run: str | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunAdmitted(RunEvent):
    """Nothing stands between a gated task run and its worker any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowableStarted(RunEvent):
    """A flowable task run is RUNNING. By `deadline` it must be over."""

    deadline: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeOpened(Event):
    """A list of the scope begins: `lanes` sequences of tasks, `width` of them at once (0: all).

    `outputs` are the flowable's own, visible to its children (`evaluationResult` of an If). `followers` says for each
    lane which others wait for it; empty where none does. `on_failure` is what the others end as once a child has
    failed; None where they go on.
    """

    run: str | None
    phase: Phase
    lanes: int
    width: int
    outputs: Mapping[str, Any] | None = None
    followers: tuple[tuple[int, ...], ...] = ()
    on_failure: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowableClosing(RunEvent):
    """The children of a flowable have come to `state`; what is left to do for it is done by a worker, in an attempt of
    the flowable's own."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunRetrying(RunEvent):
    """The attempt failed and another follows at `until`."""

    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunReleased(RunEvent):
    """The delay before the next attempt is over, or a lost attempt is to be done again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunPaused(RunEvent):
    """A Pause task run waits: for a person, or until `until`, when `then` says what follows."""

    until: Instant | None = None
    then: str = "RESUME"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunResumed(RunEvent):
    """A Pause task run goes on, by the answer of a person (`by`, `values`, to an Approval `decision` and `comment`), or
    because its delay has `elapsed`."""

    values: Mapping[str, Any] = field(default_factory=nothing)
    elapsed: bool = False
    by: str = ""
    decision: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunStopping(RunEvent):
    """The running attempt is to be stopped; when nobody has reported its end by `until`, it is written off."""

    cause: StopCause
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunEnded(RunEvent):
    """The task run reached its terminal state. `orphan`: what it had started may still be alive somewhere."""

    state: State
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    orphan: bool = False
