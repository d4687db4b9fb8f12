"""What follows, found by looking at everything: slow, without agenda, scopes or any other index.

`decide` must give the same answer. Written from the task runs alone; what one task run's end amounts to
(`penstock.execution.outcome`) and which lanes a flowable has are shared, because no index is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from typing import Any

from penstock.execution.deciding.children import after_children
from penstock.execution.event import (
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
from penstock.execution.executable import EXECUTABLES
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.base import Lanes, one_lane
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import conclude, softened, timeout_of
from penstock.execution.state import FAILING, State, worst
from penstock.flow.model import Flow, Kind, Sla, SlaBehavior, Task

Gist = tuple[Any, ...]
"""The kind of an event, whom it is about, and what of it matters."""


_STOPPED = (Phase.BEFORE, Phase.MAIN)
"""The lists that a failure ends."""


def gist(event: Event) -> Gist:
    """What the full scan says of an event."""
    name = type(event).__name__
    match event:
        case TaskRunCreated():
            return (name, event.parent, event.phase, event.lane, event.position)
        case ScopeOpened():
            return (name, event.run, event.phase)
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
        if execution.state.is_terminal and not execution.trailing:
            return set()
        if execution.trailing and (execution.opened is None or execution.opened.phase is not Phase.AFTER):
            return {("ScopeOpened", None, Phase.AFTER)}
        if execution.opened is None:
            return set(self.promises()) or set(self.start())
        if execution.state is State.RESTARTED and not self.leaves:
            return {("ExecutionStarted", None)}
        timers, runs = set(self.timers()), set(self.runs())
        found = set(self.scopes())
        halts = self.outermost({each[1]: each for each in found if each[0] == "TaskRunStopping"})
        exits = {each for each in found if each[0] == "ExecutionLeaving"}
        scopes = {each for each in found if each[0] not in ("TaskRunStopping", "ExecutionLeaving")}
        busy = [run for run in self.live if run.asks or self.is_ready(run) or run.is_running or run.is_calling]
        waits = bool(busy or execution.asks)
        wanting = waits or bool(exits or halts or timers or runs or scopes)
        waiting = execution.state in (State.PAUSED, State.RETRYING, State.BREAKPOINT)
        if waiting and not (execution.held or self.leaves) and wanting:
            return {("ExecutionResumed", None)}
        return (
            exits or halts or timers or runs or set(self.promises()) or scopes or (set() if waits else set(self.mood()))
        )

    def outermost(self, named: dict[str, Gist]) -> set[Gist]:
        """Of what stops within flowables, that which is within nothing else that stops."""
        runs, lineage = self.execution.runs, self.execution.lineage
        return {gist for key, gist in named.items() if not any(above.id in named for above in lineage(runs[key]))}

    @property
    def leaves(self) -> bool:
        return self.execution.kill or self.execution.exit is not None

    def leave(self, run: TaskRun | None) -> tuple[State, bool] | None:
        """The state that was settled from above, and whether what runs is stopped for it."""
        execution = self.execution
        if execution.kill:
            return execution.exit or State.KILLED, True
        within = run
        for above in execution.lineage(run) if run is not None else ():
            if above.stop is StopCause.TIMEOUT and within.phase is Phase.MAIN:
                return State.KILLED, True
            if above.stop is StopCause.SIBLING and within.phase is Phase.MAIN:
                return self.others_end_as(above) or State.KILLED, True
            within = above
        return (execution.exit, False) if execution.exit is not None else None

    def others_end_as(self, owner: TaskRun) -> State | None:
        return FLOWABLES[self.task(owner).type].others_end_as(self.task(owner), owner.facts)

    def is_halted(self, run: TaskRun) -> bool:
        return run.kind is Kind.FLOWABLE and run.stop is StopCause.TIMEOUT

    # ── promises ──

    def promises(self) -> Iterator[Gist]:
        execution = self.execution
        if self.leaves or execution.state.is_terminal:
            return
        kept = [sla for sla in self.flow.sla if sla.id not in execution.broken]
        kept = [sla for sla in kept if sla.duration is None or not execution.openings]
        for sla in kept:
            if self.is_broken(sla):
                yield ("SlaViolated", None)
                if sla.behavior is not SlaBehavior.NONE:
                    yield ("ExecutionLeaving", None)
                    return
        asks = [sla for sla in kept if sla.assertion is not None and f"sla:{sla.id}" not in execution.judged]
        if asks and not execution.asks and execution.opened is not None:
            yield ("EvaluationRequested", None)

    def is_broken(self, sla: Sla) -> bool:
        execution = self.execution
        began = max(execution.created, execution.schedule_date or execution.created)
        for (before, _), (_, at) in pairwise(execution.histories if execution.openings else ()):
            began = max(began, at) if before.is_terminal else began
        late = sla.duration is not None and began + sla.duration <= self.now
        return late or execution.facts.get(f"sla:{sla.id}") is False

    def task(self, run: TaskRun) -> Task:
        return self.flow.by_id[run.task]

    def waits(self, asks: tuple[str, ...]) -> bool:
        """Whether there is an answer to wait for: whoever leaves needs none."""
        return bool(asks) and not self.leaves

    def is_ready(self, run: TaskRun) -> bool:
        if run.kind is Kind.FLOWABLE:
            begun = any(not attempt.lost for attempt in run.attempts[run.earlier :])
            is_late = run.stop is StopCause.TIMEOUT
            return run.closing is not None and run.state is State.RUNNING and not begun and not is_late
        return run.state in (State.CREATED, State.RESTARTED) and not run.gated

    def start(self) -> Iterator[Gist]:
        execution = self.execution
        if self.leaves:
            yield ("ExecutionEnded", None, execution.exit or State.KILLED)
        elif not (execution.held or execution.queued) and (execution.forced or self.is_time()):
            if execution.state in (State.CREATED, State.QUEUED):
                yield ("ExecutionStarted", None)
            yield ("ScopeOpened", None, Phase.MAIN)

    def is_time(self) -> bool:
        return self.execution.schedule_date is None or self.execution.schedule_date <= self.now

    def mood(self) -> Iterator[Gist]:
        execution = self.execution
        if execution.held or self.leaves or execution.state.is_terminal:
            return
        waiting = {run.state for run in self.live if run.kind is not Kind.FLOWABLE or run.state is not State.RUNNING}
        if any(run.state is State.RUNNING and run.wake_at is not None for run in self.live):
            waiting.add(State.PAUSED)
        for state in (State.RETRYING, State.PAUSED, State.BREAKPOINT):
            if state in waiting:
                if execution.state is not state:
                    yield ("ExecutionWaiting", None, state)
                return

    # ── timers ──

    def timers(self) -> Iterator[Gist]:
        for run in self.live:
            if run.wake_at is not None and run.wake_at <= self.now:
                yield self.woken(run)
            attempt, limit = run.attempt, timeout_of(self.task(run), run)
            if run.kind is Kind.FLOWABLE:
                bound = run.opened is None or run.opened.phase is Phase.MAIN
                if run.closing is not None:
                    bound = attempt is not None and attempt.state is State.RUNNING
                late = run.deadline is not None and run.deadline <= self.now and bound
                if late and run.stop in (None, StopCause.SIBLING):
                    yield ("TaskRunStopping", run.id)
                continue
            at_work = not (run.is_calling and self.are_over(run))
            running = attempt is not None and attempt.state is State.RUNNING and at_work
            if running and limit is not None and run.stop is None and attempt.started + limit <= self.now:
                yield ("TaskRunStopping", run.id)

    def woken(self, run: TaskRun) -> Gist:
        match run.stop, run.state, run.then:
            case StopCause.KILL, _, _:
                return ("TaskRunEnded", run.id, (self.leave(run) or (State.KILLED, True))[0])
            case StopCause.TIMEOUT, _, _:
                return ("TaskRunEnded", run.id, softened(self.task(run), State.FAILED))
            case _, State.RETRYING, _:
                return ("TaskRunReleased", run.id)
            case _, State.RUNNING, _:
                return ("IterationBegun", run.id)
            case _, _, "TIMEOUT" | "FAIL" if not self.has_lists_after(run):
                return ("TaskRunEnded", run.id, softened(self.task(run), State.FAILED))
            case _, _, "CANCEL":
                return ("TaskRunEnded", run.id, State.CANCELLED)
            case _:
                return ("TaskRunResumed", run.id)

    # ── task runs ──

    def runs(self) -> Iterator[Gist]:
        for run in self.live:
            if run.opened is not None and run.closing is None:
                continue
            if run.asks and self.leave(run) is None and not self.is_halted(run):
                continue
            found = self.about(run)
            if found is not None:
                yield found
            if found is not None and found[0] == "TaskRunEnded" and found[2] is State.RETRIED and not self.leaves:
                yield ("ExecutionLeaving", None)
                return

    def about(self, run: TaskRun) -> Gist | None:
        task = self.task(run)
        if run.failure is not None:
            return ("TaskRunEnded", run.id, softened(task, State.FAILED))
        leave = self.leave(run)
        if leave is not None:
            return self.left(run, *leave)
        if self.is_halted(run) and run.closing is None:
            lists = [phase for phase in (Phase.ERRORS, Phase.FINALLY) if self.branch(run, phase)]
            if lists:
                return ("ScopeOpened", run.id, lists[0])
            return ("TaskRunEnded", run.id, softened(task, State.FAILED))
        if run.state is State.BREAKPOINT:
            return None
        if run.state in (State.CREATED, State.RESTARTED):
            return self.gate(run, task) if run.gated else None
        if run.is_calling:
            return gist(after_children(self.flow, self.execution, task, run, self.now)) if self.are_over(run) else None
        if run.kind is Kind.FLOWABLE and run.closing is None:
            return self.opening(run, task)
        if run.closing is not None and all(attempt.lost for attempt in run.attempts[run.earlier :]):
            return ("TaskRunEnded", run.id, softened(task, State.FAILED)) if self.is_halted(run) else None
        if run.state is State.RETRYING or run.attempt is None or run.attempt.state is State.RUNNING:
            return None
        return gist(conclude(self.flow, self.execution, task, run, self.now))

    def living(self, run: TaskRun) -> int:
        """How many executions it waits for."""
        family = run.family
        if family is None or not family.waits:
            return 0
        return family.begun - sum(family.states.values())

    def are_over(self, run: TaskRun) -> bool:
        family = run.family
        assert family is not None
        none_follows = run.stop is not None or family.refused or family.begun == family.count
        return none_follows and self.living(run) == 0

    def left(self, run: TaskRun, state: State, stop: bool) -> Gist | None:
        calls = run.is_calling and run.family is not None
        if run.is_running or (calls and self.living(run)):
            return ("TaskRunStopping", run.id) if stop and run.stop is not StopCause.KILL else None
        if calls and not stop and self.are_over(run):
            return gist(after_children(self.flow, self.execution, self.task(run), run, self.now))
        if run.is_calling:
            return ("TaskRunEnded", run.id, state)
        attempt = run.closing_attempt if run.kind is Kind.FLOWABLE else run.attempt
        if attempt is not None and not attempt.lost and run.state in (State.RUNNING, State.KILLING):
            return gist(conclude(self.flow, self.execution, self.task(run), run, self.now))
        return ("TaskRunEnded", run.id, state)

    def gate(self, run: TaskRun, task: Task) -> Gist:
        if {run.task, f"{run.task}={run.value}"} & set(self.execution.breakpoints) and "breakpoint" not in run.facts:
            return ("BreakpointReached", run.id)
        if task.run_if is not None and "runIf" not in run.facts:
            return ("EvaluationRequested", run.id)
        if run.facts.get("runIf") is False:
            return ("TaskRunEnded", run.id, State.SKIPPED)
        if isinstance(task.timeout, str) and "timeout_s" not in run.facts:
            return ("EvaluationRequested", run.id)
        if run.kind is Kind.EXECUTABLE:
            asks = EXECUTABLES[task.type].asks(task)
            known = not asks or {"batches", "values", "uri"} & run.facts.keys()
            return ("ChildrenRequested" if known else "EvaluationRequested", run.id)
        return ("FlowableStarted" if run.kind is Kind.FLOWABLE else "TaskRunAdmitted", run.id)

    def opening(self, run: TaskRun, task: Task) -> Gist | None:
        flowable = FLOWABLES[task.type]
        if run.state is State.PAUSED:
            return ("TaskRunResumed", run.id) if "resumed" in run.facts else None
        known = {"evaluationResult", "case", "values", "delay_s", "behavior", "onResume", "concurrent"}
        known |= {"onChildFailure", "autoApprove", "approveBehavior", "denyBehavior", "expireBehavior"}
        known |= {"failOnMaxReached"}
        if flowable.asks(task) and not known & run.facts.keys():
            return ("EvaluationRequested", run.id)
        if flowable.wait(task, run.facts) is not None and "onResume" not in run.facts:
            if run.opened is None and flowable.before(task):
                return ("ScopeOpened", run.id, Phase.BEFORE)
            return ("TaskRunPaused", run.id)
        if run.facts.get("decision") in ("TIMEOUT", "FAIL"):
            return ("ScopeOpened", run.id, Phase.ERRORS if self.branch(run, Phase.ERRORS) else Phase.FINALLY)
        return ("ScopeOpened", run.id, Phase.MAIN)

    # ── lists of children ──

    def scopes(self) -> Iterator[Gist]:
        execution = self.execution
        if execution.opened is not None and not self.waits(execution.asks):
            yield from self.scope(None)
        for run in self.live:
            waits = bool(run.asks or (run.wake_at and run.state is State.RUNNING)) and not self.is_leaving(run)
            if run.opened is not None and run.closing is None and not waits:
                yield from self.scope(run)

    def scope(self, owner: TaskRun | None) -> Iterator[Gist]:
        execution, key = self.execution, owner.id if owner is not None else None
        opened = owner.opened if owner is not None else execution.opened
        assert opened is not None
        children = [run for run in execution.runs.values() if run.parent == key]
        here = [run for run in children if run.phase is opened.phase]
        alive = [run for run in here if not run.state.is_terminal]
        main = opened.phase is Phase.MAIN
        stopped = main and owner is not None and owner.stop is StopCause.SIBLING
        failing = opened.phase in _STOPPED and any(run.state in FAILING for run in here)
        if owner is not None and owner.state is State.PAUSED and not self.is_leaving(owner):
            if "resumed" in owner.facts:
                yield ("TaskRunResumed", owner.id)
            return
        lanes = self.lanes(owner, opened.phase)
        reached = {lane: max(run.position for run in here if run.lane == lane) for lane in {run.lane for run in here}}
        done = [lane for lane, position in reached.items() if self.is_done(here, lanes, lane, position)]
        if self.is_leaving(owner):
            if not alive:
                yield from self.close(owner, opened.phase, children)
            return
        if failing and alive and main and owner is not None and not stopped and self.others_end_as(owner) is not None:
            yield ("TaskRunStopping", key)
            return
        if not alive and (failing or len(done) == lanes.count):
            yield from self.close(owner, opened.phase, children)
            return
        if failing or execution.held:
            return
        for lane, position in reached.items():
            at = next(run for run in here if (run.lane, run.position) == (lane, position))
            if at.state.is_terminal and lane not in done and not any(run.lane == lane for run in alive):
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
        alive = any(run.lane == lane and not run.state.is_terminal for run in here)
        ended = not alive and (at.phase not in _STOPPED or at.state not in FAILING)
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

    def has_lists_after(self, owner: TaskRun) -> bool:
        return any(self.branch(owner, phase) for phase in (Phase.ERRORS, Phase.FINALLY))

    def branch(self, owner: TaskRun | None, phase: Phase) -> tuple[Task, ...]:
        if owner is not None:
            return self.task(owner).branches.get(phase.value, ())
        lists = {
            Phase.ERRORS: self.flow.errors,
            Phase.FINALLY: self.flow.finally_,
            Phase.AFTER: self.flow.after_execution,
        }
        return lists[phase]

    def is_leaving(self, owner: TaskRun | None) -> bool:
        if self.leave(owner) is not None:
            return True
        main = owner is not None and owner.opened is not None and owner.opened.phase is Phase.MAIN
        return owner is not None and main and self.is_halted(owner)

    def close(self, owner: TaskRun | None, phase: Phase, children: list[TaskRun]) -> Iterator[Gist]:
        key = owner.id if owner is not None else None
        failing = any(run.state in FAILING for run in children if run.phase is phase)
        if owner is not None and phase is Phase.MAIN and not self.is_leaving(owner) and not failing:
            round_ = self.another_round(owner)
            if round_ is not None:
                yield round_
                return
        counted = {run.state for run in children if run.phase is not Phase.ERRORS and run.state.is_terminal}
        if phase is Phase.AFTER:
            yield ("ExecutionClosed", None)
            return
        leave = self.leave(owner)
        if leave is None:
            failing = any(run.state in FAILING for run in children if run.phase is phase)
            if owner is not None and phase is Phase.BEFORE and not failing:
                yield self.opening(owner, self.task(owner))  # type: ignore[misc]
                return
            failed = State.FAILED in counted or (owner is not None and self.is_halted(owner))
            if phase in _STOPPED and failed and self.branch(owner, Phase.ERRORS):
                yield ("ScopeOpened", key, Phase.ERRORS)
                return
            if phase is not Phase.FINALLY and self.branch(owner, Phase.FINALLY):
                yield ("ScopeOpened", key, Phase.FINALLY)
                return
        if owner is None:
            yield self.end(worst(counted))
            return
        if leave is not None:
            yield ("TaskRunEnded", owner.id, leave[0])
            return
        if self.is_halted(owner):
            failed = FLOWABLES[self.task(owner).type].ends(self.task(owner), owner.facts, State.FAILED)
            yield ("TaskRunEnded", owner.id, softened(self.task(owner), failed))
            return
        exit_ = FLOWABLES[self.task(owner).type].exits(self.task(owner), owner.facts, worst(counted))
        if exit_ is not None and not self.execution.state.is_terminal:
            yield ("ExecutionLeaving", None)
            return
        state = FLOWABLES[self.task(owner).type].ends(self.task(owner), owner.facts, worst(counted))
        ends = (State.SUCCESS, State.WARNING, State.FAILED)
        if state in ends and FLOWABLES[self.task(owner).type].closes(self.task(owner)):
            yield ("FlowableClosing", owner.id)
            return
        if state in (State.SUCCESS, State.WARNING) and FLOWABLES[self.task(owner).type].objects(owner.facts):
            state = State.FAILED
        yield ("TaskRunEnded", owner.id, softened(self.task(owner), state))

    def another_round(self, loop: TaskRun) -> Gist | None:
        flowable = FLOWABLES[self.task(loop).type]
        if not flowable.asks_after(self.task(loop)) or loop.opened is None or not loop.opened.lanes:
            return None
        if loop.failure is not None:
            return ("TaskRunEnded", loop.id, softened(self.task(loop), State.FAILED))
        if "condition" not in loop.facts:
            return ("EvaluationRequested", loop.id)
        until = flowable.next_round(self.flow.dialect, loop.facts, loop.since, self.now)
        return None if until is None else ("IterationAwaited", loop.id)

    def end(self, state: State) -> Gist:
        execution = self.execution
        if self.leaves:
            return ("ExecutionEnded", None, execution.exit or State.KILLED)
        if self.flow.outputs:
            if execution.failure is not None:
                return ("ExecutionEnded", None, State.FAILED)
            if "outputs" not in execution.facts:
                return ("EvaluationRequested", None)
        return ("ExecutionEnded", None, state)
