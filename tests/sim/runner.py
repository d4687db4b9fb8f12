"""What attempts start in the simulated world, and the journal of it: the judge of side effects (P3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from flows_strategy import Dice, chance, one_of
from penstock.agent.worker import Attempts, Claim
from penstock.execution.event import AttemptEnded, AttemptLost, Instant
from penstock.execution.identity import attempt_name, idempotency_key
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow, Kind
from penstock.ports.clock import HeldClock
from penstock.ports.runner import Halt
from penstock.ports.store import Store

DEFIANT_FOR = timedelta(seconds=100)
"""So long does an attempt live on that does not obey; the engine gives it up after 60 s."""


class Violation(AssertionError):
    """What must never happen, has happened."""


@dataclass(slots=True)
class Proc:
    """One thing that was started. It lives until `ends_at`, or until it is halted, or its machine fails."""

    name: str
    key: str
    planned: State
    ends_at: Instant | None
    obeys: bool
    adoptable: bool
    ended: AttemptEnded | None = None
    vanished: bool = False
    halted_at: Instant | None = None

    @property
    def is_alive(self) -> bool:
        return self.ended is None and not self.vanished


@dataclass(slots=True)
class Slot:
    """A claim that a worker has spawned: begun in one step, finished by `work` in a later one."""

    claim: Claim
    halt: Halt
    work: Callable[[], None]
    begun: bool = False
    proc: Proc | None = None


@dataclass(slots=True)
class Runner:
    """The machine on which attempts run: it outlives the processes of the engine."""

    seed: str
    store: Store
    clock: HeldClock
    told: Callable[[str], None]
    procs: dict[str, Proc] = field(default_factory=dict)
    removed: dict[str, Proc] = field(default_factory=dict)

    def begin(self, slot: Slot) -> None:
        """What `Attempts.make` does first: find what was left, or start."""
        slot.begun = True
        claim = slot.claim
        name = name_of(claim)
        dice = Dice(f"{self.seed}/{name}")
        adoptable = chance(dice, 70)
        found = self.procs.get(name)
        if claim.resumed and found is not None:
            self.told("attempt adopted" if found.is_alive else "end read after a restart")
            slot.proc = found
        elif claim.resumed and not adoptable:
            self.told("attempt lost with its process")
        elif slot.halt.requested:
            self.told("halted before it began")
        else:
            slot.proc = self._start(claim, name, dice, adoptable=adoptable)

    def _start(self, claim: Claim, name: str, dice: Dice, *, adoptable: bool) -> Proc:
        execution = self.store.load(claim.execution)
        if execution is None:
            raise Violation(f"{name} was started for an execution that is not there")
        run = execution.runs[claim.run]
        key = idempotency_key(claim.execution, claim.run, run.iteration)
        if name in self.procs or name in self.removed:
            raise Violation(f"{name} was started twice")
        if any(proc.is_alive and proc.key == key for proc in self.procs.values()):
            raise Violation(f"{name} was started while an earlier attempt of {key} lives")
        if not run.is_running or len(run.attempts) != claim.attempt:
            raise Violation(f"{name} was started without its intent: {run.state}, {len(run.attempts)} attempts")
        self.told("attempt started")
        seconds = dice.randrange(90)
        proc = Proc(
            name,
            key,
            planned=one_of(dice, (*[State.SUCCESS] * 6, State.WARNING, State.FAILED, State.FAILED)),
            ends_at=None if chance(dice, 8) else self.clock.now() + timedelta(seconds=seconds),
            obeys=not chance(dice, 25),
            adoptable=adoptable,
        )
        self.procs[name] = proc
        return proc

    def is_finished(self, slot: Slot) -> bool:
        """Whether `work` would not block: there is an end to be read, or never will be."""
        if not slot.begun:
            return False
        proc = slot.proc
        if proc is None:
            return True
        self._age(proc, slot.halt)
        return not proc.is_alive

    def next_moment(self, slots: list[Slot]) -> Instant | None:
        """When the next of `slots` comes to its end."""
        moments = [_end_of(slot.proc) for slot in slots if slot.proc is not None and slot.proc.is_alive]
        return min((moment for moment in moments if moment is not None), default=None)

    def _age(self, proc: Proc, halt: Halt) -> None:
        now = self.clock.now()
        if halt.requested and proc.halted_at is None:
            proc.halted_at = now
        if not proc.is_alive:
            return
        end = _end_of(proc)
        if end is None or end > now:
            return
        state = State.KILLED if end != proc.ends_at else proc.planned
        self.told(f"attempt ended {state}")
        error = "it went wrong" if state is State.FAILED else None
        proc.ended = AttemptEnded(at=now, run="", attempt=0, state=state, error=error, outputs={"by": proc.name})

    def calm(self) -> None:
        """From now on everything that lives comes to an end."""
        for proc in self.procs.values():
            if proc.is_alive and proc.ends_at is None and proc.halted_at is None:
                proc.ends_at = self.clock.now() + timedelta(seconds=5)

    def process_died(self, slots: list[Slot]) -> None:
        """What ran within a process of the engine dies with it; what it started outside lives on."""
        for slot in slots:
            if slot.proc is not None and slot.proc.is_alive and not slot.proc.adoptable:
                slot.proc.vanished = True

    def machine_died(self) -> None:
        """After a power failure nothing lives, and nobody knows how it ended."""
        for proc in self.procs.values():
            if proc.ended is None:
                proc.vanished = True


def _end_of(proc: Proc) -> Instant | None:
    if proc.halted_at is None:
        return proc.ends_at
    dies = proc.halted_at + (timedelta(seconds=1) if proc.obeys else DEFIANT_FOR)
    return dies if proc.ends_at is None else min(dies, proc.ends_at)


@dataclass(slots=True)
class FakeAttempts(Attempts):
    """The port through which the worker reaches the runner. `make` is called when the end is there to be read."""

    runner: Runner
    slots: list[Slot]

    def make(self, flow: Flow, execution: Execution, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        del flow, execution
        slot = next(slot for slot in self.slots if slot.claim == claim and slot.halt is halt)
        now, proc = self.runner.clock.now(), slot.proc
        if proc is None and not claim.resumed:
            return AttemptEnded(at=now, run=claim.run, attempt=claim.attempt, state=State.KILLED)
        if proc is None or proc.ended is None:
            self.runner.told("attempt lost")
            return AttemptLost(at=now, run=claim.run, attempt=claim.attempt, reason="it is gone without a trace")
        ended = proc.ended
        return AttemptEnded(
            at=now, run=claim.run, attempt=claim.attempt, state=ended.state, error=ended.error, outputs=ended.outputs
        )

    def sweep(self, at_work: object) -> int:
        del at_work
        return 0

    def tidy(self) -> bool:
        return False

    def over(self, execution: Execution, run: str) -> bool:
        found = execution.runs.get(run)
        return found is None or found.kind is Kind.FLOWABLE

    def free(self, execution: str, run: str) -> None:
        found = self.runner.store.load(execution)
        if found is None or (run in found.runs and not found.runs[run].state.is_terminal):
            raise Violation(f"what the children of {run} share was freed before its end was recorded")
        self.runner.told("shared directory freed")

    def clear(self, claim: Claim) -> None:
        name = name_of(claim)
        execution = self.runner.store.load(claim.execution)
        run = execution.runs.get(claim.run) if execution is not None else None
        if run is not None and run.is_running and len(run.attempts) == claim.attempt:
            raise Violation(f"{name} was cleared away before its end was recorded")
        proc = self.runner.procs.pop(name, None)
        if proc is not None:
            self.runner.removed[name] = proc


def name_of(claim: Claim) -> str:
    return attempt_name("sim", claim.execution, claim.run, claim.attempt)
