"""A flow carried out by the core, as its fates want it: `decide` and `apply` alone, and a clock."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from typing import Any

from laws.fates import Answered, Fates, Key
from penstock.errors import UserError
from penstock.execution import evaluation
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Evaluated,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    KillRequested,
    PauseRequested,
    ResumeRequested,
    TaskRunCreated,
    TaskRunPaused,
    TaskRunStopping,
)
from penstock.execution.identity import draw
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Flow
from unit.execution.course import START, Course, Watcher

MOST_STEPS = 5_000
_Act = Callable[[], None]


def key_of(run: TaskRun) -> Key:
    return run.task, run.path


class CarriedOut:
    """Does what the core asks for, at the time that the fates say."""

    def __init__(self, flow: Flow, fates: Fates, watch: Watcher | None = None) -> None:
        self.fates = fates
        self.course = Course(flow, watch=self._watched(watch))
        self._agenda: list[tuple[datetime, int, _Act]] = []
        self._order = count()
        self._asked: Counter[tuple[str, str]] = Counter()
        self._created: Counter[Key] = Counter()
        if fates.held is not None:
            begin, end = fates.held
            self._at(START + begin, lambda: self._say(PauseRequested(at=self.course.now)))
            self._at(START + end, self._let_go)
        if fates.kill is not None:
            self._at(START + fates.kill, lambda: self._say(KillRequested(at=self.course.now)))

    @property
    def execution(self) -> Execution:
        return self.course.execution

    def run(self) -> Execution:
        course = self.course
        for _ in range(MOST_STEPS):
            self._do_all_that_is_wanted()
            if course.execution.is_over:
                return course.execution
            due = course.due()
            first = self._agenda[0][0] if self._agenda else None
            moment = min(each for each in (due, first) if each is not None)
            course.now = max(course.now, moment)
            while self._agenda and self._agenda[0][0] <= course.now:
                heapq.heappop(self._agenda)[2]()
                course.settle()
        raise AssertionError(f"it does not end: {course.states()}")

    def _at(self, moment: datetime, act: _Act) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    def _do_all_that_is_wanted(self) -> None:
        """What is ready begins. What is asked is answered later."""
        course = self.course
        while True:
            course.settle()
            ready = [] if course.execution.held or course.execution.kill else list(self._ready())
            if not ready:
                return
            for run in ready:
                self._begin(run)

    def _ready(self) -> Iterator[TaskRun]:
        execution = self.execution
        keys = {**execution.ready, **execution.inline}
        yield from (execution.runs[key] for key in sorted(keys, key=keys.__getitem__))

    # ── answers ──

    def _ask(self, key: str, names: tuple[str, ...], execution: Execution) -> None:
        told = key_of(execution.runs[key]) if key != ROOT else ("", ())
        answers = {name: self._fate(key, told, self._named(key, name, execution)) for name in names}
        takes = max(answer.takes for answer in answers.values())
        texts = {name: answer.text for name, answer in answers.items()}

        def answer() -> None:
            if self.execution.asked.get(key) == names:
                self.course.tell(self._answer(key, texts))

        self._at(self.course.now + takes, answer)

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
        course, run = self.course, key if key != ROOT else None
        failed = EvaluationFailed(at=course.now, run=run, name=next(iter(texts)), message="it could not be rendered")
        if None in texts.values():
            return failed
        rendered: dict[str, Any] = {name: _value(name, text) for name, text in texts.items()}
        if key == ROOT:
            rendered = {output.id: texts[evaluation.OUTPUTS] for output in course.flow.outputs}
        try:
            return Evaluated(
                at=course.now, run=run, values=evaluation.interpret(course.flow, course.execution, key, rendered)
            )
        except UserError:
            return failed

    # ── attempts ──

    def _begin(self, run: TaskRun) -> None:
        course, number = self.course, len(run.attempts) + 1
        course.tell(AttemptStarted(at=course.now, run=run.id, attempt=number, session="s", epoch=1))
        fate = self.fates.attempt(key_of(run), number)

        def end() -> None:
            now = course.execution.runs.get(run.id)  # another round of its loop may have taken its place
            if now is not None and now.is_running and len(now.attempts) == number and now.stop is None:
                course.tell(
                    AttemptEnded(
                        at=course.now, run=run.id, attempt=number, state=State(fate.state), outputs=fate.outputs
                    )
                )

        self._at(course.now + fate.takes, end)

    def _watched(self, watch: Watcher | None) -> Watcher:
        def seen(before: Execution, event: Event, after: Execution) -> None:
            if watch is not None:
                watch(before, event, after)
            if isinstance(event, EvaluationRequested):
                self._ask(event.run or ROOT, event.names, after)
            elif isinstance(event, TaskRunCreated):
                self._created[key_of(after.runs[event.run])] += 1
            elif isinstance(event, AttemptEnded):
                self._note_draw(after.runs[event.run])
            elif isinstance(event, TaskRunStopping):
                self._stop(after.runs[event.run])
            elif isinstance(event, TaskRunPaused):
                self._be_answered(after.runs[event.run])

        return seen

    def _stop(self, run: TaskRun) -> None:
        course, number = self.course, len(run.attempts)
        fate = self.fates.attempt(key_of(run), number)

        def end() -> None:
            now = course.execution.runs.get(run.id)  # another round of its loop may have taken its place
            if now is not None and now.is_running and len(now.attempts) == number:
                course.tell(AttemptEnded(at=course.now, run=run.id, attempt=number, state=State.KILLED))

        self._at(course.now + fate.obeys, end)

    # ── people ──

    def _be_answered(self, run: TaskRun) -> None:
        resumed = lambda: self._say(ResumeRequested(at=self.course.now, paused=run.id))  # noqa: E731
        self._at(self.course.now + self.fates.patience(key_of(run)), resumed)

    def _let_go(self) -> None:
        if self.execution.held:
            self._say(ResumeRequested(at=self.course.now))

    def _say(self, word: Event) -> None:
        """A word that comes too late is not heard."""
        if self.course.refusal(word) is None:
            self.course.tell(word)

    def _note_draw(self, run: TaskRun) -> None:
        key, made = key_of(run), len(run.attempts)
        self.fates.draws[key, self._created[key], made] = draw(f"{run.id}/{made}")


def _value(name: str, text: str | None) -> Any:
    """What is no text in the flow either."""
    return json.loads(text) if name == "checkFrequency" and text is not None else text
