"""What follows, found by looking at everything: slow, without agenda, scopes or any other index.

`decide` must give the same answer. Written from the task runs alone; what one task run's end amounts to
(`penstock.execution.outcome`) and which lanes a flowable has are shared, because no index is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from penstock.execution.event import (
    ChildrenStopping,
    Event,
    ExecutionEnded,
    ExecutionWaiting,
    Instant,
    Phase,
    ScopeOpened,
    StopCause,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes, one_lane
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import conclude, softened, timeout_of
from penstock.execution.state import FAILING, State, worst
from penstock.flow.model import Flow, Kind, Task

Gist = tuple[Any, ...]
"""The kind of an event, whom it is about, and what of it matters."""


def gist(event: Event) -> Gist:
    """What the full scan says of an event."""
    name = type(event).__name__
    match event:
        case TaskRunCreated():
            return (name, event.parent, event.phase, event.lane, event.position)
        case ScopeOpened():
            return (name, event.run, event.phase)
        case ChildrenStopping():
            return (name, event.run, event.state)
        case TaskRunEnded() | ExecutionEnded() | ExecutionWaiting():
            return (name, event.run, event.state)
        case _:
            return (name, event.run if "run" in {field.name for field in fields(event)} else None)


def full_scan(flow: Flow, execution: Execution, now: Instant) -> set[Gist]:
    """The gists of all that `decide` must answer."""
    return _Scan(flow, execution, now).follows()


class _Scan:
    def __init__(self, flow: Flow, execution: Execution, now: Instant) -> None:
        self.flow = flow
        self.execution = execution
        self.now = now
        self.live = [run for run in execution.runs.values() if not run.state.is_terminal]

    def follows(self) -> set[Gist]:
        execution = self.execution
        if execution.state.is_terminal:
            return set()
        if execution.opened is None:
            return set(self.start())
        halts, timers, runs = set(self.halts()), set(self.timers()), set(self.runs())
        scopes = {each for each in self.scopes() if each[0] != "ChildrenStopping"}
        waits = any(run.asks or self.is_ready(run) or run.is_running for run in self.live) or bool(execution.asks)
        wanting = waits or bool(halts or timers or runs or scopes)
        if execution.state in (State.PAUSED, State.RETRYING) and not execution.held and wanting:
            return {("ExecutionResumed", None)}
        return halts or timers or runs or scopes or (set() if waits else set(self.mood()))

    def task(self, run: TaskRun) -> Task:
        return self.flow.by_id[run.task]

    def waits(self, asks: tuple[str, ...]) -> bool:
        """Whether there is an answer to wait for: whoever is killed needs none."""
        return bool(asks) and not self.execution.kill

    def run_waits(self, run: TaskRun) -> bool:
        return self.waits(run.asks) and run.doomed is None

    def is_ready(self, run: TaskRun) -> bool:
        if run.kind is Kind.FLOWABLE:
            begun = any(not attempt.lost for attempt in run.attempts)
            return run.closing is not None and run.state is State.RUNNING and not begun
        return run.state is State.CREATED and not run.gated

    def start(self) -> Iterator[Gist]:
        execution = self.execution
        if execution.kill:
            yield ("ExecutionEnded", None, State.KILLED)
        elif not (execution.held or execution.queued) and (execution.schedule_date or self.now) <= self.now:
            if execution.state in (State.CREATED, State.QUEUED):
                yield ("ExecutionStarted", None)
            yield ("ScopeOpened", None, Phase.MAIN)

    def mood(self) -> Iterator[Gist]:
        execution = self.execution
        if execution.held or execution.kill:
            return
        waiting = {run.state for run in self.live if run.kind is not Kind.FLOWABLE or run.state is State.PAUSED}
        for state in (State.RETRYING, State.PAUSED):
            if state in waiting:
                if execution.state is not state:
                    yield ("ExecutionWaiting", None, state)
                return

    # ── what stops within a flowable ──

    def halts(self) -> Iterator[Gist]:
        named = {each[1]: each for each in self.scopes() if each[0] == "ChildrenStopping"}
        for run in self.live:
            is_open = run.opened is not None and run.closing is None and run.state is State.RUNNING
            if is_open and run.wake_at is not None and run.wake_at <= self.now:
                named.setdefault(run.id, ("ChildrenStopping", run.id, State.KILLED))
        for key, found in named.items():
            if not any(above.id in named for above in self.execution.lineage(self.execution.runs[key])):
                yield found

    # ── timers ──

    def timers(self) -> Iterator[Gist]:
        for run in self.live:
            is_open = run.opened is not None and run.closing is None and run.state is State.RUNNING
            if run.wake_at is not None and run.wake_at <= self.now and not is_open:
                yield self.woken(run)
            attempt, limit = run.attempt, timeout_of(self.task(run), run)
            running = attempt is not None and attempt.state is State.RUNNING
            if running and limit is not None and run.stop is None and attempt.started + limit <= self.now:
                yield ("TaskRunStopping", run.id)

    def woken(self, run: TaskRun) -> Gist:
        match run.stop, run.state, run.then:
            case StopCause.KILL, _, _:
                return ("TaskRunEnded", run.id, run.doomed or State.KILLED)
            case StopCause.TIMEOUT, _, _:
                return ("TaskRunEnded", run.id, softened(self.task(run), State.FAILED))
            case _, State.RETRYING, _:
                return ("TaskRunReleased", run.id)
            case _, _, "TIMEOUT" | "FAIL":
                return ("TaskRunEnded", run.id, State.FAILED)
            case _, _, "CANCEL":
                return ("TaskRunEnded", run.id, State.CANCELLED)
            case _:
                return ("TaskRunResumed", run.id)

    # ── task runs ──

    def runs(self) -> Iterator[Gist]:
        for run in self.live:
            if self.run_waits(run) or (run.opened is not None and run.closing is None):
                continue
            found = self.about(run)
            if found is not None:
                yield found

    def about(self, run: TaskRun) -> Gist | None:
        task = self.task(run)
        if run.failure is not None:
            return ("TaskRunEnded", run.id, softened(task, State.FAILED))
        if self.execution.kill or run.doomed is not None:
            return self.killed(run)
        if run.state is State.CREATED:
            return self.gate(run, task) if run.gated else None
        if run.kind is Kind.FLOWABLE and run.closing is None:
            return self.opening(run, task)
        if run.closing is not None and all(attempt.lost for attempt in run.attempts):
            return None
        if run.state is State.RETRYING or run.attempt is None or run.attempt.state is State.RUNNING:
            return None
        return gist(conclude(self.flow, task, run, self.now))

    def killed(self, run: TaskRun) -> Gist | None:
        if run.is_running:
            return ("TaskRunStopping", run.id) if run.stop is not StopCause.KILL else None
        attempt = run.attempt
        if run.stop is StopCause.KILL and attempt is not None and not attempt.lost:
            if run.closing is not None:
                return gist(conclude(self.flow, self.task(run), run, self.now))
            well = attempt.state in (State.SUCCESS, State.WARNING)
            return ("TaskRunEnded", run.id, attempt.state if well else run.doomed or State.KILLED)
        return ("TaskRunEnded", run.id, State.KILLED if self.execution.kill else run.doomed)

    def gate(self, run: TaskRun, task: Task) -> Gist:
        if task.run_if is not None and "runIf" not in run.facts:
            return ("EvaluationRequested", run.id)
        if run.facts.get("runIf") is False:
            return ("TaskRunEnded", run.id, State.SKIPPED)
        if isinstance(task.timeout, str) and "timeout_s" not in run.facts:
            return ("EvaluationRequested", run.id)
        return ("FlowableStarted" if run.kind is Kind.FLOWABLE else "TaskRunAdmitted", run.id)

    def opening(self, run: TaskRun, task: Task) -> Gist | None:
        flowable = FLOWABLES[task.type]
        if run.state is State.PAUSED:
            return ("TaskRunResumed", run.id) if "resumed" in run.facts else None
        known = {"evaluationResult", "case", "values", "delay_s", "behavior", "onResume", "concurrent"}
        known |= {"onChildFailure", "autoApprove", "approveBehavior", "denyBehavior", "expireBehavior"}
        if flowable.asks(task) and not known & run.facts.keys():
            return ("EvaluationRequested", run.id)
        if flowable.wait(task, run.facts) is not None and "onResume" not in run.facts:
            if run.opened is None and flowable.before(task):
                return ("ScopeOpened", run.id, Phase.BEFORE)
            return ("TaskRunPaused", run.id)
        return ("ScopeOpened", run.id, Phase.MAIN)

    # ── lists of children ──

    def scopes(self) -> Iterator[Gist]:
        execution = self.execution
        if execution.opened is not None and not self.waits(execution.asks):
            yield from self.scope(None)
        for run in self.live:
            if run.opened is not None and run.closing is None and not self.run_waits(run):
                yield from self.scope(run)

    def scope(self, owner: TaskRun | None) -> Iterator[Gist]:
        execution, key = self.execution, owner.id if owner is not None else None
        opened = owner.opened if owner is not None else execution.opened
        assert opened is not None
        children = [run for run in execution.runs.values() if run.parent == key]
        here = [run for run in children if run.phase is opened.phase]
        alive = [run for run in here if not run.state.is_terminal]
        main = opened.phase is Phase.MAIN
        stopped = owner is not None and owner.stop is not None and main
        failing = any(run.state in FAILING for run in here) or stopped
        if owner is not None and owner.state is State.PAUSED and not execution.kill and owner.doomed is None:
            if "resumed" in owner.facts:
                yield ("TaskRunResumed", owner.id)
            return
        lanes = self.lanes(owner, opened.phase)
        reached = {lane: max(run.position for run in here if run.lane == lane) for lane in {run.lane for run in here}}
        done = [lane for lane, position in reached.items() if self.is_done(here, lanes, lane, position)]
        if execution.kill or (owner is not None and owner.doomed is not None):
            if not alive:
                yield from self.close(owner, opened.phase, children)
            return
        if failing and alive and main and owner is not None and not stopped:
            state = FLOWABLES[self.task(owner).type].others_end_as(self.task(owner), owner.facts)
            if state is not None:
                yield ("ChildrenStopping", key, state)
                return
        if not alive and (failing or len(done) == lanes.count):
            yield from self.close(owner, opened.phase, children)
            return
        if failing or execution.held:
            return
        for lane, position in reached.items():
            at = next(run for run in here if (run.lane, run.position) == (lane, position))
            if at.state.is_terminal and lane not in done:
                yield ("TaskRunCreated", key, opened.phase, lane, position + 1)
        free = lanes.count if lanes.width == 0 else lanes.width - (len(reached) - len(done))
        needs = self.needs(owner, opened.phase)
        fresh = [lane for lane in range(lanes.count) if lane not in reached and needs.get(lane, set()) <= set(done)]
        for lane in fresh[: max(free, 0)]:
            yield ("TaskRunCreated", key, opened.phase, lane, 0)

    def needs(self, owner: TaskRun | None, phase: Phase) -> dict[int, set[int]]:
        """For each lane, those that it waits for."""
        needs: dict[int, set[int]] = {}
        if owner is not None and phase is Phase.MAIN:
            followers = FLOWABLES[self.task(owner).type].followers(self.task(owner), owner.facts)
            for lane, others in enumerate(followers):
                for other in others:
                    needs.setdefault(other, set()).add(lane)
        return needs

    def is_done(self, here: list[TaskRun], lanes: Lanes, lane: int, position: int) -> bool:
        at = next(run for run in here if (run.lane, run.position) == (lane, position))
        ended = at.state.is_terminal and at.state not in FAILING
        return ended and position == len(lanes.lane(lane).tasks) - 1

    def lanes(self, owner: TaskRun | None, phase: Phase) -> Lanes:
        if owner is not None and phase is Phase.BEFORE:
            return one_lane(FLOWABLES[self.task(owner).type].before(self.task(owner)))
        if phase is not Phase.MAIN:
            return one_lane(self.branch(owner, phase))
        return one_lane(self.flow.tasks) if owner is None else self.lanes_of(owner)

    def lanes_of(self, owner: TaskRun) -> Lanes:
        task = self.task(owner)
        return FLOWABLES[task.type].lanes(task, owner.facts)

    def branch(self, owner: TaskRun | None, phase: Phase) -> tuple[Task, ...]:
        if owner is not None:
            return self.task(owner).branches.get(phase.value, ())
        return self.flow.errors if phase is Phase.ERRORS else self.flow.finally_

    def close(self, owner: TaskRun | None, phase: Phase, children: list[TaskRun]) -> Iterator[Gist]:
        execution, key = self.execution, owner.id if owner is not None else None
        counted = {run.state for run in children if run.phase is not Phase.ERRORS and run.state.is_terminal}
        timed_out = owner is not None and owner.stop is StopCause.TIMEOUT
        doomed = owner.doomed if owner is not None else None
        if not execution.kill and doomed is None:
            failing = any(run.state in FAILING for run in children if run.phase is phase)
            if owner is not None and phase is Phase.BEFORE and not failing:
                yield self.opening(owner, self.task(owner))  # type: ignore[misc]
                return
            failed = State.FAILED in counted or timed_out
            if phase in (Phase.BEFORE, Phase.MAIN) and failed and self.branch(owner, Phase.ERRORS):
                yield ("ScopeOpened", key, Phase.ERRORS)
                return
            if phase is not Phase.FINALLY and self.branch(owner, Phase.FINALLY):
                yield ("ScopeOpened", key, Phase.FINALLY)
                return
        state = State.KILLED if execution.kill else worst(counted)
        if owner is None:
            yield self.end(state)
            return
        if execution.kill or doomed is not None:
            yield ("TaskRunEnded", owner.id, State.KILLED if execution.kill else doomed)
            return
        if timed_out:
            yield ("TaskRunEnded", owner.id, softened(self.task(owner), State.FAILED))
            return
        state = FLOWABLES[self.task(owner).type].ends(self.task(owner), owner.facts, state)
        if state in (State.SUCCESS, State.WARNING) and FLOWABLES[self.task(owner).type].closes(self.task(owner)):
            yield ("FlowableClosing", owner.id)
            return
        yield ("TaskRunEnded", owner.id, softened(self.task(owner), state))

    def end(self, state: State) -> Gist:
        execution = self.execution
        if self.flow.outputs and not execution.kill:
            if execution.failure is not None:
                return ("ExecutionEnded", None, State.FAILED)
            if "outputs" not in execution.facts:
                return ("EvaluationRequested", None)
        return ("ExecutionEnded", None, state)
