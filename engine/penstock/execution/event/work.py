"""What workers and the executor report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.execution.event.base import Event, RunEvent
from penstock.execution.state import State
from penstock.flow.model import nothing


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
