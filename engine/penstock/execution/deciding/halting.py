"""Where everything within a flowable is to stop: its time is over, or one of its children has failed."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution.event import ChildrenStopping, Event, Instant, StopCause
from penstock.execution.model import ROOT, Execution
from penstock.execution.state import State


def halts(execution: Execution, now: Instant) -> Iterator[Event]:
    """An answer of its own, before all others: nothing else may follow within what stops. The outermost are named."""
    found = dict(_found(execution, now))
    for key in sorted(found, key=lambda each: execution.runs[each].ordinal):
        if not any(above.id in found for above in execution.lineage(execution.runs[key])):
            yield found[key]


def _found(execution: Execution, now: Instant) -> Iterator[tuple[str, ChildrenStopping]]:
    for key, wake_at in execution.sleeping.items():
        if wake_at <= now and execution.runs[key].is_open:
            yield key, ChildrenStopping(at=now, run=key, cause=StopCause.TIMEOUT, state=State.KILLED)
    for key in execution.agenda:
        scope = execution.scopes.get(key)
        if key != ROOT and scope is not None and scope.is_to_stop and not _is_stopping(execution, key):
            state = scope.open.on_failure or State.FAILED
            yield key, ChildrenStopping(at=now, run=key, cause=StopCause.SIBLING, state=state)


def _is_stopping(execution: Execution, key: str) -> bool:
    return execution.kill or execution.runs[key].doomed is not None
