"""A flow, and all that it calls, carried out by the core as the fates want it: `decide` and `apply`, and a clock."""

from __future__ import annotations

import heapq
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from laws.fates import WHOLE, Answered, Fates, Key
from laws.plain import called
from laws.reference import child_name
from laws.turns import TELLING
from penstock.errors import UserError
from penstock.execution import evaluation
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Caller,
    ChildEnded,
    ChildRefused,
    ChildrenRequested,
    ChildStarted,
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ExecutionCreated,
    ExecutionEnded,
    KillRequested,
    PauseRequested,
    ResumeRequested,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunStopping,
)
from penstock.execution.executable.base import is_set
from penstock.execution.identity import draw
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.execution.state import FAILING, State
from penstock.flow.looping import LOOP, iteration_of
from penstock.flow.model import Flow, Kind
from penstock.operations.again import successor
from unit.execution.course import START, Course, Watcher

MOST_STEPS = 20_000
_Act = Callable[[], None]


def key_of(run: TaskRun) -> Key:
    return run.task, run.path


@dataclass
class World:
    """What all executions have in common: a clock, an agenda, and who has something to settle."""

    now: datetime = START
    agenda: list[tuple[datetime, int, _Act]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=count)
    executions: dict[str, Carried] = field(default_factory=dict)
    stirred: deque[Carried] = field(default_factory=deque)

    def at(self, moment: datetime, act: _Act) -> None:
        heapq.heappush(self.agenda, (moment, next(self.order), act))

    def stir(self, carried: Carried) -> None:
        if carried not in self.stirred:
            self.stirred.append(carried)


class CarriedOut:
    """Does what the core asks for, at the time that the fates say."""

    def __init__(self, flow: Flow, fates: Fates, watch: Watcher | None = None) -> None:
        self.fates = fates
        self.world = World()
        self.first = Carried(self.world, flow, fates, "e1", watch=watch)

    @property
    def course(self) -> Course:
        return self.first.course

    @property
    def execution(self) -> Execution:
        return self.first.execution

    @property
    def executions(self) -> dict[str, Carried]:
        """All that there were, by the names that the reference gives them."""
        return self.world.executions

    def run(self) -> Execution:
        world = self.world
        for _ in range(MOST_STEPS):
            while world.stirred:
                world.stirred.popleft().settle()
            living = [each for each in world.executions.values() if not each.execution.is_over]
            if not living:
                return self.execution
            due = [(moment, each) for each in living if (moment := each.course.due()) is not None]
            moments = [moment for moment, _ in due]
            moments += [world.agenda[0][0]] if world.agenda else []
            assert moments, f"it does not end: {[each.course.states() for each in living]}"
            world.now = max(world.now, min(moments))
            for moment, each in due:
                if moment <= world.now:
                    world.stir(each)
            if not world.stirred:
                heapq.heappop(world.agenda)[2]()
        raise AssertionError(f"it does not end: {self.course.states()}")


