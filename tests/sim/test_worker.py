"""The worker's slots with real threads: what the simulator plays in steps."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta

from fakes.store import MemoryStore
from flows_strategy import CORE
from penstock.agent.executor import Executor
from penstock.agent.worker import Attempts, Claim, Worker
from penstock.errors import Retryable
from penstock.execution.event import AttemptEnded, AttemptLost, KillRequested
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Backoff, Flow, Kind, Retry, Task
from penstock.operations.start import Start, start
from penstock.ports.clock import HeldClock
from penstock.ports.runner import Halt
from sim.world import FakeShell, Flows

WITHIN = 5.0


@dataclass
class Obedient(Attempts):
    """The first attempts fail at once, as many as `failing`; the later ones run until they are halted."""

    clock: HeldClock
    failing: int
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    made: int = 0
    halted: int = 0

    def make(self, flow: Flow, execution: Execution, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        self.made += 1
        failed = self.made <= self.failing
        self.begun.release()
        state = State.FAILED if failed else State.KILLED
        if not failed:
            self.halted += halt.wait(WITHIN)
        return AttemptEnded(at=self.clock.now(), run=claim.run, attempt=claim.attempt, state=state)

    def sweep(self, at_work: object) -> int:
        del at_work
        return 0

    def tidy(self) -> bool:
        return False

    def over(self, execution: Execution, run: str) -> bool:
        del execution, run
        return False

    def free(self, execution: str, run: str) -> None:
        return

    def clear(self, claim: Claim) -> None:
        return


def test_an_attempt_that_follows_at_once_on_another_can_be_stopped_too() -> None:
    retry = Retry(Backoff.EXPONENTIAL, timedelta(seconds=1), max_interval=timedelta(seconds=9), max_attempts=2)
    flow = Flow("sim", "again", (Task("a", CORE + "http.Request", Kind.WORKER, retry=retry),), source_digest="again")
    clock, store = HeldClock(), MemoryStore()
    session = store.open_session(name="sim", kind="run", pid=1, at=clock.now())
    executor = Executor(store, session, Flows({"again": flow}), FakeShell("", clock), clock)
    attempts = Obedient(clock, failing=1)
    worker = Worker(store, executor, attempts, clock, slots=1, grace=timedelta(seconds=1))
    over = threading.Event()
    executor.listen(lambda execution, _: over.set() if execution.is_over else None)
    start(store, Start("x", flow, "again"), session=session, at=clock.now())
    executor.settle("x")

    worker.fill()
    assert all(attempts.begun.acquire(timeout=WITHIN) for _ in range(2))
    settled = threading.Thread(target=lambda: executor.submit("x", KillRequested(at=clock.now())))
    settled.start()
    settled.join(WITHIN)

    assert over.wait(WITHIN)
    assert attempts.halted == 1
    loaded = store.load("x")
    assert loaded is not None
    assert loaded.state is State.KILLED


def test_a_hundred_ends_at_once_cost_few_commits_and_none_is_lost() -> None:
    tasks = tuple(Task(f"t{n}", CORE + "http.Request", Kind.WORKER) for n in range(100))
    parallel = Task("all", CORE + "flow.Parallel", Kind.FLOWABLE, branches={"tasks": tasks})
    flow = Flow("sim", "wide", (parallel,), source_digest="wide")
    clock, store = HeldClock(), MemoryStore()
    session = store.open_session(name="sim", kind="run", pid=1, at=clock.now())
    executor = Executor(store, session, Flows({"wide": flow}), FakeShell("", clock), clock)
    start(store, Start("x", flow, "wide"), session=session, at=clock.now())
    executor.settle("x")
    worker = Worker(store, executor, Obedient(clock, failing=100), clock, slots=100, grace=timedelta(seconds=1))
    claims = worker.claim(100)
    ends = [AttemptEnded(at=clock.now(), run=each.run, attempt=1, state=State.SUCCESS) for each in claims]
    together = threading.Barrier(100)

    def report(claim: Claim, ended: AttemptEnded) -> None:
        together.wait(WITHIN)
        worker.report(claim, ended)

    threads = [threading.Thread(target=report, args=pair) for pair in zip(claims, ends, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN)

    loaded = store.load("x")
    assert loaded is not None
    assert loaded.state is State.SUCCESS
    assert sum(isinstance(event, AttemptEnded) for event in store.events("x")) == 100


def test_what_was_claimed_before_the_store_became_busy_is_begun() -> None:
    flow = Flow("sim", "one", (Task("a", CORE + "http.Request", Kind.WORKER),), source_digest="one")
    clock, store = HeldClock(), MemoryStore()
    session = store.open_session(name="sim", kind="run", pid=1, at=clock.now())
    executor = Executor(store, session, Flows({"one": flow}), FakeShell("", clock), clock)
    worker = Worker(store, executor, Obedient(clock, failing=2), clock, slots=2, grace=timedelta(seconds=1))
    for name in ("x", "y"):
        start(store, Start(name, flow, "one"), session=session, at=clock.now())
        executor.settle(name)

    def busy(execution: str) -> None:
        if execution == "y":
            raise Retryable("the store is busy")

    store.before_append = busy
    first = worker.claim(2)
    store.before_append = None
    second = worker.claim(2)

    assert [claim.execution for claim in first] == ["x"]
    assert [claim.execution for claim in second] == ["y"]
