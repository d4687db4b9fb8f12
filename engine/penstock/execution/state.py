"""The states of executions, task runs and attempts, with Kestra's names."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    CREATED = "CREATED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BREAKPOINT = "BREAKPOINT"
    RESTARTED = "RESTARTED"
    RETRYING = "RETRYING"
    KILLING = "KILLING"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    RETRIED = "RETRIED"
    SKIPPED = "SKIPPED"

    is_terminal: bool
    """Whether nothing comes after it but a person who opens it again. A field, because it is asked at every step."""


TERMINAL = frozenset(
    {
        State.SUCCESS,
        State.WARNING,
        State.FAILED,
        State.KILLED,
        State.CANCELLED,
        State.RETRIED,
        State.SKIPPED,
    }
)

for _state in State:
    _state.is_terminal = _state in TERMINAL

BEGINNING = frozenset({State.CREATED, State.RESTARTED})
"""What a task run is before its first attempt, or the first one after it was opened again."""

FAILING = frozenset({State.FAILED, State.KILLED, State.CANCELLED})
"""What stops the list that the child stands in."""

_WORST_FIRST = (State.KILLED, State.FAILED, State.CANCELLED, State.WARNING)


def worst(states: Iterable[State]) -> State:
    """The state of a parent by its children's: any KILLED, else FAILED, CANCELLED, WARNING, else SUCCESS.

    SKIPPED children count as success (Kestra 0.21, the final state of an execution).
    """
    seen = set(states)
    return next((state for state in _WORST_FIRST if state in seen), State.SUCCESS)
