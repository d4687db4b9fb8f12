"""What an agent tells of itself: one value for each thing that happened, for whoever renders it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from penstock.flow.model import nothing


class Topic(StrEnum):
    """What happened. Stable: log pipelines select by it."""

    STARTED = "agent.started"
    ENGINE = "agent.engine"
    STOPPING = "agent.stopping"
    ADOPTED = "agent.adopted"
    BUG = "agent.bug"
    DEPLOYED = "flows.deployed"
    UNREACHABLE = "repository.unreachable"
    REACHED = "repository.reached"
    FIRED = "trigger.fired"
    PASSED_OVER = "trigger.passed-over"
    TRIGGER_FAULT = "trigger.fault"
    BACKFILL = "backfill"
    TASK_ENDED = "task.ended"
    EXECUTION_STARTED = "execution.started"
    EXECUTION_ENDED = "execution.ended"
    RECORDED = "results.recorded"
    RECORD_FAULT = "results.fault"


@dataclass(frozen=True, slots=True)
class News:
    """`text` is a sentence for a person; `fields` are the same as data. `carries` is for a renderer of its own."""

    at: datetime
    topic: Topic
    text: str
    fields: Mapping[str, Any] = field(default_factory=nothing)
    is_trouble: bool = False
    carries: Any = field(default=None, compare=False)


Teller = Callable[[News], None]
