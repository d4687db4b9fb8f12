"""What comes of a flow, told as plainly as it can be: a recursion over its tasks, which knows all fates beforehand.

It is written from what the language promises (Kestra docs, 2026-06; Kestra core 0.21) and shares nothing with the core
but the flow itself. A task's course depends on when it begins and on nothing beside it; so a list is worked off by
taking the ends of its tasks in the order of time, and a kill is a cut through the finished course.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from laws.fates import Fates, Key, Place
from penstock.flow.model import Backoff, Flow, Retry, Task

FALSE = {"false", "0", "-0", ""}
STOPS = {"FAILED", "KILLED", "CANCELLED"}
OVER = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED"}
WORST = ("KILLED", "FAILED", "CANCELLED", "WARNING")

Histories = tuple[tuple[str, datetime], ...]


@dataclass
class Run:
    """One task run as it should be. `busy` are the times of its attempts, from the start of each to its end."""

    key: Key
    parent: Key | None
    value: str | None
    iteration: int | None
    course: list[tuple[str, datetime]]
    attempts: int = 0
    outputs: dict[str, object] | None = None
    busy: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def created(self) -> datetime:
        return self.course[0][1]

    @property
    def state(self) -> str:
        return self.course[-1][0]

    @property
    def end(self) -> datetime:
        return self.course[-1][1]

    def take(self, state: str, at: datetime) -> None:
        self.course.append((state, at))


@dataclass(frozen=True)
class Lane:
    """Tasks one after another, with the value and the number of their iteration in a loop."""

    tasks: Sequence[Task]
    value: str | None = None
    iteration: int | None = None


@dataclass
class Outcome:
    state: str
    outputs: dict[str, str] | None
    runs: list[Run]


class NotRendered(Exception):
    """An expression has failed. `at` is when that was known."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at


