"""How an execution begins."""

from __future__ import annotations

from penstock.execution.deciding.ending import ended
from penstock.execution.deciding.lists import lanes_of
from penstock.execution.event import Event, ExecutionStarted, Instant, Phase, ScopeOpened
from penstock.execution.leaving import leave_of
from penstock.execution.model import ROOT, Execution
from penstock.execution.state import State
from penstock.flow.model import Flow


def start(flow: Flow, execution: Execution, now: Instant) -> tuple[Event, ...]:
    leave = leave_of(execution)
    if leave is not None:
        return (ended(flow, now, leave.state),)
    date = None if execution.forced else execution.schedule_date
    if execution.queued or execution.held or (date is not None and now < date):
        return ()
    started = () if execution.state is State.RUNNING else (ExecutionStarted(at=now),)
    lanes = lanes_of(flow, execution, ROOT, Phase.MAIN)
    return (*started, ScopeOpened(at=now, run=None, phase=Phase.MAIN, lanes=lanes.count, width=lanes.width))
