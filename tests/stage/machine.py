"""Attempts in virtual time: each has a thread of its own, and exactly one thread of all goes on at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from penstock.ports.clock import Clock
from penstock.ports.runner import Halt

_PATIENCE_S = 30.0
"""An attempt that blocks for so long waits for something that is not of this machine."""


@dataclass(eq=False)
class Actor:
    """One attempt that is being made. `wake_at` is when it goes on; at once when that is None."""

    act: Callable[[], None]
    halt: Halt
    wake_at: datetime | None = None
    is_over: bool = False
    is_dismissed: bool = False
    _turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Let it act until it waits, or is over."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="actor", daemon=True)
            self._thread.start()
        self._turn.release()
        assert self._back.acquire(timeout=_PATIENCE_S), "an attempt waits for something outside its machine"

    def wait_until(self, moment: datetime) -> None:
        """In its own thread: hand over, until the machine lets it go on."""
        self.wake_at = moment
        self._back.release()
        self._turn.acquire()
        self._leave_if_dismissed()
        self.wake_at = None

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self._leave_if_dismissed()
            self.act()
        finally:
            self.is_over = True
            self._back.release()

    def _leave_if_dismissed(self) -> None:
        if self.is_dismissed:
            raise SystemExit


@dataclass
class Machine:
    """Where attempts are made. `current` is the one whose turn it is."""

    clock: Clock
    actors: list[Actor] = field(default_factory=list)
    current: Actor | None = None

    def take(self, act: Callable[[], None], halt: Halt) -> None:
        self.actors.append(Actor(act, halt))

    def step(self) -> int:
        """Each attempt that needs not wait goes on once, in the order in which they began; how many did."""
        ready = [actor for actor in self.actors if self._is_ready(actor)]
        for actor in ready:
            self.current = actor
            actor.go_on()
            self.current = None
        self.actors = [actor for actor in self.actors if not actor.is_over]
        return len(ready)

    def _is_ready(self, actor: Actor) -> bool:
        return actor.wake_at is None or actor.halt.requested or actor.wake_at <= self.clock.now()

    def moments(self) -> Iterable[datetime]:
        """When something goes on of itself."""
        return [actor.wake_at for actor in self.actors if actor.wake_at is not None]

    def sleep(self, seconds: float, halt: Halt) -> bool:
        """In an attempt: let time pass; whether it was asked to stop."""
        assert self.current is not None
        until = self.clock.now() + timedelta(seconds=seconds)
        while not halt.requested and self.clock.now() < until:
            self.current.wait_until(until)
        return halt.requested

    def dismiss(self) -> None:
        """Nobody goes on any more."""
        for actor in self.actors:
            actor.is_dismissed = True
            actor.go_on()
        self.actors = []


@dataclass(frozen=True)
class VirtualHalt(Halt):
    """A request to stop, which is waited for in virtual time."""

    halt: Halt
    machine: Machine

    @property
    def requested(self) -> bool:
        return self.halt.requested

    @property
    def grace(self) -> timedelta:
        return self.halt.grace

    def wait(self, seconds: float) -> bool:
        return self.machine.sleep(seconds, self.halt)
