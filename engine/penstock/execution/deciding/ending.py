"""How an execution ends, and what follows after its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.execution.deciding.lists import lanes_of
from penstock.execution.event import Event, ExecutionEnded, Instant, Phase, ScopeOpened
from penstock.execution.flowable.base import enabled
from penstock.execution.model import ROOT, Execution
from penstock.execution.state import State
from penstock.flow.model import Flow


def ended(
    flow: Flow, now: Instant, state: State, *, outputs: Mapping[str, Any] | None = None, error: str | None = None
) -> ExecutionEnded:
    """The terminal state, which afterExecution follows where the flow has any, whatever the state is."""
    trailing = bool(enabled(flow.after_execution))
    return ExecutionEnded(at=now, state=state, outputs=outputs, error=error, trailing=trailing)


def afterwards(flow: Flow, execution: Execution, now: Instant) -> tuple[Event, ...]:
    """afterExecution is opened once the execution has its state; nothing when it is open, or when it is too early."""
    opened = execution.opened
    if not execution.trailing or (opened is not None and opened.phase is Phase.AFTER):
        return ()
    lanes = lanes_of(flow, execution, ROOT, Phase.AFTER)
    return (ScopeOpened(at=now, run=None, phase=Phase.AFTER, lanes=lanes.count, width=lanes.width),)
