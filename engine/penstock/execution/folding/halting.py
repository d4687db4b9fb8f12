"""What stops within a flowable, without the rest of the execution."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution.event import ChildrenStopping, Instant
from penstock.execution.folding.index import put
from penstock.execution.model import ROOT, Draft, TaskRun, changed


def stop_children(draft: Draft, event: ChildrenStopping) -> None:
    """Everything alive below the flowable is doomed; the flowable's own list has failed."""
    for run in tuple(_alive_within(draft, event.run)):
        put(draft, changed(run, doomed=event.state, wake_at=sleeps_on(run)))
    scope = draft.scopes[event.run]
    draft.scopes = draft.scopes.set(event.run, changed(scope, failing=True, stopped=True, steps=()))
    put(draft, changed(draft.runs[event.run], stop=event.cause, wake_at=None))


def sleeps_on(run: TaskRun) -> Instant | None:
    """When a run that is to stop is woken all the same: the time of a flowable's list means nothing any more."""
    return None if run.is_open else run.wake_at


def _alive_within(draft: Draft, key: str) -> Iterator[TaskRun]:
    """The task runs below `key` that are not over. What is alive stands in one of the indexes, so that this costs what
    is alive, not what ever was."""
    alive = {
        *draft.scopes, *draft.agenda, *draft.ready, *draft.inline, *draft.running,
        *draft.sleeping, *draft.paused, *draft.asked,
    } - {ROOT, key}  # fmt: skip
    for each in sorted(alive, key=lambda one: draft.runs[one].ordinal):
        above = draft.runs[each].parent
        while above is not None and above != key:
            above = draft.runs[above].parent
        if above == key:
            yield draft.runs[each]
