"""The execution after one more event. Total: every event has an arm; each costs what it changes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import TypeVar, assert_never

import immutables

from penstock.diagnostic import FlowName
from penstock.execution.agenda import is_ready, wants_decision
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionAdmitted,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
    FlowableClosing,
    FlowableStarted,
    Instant,
    KillRequested,
    PauseRequested,
    Phase,
    ResumeRequested,
    ScopeOpened,
    StopCause,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunRetrying,
    TaskRunStopping,
)
from penstock.execution.model import ROOT, Attempt, Draft, Execution, Histories, Scope, ScopeList, TaskRun, changed
from penstock.execution.state import FAILING, State
from penstock.flow.model import Kind

V = TypeVar("V")

_NOWHERE: immutables.Map[tuple[str, ...], str] = immutables.Map()


def begin(created: ExecutionCreated) -> Execution:
    """The execution after its first event, at sequence 1."""
    return Execution(
        id=created.id,
        flow=FlowName(created.namespace, created.flow_id),
        revision=created.revision,
        flow_digest=created.flow_digest,
        created=created.at,
        state=State.CREATED,
        histories=((State.CREATED, created.at),),
        seq=1,
        inputs=created.inputs,
        labels=created.labels,
        trigger=created.trigger,
        schedule_date=created.schedule_date,
        source=created.source,
        dialect=created.dialect,
        original_id=created.original_id or created.id,
        parent_id=created.parent_id,
        attempt_number=created.attempt_number,
    )


def apply(execution: Execution, event: Event) -> Execution:
    """The execution after `event`. `event` is legal here: see `penstock.execution.legality`."""
    return extend(execution, (event,))


def extend(execution: Execution, events: Iterable[Event]) -> Execution:
    """The execution after all of `events`, in order."""
    draft = Draft(execution)
    for event in events:
        _fold_in(draft, event)
    return draft.freeze()


def fold(events: Iterable[Event]) -> Execution:
    """The execution that a whole log tells of: its first event is the creation."""
    log = iter(events)
    created = next(log, None)
    if not isinstance(created, ExecutionCreated):
        raise TypeError(f"a log begins with ExecutionCreated, not with {type(created).__name__}")
    return extend(begin(created), log)


def _fold_in(draft: Draft, event: Event) -> None:
    draft.seq += 1
    match event:
        case TaskRunCreated():
            _create(draft, event)
        case TaskRunEnded():
            _end_run(draft, event)
        case ScopeOpened(run=str() as run):
            _open_scope(draft, run, event)
        case FlowableClosing():
            draft.scopes = _keep(draft.scopes, event.run, None)
            _put(draft, changed(draft.runs[event.run], closing=event.state))
        case Evaluated(run=str() as run) | EvaluationFailed(run=str() as run) | EvaluationRequested(run=str() as run):
            _put(draft, _answered(draft.runs[run], event))
        case (
            AttemptStarted()
            | AttemptEnded()
            | AttemptLost()
            | TaskRunAdmitted()
            | FlowableStarted()
            | TaskRunRetrying()
            | TaskRunReleased()
            | TaskRunPaused()
            | TaskRunResumed()
            | TaskRunStopping()
        ):
            _put(draft, _after(draft.runs[event.run], event))
        case ResumeRequested(paused=str() as paused):
            run_ = draft.runs[paused]
            _put(draft, changed(run_, facts={**run_.facts, "resumed": dict(event.values)}))
        case _:
            _about_execution(draft, event)


# ── the execution itself ─────────────────────────────────────────────────────────────────────────────────────


def _about_execution(draft: Draft, event: Event) -> None:
    match event:
        case ExecutionQueued():
            _move(draft, event.at, State.QUEUED)
            draft.queued = True
        case ExecutionAdmitted():
            draft.queued = False
        case ExecutionStarted():
            _move(draft, event.at, State.RUNNING)
        case ExecutionWaiting():
            _move(draft, event.at, event.state)
        case ExecutionResumed():
            _go_on(draft, event.at)
        case ExecutionEnded():
            _move(draft, event.at, event.state)
            draft.outputs, draft.error = event.outputs, event.error
            draft.asks, draft.asked = (), immutables.Map()
            draft.agenda, draft.scopes = immutables.Map(), immutables.Map()
        case KillRequested():
            _move(draft, event.at, State.KILLING)
            draft.kill, draft.held = True, False
            _touch(draft, ROOT, *(key for key, run in draft.runs.items() if not run.state.is_terminal))
        case PauseRequested():
            _move(draft, event.at, State.PAUSED)
            draft.held = True
        case ResumeRequested():
            _go_on(draft, event.at)
            draft.held = False
        case ScopeOpened():
            draft.opened = _set_scope(draft, ROOT, event)
            _touch(draft, ROOT)
        case EvaluationRequested():
            _ask_root(draft, event.names)
        case Evaluated():
            draft.facts = {**draft.facts, **event.values}
            draft.sealed += event.sealed
            _ask_root(draft, ())
        case EvaluationFailed():
            draft.failure = event.message
            _ask_root(draft, ())
        case _:
            raise TypeError(f"{type(event).__name__} has no arm")


def _go_on(draft: Draft, at: Instant) -> None:
    """PAUSED passes through RESTARTED on its way back, as in Kestra; RETRYING does not."""
    if draft.state is State.PAUSED:
        _move(draft, at, State.RESTARTED)
    _move(draft, at, State.RUNNING)


def _move(draft: Draft, at: Instant, state: State) -> None:
    draft.state = state
    draft.histories = (*draft.histories, (state, at))


def _ask_root(draft: Draft, names: tuple[str, ...]) -> None:
    draft.asks = names
    draft.asked = _keep(draft.asked, ROOT, names or None)
    _touch(draft, ROOT)


# ── scopes ───────────────────────────────────────────────────────────────────────────────────────────────────


def _set_scope(draft: Draft, key: str, event: ScopeOpened) -> ScopeList:
    opened = ScopeList(event.phase, event.lanes, event.width)
    before = draft.scopes.get(key)
    states = before.states if before is not None else immutables.Map()
    draft.scopes = draft.scopes.set(key, Scope(opened, states=states))
    return opened


def _open_scope(draft: Draft, key: str, event: ScopeOpened) -> None:
    opened = _set_scope(draft, key, event)
    run = draft.runs[key]
    outputs = event.outputs if event.outputs is not None else run.outputs
    _put(draft, changed(run, opened=opened, outputs=outputs))


def _create(draft: Draft, event: TaskRunCreated) -> None:
    path = draft.runs[event.parent].path if event.parent else ()
    if event.value is not None:
        path = (*path, event.value)
    run = TaskRun(
        id=event.run,
        ordinal=len(draft.order),
        task=event.task,
        kind=event.kind,
        parent=event.parent,
        phase=event.phase,
        lane=event.lane,
        position=event.position,
        last=event.last,
        gated=event.gated,
        state=State.CREATED,
        histories=((State.CREATED, event.at),),
        path=path,
        value=event.value,
        iteration=event.iteration,
    )
    key = run.scope_key
    draft.order = draft.order.set(run.ordinal, run.id)
    draft.scopes = draft.scopes.set(key, child_created(draft.scopes[key], event.lane, event.position))
    draft.places = draft.places.set(run.task, draft.places.get(run.task, _NOWHERE).set(path, run.id))
    _put(draft, run)
    _touch(draft, key)


def _end_run(draft: Draft, event: TaskRunEnded) -> None:
    run = draft.runs[event.run]
    attempts = run.attempts
    if run.is_running:
        written_off = changed(attempts[-1], state=State.KILLED, ended=event.at, error=event.error)
        attempts = (*attempts[:-1], written_off)
    ended = changed(
        run,
        state=event.state,
        histories=(*run.histories, (event.state, event.at)),
        attempts=attempts,
        outputs=event.outputs if event.outputs is not None else run.outputs,
        error=event.error if event.error is not None else run.error,
        wake_at=None,
        asks=(),
        orphan=event.orphan,
    )
    key = run.scope_key
    if run.id in draft.scopes:
        draft.scopes = draft.scopes.delete(run.id)
    draft.scopes = draft.scopes.set(key, child_ended(draft.scopes[key], ended))
    _put(draft, ended)
    _touch(draft, key)


def child_created(scope: Scope, lane: int, position: int) -> Scope:
    """The scope after the task at `position` of `lane` was created."""
    if position == 0:
        return changed(scope, begun=scope.begun + 1, alive=scope.alive + 1)
    steps = tuple(step for step in scope.steps if step != (lane, position))
    return changed(scope, steps=steps, alive=scope.alive + 1)


def child_ended(scope: Scope, child: TaskRun) -> Scope:
    """The scope after one child of its open list became terminal."""
    states = scope.states
    if child.phase is not Phase.ERRORS:
        states = states.set(child.state, states.get(child.state, 0) + 1)
    if child.state in FAILING:
        return changed(scope, alive=scope.alive - 1, failing=True, steps=(), states=states)
    if child.last or scope.failing:
        return changed(scope, alive=scope.alive - 1, done=scope.done + child.last, states=states)
    steps = list(scope.steps)
    insort(steps, (child.lane, child.position + 1))
    return changed(scope, alive=scope.alive - 1, steps=tuple(steps), states=states)


# ── task runs ────────────────────────────────────────────────────────────────────────────────────────────────

_RunChange = (
    AttemptStarted
    | AttemptEnded
    | AttemptLost
    | TaskRunAdmitted
    | FlowableStarted
    | TaskRunRetrying
    | TaskRunReleased
    | TaskRunPaused
    | TaskRunResumed
    | TaskRunStopping
)


def _after(run: TaskRun, event: _RunChange) -> TaskRun:
    match event:
        case AttemptStarted():
            attempt = Attempt(event.attempt, event.session, event.epoch, event.at)
            started = run if run.state is State.RUNNING else _moved(run, event.at, State.RUNNING)
            return changed(started, attempts=(*run.attempts, attempt))
        case AttemptEnded():
            return changed(run, attempts=_closed(run, event), outputs=event.outputs, error=event.error, wake_at=None)
        case AttemptLost():
            lost = changed(run.attempts[-1], state=State.KILLED, ended=event.at, error=event.reason, lost=True)
            return changed(run, attempts=(*run.attempts[:-1], lost), wake_at=None)
        case TaskRunAdmitted():
            return changed(run, gated=False)
        case FlowableStarted():
            return changed(_moved(run, event.at, State.RUNNING), gated=False)
        case TaskRunRetrying():
            failed = run if run.state is State.FAILED else _moved(run, event.at, State.FAILED)
            return changed(_moved(failed, event.at, State.RETRYING), wake_at=event.until, stop=None)
        case TaskRunReleased():
            return changed(_moved(run, event.at, State.CREATED), wake_at=None, stop=None)
        case TaskRunPaused():
            return changed(_moved(run, event.at, State.PAUSED), wake_at=event.until, then=event.then)
        case TaskRunResumed():
            facts = {key: value for key, value in run.facts.items() if key != "resumed"}
            facts["onResume"] = dict(event.values)
            facts["elapsed"] = event.elapsed
            return changed(_moved(run, event.at, State.RUNNING), wake_at=None, facts=facts)
        case TaskRunStopping():
            stopping = _moved(run, event.at, State.KILLING) if event.cause is StopCause.KILL else run
            return changed(stopping, stop=event.cause, wake_at=event.until)
        case _:
            assert_never(event)


def _closed(run: TaskRun, event: AttemptEnded) -> tuple[Attempt, ...]:
    ended = changed(
        run.attempts[-1],
        state=event.state,
        ended=event.at,
        error=event.error,
        exit_code=event.exit_code,
        metrics=event.metrics,
        log=event.log,
        usage=event.usage,
    )
    return (*run.attempts[:-1], ended)


def _answered(run: TaskRun, event: Evaluated | EvaluationFailed | EvaluationRequested) -> TaskRun:
    match event:
        case EvaluationRequested():
            return changed(run, asks=event.names)
        case Evaluated():
            return changed(run, asks=(), facts={**run.facts, **event.values}, sealed=run.sealed + event.sealed)
        case EvaluationFailed():
            return changed(run, asks=(), failure=event.message)
        case _:
            assert_never(event)


def _moved(run: TaskRun, at: Instant, state: State) -> TaskRun:
    histories: Histories = (*run.histories, (state, at))
    return changed(run, state=state, histories=histories)


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────────


def _put(draft: Draft, run: TaskRun) -> None:
    """Put `run` in its place, and in exactly the indexes that its state puts it in."""
    draft.runs = draft.runs.set(run.id, run)
    index(draft, run)
    _touch(draft, run.id)


def index(draft: Draft, run: TaskRun) -> None:
    """Put `run` in exactly the indexes that its state puts it in."""
    ready = is_ready(run)
    draft.ready = _member(draft.ready, run, belongs=ready and run.kind is not Kind.INLINE)
    draft.inline = _member(draft.inline, run, belongs=ready and run.kind is Kind.INLINE)
    draft.running = _member(draft.running, run, belongs=run.is_running)
    draft.paused = _member(draft.paused, run, belongs=run.state is State.PAUSED)
    draft.sleeping = _keep(draft.sleeping, run.id, None if run.state.is_terminal else run.wake_at)
    draft.asked = _keep(draft.asked, run.id, run.asks or None)


def _member(members: immutables.Map[str, int], run: TaskRun, *, belongs: bool) -> immutables.Map[str, int]:
    if belongs == (run.id in members):
        return members
    return members.set(run.id, run.ordinal) if belongs else members.delete(run.id)


def _keep(values: immutables.Map[str, V], key: str, value: V | None) -> immutables.Map[str, V]:
    if value is None:
        return values.delete(key) if key in values else values
    return values if values.get(key) == value else values.set(key, value)


def _touch(draft: Draft, *keys: str) -> None:
    """Put the agenda right about `keys`."""
    for key in keys:
        wanted = wants_decision(draft, key)
        if wanted != (key in draft.agenda):
            ordinal = -1 if key == ROOT else draft.runs[key].ordinal
            draft.agenda = draft.agenda.set(key, ordinal) if wanted else draft.agenda.delete(key)
