"""What people say over the engine's head: force a run, take out of the queue, set labels, delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from penstock.errors import Conflict, NotFound, Refused
from penstock.execution.event import Event, LabelsSet, ResumeRequested, RunForced, Unqueued
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.operations.request import answer, say
from penstock.ports.files import Files
from penstock.ports.logs import Logs
from penstock.ports.presence import Presence
from penstock.ports.storage import execution_files
from penstock.ports.store import Iterations, Query, Store

SYSTEM = "system."

MOST_AT_ONCE = 1_000
"""So many iterations are looked at before they are deleted."""


def force_run(execution: str, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow) -> Execution:
    """Let it begin or go on at once: before its date, past its queue, past every pause. Raises NotFound, Refused,
    InvalidInputs (a Pause asks for what has no default)."""

    def words(now: Execution) -> Sequence[Event]:
        waiting = [now.runs[key] for key in sorted(now.paused, key=now.paused.__getitem__)]
        resumed: list[ResumeRequested] = [
            answer(flow, now, {}, by=by, at=at, run=run) for run in waiting if "resumed" not in run.facts
        ]
        return resumed if resumed and not now.held else [RunForced(at=at, by=by), *resumed]

    return say(store, presence, flow, execution, words)


def unqueue(
    execution: str,
    *,
    by: str,
    at: datetime,
    store: Store,
    presence: Presence,
    flow: Flow,
    state: State = State.RUNNING,
) -> Execution:
    """Take it out of the queue: to run, or with a terminal state. Raises NotFound, Refused (it is not queued)."""
    return say(store, presence, flow, execution, lambda _: [Unqueued(at=at, by=by, state=state)])


def set_labels(
    execution: str,
    labels: Mapping[str, str],
    *,
    by: str,
    at: datetime,
    store: Store,
    presence: Presence,
    flow: Flow,
    removed: Sequence[str] = (),
    replaced: bool = False,
) -> Execution:
    """Add labels to an execution that is over, or replace those it has; the system's own stay.

    Raises NotFound, Refused (it is not over, or a label is the system's).
    """
    own = [key for key in (*labels, *removed) if key.startswith(SYSTEM)]
    if own:
        raise Refused(f"System labels can only be set by Kestra itself, offending label: {own[0]}")

    def words(now: Execution) -> Sequence[Event]:
        kept = {key: value for key, value in now.labels.items() if key.startswith(SYSTEM) or not replaced}
        wanted = {key: value for key, value in {**kept, **labels}.items() if key not in removed}
        return [LabelsSet(at=at, by=by, labels=wanted)]

    return say(store, presence, flow, execution, words)


def deletable(store: Store, execution: str) -> Execution:
    """The execution, when it may be deleted. Raises NotFound, Refused (it is not over, or somebody waits to hear of
    its end)."""
    found = store.load(execution)
    if found is None:
        raise NotFound(f"there is no execution {execution}")
    if not found.is_over:
        raise Refused(
            f"the execution {execution} is not over, current state is {found.standing}",
            help=f"end it first: penstock executions kill {execution}",
        )
    if is_awaited(store, found):
        assert found.caller is not None
        raise Refused(
            f"the execution {found.caller.execution}, which has called it, has not heard of its end yet",
            help="it does as soon as an agent, or a run, has it",
        )
    return found


def is_awaited(store: Store, execution: Execution) -> bool:
    """Whether the one that has called it has not heard of its end yet: it would wait for ever."""
    caller = execution.caller
    parent = store.load(caller.execution) if caller is not None and caller.waits else None
    return caller is not None and parent is not None and caller.index in parent.children.get(caller.run, {})


def delete(
    execution: str, *, store: Store, logs: Logs, files: Files, keep_logs: bool = False, keep_files: bool = False
) -> Execution:
    """Forget an execution that is over, with its logs and files, and with the iterations of its Loops. Raises NotFound,
    Refused (it goes on, or goes on again since it was looked at)."""
    found = deletable(store, execution)
    for iteration in leaving(store, execution):
        delete(iteration, store=store, logs=logs, files=files, keep_logs=keep_logs, keep_files=keep_files)
    try:
        store.delete(execution, at=found.seq)
    except Conflict as error:
        raise Refused(f"the execution {execution} was told something else just now", help="look at it again") from error
    if not keep_logs:
        logs.delete(execution)
    if not keep_files:
        files.delete(execution_files(found.flow, found.id))
    return found


def leaving(store: Store, execution: str) -> Iterator[str]:
    """The iterations of its Loops, for whoever deletes each before he asks for the next."""
    query = Query(caller=execution, iterations=Iterations.ALONE, limit=MOST_AT_ONCE)
    while found := store.summaries(query):
        for each in found:
            yield each.id
