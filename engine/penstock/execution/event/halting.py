"""The decision that what goes on within a flowable stops, while the execution goes on."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.execution.event.base import RunEvent, StopCause
from penstock.execution.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenStopping(RunEvent):
    """Nothing begins in the flowable's open list any more; what goes on there, at any depth, is to end as `state`."""

    cause: StopCause
    state: State
