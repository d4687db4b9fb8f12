"""What comes of a flow, told as plainly as it can be: a recursion over its tasks, which knows all fates beforehand.

It is written from what the language promises (Kestra docs, 2026-06; Kestra core 0.21) and shares nothing with the core
but the flow itself. A task's course depends on when it begins and on nothing beside it; so a list is worked off by
taking the ends of its tasks in the order of time, and a kill is a cut through the finished course.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from laws.course import FALSE, OVER, STOPS, WORST, Lane, NotRendered, Opened, Outcome, Run, Try, seconds, short, soft
from laws.fates import Fates, Key, Place
from laws.kinds import FLOWABLES
from penstock.flow.model import Backoff, Flow, Retry, Task


@dataclass
class Reference:
    """One flow under its fates. `outcome_of` is what to call."""

    flow: Flow
    fates: Fates
    start: datetime
    runs: list[Run] = field(default_factory=list)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    created: Counter[Key] = field(default_factory=Counter)
    """How often there was such a task run: in a loop that goes round there is another one each time."""
    is_over: bool = False

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
        times = [*self.asked, *((each.begin, each.end) for run in self.runs for each in run.tries)]
        return any(begin <= at < end for begin, end in times)

    def outcome(self) -> Outcome:
        flow = self.flow
        end, state = self.body(None, (), Opened([Lane(flow.tasks)], self.start), flow.errors, flow.finally_)
        outputs = None
        if flow.outputs:
            try:
                end, text = self.ask(("", ()), "out", end)
                outputs = {"out": text}
            except NotRendered as failed:
                end, state = failed.at, "FAILED"
        kill = self.start + self.fates.kill if self.fates.kill is not None else None
        if kill is not None and kill < end:
            end, state, outputs = self.cut(self.runs, kill, "KILLED"), "KILLED", None
            kill = None
        self.after(end, kill)
        return Outcome(state, outputs, [run for run in self.runs if run.gone is None])

    def after(self, end: datetime, kill: datetime | None) -> None:
        """What runs when the state is set. A kill that comes by then stops it, and changes no state any more."""
        self.is_over, before = True, len(self.runs)
        over, _ = self.tasks(None, (), Opened([Lane(self.flow.after_execution)], end, is_last=True))
        if kill is not None and end <= kill < over:
            self.cut(self.runs[before:], kill, "KILLED")

    # ── lists of tasks ──

    def body(
        self, parent: Run | None, place: Place, opened: Opened, errors: Sequence[Task], finally_: Sequence[Task]
    ) -> tuple[datetime, str]:
        """The main list; after a failure the errors list; in any case the finally list. Errors change no state."""
        end, states, ran_out = self.main(parent, place, opened)
        if "FAILED" in states or ran_out:
            end, _ = self.tasks(parent, place, Opened([Lane(errors)], end, is_last=True))
        end, last = self.tasks(parent, place, Opened([Lane(finally_)], end, is_last=True))
        state = next((state for state in WORST if state in states | last), "SUCCESS")
        if parent is not None:
            parent.ran_out = ran_out
        return end, "FAILED" if ran_out else state

    def main(self, parent: Run | None, place: Place, opened: Opened) -> tuple[datetime, set[str], bool]:
        """The main list, round by round; whether its time has run out, which stops all that goes on in it."""
        before = len(self.runs)
        end, states = self.tasks(parent, place, opened)
        while opened.rounds is not None and not states & STOPS and not opened.is_late(end):
            end, again = opened.rounds.next(end)
            if again is None or opened.is_late(again):
                end = again or end
                break
            for run in self.runs[before:]:
                run.gone = run.gone or again
            lanes = [replace(lane, iteration=opened.rounds.made - 1) for lane in opened.lanes]
            end, states = self.tasks(parent, place, replace(opened, at=again, lanes=lanes))
        if opened.until is None or not opened.is_late(end):
            return end, states | opened.states, False
        end = self.cut(self.runs[before:], opened.until, "KILLED")
        return end, set(opened.states), True

    def tasks(self, parent: Run | None, place: Place, opened: Opened) -> tuple[datetime, set[str]]:
        """Lanes side by side, `width` of them at once (0: all). After a failure nothing new begins."""
        return _List(self, parent, place, opened).work()

    def free(self, at: datetime) -> datetime:
        """While a person holds the execution nothing begins, unless it is over."""
        if self.fates.held is not None and not self.is_over:
            begin, end = (self.start + moment for moment in self.fates.held)
            return end if begin <= at < end else at
        return at

    # ── one task ──

    def task(self, task: Task, parent: Run | None, place: Place, lane: Lane, at: datetime) -> Run:
        place = (*place, lane.value) if lane.value is not None else place
        parent_key = parent.key if parent is not None else None
        run = Run((task.id, place), parent_key, lane.value, lane.iteration, [("CREATED", at)])
        self.runs.append(run)
        self.created[run.key] += 1
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
            if short(task) in FLOWABLES:
                self.flowable(task, run, limit, at)
            else:
                self.attempts(task, run, limit, at)
        except NotRendered as failed:
            run.take(soft(task, "FAILED"), failed.at)
        return run

    def ask(self, key: Key, name: str, at: datetime, asked: int = 1) -> tuple[datetime, str]:
        at, [text] = self.ask_all(key, (name,), at, asked)
        return at, text

    def ask_all(self, key: Key, names: Sequence[str], at: datetime, asked: int = 1) -> tuple[datetime, list[str]]:
        """What is asked together is known together."""
        answers = [self.fates.answer(key, name, max(self.created[key], 1), asked) for name in names]
        known = at + max(answer.takes for answer in answers)
        self.asked.append((at, known))
        texts = [answer.text for answer in answers if answer.text is not None]
        if len(texts) < len(answers):
            raise NotRendered(known)
        return known, texts

    def attempts(self, task: Task, run: Run, limit: timedelta | None, at: datetime) -> None:
        """One attempt after another, as long as the nearest retry allows it. A timeout is a failure."""
        retry, first, number = self.retry_of(task), None, 0
        while True:
            number += 1
            at = self.free(at)
            run.take("RUNNING", at)
            first = first or at
            fate = self.fates.attempt(run.key, number)
            end, state, outputs, told = at + fate.takes, fate.state, dict(fate.outputs), None
            if limit is not None and fate.takes > limit:
                told, state, outputs = at + limit, "FAILED", {}
                end = told + fate.obeys
            run.tries.append(Try(at, end, fate.obeys, told))
            run.shows.append((end, outputs))
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
                return (
                    now
                    + retry.min_interval
                    + (most - retry.min_interval) * self.fates.draws.get((key, self.created[key], made), 0.5)
                )

    # ── flowables ──

    def flowable(self, task: Task, run: Run, limit: timedelta | None, at: datetime) -> None:
        run.take("RUNNING", at)
        opened = FLOWABLES[short(task)](self, task, run, limit, at)
        if run.state in OVER:
            return
        if limit is not None and short(task) != "Pause":
            opened = replace(opened, until=at + limit)
        errors, finally_ = task.branches.get("errors", ()), task.branches.get("finally", ())
        end, state = self.body(run, run.key[1], opened, errors, finally_)
        state = opened.least if state == "SUCCESS" else state
        if opened.rounds is not None and opened.rounds.objects and state not in STOPS:
            state = "FAILED"
        if short(task) == "AllowFailure" and state == "FAILED":
            state = "WARNING"
        is_left = state in ("KILLED", "CANCELLED") or run.ran_out
        if short(task) == "WorkingDirectory" and task.properties.get("outputFiles") and not is_left:
            end, state = self.closing(run, state, end, opened.until)
        run.take(soft(task, state), end)

    def closing(self, run: Run, state: str, at: datetime, until: datetime | None) -> tuple[datetime, str]:
        """An attempt of the flowable's own, when its children have ended, well or not. It is not repeated, and must
        have ended by then, too, unless `errors` and `finally` have already taken longer."""
        is_late = until is not None and until <= at
        at = self.free(at)
        fate = self.fates.attempt(run.key, 1)
        end = at + fate.takes
        if until is not None and end > until and not is_late:
            told = max(at, until)
            end = told + fate.obeys
            run.tries.append(Try(at, end, fate.obeys, told))
            return end, "FAILED"
        run.tries.append(Try(at, end, fate.obeys))
        run.shows.append((end, dict(fate.outputs)))
        return end, next(each for each in (*WORST, "SUCCESS") if each in (state, fate.state))

    # ── what is stopped ──

    def cut(self, runs: Sequence[Run], at: datetime, state: str) -> datetime:
        """What of `runs` had begun by then, where all that was not over ends as `state`; when the last has ended."""
        ends: dict[Key | None, datetime] = {}
        latest = at
        for run in reversed(runs):
            if run.created > at:
                self.runs.remove(run)
            if run.gone is not None and run.gone > at:
                run.gone = None
            if run.created > at or run.gone is not None:
                continue
            if run.end > at:
                self.stop(run, at, state, ends.get(run.key, at))
            ends[run.parent] = max(ends.get(run.parent, at), run.end)
            latest = max(latest, run.end)
        return latest

    def stop(self, run: Run, at: datetime, state: str, children: datetime) -> None:
        """An attempt takes a while to obey; a flowable ends with the last of its children; the rest ends at once."""
        run.course = [(each, when) for each, when in run.course if when <= at]
        run.shows = [(when, outputs) for when, outputs in run.shows if when <= at]
        run.tries = [each for each in run.tries if each.begin <= at]
        end = children
        if run.tries and run.tries[-1].end > at:
            busy = run.tries[-1]
            end = min(busy.end, at + busy.obeys) if busy.told is not None else at + busy.obeys
            busy.end, busy.told = end, busy.told or at
            if run.state != "KILLING":  # two times may run out at one moment
                run.take("KILLING", at)
            run.shows.append((end, {}))
        run.take(state, end)


@dataclass
class _List:
    """One list being worked off: an agenda of what begins and what ends, in the order of time."""

    reference: Reference
    parent: Run | None
    place: Place
    opened: Opened
    states: set[str] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    alive: dict[int, Sequence[Run]] = field(default_factory=dict)
    agenda: list[tuple[datetime, int, bool, int, int]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=count)

    def work(self) -> tuple[datetime, set[str]]:
        self.lanes = [[task for task in lane.tasks if not task.disabled] for lane in self.opened.lanes]
        at = self.opened.at
        self.begin_lanes(at)
        while self.agenda:
            now, _, is_end, lane, position = heapq.heappop(self.agenda)
            if not is_end:
                if not self.stopped:
                    self.begin(lane, position, now)
                continue
            at = now
            run = self.alive.pop(lane)[0]
            was_stopped = self.stopped
            self.states.add(run.state)
            if self.stopped and not was_stopped and self.opened.others is not None:
                at = self.stop_others(now)
                break
            if not self.stopped:
                self.go_on(lane, position, now)
        return at, self.states

    @property
    def stopped(self) -> bool:
        return not self.opened.is_last and bool(self.states & STOPS)

    def begin_lanes(self, at: datetime) -> None:
        """As many as the width allows, of those that wait for nothing any more."""
        for lane, tasks in enumerate(self.lanes):
            needs = self.opened.needs[lane] if self.opened.needs else set()
            is_free = self.opened.width == 0 or len(self.begun - self.done) < self.opened.width
            if tasks and lane not in self.begun and needs <= self.done and is_free:
                self.begun.add(lane)
                self.wants(lane, 0, at)

    def wants(self, lane: int, position: int, at: datetime) -> None:
        heapq.heappush(self.agenda, (self.reference.free(at), next(self.order), False, lane, position))

    def begin(self, lane: int, position: int, now: datetime) -> None:
        before = len(self.reference.runs)
        self.reference.task(self.lanes[lane][position], self.parent, self.place, self.opened.lanes[lane], now)
        self.alive[lane] = self.reference.runs[before:]
        heapq.heappush(self.agenda, (self.alive[lane][0].end, next(self.order), True, lane, position))

    def go_on(self, lane: int, position: int, now: datetime) -> None:
        if position + 1 < len(self.lanes[lane]):
            self.wants(lane, position + 1, now)
        else:
            self.done.add(lane)
            self.begin_lanes(now)

    def stop_others(self, now: datetime) -> datetime:
        assert self.opened.others is not None
        ends = [now]
        for runs in self.alive.values():
            ends.append(self.reference.cut(runs, now, self.opened.others))
            self.states.add(runs[0].state)
        return max(ends)
