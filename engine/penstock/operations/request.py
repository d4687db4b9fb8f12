"""Kill, pause and resume: a person's word to an execution, whoever holds it. The last legal word wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from penstock.errors import Conflict, NotFound, Refused, Retryable
from penstock.execution.apply import extend
from penstock.execution.decide import due
from penstock.execution.event import Event, KillRequested, PauseRequested, ResumeRequested
from penstock.execution.legality import refuse
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.declaration import declared_inputs
from penstock.flow.model import Flow, Input
from penstock.operations.start import Intake, stored_values
from penstock.ports.presence import Presence
from penstock.ports.store import Store

MOST_TRIES = 200
"""What stands in the way each time is news of a task: a fan-out of hundreds brings as many within a second."""

_EventFor = Callable[[Execution], Event]


def kill(execution: str, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow) -> Execution:
    """Ask for the end of everything in it. Raises NotFound, Refused (it is over, or being killed already)."""
    return _request(store, presence, flow, execution, lambda _: KillRequested(at=at, by=by))


def pause(execution: str, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow) -> Execution:
    """Let what runs end, and begin nothing new. Raises NotFound, Refused (it is not running)."""
    return _request(store, presence, flow, execution, lambda _: PauseRequested(at=at, by=by))


def resume(
    execution: str,
    *,
    values: Mapping[str, Any],
    by: str,
    at: datetime,
    store: Store,
    presence: Presence,
    flow: Flow,
    task: str | None = None,
    intake: Intake | None = None,
) -> Execution:
    """Answer the first Pause task run that waits (of `task`, when it is named), or lift an operator's pause.

    Raises NotFound, Refused (nothing waits), InvalidInputs (`values` do not fit the task's `onResume`).
    """

    def event_for(current: Execution) -> Event:
        return answer(flow, current, values, by=by, at=at, task=task, intake=intake)

    return _request(store, presence, flow, execution, event_for)


def answer(
    flow: Flow,
    execution: Execution,
    values: Mapping[str, Any],
    *,
    by: str,
    at: datetime,
    task: str | None = None,
    intake: Intake | None = None,
) -> ResumeRequested:
    """The event that resumes `execution`, with secrets among the values sealed. Raises Refused, InvalidInputs."""
    run = waiting(execution, task)
    if run is None:
        if execution.held and task is None:
            return ResumeRequested(at=at, by=by)
        what = f"task `{task}`" if task else f"Execution '{execution.id}'"
        raise Refused(f"{what} is not paused, can't resume it", help=f"its state is {execution.state}")
    kept = stored_values(flow, asked_of(flow, run), values, execution, intake)
    return ResumeRequested(at=at, by=by, paused=run.id, values=kept)


def asked_of(flow: Flow, run: TaskRun) -> tuple[Input, ...]:
    """What a Pause wants to know of the person who resumes it."""
    return declared_inputs(flow.by_id[run.task].properties.get("onResume") or ())


def waiting(execution: Execution, task: str | None = None) -> TaskRun | None:
    """The Pause task run that has waited longest for a person."""
    runs = (execution.runs[key] for key in execution.paused)
    open_runs = [run for run in runs if "resumed" not in run.facts and task in (None, run.task)]
    return min(open_runs, key=lambda run: run.ordinal, default=None)


def waits_for_person(execution: Execution) -> bool:
    """Whether nothing moves in it until somebody resumes it."""
    if execution.state is not State.PAUSED:
        return False
    run = waiting(execution)
    return execution.held or (run is not None and (run.wake_at is None or run.then == "TIMEOUT"))


def waits_for_others(execution: Execution) -> bool:
    """Whether nothing moves in it but the executions that it has called."""
    moves = execution.agenda or execution.ready or execution.inline or execution.running or execution.asked
    return bool(execution.children) and not (moves or execution.bearing or execution.sleeping)


def _request(store: Store, presence: Presence, flow: Flow, execution_id: str, event_for: _EventFor) -> Execution:
    """Append what `event_for` makes of the present state; the holder decides what follows, and is poked."""
    execution = store.load(execution_id)
    if execution is None:
        raise NotFound(f"there is no execution {execution_id}")
    for _ in range(MOST_TRIES):
        event: Event = event_for(execution)
        refusal = refuse(execution, event)
        if refusal is not None:
            raise Refused(refusal.reason, help=refusal.help or None)
        after = extend(execution, (event,))
        try:
            store.append(after, (event,), due=due(flow, after), session=None)
        except Conflict:
            # What was missed is folded in: to load a wide execution anew takes longer than it stands still.
            execution = extend(execution, store.events(execution_id, after=execution.seq))
            continue
        holder = store.holder(execution_id)
        if holder is not None:
            presence.poke(holder.id)
        return after
    raise Retryable(f"execution {execution_id} changes too fast to be told anything", help="try again")
