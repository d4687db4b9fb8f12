"""The agent that stays: its loops around a live session. Each looks at the store or the world; a poke only hastens it.

A fault in one loop is told, and tried again later; it never keeps the others from their work (P8).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from penstock.agent.backfills import Backfills
from penstock.agent.live import LiveSession
from penstock.agent.news import News, Teller, Topic
from penstock.agent.reconciler import Reconciled, Reconciler
from penstock.agent.recorder import Recorder
from penstock.agent.scheduler import Scheduler
from penstock.agent.supervisor import Loop
from penstock.errors import PenstockError, Retryable
from penstock.execution.event import Event, ExecutionEnded, ExecutionStarted, TaskRunEnded
from penstock.execution.model import Execution
from penstock.ports.clock import Clock
from penstock.reconcile.plan import Action

RECONCILER, SCHEDULER, RECORDER = "reconciler", "scheduler", "recorder"

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
"""After a fault a loop waits, longer each time."""

CLEARER = "clearer"
TIDY_EVERY = timedelta(seconds=15)
"""How soon what could not be freed on a runner that was out of reach is tried again."""

LAST_WORDS = timedelta(seconds=5)
"""So long a stop tries to send off the results that wait; the next agent sends the rest."""

LOOK_WHILE_DRAINING_S = 0.2

JITTER = 0.1
"""Agents that were started together do not ask their remote together."""

_CHANGES = (Action.CREATE, Action.UPDATE, Action.REFILE, Action.REMOVE)


@dataclass(slots=True)
class Guarded:
    """One loop's step, with its faults told and its next try put off. `every` is the wait while all is well."""

    act: Callable[[], int]
    every: Callable[[], timedelta]
    on_fault: Callable[[Exception, timedelta, bool], None]
    on_recovery: Callable[[], None]
    first_pause: timedelta = FIRST_PAUSE
    _faults: int = 0
    _said: str = ""
    _pause: timedelta = FIRST_PAUSE

    def step(self) -> int:
        try:
            done = self.act()
        except Exception as error:  # noqa: BLE001 - told with its kind, and tried again: the others go on
            self._faults += 1
            longest = min(self.first_pause * 2 ** min(self._faults - 1, 10), LONGEST_PAUSE)
            self._pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads agents, hides nothing
            if isinstance(error, Retryable):
                self._pause = max(self._pause, min(error.after, LONGEST_PAUSE))
            is_new = self._said != str(error)
            self._said = str(error)
            self.on_fault(error, self._pause, is_new)
            return 0
        if self._faults:
            self._faults, self._said = 0, ""
            self.on_recovery()
        return done

    def wait(self) -> timedelta:
        return self._pause if self._faults else self.every()


