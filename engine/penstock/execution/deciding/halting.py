"""Where one flowable settles the end of others: of its own children, or of the whole execution."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution.deciding.scopes import following
from penstock.execution.deciding.timers import stopping
from penstock.execution.event import Event, ExecutionLeaving, Instant, StopCause
from penstock.execution.flowable import FLOWABLES
from penstock.execution.leaving import leave_of
from penstock.execution.model import ROOT, Execution, Scope
from penstock.execution.state import State, worst
from penstock.flow.model import Flow


def halts(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    """An answer of its own, before all others: nothing else may begin within what stops."""
    open_scopes = [key for key in execution.agenda if key != ROOT and key in execution.scopes]
    if not open_scopes:
        return
    for key in sorted(open_scopes, key=lambda each: execution.agenda[each]):
        state = _exit(flow, execution, key, execution.scopes[key], now)
        if state is not None:
            yield ExecutionLeaving(at=now, state=state, stop=state is State.KILLED)
            return
    found = {key: execution.runs[key] for key in open_scopes if _is_to_stop(execution, key)}
    for run in sorted(found.values(), key=lambda each: each.ordinal):
        if not any(above.id in found for above in execution.lineage(run)):
            yield stopping(run, StopCause.SIBLING, now)


def _exit(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> State | None:
    """What the execution is to end as, because the flowable has come to that; None where it goes on."""
    run = execution.runs[key]
    task = flow.by_id[run.task]
    flowable = FLOWABLES[task.type]
    if not scope.is_over or execution.state.is_terminal or leave_of(execution, run) is not None:
        return None
    state = flowable.exits(task, run.facts, worst(scope.states))
    return state if state is not None and following(flow, execution, key, scope, now) is None else None


def _is_to_stop(execution: Execution, key: str) -> bool:
    run = execution.runs[key]
    return execution.scopes[key].is_to_stop and run.stop is None and leave_of(execution, run) is None