class Carried:
    """One execution, which is known as `name`."""

    def __init__(
        self,
        world: World,
        flow: Flow,
        fates: Fates,
        name: str,
        created: ExecutionCreated | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self.world = world
        self.fates = fates
        self.name = name
        self._watch = watch
        self._asked: Counter[tuple[str, str]] = Counter()
        self._created: Counter[Key] = Counter()
        self._sought: dict[str, datetime] = {}
        self.doomed: datetime | None = None
        self.course = Course(flow, watch=self._watched)
        if created is not None:
            self.course.begin_anew(created)
        made = self.execution.attempt_number
        fates.draws[WHOLE, 0, made] = draw(f"{self.execution.id}/{made}")
        world.executions[name] = self
        world.stir(self)
        if fates.held is not None:
            begin, end = fates.held
            world.at(world.now + begin, lambda: self._say(PauseRequested(at=world.now)))
            world.at(world.now + end, self._let_go)
        if fates.kill is not None:
            world.at(world.now + fates.kill, lambda: self._say(KillRequested(at=world.now)))

    @property
    def execution(self) -> Execution:
        return self.course.execution

    def tell(self, *events: Event) -> None:
        self.course.now = self.world.now
        self.course.tell(*events)
        self.world.stir(self)

    def settle(self) -> None:
        """What is ready begins. What is asked is answered later."""
        course = self.course
        course.now = self.world.now
        while True:
            course.settle()
            may = not (course.execution.held or course.execution.is_leaving)
            ready = list(self._ready()) if may else []
            calling = sorted(course.execution.bearing, key=course.execution.bearing.__getitem__) if may else []
            born = [key for key in calling if self._bear(course.execution.runs[key])]
            if not born and not ready:
                return
            for run in ready:
                self._begin(run)

    def _ready(self) -> Iterator[TaskRun]:
        execution = self.execution
        keys = {**execution.ready, **execution.inline}
        yield from (execution.runs[key] for key in sorted(keys, key=keys.__getitem__))

    # ── answers ──

    def _ask(self, key: str, names: tuple[str, ...], execution: Execution) -> None:
        if all(map(evaluation.is_assertion, names)):
            self._judge(names)
            return
        told = key_of(execution.runs[key]) if key != ROOT else WHOLE
        answers = {name: self._fate(key, told, self._named(key, name, execution)) for name in names}
        takes = max(answer.takes for answer in answers.values())
        texts = {name: answer.text for name, answer in answers.items()}

        def answer() -> None:
            if self.execution.asked.get(key) == names:
                self.tell(self._answer(key, texts))

        self.world.at(self.world.now + takes, answer)

    def _judge(self, names: tuple[str, ...]) -> None:
        """What a flow asserts is told at once, by what is over so far."""
        holds = not any(
            run.kind in (Kind.WORKER, Kind.INLINE) and run.state in TELLING and self.fates.breaks(key_of(run))
            for run in self.execution.in_order()
        )
        self.course.tell(Evaluated(at=self.world.now, run=None, values=dict.fromkeys(names, holds)))

    def _fate(self, key: str, told: Key, name: str) -> Answered:
        """What it renders to this time: a loop asks again after each round."""
        self._asked[key, name] += 1
        return self.fates.answer(told, name, max(self._created[told], 1), self._asked[key, name])

    def _named(self, key: str, name: str, execution: Execution) -> str:
        """What a Switch chooses by is no list of values."""
        if key == ROOT:
            return "out"
        is_switch = self.course.flow.by_id[execution.runs[key].task].type.endswith("Switch")
        return "case" if is_switch and name == "value" else name

    def _answer(self, key: str, texts: dict[str, str | None]) -> Event:
        course, run, now = self.course, key if key != ROOT else None, self.world.now
        failed = EvaluationFailed(at=now, run=run, name=next(iter(texts)), message="it could not be rendered")
        if None in texts.values():
            return failed
        rendered: dict[str, Any] = {name: _value(name, text) for name, text in texts.items()}
        if key == ROOT:
            rendered = {output.id: texts[evaluation.OUTPUTS] for output in course.flow.outputs}
        try:
            return Evaluated(at=now, run=run, values=evaluation.interpret(course.flow, course.execution, key, rendered))
        except UserError:
            return failed

    # ── attempts ──

    def _begin(self, run: TaskRun) -> None:
        number = len(run.attempts) + 1
        self.tell(AttemptStarted(at=self.world.now, run=run.id, attempt=number, session="s", epoch=1))
        fate = self.fates.attempt(key_of(run), number)

        def end() -> None:
            now = self.execution.runs.get(run.id)
            if now is not None and now.is_running and len(now.attempts) == number and now.stop is None:
                ended = AttemptEnded(at=self.world.now, run=run.id, attempt=number, state=State(fate.state))
                self.tell(replace(ended, outputs=fate.outputs))

        self.world.at(self.world.now + fate.takes, end)

    def _watched(self, before: Execution, event: Event, after: Execution) -> None:
        if self._watch is not None:
            self._watch(before, event, after)
        match event:
            case EvaluationRequested():
                self._ask(event.run or ROOT, event.names, after)
            case TaskRunCreated():
                self._created[key_of(after.runs[event.run])] += 1
            case AttemptEnded():
                self._note_draw(after.runs[event.run])
            case ChildrenRequested():
                self._note_draw(after.runs[event.run])
            case TaskRunStopping():
                self._stop(after.runs[event.run])
            case TaskRunPaused():
                self._be_answered(after.runs[event.run])
            case KillRequested():
                self._doom(after.id)
            case ExecutionEnded(state=State.RETRIED):
                self._try_again(before)
            case TaskRunEnded():
                self.world.stir(self)
        if after.is_over and not before.is_over:
            self._tell_parent(after)

    def _stop(self, run: TaskRun) -> None:
        number = len(run.attempts)
        if run.is_calling:
            self._doom(self.execution.id, run.id)
            return
        fate = self.fates.attempt(key_of(run), number)

        def end() -> None:
            now = self.execution.runs.get(run.id)
            if now is not None and now.is_running and len(now.attempts) == number:
                self.tell(AttemptEnded(at=self.world.now, run=run.id, attempt=number, state=State.KILLED))

        self.world.at(self.world.now + fate.obeys, end)

    # ── executions that are called, and those that try again ──

    def _bear(self, run: TaskRun) -> bool:
        """The next execution that a task run has called; whether anything has come of it."""
        assert run.family is not None
        flow, index, now = self.course.flow, run.family.begun, self.world.now
        task = flow.by_id[run.task]
        below = child_name(key_of(run), self._created[key_of(run)], len(run.attempts), index)
        fates, name = self.fates.below(below), f"{self.name}/{below}"
        callee = iteration_of(flow, task.id) if task.type == LOOP else called(flow, task, fates)
        if callee is None:
            return self._refuse(run, name, index, fates)
        caller = Caller(self.execution.id, run.id, index, run.family.waits, fates.depth)
        created = replace(_created(self.course), at=now, id=name, caller=caller, flow_digest=callee.source_digest)
        outputs = {"executionId": name} if task.type.endswith("Subflow") else None
        self.tell(ChildStarted(at=now, run=run.id, index=index, child=name, outputs=outputs))
        Carried(self.world, callee, fates, name, created)
        return True

    def _refuse(self, run: TaskRun, name: str, index: int, fates: Fates) -> bool:
        """There is no such flow, as one finds after a while; what was found while a person held it is sought anew."""
        now = self.world.now
        if self._sought.get(name, now - fates.search) < now:
            self._sought[name] = now + fates.search
            self.world.at(self._sought[name], lambda: self.world.stir(self))
        if self._sought[name] > now:
            return False
        self.tell(ChildRefused(at=now, run=run.id, index=index, error="there is no such flow"))
        return True

    def _try_again(self, before: Execution) -> None:
        """With the end of an execution the next attempt is made."""
        creation = successor(self.course.flow, before, self.world.now)
        [created] = creation.events
        assert isinstance(created, ExecutionCreated)
        name = f"{self.name}'"
        created = replace(created, id=name)
        Carried(self.world, self.course.flow, self.fates.below("again", 0), name, created)

    def _doom(self, parent: str, run: str | None = None) -> None:
        """A kill goes down: to all that an execution has called, or to what a task run of it waits for."""
        for carried in list(self.world.executions.values()):
            caller = carried.execution.caller
            is_meant = caller is not None and caller.execution == parent and run in (None, caller.run)
            if is_meant and carried.doomed != self.world.now:
                carried.doomed = self.world.now
                self.world.at(self.world.now, carried.die)

    def die(self) -> None:
        self.say(KillRequested(at=self.world.now))

    def _tell_parent(self, execution: Execution) -> None:
        caller = execution.caller
        if caller is not None and caller.waits and execution.state is not State.RETRIED:
            parent = self.world.executions[caller.execution]
            self.world.at(self.world.now, lambda: parent.hear(execution))

    def hear(self, child: Execution) -> None:
        """A child is over."""
        caller = child.caller
        assert caller is not None
        task = self.course.flow.by_id[self.execution.runs[caller.run].task]
        outputs: dict[str, Any] | None = None
        if task.type.endswith("Subflow"):
            outputs = {"executionId": child.id, "state": child.state.value}
            outputs |= {} if child.outputs is None else {"outputs": child.outputs}
        is_last = task.type == LOOP and child.state in FAILING and is_set(task, "transmitFailed")
        first = child.original_id or child.id
        ended = ChildEnded(at=self.world.now, run=caller.run, index=caller.index, child=first, state=child.state)
        self.tell(replace(ended, outputs=outputs, is_last=is_last))

    # ── people ──

    def _be_answered(self, run: TaskRun) -> None:
        key, decision = key_of(run), ""
        if self.course.flow.by_id[run.task].type.endswith("Approval"):
            decision = self.fates.decision(key)
        paused = run.id

        def answer() -> None:
            self._say(ResumeRequested(at=self.world.now, paused=paused, decision=decision))

        self.world.at(self.world.now + self.fates.patience(key), answer)

    def _let_go(self) -> None:
        if self.execution.held:
            self._say(ResumeRequested(at=self.world.now))

    def say(self, word: Event) -> None:
        """A word that comes too late is not heard."""
        if self.course.refusal(word) is None:
            self.tell(word)

    _say = say

    def _note_draw(self, run: TaskRun) -> None:
        key, made = key_of(run), len(run.attempts)
        self.fates.draws[key, self._created[key], made] = draw(f"{run.id}/{made}")


def _created(course: Course) -> ExecutionCreated:
    """What an execution of the same world begins with."""
    first = course.log[0]
    assert isinstance(first, ExecutionCreated)
    return replace(first, original_id=None, parent_id=None, attempt_number=1, original_created=None, schedule_date=None)


def _value(name: str, text: str | None) -> Any:
    """What is no text in the flow either."""
    return json.loads(text) if name == "checkFrequency" and text is not None else text
