"""What can happen to an execution: one frozen value for each fact and each decision.

Facts come from workers and people (`AttemptStarted`, `AttemptEnded`, `Evaluated`, `KillRequested`, …); decisions are
taken by `decide` and by nobody else. Both are recorded in one sequence, and the execution is their fold.
`run` names a task run; where it is None the event is about the execution itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from penstock.execution.state import State
from penstock.flow.model import Kind, nothing

Instant = datetime
"""An aware datetime in UTC with microseconds."""


class Phase(StrEnum):
    """Which list of a scope (the execution, or a flowable) is being worked off."""

    MAIN = "main"
    ERRORS = "errors"
    FINALLY = "finally"


class StopCause(StrEnum):
    KILL = "kill"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root. `at` is the moment it was recorded, by the clock of whoever recorded it."""

    v: ClassVar[int] = 1
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent(Event):
    """About the execution as a whole."""

    run: ClassVar[None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """About one task run."""

    run: str


# ── admission ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCreated(ExecutionEvent):
    """Somebody asked for it and was told its id. `flow_digest` is the SHA-256 of the source it is pinned to."""

    id: str
    namespace: str
    flow_id: str
    revision: int
    flow_digest: str
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
    trigger: Mapping[str, Any] | None = None
    schedule_date: Instant | None = None
    source: Mapping[str, Any] = field(default_factory=nothing)
    dialect: str = "auto"
    original_id: str | None = None
    parent_id: str | None = None
    attempt_number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQueued(ExecutionEvent):
    """As many executions of its flow as `concurrency` allows go on already: it waits until it is let in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionAdmitted(ExecutionEvent):
    """A queued execution is let in: decided under the flow's lock, by whoever found room."""


# ── what people ask ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRequested(ExecutionEvent):
    """Everything of this execution is to stop."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequested(ExecutionEvent):
    """What runs may end, nothing new begins, until it is resumed."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequested(ExecutionEvent):
    """The answer to a pause: of the Pause task run `paused`, or of the whole execution when it is None."""

    by: str = ""
    paused: str | None = None
    values: Mapping[str, Any] = field(default_factory=nothing)


# ── what workers and the executor report ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(RunEvent):
    """Somebody claimed the task run: the intent, recorded before anything is started."""

    attempt: int
    session: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(RunEvent):
    """How the attempt ended: SUCCESS, WARNING, FAILED, or KILLED when it was stopped.

    `log` tells bytes, digest and lines of the attempt's log; or, for an inline task, holds what it `said`.
    """

    attempt: int
    state: State
    outputs: Mapping[str, Any] = field(default_factory=nothing)
    error: str | None = None
    exit_code: int | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()
    log: Mapping[str, Any] = field(default_factory=nothing)
    usage: Mapping[str, float] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost(RunEvent):
    """Nobody can say how the attempt ended. It is done again, under the same idempotency key."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated(Event):
    """The values of the expressions that were asked for; `sealed` ones are ciphertext, because a secret is in them."""

    run: str | None
    values: Mapping[str, Any]
    sealed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFailed(Event):
    run: str | None
    name: str
    message: str


# ── decisions about task runs ────────────────────────────────────────────────────────────────────────────────


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
    """A flowable task run is RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeOpened(Event):
    """A list of the scope begins: `lanes` sequences of tasks, `width` of them at once (0: all).

    `outputs` are the flowable's own, visible to its children (`evaluationResult` of an If).
    """

    run: str | None
    phase: Phase
    lanes: int
    width: int
    outputs: Mapping[str, Any] | None = None


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
    """A Pause task run goes on, by a person's answer (`values`) or because its delay has `elapsed`."""

    values: Mapping[str, Any] = field(default_factory=nothing)
    elapsed: bool = False


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


# ── decisions about the execution ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted(ExecutionEvent):
    """CREATED → RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionWaiting(ExecutionEvent):
    """Nothing moves but timers and people: `state` is PAUSED or RETRYING."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResumed(ExecutionEvent):
    """PAUSED or RETRYING → RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEnded(ExecutionEvent):
    """The terminal state, and the flow's outputs where they could be rendered."""

    state: State
    outputs: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is not legal now, as a sentence for whoever sent it."""

    reason: str
    help: str = field(default="")