@dataclass
class Reference:
    """One flow under its fates. `outcome_of` is what to call."""

    flow: Flow
    fates: Fates
    start: datetime
    runs: list[Run] = field(default_factory=list)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    @classmethod
    def outcome_of(cls, flow: Flow, fates: Fates, start: datetime) -> Outcome:
        """What comes of `flow`. A person can only hold what moves: not what waits for a timer or for people."""
        free = cls(flow, replace(fates, held=None), start)
        freely = free.outcome()
        if fates.held is None or not free.moves(start + fates.held[0]):
            return freely
        return cls(flow, fates, start).outcome()

    def moves(self, at: datetime) -> bool:
        """Whether anything is being done or rendered then."""
        times = [*self.asked, *(busy for run in self.runs for busy in run.busy)]
        return any(begin <= at < end for begin, end in times)

    def outcome(self) -> Outcome:
        end, state = self.body(None, (), [Lane(self.flow.tasks)], 1, self.flow.errors, self.flow.finally_, self.start)
        outputs = None
        if self.flow.outputs:
            try:
                end, text = self.ask(("", ()), "out", end)
                outputs = {"out": text}
            except NotRendered as failed:
                end, state = failed.at, "FAILED"
        kill = self.start + self.fates.kill if self.fates.kill is not None else None
        if kill is not None and kill < end:
            return Outcome("KILLED", None, list(self.cut(kill)))
        return Outcome(state, outputs, self.runs)

    # ── lists of tasks ──

    def body(
        self,
        parent: Run | None,
        place: Place,
        lanes: Sequence[Lane],
        width: int,
        errors: Sequence[Task],
        finally_: Sequence[Task],
        at: datetime,
    ) -> tuple[datetime, str]:
        """The main list; after a failure the errors list; in any case the finally list. Errors change no state."""
        end, states = self.tasks(parent, place, lanes, width, at)
        if "FAILED" in states:
            end, _ = self.tasks(parent, place, [Lane(errors)], 1, end)
        end, last = self.tasks(parent, place, [Lane(finally_)], 1, end)
        return end, next((state for state in WORST if state in states | last), "SUCCESS")

    def tasks(
        self, parent: Run | None, place: Place, lanes: Sequence[Lane], width: int, at: datetime
    ) -> tuple[datetime, set[str]]:
        """Lanes side by side, `width` of them at once (0: all). After a failure nothing new begins."""
        lanes = [replace(lane, tasks=[task for task in lane.tasks if not task.disabled]) for lane in lanes]
        waiting = [lane for lane in lanes if lane.tasks]
        order = count()
        agenda: list[tuple[datetime, int, str | None, Lane, int]] = []
        states: set[str] = set()

        def wants(lane: Lane, position: int, at: datetime) -> None:
            heapq.heappush(agenda, (self.free(at), next(order), None, lane, position))

        for lane in waiting[: width or None]:
            wants(lane, 0, at)
        del waiting[: width or len(waiting)]
        while agenda:
            now, _, ended, lane, position = heapq.heappop(agenda)
            stopped = bool(states & STOPS)
            if ended is None and not stopped:
                run = self.task(lane.tasks[position], parent, place, lane, now)
                heapq.heappush(agenda, (run.end, next(order), run.state, lane, position))
            elif ended is not None:
                at = now
                states.add(ended)
                if ended in STOPS or stopped:
                    continue
                if position + 1 < len(lane.tasks):
                    wants(lane, position + 1, now)
                elif waiting:
                    wants(waiting.pop(0), 0, now)
        return at, states

    def free(self, at: datetime) -> datetime:
        """While a person holds the execution nothing begins."""
        if self.fates.held is not None:
            begin, end = (self.start + moment for moment in self.fates.held)
            return end if begin <= at < end else at
        return at

    # ── one task ──

    def task(self, task: Task, parent: Run | None, place: Place, lane: Lane, at: datetime) -> Run:
        place = (*place, lane.value) if lane.value is not None else place
        run = Run((task.id, place), parent.key if parent else None, lane.value, lane.iteration, [("CREATED", at)])
        self.runs.append(run)
        try:
            if task.run_if is not None:
                at, text = self.ask(run.key, "runIf", at)
                if text in FALSE:
                    run.take("SKIPPED", at)
                    return run
            limit = task.timeout if isinstance(task.timeout, timedelta) else None
            if isinstance(task.timeout, str):
                at, text = self.ask(run.key, "timeout", at)
                limit = seconds(text, at)
            if _short(task) in _FLOWABLES:
                self.flowable(task, run, limit, at)
            else:
                self.attempts(task, run, limit, at)
        except NotRendered as failed:
            run.take(soft(task, "FAILED"), failed.at)
        return run

    def ask(self, key: Key, name: str, at: datetime) -> tuple[datetime, str]:
        answer = self.fates.answer(key, name)
        self.asked.append((at, at + answer.takes))
        if answer.text is None:
            raise NotRendered(at + answer.takes)
        return at + answer.takes, answer.text

    def attempts(self, task: Task, run: Run, limit: timedelta | None, at: datetime) -> None:
        """One attempt after another, as long as the nearest retry allows it. A timeout is a failure."""
        retry, first, number = self.retry_of(task), None, 0
        while True:
            number += 1
            at = self.free(at)
            run.take("RUNNING", at)
            run.attempts, first = number, first or at
            fate = self.fates.attempt(run.key, number)
            end, state = at + fate.takes, fate.state
            run.outputs = dict(fate.outputs)
            if limit is not None and fate.takes > limit:
                end, state, run.outputs = at + limit + fate.obeys, "FAILED", {}
            run.busy.append((at, end))
            if state != "FAILED":
                warns = retry is not None and retry.warning_on_retry and number > 1
                run.take(soft(task, "WARNING" if warns else state), end)
                return
            again = None if retry is None else self.again(retry, run.key, number, end)
            late = again is not None and retry is not None and retry.max_duration is not None
            if again is None or (late and again > first + retry.max_duration):  # type: ignore[operator,union-attr]
                run.take(soft(task, "FAILED"), end)
                return
            run.course += [("FAILED", end), ("RETRYING", end), ("CREATED", again)]
            at = again

    def retry_of(self, task: Task) -> Retry | None:
        """Its own, else that of the nearest flowable that has one, else the flow's."""
        around: Task | None = task
        while around is not None:
            if around.retry is not None:
                return around.retry
            around = self.flow.parents.get(around.id)
        return self.flow.retry

    def again(self, retry: Retry, key: Key, made: int, now: datetime) -> datetime | None:
        if retry.max_attempts is not None and made >= retry.max_attempts:
            return None
        match retry.backoff:
            case Backoff.CONSTANT:
                return now + retry.interval
            case Backoff.EXPONENTIAL:
                delay = retry.interval * retry.factor * (made - 1)
                return now + (delay if retry.max_interval is None else min(delay, retry.max_interval))
            case Backoff.RANDOM:
                most = retry.max_interval or retry.min_interval
                return now + retry.min_interval + (most - retry.min_interval) * self.fates.draws.get((key, made), 0.5)

    # ── flowables ──

    def flowable(self, task: Task, run: Run, limit: timedelta | None, at: datetime) -> None:
        run.take("RUNNING", at)
        lanes, width, at, least = _FLOWABLES[_short(task)](self, task, run, limit, at)
        if run.state in OVER:
            return
        errors, finally_ = task.branches.get("errors", ()), task.branches.get("finally", ())
        end, state = self.body(run, run.key[1], lanes, width, errors, finally_, at)
        state = least if state == "SUCCESS" else state
        if _short(task) == "WorkingDirectory" and task.properties.get("outputFiles") and state not in STOPS:
            end, state = self.closing(run, state, end)
        run.take(soft(task, state), end)

    def closing(self, run: Run, state: str, at: datetime) -> tuple[datetime, str]:
        """An attempt of the flowable's own, when its children have ended well. It is not repeated."""
        at = self.free(at)
        fate = self.fates.attempt(run.key, 1)
        run.attempts, run.outputs = 1, dict(fate.outputs)
        end = at + fate.takes
        run.busy.append((at, end))
        return end, next(each for each in (*WORST, "SUCCESS") if each in (state, fate.state))

    # ── a kill ──

    def cut(self, kill: datetime) -> Iterator[Run]:
        """What had begun by then, where everything that was not over is killed."""
        for run in self.runs:
            if run.created > kill:
                continue
            past = [(state, at) for state, at in run.course if at <= kill]
            run.attempts = sum(begin <= kill for begin, _ in run.busy)
            if past[-1][0] not in OVER or len(past) < len(run.course):
                is_busy = any(begin <= kill < end for begin, end in run.busy)
                past += [("KILLING", kill)] if is_busy else []
                past.append(("KILLED", kill))
            run.course = past
            yield run


