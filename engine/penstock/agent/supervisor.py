"""Keeps the loops of a session going: each a step that looks at the store, woken by a poke or after an interval.

A lost poke costs one interval, never correctness.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from penstock.errors import Retryable


@dataclass(frozen=True, slots=True)
class Loop:
    """`step` is called again and again: after each poke, and at the latest after `every`, which may be asked anew each
    time. It says how much it did: as long as that is not 0 it is called again at once. `soon`: the first time is now.
    """

    name: str
    step: Callable[[], int]
    every: timedelta | Callable[[], timedelta]
    soon: bool = False

    def wait(self) -> float:
        """Seconds until the next look, unless somebody pokes."""
        every = self.every if isinstance(self.every, timedelta) else self.every()
        return max(every.total_seconds(), 0.0)


class Supervisor:
    """Runs loops in threads of their own until it is told to stop, or one of them fails for good."""

    def __init__(self, loops: Sequence[Loop], on_failure: Callable[[], None]) -> None:
        self._loops = loops
        self._on_failure = on_failure
        self._pokes = {loop.name: threading.Event() for loop in loops}
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for loop in self._loops:
            self._begin(loop)

    def add(self, loop: Loop) -> None:
        """One more loop, begun at once."""
        self._pokes[loop.name] = threading.Event()
        self._begin(loop)

    def _begin(self, loop: Loop) -> None:
        thread = threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True)
        thread.start()
        self._threads.append(thread)  # not before: a signal between the two must not have `stop` wait for it

    def poke(self, *names: str) -> None:
        """Have the named loops (all, when none is named) look now."""
        for name in names or tuple(self._pokes):
            poke = self._pokes.get(name)
            if poke is not None:
                poke.set()

    def fail(self, error: BaseException) -> None:
        """What no loop can mend: whoever waits for the session hears of it."""
        self._failure = self._failure or error
        self._on_failure()

    @property
    def failure(self) -> BaseException | None:
        return self._failure

    def stop(self) -> None:
        """Let every loop finish its step, and no more. May be called twice."""
        self._stopping.set()
        self.poke()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._threads.clear()

    def _run(self, loop: Loop) -> None:
        poke = self._pokes[loop.name]
        if loop.soon:
            poke.set()
        wait = loop.wait()
        while not self._stopping.is_set():
            poke.wait(wait)
            if self._stopping.is_set():
                return
            poke.clear()
            try:
                while loop.step() and not self._stopping.is_set():
                    pass
                wait = loop.wait()
            except Retryable as error:
                wait = error.after.total_seconds()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the session
                self.fail(error)
                return
