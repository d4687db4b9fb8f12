"""One execution driven by hand: a flow, a list as the store, a clock in the hand, and nobody else in the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.execution.apply import apply, begin
from penstock.execution.decide import decide, due
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Evaluated,
    EvaluationFailed,
    Event,
    ExecutionCreated,
    KillRequested,
    PauseRequested,
    Refusal,
    ResumeRequested,
    StopCause,
    TaskRunStopping,
)
from penstock.execution.legality import refuse
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Flow

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_DECISIONS = 5_000

Watcher = Callable[[Execution, Event, Execution], None]
"""Told of every step: the execution before, the event, the execution after."""


class Course:
    """Facts go in by `tell`, decisions are taken by `decide_once` and `settle`; both end up in `log`."""

    def __init__(
        self,
        flow: Flow,
        *,
        inputs: Mapping[str, Any] | None = None,
        schedule_date: datetime | None = None,
        breakpoints: tuple[str, ...] = (),
        watch: Watcher | None = None,
    ) -> None:
        created = ExecutionCreated(
            at=START,
            id="e1",
            namespace=flow.namespace,
            flow_id=flow.id,
            revision=1,
            flow_digest=flow.source_digest,
            inputs=inputs or {},
            schedule_date=schedule_date,
            dialect=flow.dialect.value,
            breakpoints=breakpoints,
        )
        self.flow = flow
        self.now = START
        self.execution = begin(created)
        self.log: list[Event] = [created]
        self._watch = watch

    def begin_anew(self, created: ExecutionCreated, *events: Event) -> None:
        """Go on with another execution, which begins with these events."""
        self.execution, self.log = begin(created), [created]
        self.tell(*events)

    def refusal(self, fact: Event) -> Refusal | None:
        return refuse(self.execution, fact)

    def tell(self, *events: Event) -> None:
        """Apply and record `events`, each of which must be legal."""
        for event in events:
            before = self.execution
            refused = refuse(before, event)
            assert refused is None, f"{event} is not legal: {refused}"
            self.execution = apply(before, event)
            self.log.append(event)
            if self._watch is not None:
                self._watch(before, event, self.execution)

    def decide(self) -> tuple[Event, ...]:
        return decide(self.flow, self.execution, self.now)

    def due(self) -> datetime | None:
        return due(self.flow, self.execution)

    def decide_once(self) -> bool:
        """Take one answer of `decide`; whether there was any."""
        events = self.decide()
        self.tell(*events)
        return bool(events)

    def settle(self) -> None:
        """Take decisions until nothing follows."""
        for _ in range(MOST_DECISIONS):
            if not self.decide_once():
                return
        raise AssertionError("deciding does not come to an end")

    # ── facts, by the id of the task (its latest task run), each settled ──

    def run(self, task: str) -> TaskRun:
        """The latest task run of `task`."""
        runs = [run for run in self.execution.in_order() if run.task == task]
        assert runs, f"there is no task run of {task}: {self.states()}"
        return runs[-1]

    def states(self) -> dict[str, State]:
        """The state of every task's latest task run, in the order of creation."""
        return {run.task: run.state for run in self.execution.in_order()}

    def start(self, *tasks: str) -> None:
        """A worker claims the task runs of `tasks`."""
        for task in tasks:
            run = self.run(task)
            attempt = len(run.attempts) + 1
            self.tell(AttemptStarted(at=self.now, run=run.id, attempt=attempt, session="s", epoch=1))
            self.settle()

    def end(self, *tasks: str, state: State = State.SUCCESS, error: str | None = None, **outputs: Any) -> None:
        """The running attempts of `tasks` end."""
        for task in tasks:
            run = self.run(task)
            number = len(run.attempts)
            self.tell(AttemptEnded(at=self.now, run=run.id, attempt=number, state=state, error=error, outputs=outputs))
            self.settle()

    def do(self, *tasks: str, state: State = State.SUCCESS, error: str | None = None) -> None:
        """Attempts of `tasks` start and end, one after another."""
        for task in tasks:
            self.start(task)
            self.end(task, state=state, error=error)

    def fail(self, *tasks: str) -> None:
        self.do(*tasks, state=State.FAILED, error="it went wrong")

    def lose(self, task: str) -> None:
        """Nobody knows what became of the attempt of `task`."""
        run = self.run(task)
        self.tell(AttemptLost(at=self.now, run=run.id, attempt=len(run.attempts), reason="the machine is gone"))
        self.settle()

    def answer(self, task: str | None, **values: Any) -> None:
        """The shell has rendered what `task` (None: the execution) asked for."""
        run = self.run(task).id if task is not None else None
        self.tell(Evaluated(at=self.now, run=run, values=values))
        self.settle()

    def cannot_render(self, task: str | None, message: str) -> None:
        run = self.run(task).id if task is not None else None
        self.tell(EvaluationFailed(at=self.now, run=run, name="", message=message))
        self.settle()

    def kill(self) -> None:
        self.tell(KillRequested(at=self.now))
        self.settle()

    def pause(self) -> None:
        self.tell(PauseRequested(at=self.now))
        self.settle()

    def resume(self, task: str | None = None, **values: Any) -> None:
        paused = self.run(task).id if task is not None else None
        self.tell(ResumeRequested(at=self.now, paused=paused, values=values))
        self.settle()

    def decide_on(self, task: str, decision: str, *, comment: str = "", **values: Any) -> None:
        """A person approves or denies what an Approval asks."""
        paused = self.run(task).id
        self.tell(ResumeRequested(at=self.now, paused=paused, values=values, decision=decision, comment=comment))
        self.settle()

    def wait(self, seconds: float) -> None:
        """Time passes, moment of decision by moment of decision."""
        until = self.now + timedelta(seconds=seconds)
        while (moment := self.due()) is not None and moment <= until:
            self.now = max(self.now, moment)
            self.settle()
        self.now = until
        self.settle()

    def stops(self) -> list[tuple[str, StopCause]]:
        """Who was told to stop, and why."""
        tasks = {run.id: run.task for run in self.execution.in_order()}
        return [(tasks[event.run], event.cause) for event in self.log if isinstance(event, TaskRunStopping)]