# ── what the flowables are ───────────────────────────────────────────────────────────────────────────────────

Opened = tuple[Sequence[Lane], int, datetime, str]
"""Lanes, how many at once, from when on, and the state that it has at the least."""


def _sequential(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del reference, run, limit
    return [Lane(task.branches.get("tasks", ()))], 1, at, "SUCCESS"


def _parallel(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del reference, run, limit
    lanes = [Lane([each]) for each in task.branches.get("tasks", ())]
    return lanes, int(task.properties.get("concurrent") or 0), at, "SUCCESS"


def _if(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, text = reference.ask(run.key, "condition", at)
    run.outputs = {"evaluationResult": text not in FALSE}
    return [Lane(task.branches.get("else" if text in FALSE else "then", ()))], 1, at, "SUCCESS"


def _switch(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, value = reference.ask(run.key, "case", at)
    fits = value in task.properties["cases"]
    if not fits and "defaults" not in task.branches:
        raise NotRendered(at)
    run.outputs = {"value": value, "defaults": not fits}
    return [Lane(task.branches.get(f"cases.{value}" if fits else "defaults", ()))], 1, at, "SUCCESS"


def _for_each(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, text = reference.ask(run.key, "values", at)
    tasks, width = task.branches.get("tasks", ()), task.properties.get("concurrencyLimit", 1)
    return [Lane(tasks, value, n) for n, value in enumerate(json.loads(text))], int(width), at, "SUCCESS"


def _each_parallel(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, text = reference.ask(run.key, "value", at)
    tasks = task.branches.get("tasks", ())
    lanes = [Lane([each], value, n) for n, value in enumerate(json.loads(text)) for each in tasks]
    return lanes, int(task.properties.get("concurrent") or 0), at, "SUCCESS"


def _pause(reference: Reference, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    """It waits for a person, or for its delay, or for its timeout: what comes first."""
    delay = None
    if "delay" in task.properties:
        at, text = reference.ask(run.key, "delay", at)
        delay = seconds(text, at)
    run.take("PAUSED", at)
    person = reference.fates.patience(run.key)
    then = str(task.properties.get("behavior", "RESUME"))
    if limit is not None and (delay is None or limit < delay):
        delay, then = limit, "FAIL"
    elapsed = delay is not None and delay <= person
    at += delay if elapsed and delay is not None else person
    lanes, least = [Lane(task.branches.get("tasks", ()))], "SUCCESS"
    if elapsed and then in ("FAIL", "CANCEL"):
        run.take("FAILED" if then == "FAIL" else "CANCELLED", at)
    else:
        run.take("RUNNING", at)
        least = "WARNING" if elapsed and then == "WARN" else least
    return lanes, 1, at, least


Open = Callable[[Reference, Task, Run, timedelta | None, datetime], Opened]

_FLOWABLES: dict[str, Open] = {
    "Sequential": _sequential,
    "WorkingDirectory": _sequential,
    "Parallel": _parallel,
    "If": _if,
    "Switch": _switch,
    "ForEach": _for_each,
    "EachParallel": _each_parallel,
    "Pause": _pause,
}


def _short(task: Task) -> str:
    return task.type.rpartition(".")[2]


def soft(task: Task, state: str) -> str:
    """A failure that is allowed is a warning, a warning that is allowed a success."""
    if state == "FAILED" and task.allow_failure:
        state = "WARNING"
    return "SUCCESS" if state == "WARNING" and task.allow_warning else state


def seconds(text: str, at: datetime) -> timedelta:
    """`PT5S`, `PT1M`; anything else is no duration, which is known at `at`."""
    number, unit = text[2:-1], text[-1:]
    if not (text.startswith("PT") and number.isdigit() and unit in ("S", "M")):
        raise NotRendered(at)
    return timedelta(seconds=int(number)) * (60 if unit == "M" else 1)
