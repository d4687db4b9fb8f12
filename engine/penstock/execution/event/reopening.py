"""How an execution, or a part of it, is opened again: restarts, replays, states set by people, further iterations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.execution.event.base import ExecutionEvent, Instant, Phase, RunEvent
from penstock.execution.state import State
from penstock.flow.model import nothing


class Reason(StrEnum):
    """Why an execution was opened again."""

    RESTART = "restart"
    REPLAY = "replay"
    STATUS = "status"


class Again(StrEnum):
    """How a task run goes on: at its start (`GATED`: before it stands what is to be decided), without its children
    (`ANEW`), with them (`WITHIN`), or past the pause at which it stood (`PASSED`)."""

    START = "start"
    GATED = "gated"
    ANEW = "anew"
    WITHIN = "within"
    PASSED = "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionInherited(ExecutionEvent):
    """The execution goes on from where another one stood: with its `histories`, and its task runs under ids of their
    own, as `penstock.execution.codec` writes them."""

    histories: tuple[tuple[State, Instant], ...]
    runs: tuple[Mapping[str, Any], ...]


OpenedList = tuple[str, Phase, int, int, tuple[tuple[int, ...], ...], State | None]
"""A list: whose it is (the execution's own is ""), which, how many lanes, how many of them at once, which others wait
for each, and what the others end as once one has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReopened(ExecutionEvent):
    """The execution is RESTARTED, as its attempt `number`.

    Task runs with the ordinals in `dropped` leave it; those in `runs` go on; those in `marked` have the state that a
    person gave them. `lists` are the lists that are open from now on.
    """

    reason: Reason
    number: int
    by: str = ""
    dropped: tuple[int, ...] = ()
    runs: tuple[tuple[str, Again], ...] = ()
    marked: tuple[tuple[str, State], ...] = ()
    lists: tuple[OpenedList, ...] = ()
    labels: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationAwaited(RunEvent):
    """The condition of a loop does not hold yet: its tasks are done again at `until`."""

    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationBegun(RunEvent):
    """Iteration `number` of a loop begins: the task runs with the ordinals in `dropped` make room for it."""

    number: int
    lanes: int
    width: int
    dropped: tuple[int, ...] = ()
    outputs: Mapping[str, Any] | None = None
