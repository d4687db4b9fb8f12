"""A flow carried out by the core, as its fates want it: `decide` and `apply` alone, and a clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from typing import Any

from laws.fates import Fates, Key
from penstock.errors import UserError
from penstock.execution import evaluation
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Evaluated,
    EvaluationFailed,
    Event,
    KillRequested,
    PauseRequested,
    ResumeRequested,
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
        self._asked: set[tuple[str, tuple[str, ...]]] = set()
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
                self._note_draws()
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
        """What waits for an answer is answered later; what is ready begins."""
        course = self.course
        while True:
            course.settle()
            for key, names in course.execution.asked.items():
                if (key, names) not in self._asked:
                    self._asked.add((key, names))
                    self._ask(key, names)
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

    def _ask(self, key: str, names: tuple[str, ...]) -> None:
        course, told = self.course, key_of(self.execution.runs[key]) if key != ROOT else ("", ())
        answers = {name: self.fates.answer(told, self._named(key, name)) for name in names}
        takes = max(answer.takes for answer in answers.values())
        texts = {name: answer.text for name, answer in answers.items()}

        def answer() -> None:
            if key in self.execution.asked:
                course.tell(self._answer(key, texts))

        self._at(course.now + takes, answer)

    def _named(self, key: str, name: str) -> str:
        """What a Switch chooses by is no list of values."""
        if key == ROOT:
            return "out"
        is_switch = self.course.flow.by_id[self.execution.runs[key].task].type.endswith("Switch")
        return "case" if is_switch and name == "value" else name

    def _answer(self, key: str, texts: dict[str, str | None]) -> Event:
        course, run = self.course, key if key != ROOT else None
        failed = EvaluationFailed(at=course.now, run=run, name=next(iter(texts)), message="it could not be rendered")
        if None in texts.values():
            return failed
        rendered: dict[str, Any] = dict(texts)
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
            now = course.execution.runs[run.id]
            if now.is_running and len(now.attempts) == number and now.stop is None:
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
            if isinstance(event, TaskRunStopping):
                self._stop(after.runs[event.run])
            elif isinstance(event, TaskRunPaused):
                self._be_answered(after.runs[event.run])

        return seen

    def _stop(self, run: TaskRun) -> None:
        course, number = self.course, len(run.attempts)
        fate = self.fates.attempt(key_of(run), number)

        def end() -> None:
            now = course.execution.runs[run.id]
            if now.is_running and len(now.attempts) == number:
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

    def _note_draws(self) -> None:
        for run in self.execution.in_order():
            for made in range(1, len(run.attempts) + 1):
                self.fates.draws[key_of(run), made] = draw(f"{run.id}/{made}")
