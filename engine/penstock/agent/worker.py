"""Claims ready task runs, has their attempts made, and reports how they ended. A slot is a thread while it works.

The claim is the event `AttemptStarted`: committed before anything is started. Three steps, so that a crash between
any two of them can be played through: `claim`, `perform`, `report`.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from penstock import failpoint
from penstock.agent.executor import Executor
from penstock.errors import NotFound, Refused, Retryable
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Event,
    ExecutionEnded,
    TaskRunEnded,
    TaskRunStopping,
)
from penstock.execution.model import Execution
from penstock.failpoint import Failpoint
from penstock.flow.model import Flow
from penstock.ports.clock import Clock
from penstock.ports.runner import Halt
from penstock.ports.store import Claimable, Fenced, Store

CLEARING_S = 2.0
"""So long whoever leaves waits for what has ended to be cleared away."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that this worker is to make. `resumed`: it was begun by a process that is gone."""

    execution: str
    run: str
    attempt: int
    resumed: bool = False


class Attempts(Protocol):
    """Makes attempts: renders the properties, runs the type, and says how it ended. Never raises for a task's fault."""

    def make(self, flow: Flow, execution: Execution, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost: ...

    def clear(self, claim: Claim) -> None:
        """Free what the attempt held on its runner: its end is recorded."""
        ...

    def over(self, execution: Execution, run: str) -> bool:
        """The task run is over; whether what its children shared is to be freed now, by `free`. Does no more than
        look."""
        ...

    def free(self, execution: str, run: str) -> None:
        """Free what the children of a task run shared."""
        ...

    def sweep(self, at_work: Callable[[], Sequence[tuple[str, Execution]]]) -> int:
        """Free what attempts hold that ended with their process, or were never begun: all but those of `at_work`
        (executions, each with the name of the session that holds it), which is asked after looking. How many."""
        ...

    def tidy(self) -> bool:
        """Try again to free what could not be freed; whether a whole sweep is owed as well."""
        ...


class HaltSwitch(Halt):
    """A request to stop that is thrown once."""

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._thrown = threading.Event()

    @property
    def requested(self) -> bool:
        return self._thrown.is_set()

    @property
    def grace(self) -> timedelta:
        return self._grace

    def wait(self, seconds: float) -> bool:
        return self._thrown.wait(seconds)

    def throw(self) -> None:
        self._thrown.set()


class Worker:
    """Thread-safe. `slots` attempts at once."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        attempts: Attempts,
        clock: Clock,
        *,
        slots: int,
        grace: timedelta,
        on_fault: Callable[[BaseException], None] | None = None,
        report_tries: int = 1,
    ) -> None:
        """`report_tries`: how often the end of an attempt is told to a store that is busy. What it could not be told
        is found again by the next process, as after a crash."""
        self._store = store
        self._executor = executor
        self._attempts = attempts
        self._clock = clock
        self._slots = slots
        self._grace = grace
        self._on_fault = on_fault or _raise
        self._report_tries = report_tries
        self._lock = threading.Lock()
        self._busy: dict[tuple[str, str], HaltSwitch] = {}
        self._claiming = threading.Lock()
        self._looks_again = False
        self._threads: set[threading.Thread] = set()
        self._clearing: set[threading.Thread] = set()
        self._closed = False
        self._resting = False
        executor.listen(self._hear)

    # ── the three steps ──

    def claim(self, most: int) -> list[Claim]:
        """Take up to `most` ready task runs: the intent to run them is committed when this returns."""
        ready: dict[str, list[Claimable]] = defaultdict(list)
        for each in self._store.claimable(self._executor.session, limit=most):
            ready[each.execution].append(each)
        claims: list[Claim] = []
        for execution, runs in ready.items():
            try:
                claims.extend(self._claim_of(execution, runs))
            except Retryable:
                if claims:
                    break  # what was claimed is committed and must be begun; the rest is claimed next time
                raise
        return claims

    def _claim_of(self, execution: str, runs: Sequence[Claimable]) -> list[Claim]:
        session = self._executor.session
        now = self._clock.now()
        try:
            held = self._executor.peek(execution)
            starts = [
                AttemptStarted(
                    at=now,
                    run=each.run,
                    attempt=len(held.runs[each.run].attempts) + 1,
                    session=session.id,
                    epoch=session.epoch,
                )
                for each in runs
                if each.run in held.ready
            ]
            self._executor.submit(execution, *starts)
        except (Refused, Fenced, NotFound):
            return []  # somebody killed or paused it meanwhile: nothing was started
        return [Claim(execution, start.run, start.attempt) for start in starts]

    def perform(self, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        """Make the attempt. Blocks until it is over."""
        execution = self._executor.peek(claim.execution)
        return self._attempts.make(self._executor.flow_of(claim.execution), execution, claim, halt)

    def report(self, claim: Claim, ended: AttemptEnded | AttemptLost) -> None:
        """Append the end and what follows from it; then free the runner. A report that comes too late is dropped."""
        self._tell(claim, ended)
        self._attempts.clear(claim)

    def _tell(self, claim: Claim, ended: AttemptEnded | AttemptLost) -> None:
        with suppress(Refused, NotFound):  # it was written off: its deadline had passed, or the execution is gone
            self._executor.submit(claim.execution, ended)

    # ── slots ──

    def fill(self) -> int:
        """Claim for every free slot and set it to work; how many were claimed here.

        Who comes while another thread claims does not wait for it: that one looks once more, and takes what has become
        free meanwhile in one commit.
        """
        self._looks_again = True
        count = 0
        while self._looks_again and self._claiming.acquire(blocking=False):
            try:
                self._looks_again = False
                count += self._fill_once()
            finally:
                self._claiming.release()
        return count

    def _fill_once(self) -> int:
        free = self._slots - len(self._busy)
        claims = [] if self._closed or self._resting or free <= 0 else self.claim(free)
        for claim in claims:
            self._begin(claim)
        return len(claims)

    def adopt(self, execution: str) -> int:
        """Take up the attempts of `execution` that a process which is gone had begun; how many."""
        held = self._executor.peek(execution)
        runs = sorted((held.runs[key] for key in held.running), key=lambda run: run.ordinal)
        with self._claiming:
            for run in runs:
                if (execution, run.id) not in self._busy:
                    self._begin(Claim(execution, run.id, len(run.attempts), resumed=True))
        if self._looks_again:
            self.fill()  # somebody has come meanwhile
        return len(runs)

    def _begin(self, claim: Claim) -> None:
        switch = HaltSwitch(self._grace)
        with self._lock:
            self._busy[claim.execution, claim.run] = switch
        if self._executor.peek(claim.execution).runs[claim.run].stop is not None:
            switch.throw()
        self._spawn(claim, switch)

    def _spawn(self, claim: Claim, switch: HaltSwitch) -> None:
        """Have `_work` done in a thread of its own. The simulator does it in steps instead."""
        thread = threading.Thread(target=self._work, args=(claim, switch), name=f"slot {claim.run}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self, claim: Claim, switch: HaltSwitch) -> None:
        try:
            failpoint.reached(Failpoint.INTENT_RECORDED)
            ended = self.perform(claim, switch)
            failpoint.reached(Failpoint.TASK_ENDED)
            self._free(claim, switch)
            if not self._closed:
                self._clearing.add(threading.current_thread())
                self._tell_patiently(claim, ended)
                self.fill()
                self._attempts.clear(claim)  # when the next one runs already: nobody waits for it
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._on_fault(error)
        finally:
            self._free(claim, switch)
            self._clearing.discard(threading.current_thread())
            self._threads.discard(threading.current_thread())

    def _tell_patiently(self, claim: Claim, ended: AttemptEnded | AttemptLost) -> None:
        for left in range(self._report_tries, 0, -1):
            try:
                self._tell(claim, ended)
            except Retryable as busy:
                if left == 1:
                    raise
                threading.Event().wait(busy.after.total_seconds())
            else:
                return

    def _free(self, claim: Claim, switch: HaltSwitch) -> None:
        """Free the slot. The next attempt of the same task run may have begun by now: its slot is not touched."""
        with self._lock:
            if self._busy.get((claim.execution, claim.run)) is switch:
                del self._busy[claim.execution, claim.run]

    def _hear(self, execution: Execution, events: Sequence[Event]) -> None:
        """Pass on what was decided about attempts that are being made here."""
        for event in events:
            match event:
                case TaskRunStopping():
                    self._stop(execution.id, event.run)
                case TaskRunEnded():
                    self._stop(execution.id, event.run)
                    if self._attempts.over(execution, event.run):
                        self._free_shared(execution.id, event.run)
                case ExecutionEnded():
                    for key in [key for key in self._busy if key[0] == execution.id]:
                        self._stop(*key)
                case _:
                    continue

    def _free_shared(self, execution: str, run: str) -> None:
        """In a thread of its own: who tells of the end is not to wait for a runner. The simulator does not wait."""

        def free() -> None:
            try:
                self._attempts.free(execution, run)
            except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
                self._on_fault(error)
            finally:
                self._clearing.discard(threading.current_thread())

        thread = threading.Thread(target=free, name=f"free {run}", daemon=True)
        self._clearing.add(thread)
        thread.start()

    def _stop(self, execution: str, run: str) -> None:
        with self._lock:
            switch = self._busy.get((execution, run))
        if switch is not None:
            switch.throw()

    @property
    def busy(self) -> int:
        return len(self._busy)

    @property
    def capacity(self) -> int:
        """So many attempts at once."""
        return self._slots

    def rest(self) -> None:
        """Stop claiming; what runs here is still reported."""
        self._resting = True

    def leave(self) -> None:
        """Stop claiming and reporting. What runs, runs on: whoever comes next adopts it. What has ended is cleared
        away before this returns, or given up after a while: the next agent sweeps."""
        self._closed = True
        deadline = time.monotonic() + CLEARING_S
        for thread in tuple(self._clearing):
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(max(deadline - time.monotonic(), 0))

    def sweep(self) -> int:
        """Free what earlier processes have left on the runners; how much."""

        def at_work() -> list[tuple[str, Execution]]:
            found = [(session.name, self._store.load(id_)) for id_, session in self._store.at_work()]
            return [(name, execution) for name, execution in found if execution is not None]

        return self._attempts.sweep(at_work)

    def tidy(self) -> int:
        """Come back to what could not be freed when its time was: a runner was out of reach."""
        return self.sweep() if self._attempts.tidy() else 0


def _raise(error: BaseException) -> None:
    raise error
