"""What comes of a flow, told as plainly as it can be: a recursion over its tasks, which knows all fates beforehand.

It is written from what the language promises (Kestra docs, 2026-06; Kestra core 0.21) and shares nothing with the core
but the flow itself. A task's course depends on when it begins and on nothing beside it; so a list is worked off by
taking the ends of its tasks in the order of time, what is called is a recursion into another flow, and whatever puts an
end to an execution is a cut through its finished course.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from laws.calls import Call, Lives
from laws.course import (
    FALSE,
    OVER,
    STOPS,
    WORST,
    Lane,
    Moment,
    NotRendered,
    Opened,
    Outcome,
    Run,
    Try,
    Turn,
    seconds,
    short,
    soft,
)
from laws.fates import WHOLE, Fates, Key, Place
from laws.kinds import FLOWABLES, WAITS_ITSELF
from laws.plain import called
from laws.turns import turns_of
from penstock.flow.model import Backoff, Flow, Kind, Retry, RetryBehavior, Task


@dataclass
class Reference:
    """One execution of a flow under its fates. `outcomes_of` is what to call.

    It was made at `made`, and begins at `start`; it is killed from above at `dooms`. It is the attempt of that `number`
    at a flow that was first tried at `first`. `left` is when a task run has left it, and what runs may end by itself.
    """

    flow: Flow
    fates: Fates
    name: str
    made: datetime
    start: datetime
    dooms: tuple[datetime, ...] = ()
    number: int = 1
    first: datetime | None = None
    left: Moment | None = None
    runs: list[Run] = field(default_factory=list)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    leaves: list[Turn] = field(default_factory=list)
    orders: Iterator[int] = field(default_factory=count)
    created: Counter[Key] = field(default_factory=Counter)
    """How often there was such a task run: in a loop that goes round there is another one each time."""
    is_over: bool = False

    @classmethod
    def outcomes_of(
        cls, flow: Flow, fates: Fates, start: datetime, *, name: str = "e1", dooms: tuple[datetime, ...] = ()
    ) -> list[Outcome]:
        """What comes of `flow`, and of what tries it again."""
        whole = cls(flow, fates, name, start, start, dooms)
        outcomes = [whole.settled()]
        while (again := outcomes[-1].again) is not None:
            made, before = outcomes[-1].ended, outcomes[-1].name
            below, number = whole.fates.below("again", 0), len(outcomes) + 1
            whole = cls(flow, below, f"{before}'", made, max(made, again), dooms, number, start)
            outcomes.append(whole.settled())
        return outcomes

    def settled(self) -> Outcome:
        """A person can only hold what moves: not what waits for a timer or for people."""
        held = self.fates.held
        freely = self.anew(fates=replace(self.fates, held=None))
        outcome = freely.outcome()
        if held is None or not freely.moves(self.made + held[0]):
            return outcome
        return self.anew(fates=self.fates).outcome()

    def anew(self, *, fates: Fates, left: Moment | None = None) -> Reference:
        """This, as if nothing of it had been told yet."""
        cls = type(self)
        return cls(self.flow, fates, self.name, self.made, self.start, self.dooms, self.number, self.first, left)

    def moves(self, at: datetime) -> bool:
        """Whether anything is being done or rendered then."""
        times = [*self.asked, *((each.begin, each.end) for run in self.runs for each in run.tries)]
        return any(begin <= at < end for begin, end in times)

    # ── the whole ──

    def outcome(self) -> Outcome:
        """The finished course, and then what puts an end to it: the first such thing, and a kill even after others that
        let what runs end."""
        end, state, outputs = self.freely()
        over, cut, broken = Moment(end, next(self.orders)), None, list[str]()
        for turn in turns_of(self):
            if turn.moment > over or (cut is not None and (cut.stops or not turn.is_kill)):
                continue
            if turn.sla is not None:
                broken.append(turn.sla)
            if turn.state is None:
                continue
            if not turn.stops and self.left is None:
                return self.anew(fates=self.fates, left=turn.moment).outcome()
            cut, state, outputs = turn, turn.state, None
            over = Moment(self.cut(self.runs, turn.moment, turn.state, stops=turn.stops))
            if turn.is_kill:
                self.kill_what_is_not_waited_for(turn.moment.at)
        end = self.after(over.at, cut.moment.at if cut is not None and cut.is_kill else None)
        children = [each for call in self.calls(self.runs) for each in call.outcomes()]
        return Outcome(
            self.name,
            state,
            outputs,
            [run for run in self.runs if run.gone is None],
            children,
            broken,
            cut is not None,
            over.at,
            end,
            cut.again if cut is not None and state == "RETRIED" else None,
        )

    def freely(self) -> tuple[datetime, str, dict[str, str] | None]:
        """What it would come to by itself."""
        flow = self.flow
        end, state = self.body(None, (), Opened([Lane(flow.tasks)], self.start), flow.errors, flow.finally_)
        if not flow.outputs:
            return end, state, None
        try:
            end, text = self.ask(WHOLE, "out", end)
        except NotRendered as failed:
            return failed.at, "FAILED", None
        return end, state, {"out": text}

    def after(self, end: datetime, heard: datetime | None) -> datetime:
        """What runs when the state is set; when that is over. A kill that comes by then, and was not `heard` yet, stops
        it, and changes no state any more."""
        self.is_over, before = True, len(self.runs)
        over, _ = self.tasks(None, (), Opened([Lane(self.flow.after_execution)], end, is_last=True))
        for kill in self.kills():
            if end <= kill < over and kill != heard:
                over = self.cut(self.runs[before:], Moment(kill), "KILLED")
                self.kill_what_is_not_waited_for(kill)
                break
        return over

    def kills(self) -> list[datetime]:
        own = [self.made + self.fates.kill] if self.fates.kill is not None else []
        return sorted([*own, *self.dooms])

    def calls(self, runs: Sequence[Run]) -> Iterator[Call]:
        for run in runs:
            yield from (each.call for each in run.tries if each.call is not None)

    def kill_what_is_not_waited_for(self, at: datetime) -> None:
        for call in self.calls(self.runs):
            for child in call.children if not call.waits else ():
                child.doom(at)

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
        end = self.cut(self.runs[before:], Moment(opened.until), "KILLED")
        return end, set(opened.states), True

    def tasks(self, parent: Run | None, place: Place, opened: Opened) -> tuple[datetime, set[str]]:
        """Lanes side by side, `width` of them at once (0: all). After a failure nothing new begins."""
        return _List(self, parent, place, opened).work()

    def free(self, at: datetime) -> datetime:
        """While a person holds the execution nothing begins, unless it is over."""
        if self.fates.held is not None and not self.is_over:
            begin, end = (self.made + moment for moment in self.fates.held)
            return end if begin <= at < end else at
        return at

    # ── one task ──

    def task(self, task: Task, parent: Run | None, place: Place, lane: Lane, at: datetime) -> Run:
        place = (*place, lane.value) if lane.value is not None else place
        parent_key = parent.key if parent is not None else None
        run = Run((task.id, place), task, parent_key, lane.value, lane.iteration, self.orders)
        run.take("CREATED", at)
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
        retry, first, number, calls = self.retry_of(task), None, 0, task.kind is Kind.EXECUTABLE
        wanted = 0
        if calls:
            at, wanted = self.wanted(task, run, at)
        while True:
            number += 1
            at = at if calls else self.free(at)
            run.take("RUNNING", at)
            first = first or at
            if calls:
                end, state = self.call(task, run, number, wanted, limit, at)
            else:
                end, state = self.work(run, number, limit, at)
            if state != "FAILED":
                warns = retry is not None and retry.warning_on_retry and number > 1 and not calls
                run.take(soft(task, "WARNING" if warns else state), end)
                return
            if retry is not None and retry.behavior is RetryBehavior.CREATE_NEW_EXECUTION:
                self.fail_or_leave(task, run, retry, end)
                return
            again = None if retry is None else self.again(retry, run.key, number, end)
            late = again is not None and retry is not None and retry.max_duration is not None
            if again is None or (late and again > first + retry.max_duration):  # type: ignore[operator,union-attr]
                run.take(soft(task, "FAILED"), end)
                return
            if (call := run.tries[-1].call) is not None:
                run.shows.append((end, call.told))  # what is counted is told at the end
            run.take("FAILED", end)
            run.take("RETRYING", end)
            run.take("CREATED", again)
            at = again

    def work(self, run: Run, number: int, limit: timedelta | None, at: datetime) -> tuple[datetime, str]:
        fate = self.fates.attempt(run.key, number)
        end, state, outputs, told = at + fate.takes, fate.state, dict(fate.outputs), None
        if limit is not None and fate.takes > limit:
            told, state, outputs = at + limit, "FAILED", {}
            end = told + fate.obeys
        run.tries.append(Try(at, end, fate.obeys, told))
        run.shows.append((end, outputs))
        return end, state

    def fail_or_leave(self, task: Task, run: Run, retry: Retry, end: datetime) -> None:
        """What has failed is tried again by another execution, with all before it: as often as the retry allows, where
        executions are the attempts. Once this one has its state, a failure is a failure."""
        again = None if self.is_over else self.again(retry, WHOLE, self.number, end)
        first = self.first or self.made
        if again is None or (retry.max_duration is not None and again > first + retry.max_duration):
            run.take(soft(task, "FAILED"), end)
            return
        run.take("RETRIED", end)
        self.leaves.append(Turn(run.over, "RETRIED", stops=False, run=run, again=again))

    # ── executions that are called ──

    def wanted(self, task: Task, run: Run, at: datetime) -> tuple[datetime, int]:
        """How many executions it calls, and when that is known."""
        match short(task):
            case "Subflow":
                return at, 1
            case "Loop":
                at, text = self.ask(run.key, "values", at)
                return at, len(json.loads(text))
            case _:
                at, text = self.ask(run.key, "batches", at)
                return at, int(text)

    def call(
        self, task: Task, run: Run, number: int, wanted: int, limit: timedelta | None, at: datetime
    ) -> tuple[datetime, str]:
        """All executions of one attempt. When its time runs out they are killed."""
        opening = self.created[run.key]
        run.shows.append((at, {}))  # what an earlier attempt has called is told of no more

        def child(index: int) -> tuple[str, Lives] | timedelta:
            name = f"{self.name}/{child_name(run.key, opening, number, index)}"
            fates = self.fates.below(child_name(run.key, opening, number, index))
            flow = called(self.flow, task, fates)
            if flow is None:
                return fates.search
            return name, lambda begin, dooms: self.outcomes_of(flow, fates, begin, name=name, dooms=dooms)

        width = int(task.properties.get("concurrencyLimit") or 0) if short(task) == "Loop" else 0
        call = Call(task, wanted, width, child, self.free)
        end, told = call.work(at), None
        if limit is not None and end > at + limit:
            told = at + limit
            end = call.cut(told, dooms=True)
        run.tries.append(Try(at, end, timedelta(0), told, call))
        run.shows.append((end, call.outputs))
        return end, "FAILED" if told is not None else call.state

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
        if limit is not None and short(task) not in WAITS_ITSELF:
            opened = replace(opened, until=at + limit)
        errors, finally_ = task.branches.get("errors", ()), task.branches.get("finally", ())
        end, state = self.body(run, run.key[1], opened, errors, finally_)
        state = opened.least if state == "SUCCESS" else state
        if opened.rounds is not None and opened.rounds.objects and state not in STOPS:
            state = "FAILED"
        if short(task) == "AllowFailure" and state == "FAILED":
            state = "WARNING"
        is_left = state in ("RETRIED", "KILLED", "CANCELLED") or run.ran_out
        if short(task) == "WorkingDirectory" and task.properties.get("outputFiles") and not is_left:
            end, state = self.closing(run, state, end, opened.until)
        if opened.becomes is not None and state not in STOPS:
            state = opened.becomes
            if opened.leaves:
                leave = Moment(end, next(self.orders))
                self.leaves.append(Turn(leave, state, stops=state == "KILLED", run=run))
        run.take(soft(task, state), end)

    def closing(self, run: Run, state: str, at: datetime, until: datetime | None) -> tuple[datetime, str]:
        """An attempt of the flowable's own, when its children have ended, well or not. It is not repeated, and must
        have ended by then, too, unless `errors` and `finally` have already taken longer."""
        begin, is_bound = self.free(at), until is not None and until > at
        fate, told = self.fates.attempt(run.key, 1), None
        end, own, outputs = begin + fate.takes, fate.state, dict(fate.outputs)
        if until is not None and is_bound and end > until:
            told, own, outputs = max(begin, until), "FAILED", {}
            end = told + fate.obeys
        run.tries.append(Try(begin, end, fate.obeys, told))
        run.shows.append((end, outputs))
        return end, "FAILED" if told is not None else next(each for each in (*WORST, "SUCCESS") if each in (state, own))

    # ── what is stopped ──

    def cut(self, runs: Sequence[Run], moment: Moment, state: str, *, stops: bool = True) -> datetime:
        """What of `runs` had begun by then, where all that was not over ends as `state`; when the last has ended. Where
        nothing `stops` it, what runs comes to its own end first."""
        ends: dict[Key | None, datetime] = {}
        at = latest = moment.at
        self.leaves = [each for each in self.leaves if each.moment <= moment or each.run not in runs]
        for run in reversed(runs):
            if run.begun > moment:
                self.runs.remove(run)
                self.created[run.key] -= 1
            if run.gone is not None and run.gone > at:
                run.gone = None
            if run.begun > moment or run.gone is not None:
                continue
            if run.over > moment:
                self.end_early(run, moment, state, ends.get(run.key, at), stops=stops)
            ends[run.parent] = max(ends.get(run.parent, at), run.end)
            latest = max(latest, run.end)
        return latest

    def end_early(self, run: Run, moment: Moment, state: str, children: datetime, *, stops: bool) -> None:
        """An attempt takes a while to obey; a flowable ends with the last of its children; the rest ends at once."""
        at = moment.at
        run.tries = [each for each in run.tries if each.begin < at]
        busy = run.tries[-1] if run.tries and run.tries[-1].end > at else None
        if busy is not None and not stops:
            self.come_to_its_end(run, busy, moment, state)
            return
        run.course = [step for step in run.course if step.moment <= moment]
        run.shows = [(when, outputs) for when, outputs in run.shows if when <= at]
        end = children
        if busy is not None and busy.call is not None and not busy.call.lives(at):
            busy.end, busy = busy.call.cut(at, dooms=True), None
        if busy is not None:
            end = self.stop(busy, at)
            if run.state != "KILLING":
                run.take("KILLING", at)
            run.shows.append((end, busy.call.told if busy.call is not None else {}))
        run.take(state, end)

    def stop(self, busy: Try, at: datetime) -> datetime:
        """Have an attempt end that goes on; when it has."""
        if busy.call is not None:
            end = busy.call.cut(at, dooms=True)
        else:
            end = min(busy.end, at + busy.obeys) if busy.told is not None else at + busy.obeys
        busy.end, busy.told = end, busy.told or at
        return end

    def come_to_its_end(self, run: Run, busy: Try, moment: Moment, state: str) -> None:
        """The attempt is the last. What it calls is over when all is that it has called by then."""
        end, task = busy.end, run.task
        came_to = next(step.state for step in run.course if step.at >= end and step.moment > moment)
        came_to = soft(task, "FAILED") if came_to in ("FAILED", "RETRIED") else came_to
        if busy.call is not None and not (busy.told is not None and busy.told <= moment.at):
            late = busy.told
            end = busy.call.cut(moment.at, dooms=False)
            came_to = soft(task, busy.call.state)
            if late is not None and end >= late:
                end, came_to = busy.call.cut(late, dooms=True), soft(task, "FAILED")
            came_to = state if busy.call.is_cut else came_to
        run.course = [
            step for step in run.course if step.at < end and (step.moment <= moment or step.state == "KILLING")
        ]
        run.shows = [(when, outputs) for when, outputs in run.shows if when <= end]
        busy.end = end
        run.take(came_to, end)


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
            if self.stopped and not was_stopped and self.opened.others is not None and not self.is_left(run.over):
                at = self.stop_others(run.over)
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

    def is_left(self, moment: Moment) -> bool:
        """Whether the execution is being left by then: what runs may end by itself."""
        return self.reference.left is not None and moment >= self.reference.left

    def stop_others(self, moment: Moment) -> datetime:
        assert self.opened.others is not None
        ends = [moment.at]
        for runs in self.alive.values():
            ends.append(self.reference.cut(runs, moment, self.opened.others))
            self.states.add(runs[0].state)
        return max(ends)


def child_name(key: Key, opening: int, number: int, index: int) -> str:
    """Of the execution that an attempt of a task run calls, which is the `opening`-th at its place."""
    return f"{'.'.join((key[0], *key[1]))}#{opening}.{number}.{index}"
