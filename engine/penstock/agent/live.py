"""A live session: one process that holds executions, settles them, works them off, and hears pokes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from penstock.agent.evaluator import Evaluator
from penstock.agent.executor import Executor
from penstock.agent.supervisor import Loop, Supervisor
from penstock.agent.worker import Worker
from penstock.errors import PenstockError, Stalled
from penstock.execution.event import Event
from penstock.execution.model import Execution
from penstock.ports.clock import Clock
from penstock.ports.presence import Presence
from penstock.ports.store import AGENT, Session, Store

RENEW_EVERY = timedelta(seconds=5)
LOOK_EVERY = timedelta(seconds=1)
LONGEST_NAP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Inherited:
    """What was taken up: executions, how many attempts of theirs were adopted, and which cannot go on, with why."""

    executions: tuple[str, ...]
    adopted: int
    left_alone: tuple[tuple[str, PenstockError], ...]


@dataclass(slots=True)
class LiveSession:
    """Executor, worker and loops of one session, and the means to wait for what they bring about."""

    session: Session
    store: Store
    presence: Presence
    clock: Clock
    executor: Executor
    worker: Worker
    supervisor: Supervisor
    changed: threading.Condition

    def begin(self, execution: str) -> None:
        """Settle an execution that was just admitted, and put its first tasks to work."""
        self.executor.settle(execution)
        self.worker.fill()

    def inherit(self) -> Inherited:
        """Take up what agents that are gone have left; a `run` that is gone waits for `run --resume`.

        Tasks are adopted first, so that none of them waits for the settling of the others.
        """
        taken: list[str] = []
        left_alone: list[tuple[str, PenstockError]] = []
        for dead in {session.id: session for _, session in self.store.orphaned()}.values():
            if dead.kind == AGENT and dead.id != self.session.id and not self.presence.is_alive(dead.id):
                taken += self.store.inherit(dead, by=self.session)
                self.store.close_session(dead, at=self.clock.now())
        adopted = 0
        for execution in taken:
            try:
                adopted += self.worker.adopt(execution)
            except Stalled as error:  # its flow cannot be read any more: that is no reason to leave the others
                left_alone.append((execution, error))
        for execution in taken:
            self.executor.settle_quietly(execution)
        self.executor.take_up_kin()
        self.worker.fill()
        return Inherited(tuple(taken), adopted, tuple(left_alone))

    def take_up(self, execution: str) -> None:
        """Go on with an execution whose session is gone, and all that it has called: adopt what lives, settle the
        rest."""
        taken, at = [execution], 0
        while at < len(taken):
            self.store.take_over(taken[at], by=self.session)
            taken += self.store.called(taken[at])
            at += 1
        for each in taken:
            self.executor.settle(each)
            self.worker.adopt(each)
        self.executor.take_up_kin()
        self.worker.fill()

    def wait(self, done: Callable[[], bool], within: float | None = None) -> bool:
        """Block until `done`, asked after every change, or until `within` seconds are over. Raises what failed the
        session."""
        with self.changed:
            self.changed.wait_for(lambda: done() or self.supervisor.failure is not None, within)
        if self.supervisor.failure is not None:
            raise self.supervisor.failure
        return done()


@contextmanager
def live_session(
    *,
    name: str,
    kind: str,
    pid: int,
    store: Store,
    presence: Presence,
    clock: Clock,
    executor_of: Callable[
        [Session, Callable[[], None], Callable[[str, Exception], None], Callable[[], None]], Executor
    ],
    worker_of: Callable[[Executor, Callable[[BaseException], None]], Worker],
    evaluator_of: Callable[[Executor, Callable[[], None], Callable[[BaseException], None]], Evaluator],
) -> Iterator[LiveSession]:
    """Open a session, run its loops within the context, close it. Tasks that still run are left running."""
    session = store.open_session(name=name, kind=kind, pid=pid, at=clock.now())
    changed = threading.Condition()

    def notify() -> None:
        with changed:
            changed.notify_all()

    def crashed(_: str, error: Exception) -> None:
        """A `run` has nothing else to do; an agent has others to serve, and leaves this one alone in the end."""
        if kind == "run":
            supervisor.fail(error)

    executor = executor_of(session, notify, crashed, lambda: supervisor.poke("executor"))
    worker = worker_of(executor, lambda error: supervisor.fail(error))
    evaluator = evaluator_of(executor, lambda: supervisor.poke("executor"), lambda error: supervisor.fail(error))

    def settle() -> int:
        return executor.wake() + executor.catch_up() + executor.hear() + executor.let_in() + worker.fill()

    def renew() -> int:
        store.renew_session(session, at=clock.now())
        return 0

    own = [Loop("executor", settle, LOOK_EVERY), Loop("lease", renew, RENEW_EVERY)]
    supervisor = Supervisor(own, on_failure=notify)
    timer = _Timer(store, session, clock, lambda: supervisor.poke("executor"))

    executor.listen(timer.hear)
    with presence.hold(session.id, lambda: supervisor.poke("executor", "scheduler")):
        supervisor.start()
        timer.start()
        try:
            yield LiveSession(session, store, presence, clock, executor, worker, supervisor, changed)
        finally:
            evaluator.leave()
            worker.leave()
            timer.stop()
            supervisor.stop()
            store.close_session(session, at=clock.now())


class _Timer:
    """Pokes the executor at the moment that is due next, so that a retry of 100 ms does not wait for a look."""

    def __init__(self, store: Store, session: Session, clock: Clock, poke: Callable[[], None]) -> None:
        self._store = store
        self._session = session
        self._clock = clock
        self._poke = poke
        self._news = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="timer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        del events
        if execution.sleeping or execution.running or execution.schedule_date is not None:
            self._news.set()

    def stop(self) -> None:
        self._stopping = True
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            due = self._store.next_due(self._session)
            left = LONGEST_NAP if due is None else min(due - self._clock.now(), LONGEST_NAP)
            if left > timedelta(0):
                self._news.wait(left.total_seconds())
                if self._news.is_set():
                    self._news.clear()
                    continue
            if due is not None and due <= self._clock.now():
                self._poke()
                self._news.wait(0.02)
                self._news.clear()
