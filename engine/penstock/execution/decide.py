"""What follows from what is known. The one place where the course of an execution is decided.

`decide` reads the agenda and the timers, never the whole execution; it answers from one snapshot: first about task
runs, then about scopes, at last about the execution's own state. It never renders: what must be evaluated is asked
for by an event, and the answer comes as another.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from penstock.execution import evaluation
from penstock.execution.event import (
    EvaluationRequested,
    Event,
    ExecutionEnded,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
    FlowableClosing,
    FlowableStarted,
    Instant,
    Phase,
    ScopeOpened,
    StopCause,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunStopping,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes, one_lane
from penstock.execution.identity import derive_id
from penstock.execution.model import ROOT, Execution, Scope, TaskRun
from penstock.execution.outcome import conclude, softened, timeout_of
from penstock.execution.state import State, worst
from penstock.flow.model import Flow, Kind, Task

MOST_EVENTS = 500
"""One answer holds at most so many events; what is left over is decided next."""

STOP_WITHIN = timedelta(seconds=60)
"""A task run that was told to stop and of whose end nobody has heard by then is written off as an orphan."""


def decide(flow: Flow, execution: Execution, now: Instant) -> tuple[Event, ...]:
    """What follows at `now`. Empty when nothing does: waiting, or over."""
    if execution.is_over:
        return ()
    if execution.opened is None:
        return _start(flow, execution, now)
    if execution.state in _WAITING and not execution.held and _stirs(execution, now):
        return (ExecutionResumed(at=now),)
    for answers in (_timers(flow, execution, now), _runs(flow, execution, now), _scopes(flow, execution, now)):
        if events := tuple(islice(answers, MOST_EVENTS)):
            return events
    return _mood(execution, now)


_WAITING = frozenset({State.PAUSED, State.RETRYING})
_WELL = frozenset({State.SUCCESS, State.WARNING})


def _start(flow: Flow, execution: Execution, now: Instant) -> tuple[Event, ...]:
    if execution.kill:
        return (ExecutionEnded(at=now, state=State.KILLED),)
    if execution.queued or execution.held or (execution.schedule_date is not None and now < execution.schedule_date):
        return ()
    started = () if execution.state is State.RUNNING else (ExecutionStarted(at=now),)
    lanes = _lanes(flow, execution, ROOT, Phase.MAIN)
    return (*started, ScopeOpened(at=now, run=None, phase=Phase.MAIN, lanes=lanes.count, width=lanes.width))


# ── timers ───────────────────────────────────────────────────────────────────────────────────────────────────


def _timers(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    """What the passing of time alone has brought about."""
    for run in _in_order(execution, [key for key, wake_at in execution.sleeping.items() if wake_at <= now]):
        yield from _woken(flow, run, now)
    for run in _in_order(execution, [key for key, run_out in _deadlines(flow, execution) if run_out <= now]):
        yield TaskRunStopping(at=now, run=run.id, cause=StopCause.TIMEOUT, until=now + STOP_WITHIN)


def _woken(flow: Flow, run: TaskRun, now: Instant) -> Iterator[Event]:
    if run.stop is not None:
        killed = run.stop is StopCause.KILL
        state = State.KILLED if killed else softened(flow.by_id[run.task], State.FAILED)
        error = f"did not stop within {STOP_WITHIN.total_seconds():.0f} s of being told to"
        yield TaskRunEnded(at=now, run=run.id, state=state, error=error, orphan=True)
    elif run.state is State.RETRYING:
        yield TaskRunReleased(at=now, run=run.id)
    elif run.then == "TIMEOUT":
        yield TaskRunEnded(at=now, run=run.id, state=State.FAILED, error="nobody resumed it before its timeout")
    elif run.then == "FAIL":
        yield TaskRunEnded(at=now, run=run.id, state=State.FAILED, error="nobody resumed it before its delay was over")
    elif run.then == "CANCEL":
        yield TaskRunEnded(at=now, run=run.id, state=State.CANCELLED)
    else:
        yield TaskRunResumed(at=now, run=run.id, elapsed=True)


def _deadlines(flow: Flow, execution: Execution) -> Iterator[tuple[str, Instant]]:
    """Running attempts that have a timeout and were not told to stop yet, with the moment it runs out."""
    for key in execution.running:
        run = execution.runs[key]
        limit = timeout_of(flow.by_id[run.task], run)
        if limit is not None and run.stop is None and run.attempt is not None:
            yield key, run.attempt.started + limit


def due(flow: Flow, execution: Execution) -> Instant | None:
    """The next moment at which `decide` would answer though no event came; None when only an event can move it."""
    if execution.is_over:
        return None
    if execution.opened is None:
        return None if execution.held or execution.queued else execution.schedule_date
    moments = [*execution.sleeping.values(), *(run_out for _, run_out in _deadlines(flow, execution))]
    return min(moments, default=None)


# ── task runs ────────────────────────────────────────────────────────────────────────────────────────────────


def _in_order(execution: Execution, keys: list[str]) -> Iterator[TaskRun]:
    yield from sorted((execution.runs[key] for key in keys), key=lambda run: run.ordinal)


def _runs(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    for run in _in_order(execution, [key for key in execution.agenda if key not in execution.scopes]):
        yield _about_run(flow, execution, run, now)


def _about_run(flow: Flow, execution: Execution, run: TaskRun, now: Instant) -> Event:
    task = flow.by_id[run.task]
    if run.failure is not None:
        return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=run.failure)
    if execution.kill:
        return _killed(flow, task, run, now)
    if run.state is State.CREATED:
        return _gate(task, run, now)
    if run.kind is Kind.FLOWABLE and run.closing is None:
        return _open(flow, execution, task, run, now)
    return conclude(flow, task, run, now)


def _killed(flow: Flow, task: Task, run: TaskRun, now: Instant) -> Event:
    if run.is_running:
        return TaskRunStopping(at=now, run=run.id, cause=StopCause.KILL, until=now + STOP_WITHIN)
    if run.stop is StopCause.KILL and run.attempt is not None and not run.attempt.lost:
        return conclude(flow, task, run, now)
    return TaskRunEnded(at=now, run=run.id, state=State.KILLED)


def _gate(task: Task, run: TaskRun, now: Instant) -> Event:
    """What stands before the start of a task run: its `runIf`, then a timeout that is an expression."""
    if task.run_if is not None and evaluation.RUN_IF not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.RUN_IF,))
    if not run.facts.get(evaluation.RUN_IF, True):
        return TaskRunEnded(at=now, run=run.id, state=State.SKIPPED)
    if isinstance(task.timeout, str) and "timeout_s" not in run.facts:
        return EvaluationRequested(at=now, run=run.id, names=(evaluation.TIMEOUT,))
    if run.kind is Kind.FLOWABLE:
        return FlowableStarted(at=now, run=run.id)
    return TaskRunAdmitted(at=now, run=run.id)


def _open(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant) -> Event:
    """A flowable on its way to its lanes: asking, waiting, opening."""
    flowable = FLOWABLES[task.type]
    if run.state is State.PAUSED:
        return TaskRunResumed(at=now, run=run.id, values=run.facts["resumed"])
    asks = flowable.asks(task)
    if asks and not run.facts.keys() - {evaluation.RUN_IF, "timeout_s"}:
        return EvaluationRequested(at=now, run=run.id, names=asks)
    wait = flowable.wait(task, run.facts)
    if wait is not None and "onResume" not in run.facts:
        until = None if wait.delay is None else now + wait.delay
        return TaskRunPaused(at=now, run=run.id, until=until, then=wait.then)
    lanes = _lanes(flow, execution, run.id, Phase.MAIN)
    return ScopeOpened(
        at=now,
        run=run.id,
        phase=Phase.MAIN,
        lanes=lanes.count,
        width=lanes.width,
        outputs=flowable.outputs(task, run.facts) or None,
    )


# ── scopes ───────────────────────────────────────────────────────────────────────────────────────────────────


def _scopes(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    keys = sorted((ordinal, key) for key, ordinal in execution.agenda.items() if key in execution.scopes)
    for _, key in keys:
        scope = execution.scopes[key]
        if scope.is_over or (execution.kill and scope.alive == 0):
            yield _close(flow, execution, key, scope, now)
        elif not execution.held and not execution.kill:
            yield from _proceed(flow, execution, key, scope, now)


def _proceed(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Iterator[Event]:
    """The next tasks of lanes that have begun, then new lanes, as far as the width allows."""
    lanes = _lanes(flow, execution, key, scope.open.phase)
    for lane, position in scope.steps:
        yield _created(execution, key, scope.open.phase, lanes, lane, position, now)
    for lane in range(scope.begun, scope.begun + scope.may_begin):
        yield _created(execution, key, scope.open.phase, lanes, lane, 0, now)


def _created(
    execution: Execution, key: str, phase: Phase, lanes: Lanes, lane: int, position: int, now: Instant
) -> TaskRunCreated:
    place = lanes.lane(lane)
    task = place.tasks[position]
    parent = key or None
    return TaskRunCreated(
        at=now,
        run=derive_id(execution.id, parent, task.id, place.iteration),
        task=task.id,
        kind=task.kind,
        parent=parent,
        phase=phase,
        lane=lane,
        position=position,
        last=position == len(place.tasks) - 1,
        gated=task.kind is Kind.FLOWABLE or task.run_if is not None or isinstance(task.timeout, str),
        value=place.value,
        iteration=place.iteration,
    )


def _close(flow: Flow, execution: Execution, key: str, scope: Scope, now: Instant) -> Event:
    """The open list is worked off: the next list, or the end of what it belongs to."""
    if not execution.kill:
        failed = State.FAILED in scope.states
        if scope.open.phase is Phase.MAIN and failed and _branch(flow, execution, key, Phase.ERRORS):
            return _opened(flow, execution, key, Phase.ERRORS, now)
        if scope.open.phase is not Phase.FINALLY and _branch(flow, execution, key, Phase.FINALLY):
            return _opened(flow, execution, key, Phase.FINALLY, now)
    state = State.KILLED if execution.kill else worst(scope.states)
    if key == ROOT:
        return _end(flow, execution, state, now)
    run = execution.runs[key]
    task = flow.by_id[run.task]
    if state is State.SUCCESS and run.then == "WARN" and run.facts.get("elapsed"):
        state = State.WARNING
    flowable = FLOWABLES[task.type]
    if state in _WELL and flowable.closes(task):
        return FlowableClosing(at=now, run=key, state=state)
    outputs = flowable.outputs(task, run.facts)
    return TaskRunEnded(at=now, run=key, state=softened(task, state), outputs=outputs)


def _end(flow: Flow, execution: Execution, state: State, now: Instant) -> Event:
    """The end of the execution; its outputs are rendered first, also when it failed (Kestra 0.21)."""
    if not flow.outputs or execution.kill:
        return ExecutionEnded(at=now, state=state)
    if execution.failure is not None:
        error = f"Failed to render output values: {execution.failure}"
        return ExecutionEnded(at=now, state=State.FAILED, error=error)
    if evaluation.OUTPUTS not in execution.facts:
        return EvaluationRequested(at=now, run=None, names=(evaluation.OUTPUTS,))
    return ExecutionEnded(at=now, state=state, outputs=execution.facts[evaluation.OUTPUTS])


def _opened(flow: Flow, execution: Execution, key: str, phase: Phase, now: Instant) -> ScopeOpened:
    lanes = _lanes(flow, execution, key, phase)
    return ScopeOpened(at=now, run=key or None, phase=phase, lanes=lanes.count, width=lanes.width)


def _branch(flow: Flow, execution: Execution, key: str, phase: Phase) -> tuple[Task, ...]:
    """The tasks of the errors or finally list of a scope."""
    if key == ROOT:
        return flow.errors if phase is Phase.ERRORS else flow.finally_
    return flow.by_id[execution.runs[key].task].branches.get(phase.value, ())


def _lanes(flow: Flow, execution: Execution, key: str, phase: Phase) -> Lanes:
    if phase is not Phase.MAIN:
        return one_lane(_branch(flow, execution, key, phase))
    if key == ROOT:
        return one_lane(flow.tasks)
    run = execution.runs[key]
    task = flow.by_id[run.task]
    return FLOWABLES[task.type].lanes(task, run.facts)


# ── the execution's own state ────────────────────────────────────────────────────────────────────────────────


def _stirs(execution: Execution, now: Instant) -> bool:
    """Whether something moves, or is about to, in an execution that waits."""
    return bool(
        execution.agenda
        or execution.ready
        or execution.inline
        or execution.running
        or execution.asked
        or any(wake_at <= now for wake_at in execution.sleeping.values())
    )


def _mood(execution: Execution, now: Instant) -> tuple[Event, ...]:
    """PAUSED or RETRYING, when nothing moves but people and timers."""
    if execution.held or execution.kill or _stirs(execution, now):
        return ()
    retrying = any(key not in execution.paused for key in execution.sleeping)
    state = State.RETRYING if retrying else State.PAUSED if execution.paused else None
    if state is None or state is execution.state:
        return ()
    return (ExecutionWaiting(at=now, state=state),)