@dataclass(slots=True)
class AgentService:
    """`interval` is how often the repository is asked. `tell` hears everything, from several threads."""

    live: LiveSession
    reconciler: Reconciler
    scheduler: Scheduler
    backfills: Backfills
    recorder: Recorder | None
    clock: Clock
    tell: Teller
    interval: timedelta
    sinks: tuple[str, ...] = ()
    ended: Counter[str] = field(default_factory=Counter)
    """Executions that ended since the start, by state."""
    _troubles: dict[str, str] = field(default_factory=dict)
    _is_stopping: bool = False

    def begin(self) -> None:
        """Take up what an earlier agent has left, then keep the loops going until the session ends."""
        self.live.executor.listen(self.hear)
        self.take_up()
        self.scheduler.refresh()
        loops: list[tuple[str, Callable[[], int], Callable[[], timedelta], Topic]] = [
            (RECONCILER, self._reconcile, self._interval, Topic.UNREACHABLE),
            (SCHEDULER, self.start_due, self._until_due, Topic.TRIGGER_FAULT),
        ]
        if self.recorder is not None:
            loops.append((RECORDER, self.recorder.step, self.recorder.wait, Topic.RECORD_FAULT))
        for name, act, every, topic in loops:
            guarded = Guarded(act, every, self._faulted(name, topic), self._recovered(name))
            self.live.supervisor.add(Loop(name, guarded.step, guarded.wait, soon=True))
        self.live.supervisor.add(Loop(CLEARER, self.live.worker.tidy, TIDY_EVERY))

    def stop(self, drain: timedelta, leaves_now: Callable[[], bool]) -> None:
        """Start and claim nothing more, and leave when no task runs or `drain` is over; then send off what can be
        sent. Slots that come due meanwhile are the next agent's. `leaves_now` ends it at once."""
        self._is_stopping = True
        self.live.worker.rest()
        busy = self.live.worker.busy
        text = "stopping: nothing new is begun"
        if busy:
            waits = f" (waiting up to {drain.total_seconds():.0f} s for them)" if drain else ""
            text += f", {busy} tasks run on and are adopted by the next agent{waits}"
        self._tell(Topic.STOPPING, text, busy=busy)
        ends = self.clock.monotonic() + drain.total_seconds()
        while self.live.worker.busy and self.clock.monotonic() < ends and not leaves_now():
            self.live.wait(lambda: not self.live.worker.busy or leaves_now(), LOOK_WHILE_DRAINING_S)
        if self.recorder is not None and not leaves_now():
            self.recorder.flush(LAST_WORDS)

    def poke(self) -> None:
        """Somebody has pushed, or has changed what is to be done."""
        self.scheduler.is_stale = True
        self.live.supervisor.poke(RECONCILER, SCHEDULER)

    def take_up(self) -> Sequence[str]:
        """Adopt the tasks that outlived an earlier agent, and go on with its executions; their ids."""
        inherited = self.live.inherit()
        if inherited.executions:
            count = len(inherited.executions)
            text = f"took up {count} executions of an earlier agent, {inherited.adopted} of their tasks are running"
            self._tell(Topic.ADOPTED, text, executions=count, tasks=inherited.adopted)
        self.live.worker.sweep()
        for execution, error in inherited.left_alone:
            self._tell(
                Topic.ADOPTED, f"{execution} cannot go on: {error.message}", is_trouble=True, execution=execution
            )
        return inherited.executions

    def reconcile(self) -> Reconciled | None:
        """One look at the repository; what is deployed is told, and its triggers are put on the timetable."""
        found = self.reconciler.step()
        if found is not None:
            changed = [step.flow for step in found.plan.of(*_CHANGES)]
            self.scheduler.refresh(changed)
            self._tell_deployed(found)
        return found

    def start_due(self) -> int:
        """Start the slots that are due, then a part of what is to be made up for."""
        if self._is_stopping:
            return 0
        return self.scheduler.step() + self.backfills.step()

    def _until_due(self) -> timedelta:
        if self._is_stopping:
            return LONGEST_PAUSE
        waits = [self.scheduler.wait(), self.backfills.wait()]
        return min(wait for wait in waits if wait is not None)

    def _reconcile(self) -> int:
        if self.reconcile() is not None:
            self.live.supervisor.poke(SCHEDULER)
        return 0

    def _interval(self) -> timedelta:
        return self.interval * random.uniform(1 - JITTER, 1)  # noqa: S311 - spreads agents, hides nothing

    # ── telling ──

    def troubles(self) -> dict[str, str]:
        """What does not work now, by loop."""
        return {**self._troubles, **(self.recorder.troubles() if self.recorder is not None else {})}

    def _tell(
        self, topic: Topic, text: str, *, is_trouble: bool = False, carries: object = None, **fields: object
    ) -> None:
        self._say(topic, text, fields, is_trouble=is_trouble, carries=carries)

    def _say(
        self,
        topic: Topic,
        text: str,
        fields: Mapping[str, object],
        *,
        is_trouble: bool = False,
        carries: object = None,
    ) -> None:
        self.tell(News(self.clock.now(), topic, text, fields, is_trouble, carries))

    def _tell_deployed(self, found: Reconciled) -> None:
        plan = found.plan
        parts = [f"{plan.count(action)} {word}" for action, word in _WORDS.items() if plan.count(action)]
        text = f"at {plan.commit[:12]}: {', '.join(parts) or 'nothing changes'}"
        fields = {
            "commit": plan.commit,
            "generation": found.generation,
            "read": found.read,
            "errors": found.errors,
            "apply_ms": round(found.apply_s * 1000, 1),
            **{action.value: plan.count(action) for action in _WORDS},
        }
        self._say(Topic.DEPLOYED, text, fields, carries=found)

    def _faulted(self, name: str, topic: Topic) -> Callable[[Exception, timedelta, bool], None]:
        def told(error: Exception, pause: timedelta, is_new: bool) -> None:
            self._troubles[name] = str(error)
            if not is_new:
                return
            if isinstance(error, PenstockError):
                hint = f"; {error.help}" if error.help else ""
                text = f"{error.message}{hint} (tried again in {pause.total_seconds():.0f} s)"
                self._tell(topic, text, is_trouble=True, loop=name, code=error.code)
            else:
                text = f"the {name} has met a bug in Penstock and is tried again: {type(error).__name__}: {error}"
                self._tell(Topic.BUG, text, is_trouble=True, loop=name)

        return told

    def _recovered(self, name: str) -> Callable[[], None]:
        def told() -> None:
            self._troubles.pop(name, None)
            self._tell(Topic.REACHED, f"the {name} works again", loop=name)

        return told

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        """What was appended to an execution of this agent: told, and passed on to the loops that wait for it."""
        if self.scheduler.hear(execution) or self.backfills.hear(execution):
            self.live.supervisor.poke(SCHEDULER)
        fields = {"execution": execution.id, "flow": str(execution.flow)}
        for event in events:
            match event:
                case ExecutionStarted():
                    text = f"{execution.flow} started as {execution.id}"
                    self._say(Topic.EXECUTION_STARTED, text, fields, carries=execution)
                case TaskRunEnded():
                    task, state = execution.runs[event.run].task, event.state.value
                    about = {**fields, "task": task, "state": state}
                    text = f"{execution.flow} > {task} {state}"
                    self._say(Topic.TASK_ENDED, text, about, carries=(execution, event))
                case ExecutionEnded():
                    state = event.state.value
                    self.ended[state] += 1
                    text = f"{execution.flow} {state} {execution.id}"
                    self._say(Topic.EXECUTION_ENDED, text, {**fields, "state": state}, carries=execution)
                case _:
                    continue
        if execution.is_over:
            self.live.supervisor.poke(RECORDER)


_WORDS = {
    Action.CREATE: "new",
    Action.UPDATE: "changed",
    Action.REFILE: "moved or written differently",
    Action.UNCHANGED: "unchanged",
    Action.HOLD: "held at their last good revision",
    Action.REFUSE: "not valid",
    Action.REMOVE: "removed",
}
