"""A person's word to an execution, whoever holds it: kill, pause, resume. The last legal word wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.errors import Conflict, NotFound, Refused, Retryable
from penstock.execution.apply import extend
from penstock.execution.decide import due
from penstock.execution.event import Event, KillRequested, PauseRequested, ResumeRequested
from penstock.execution.flowable.approval import APPROVAL, APPROVED, comment_wanted
from penstock.execution.legality import refuse
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.declaration import declared_inputs
from penstock.flow.model import Flow, Input, Task
from penstock.operations.start import Intake, stored_values
from penstock.ports.presence import Presence
from penstock.ports.store import Store

MOST_TRIES = 200
"""What stands in the way each time is news of a task: a fan-out of hundreds brings as many within a second."""


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody has decided about an Approval, and why."""

    decision: str = APPROVED
    comment: str = ""


Words = Callable[[Execution], Sequence[Event]]
"""What is said of an execution as it stands. Raises Refused where nothing can be."""


def kill(
    execution: str, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow, cascade: bool = True
) -> Execution:
    """Ask for the end of everything in it, and of what it has called unless `cascade` is off. Raises NotFound,
    Refused (it is over, or being killed already)."""
    return say(store, presence, flow, execution, lambda _: [KillRequested(at=at, by=by, cascade=cascade)])


def pause(execution: str, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow) -> Execution:
    """Let what runs end, and begin nothing new. Raises NotFound, Refused (it is not running)."""

    def words(current: Execution) -> Sequence[Event]:
        if current.state is not State.RUNNING:
            raise Refused("The execution is not running", help=f"its state is {current.state}")
        return [PauseRequested(at=at, by=by)]

    return say(store, presence, flow, execution, words)


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
    breakpoints: tuple[str, ...] | None = None,
    review: Review | None = None,
) -> Execution:
    """Answer the first task run that waits (of `task`, when it is named), a Pause or one at a breakpoint, and lift an
    operator's pause. `breakpoints`, where given, are those from now on. `review` is for an Approval.

    Raises NotFound, Refused (nothing waits), InvalidInputs (`values` do not fit what the task asks for).
    """

    def words(current: Execution) -> Sequence[Event]:
        told = answer(
            flow, current, values, by=by, at=at, task=task, intake=intake, breakpoints=breakpoints, review=review
        )
        lifted = [ResumeRequested(at=at, by=by)] if current.held and told.paused is not None else []
        return [*lifted, told]

    return say(store, presence, flow, execution, words)


def answer(
    flow: Flow,
    execution: Execution,
    values: Mapping[str, Any],
    *,
    by: str,
    at: datetime,
    task: str | None = None,
    intake: Intake | None = None,
    breakpoints: tuple[str, ...] | None = None,
    run: TaskRun | None = None,
    review: Review | None = None,
) -> ResumeRequested:
    """The event that resumes `execution` (`run` of it, or the first that waits), with secrets among the values sealed.
    Raises Refused, InvalidInputs."""
    run = run or waiting(execution, task)
    if run is None:
        if execution.held and task is None:
            return ResumeRequested(at=at, by=by, breakpoints=breakpoints)
        what = f"task `{task}`" if task else f"Execution '{execution.id}'"
        why = ""
        if task is None and execution.state in (State.PAUSED, State.BREAKPOINT):
            why = ": somebody has resumed it already" if execution.paused else ": it goes on by itself"
        raise Refused(f"{what} is not paused, can't resume it", help=f"its state is {execution.state}{why}")
    if run.state is State.BREAKPOINT:
        return ResumeRequested(at=at, by=by, paused=run.id, breakpoints=breakpoints)
    decided = _reviewed(flow.by_id[run.task], run, review)
    kept = stored_values(flow, asked_of(flow, run), values, execution, intake)
    return ResumeRequested(
        at=at,
        by=by,
        paused=run.id,
        values=kept,
        breakpoints=breakpoints,
        decision=decided.decision,
        comment=decided.comment,
    )


def _reviewed(task: Task, run: TaskRun, review: Review | None) -> Review:
    """What is decided: an Approval that is resumed without a word is approved. Raises Refused."""
    if task.type != APPROVAL:
        if review is not None:
            raise Refused(f"task `{task.id}` asks for no approval", help="resume it without a decision")
        return Review(decision="")
    decided = review or Review()
    if comment_wanted(task, run.facts, decided.decision) and not decided.comment.strip():
        raise Refused(f"task `{task.id}` wants to be told why", help="add a comment")
    return decided


def asked_of(flow: Flow, run: TaskRun) -> tuple[Input, ...]:
    """What a Pause, or an Approval, wants to know of the person who resumes it."""
    task = flow.by_id[run.task]
    return declared_inputs(task.properties.get("inputs" if task.type == APPROVAL else "onResume") or ())


def waiting(execution: Execution, task: str | None = None) -> TaskRun | None:
    """The task run that has waited longest for a person: a Pause, or one at a breakpoint."""
    runs = (execution.runs[key] for key in execution.paused)
    open_runs = [run for run in runs if "resumed" not in run.facts and task in (None, run.task)]
    return min(open_runs, key=lambda run: run.ordinal, default=None)


def waits_for_person(execution: Execution) -> bool:
    """Whether nothing moves in it until somebody resumes it."""
    if execution.state is State.BREAKPOINT:
        return True
    if execution.state is not State.PAUSED:
        return False
    run = waiting(execution)
    return execution.held or (run is not None and (run.wake_at is None or run.then == "TIMEOUT"))


def waits_for_others(execution: Execution) -> bool:
    """Whether nothing moves in it but the executions that it has called."""
    moves = execution.agenda or execution.ready or execution.inline or execution.running or execution.asked
    return bool(execution.children) and not (moves or execution.bearing or execution.sleeping)


def say(store: Store, presence: Presence, flow: Flow, execution_id: str, words: Words) -> Execution:
    """Append what `words` makes of the present state, all of it or nothing; the holder decides what follows, and is
    poked. Raises NotFound, Refused, Retryable."""
    execution = store.load(execution_id)
    if execution is None:
        raise NotFound(f"there is no execution {execution_id}")
    for _ in range(MOST_TRIES):
        after, events = execution, words(execution)
        for event in events:
            refusal = refuse(after, event)
            if refusal is not None:
                raise Refused(refusal.reason, help=refusal.help or None)
            after = extend(after, (event,))
        try:
            store.append(after, events, due=due(flow, after), session=None)
        except Conflict:
            # What was missed is folded in: to load a wide execution anew takes longer than it stands still.
            execution = extend(execution, store.events(execution_id, after=execution.seq))
            continue
        holder = store.holder(execution_id)
        if holder is not None:
            presence.poke(holder.id)
        return after
    raise Retryable(f"execution {execution_id} changes too fast to be told anything", help="try again")
