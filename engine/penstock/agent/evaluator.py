"""Evaluates what has to wait for the world, in threads of its own: no settlement and no loop waits for it (P8).

An expression that reads a secret, a file, a key or an address may take as long as these do. A settlement leaves it
asked; it is evaluated here, on what is known then, and the answer comes back as a fact like any other. Nothing of this
is kept: after a crash what is still asked is evaluated again. Inline tasks with such expressions go the same way.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.agent.executor import Executor
from penstock.agent.partners import Birth
from penstock.errors import NotFound, PenstockError, Refused, Retryable, Stalled
from penstock.execution.event import (
    AttemptEnded,
    ChildRefused,
    ChildStarted,
    Evaluated,
    EvaluationFailed,
    Event,
    ExecutionEnded,
    TaskRunEnded,
)
from penstock.execution.model import ROOT, Execution
from penstock.flow.model import Flow
from penstock.ports.store import Fenced, Session

AT_ONCE = 16
"""So many are evaluated at once. A thread that waits for an answer costs little."""

MOST_CALLED = 100
"""So many executions are called at once."""

OF_ONE = 4
"""So many of one execution: what hangs in one of them leaves room for the others."""


class Answering(Protocol):
    def evaluate(self, flow: Flow, execution: Execution, key: str, session: Session) -> Sequence[Event]:
        """The facts that answer what `key` asks, or that tell of its inline attempt. Takes its time; never raises for
        a fault of the flow."""
        ...

    def call(self, flow: Flow, execution: Execution, key: str, most: int) -> Sequence[Birth]:
        """The next executions that `key` calls, up to `most`, as `evaluate`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What a task run, or the execution itself, waits for. Each is one of its own."""

    execution: str
    key: str


class Evaluator:
    """Thread-safe. One for each session."""

    def __init__(
        self,
        executor: Executor,
        shell: Answering,
        *,
        on_answered: Callable[[], None] | None = None,
        on_fault: Callable[[BaseException], None] | None = None,
        tell_tries: int = 1,
    ) -> None:
        """`on_answered` is called when an answer was settled: there may be work for a worker. `tell_tries`: how often
        an answer is told to a store that is busy, before it is evaluated again."""
        self._executor = executor
        self._shell = shell
        self._on_answered = on_answered
        self._on_fault = on_fault or _raise
        self._tell_tries = tell_tries
        self._lock = threading.Lock()
        self._open: dict[str, dict[str, Question]] = {}
        self._waiting: dict[str, deque[Question]] = {}
        self._at_work: Counter[str] = Counter()
        self._threads = 0
        self._closed = threading.Event()
        executor.listen(self._hear)
        executor.leave_to(self.take)

    def take(self, flow: Flow, execution: Execution) -> None:
        """Begin what is asked and not begun yet. Called under the lock of the execution; returns at once."""
        del flow
        keys = list(execution.asked)
        if not execution.held and not execution.is_leaving:
            keys.extend(execution.inline)
            keys.extend(execution.bearing)
        with self._lock:
            known = self._open.setdefault(execution.id, {})
            new = [key for key in keys if key not in known]
            for key in sorted(new, key=lambda key: -1 if key == ROOT else execution.runs[key].ordinal):
                known[key] = question = Question(execution.id, key)
                self._waiting.setdefault(execution.id, deque()).append(question)
            idle = AT_ONCE - self._threads
            begun = 0 if self._closed.is_set() else min(len(new), idle)
            self._threads += begun
        for _ in range(begun):
            self._spawn()

    def step(self) -> bool:
        """Evaluate one question that waits and tell the answer; False when there is none whose turn it is."""
        question = self._next()
        if question is None:
            return False
        try:
            self._answer(question)
        finally:
            self._done(question)
        return True

    def leave(self) -> None:
        """Begin nothing more, and tell no answer: whoever comes next evaluates it again."""
        self._closed.set()

    def _spawn(self) -> None:
        """Have questions answered in a thread of its own. The simulator does it in steps instead."""
        threading.Thread(target=self._work, name="evaluator", daemon=True).start()

    def _work(self) -> None:
        try:
            while self.step():
                pass
        except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._on_fault(error)

    def _next(self) -> Question | None:
        """The one that waits longest, one execution after the other. Without any a thread of ours ends."""
        with self._lock:
            for execution, waiting in self._waiting.items():
                if self._at_work[execution] < OF_ONE and not self._closed.is_set():
                    question = waiting.popleft()
                    del self._waiting[execution]
                    if waiting:
                        self._waiting[execution] = waiting  # behind the others
                    self._at_work[execution] += 1
                    return question
            self._threads = max(self._threads - 1, 0)
            return None

    def _answer(self, question: Question) -> None:
        try:
            execution = self._executor.peek(question.execution)
            if self._is_open(question) and (question.key in execution.asked or question.key in execution.inline):
                flow = self._executor.flow_of(question.execution)
                self._tell(question, self._shell.evaluate(flow, execution, question.key, self._executor.session))
            elif self._is_open(question) and question.key in execution.bearing:
                flow = self._executor.flow_of(question.execution)
                births = self._shell.call(flow, execution, question.key, MOST_CALLED)
                self._tell(question, [birth.event for birth in births if birth.event is not None], births)
            else:
                return
            if self._on_answered is not None:
                self._on_answered()
        except Stalled:
            raise
        except (Fenced, NotFound):
            return  # another session holds it, or it is gone: the answer is of no use
        except (Refused, Retryable):
            self._close(question)  # somebody has killed or paused it meanwhile, or the store is too busy
            self._executor.settle_quietly(question.execution)  # it may go on already, else it is behind
        except PenstockError:
            return  # the executor leaves it alone, and has told why
        except Exception:  # noqa: BLE001 - one execution's bug must not stop the others (P8)
            if self._closed.is_set():
                return  # what it needed was closed before it
            self._close(question)
            self._executor.settle_quietly(question.execution)  # meets it again, and counts it

    def _tell(self, question: Question, facts: Sequence[Event], births: Sequence[Birth] = ()) -> None:
        for left in range(self._tell_tries, 0, -1):
            if self._closed.is_set():
                return
            try:
                self._executor.submit(question.execution, *facts, births=births)
            except Retryable as busy:
                if left == 1:
                    raise
                self._closed.wait(busy.after.total_seconds())
            else:
                return

    def _is_open(self, question: Question) -> bool:
        return self._open.get(question.execution, {}).get(question.key) is question

    def _close(self, question: Question) -> None:
        with self._lock:
            if self._is_open(question):
                del self._open[question.execution][question.key]

    def _done(self, question: Question) -> None:
        self._close(question)
        with self._lock:
            self._at_work[question.execution] -= 1
            if self._at_work[question.execution] <= 0:
                del self._at_work[question.execution]

    def _hear(self, execution: Execution, events: Sequence[Event]) -> None:
        """What was answered, or is over, is open no more; what the same task run asks next is a new question. This
        comes before `take` in the same settlement."""
        for event in events:
            match event:
                case Evaluated() | EvaluationFailed():
                    self._forget(execution.id, event.run or ROOT)
                case AttemptEnded() | TaskRunEnded() | ChildStarted() | ChildRefused():
                    self._forget(execution.id, event.run)
                case ExecutionEnded():
                    with self._lock:
                        self._open.pop(execution.id, None)
                        self._waiting.pop(execution.id, None)
                case _:
                    continue

    def _forget(self, execution: str, key: str) -> None:
        with self._lock:
            self._open.get(execution, {}).pop(key, None)


def _raise(error: BaseException) -> None:
    raise error
