"""The wrapper as one follower sees it: a child of ours, or one adopted from an agent that is gone."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from penstock.adapters.process.tree import is_alive, look, open_pidfd

_TICK_S = 0.005
_never = threading.Event()


def pause(seconds: float) -> None:
    """Let a moment pass where no handle can be waited for."""
    _never.wait(seconds)


@dataclass(slots=True)
class Child:
    """A wrapper that this process spawned. Until it is reaped, its pid is nobody else's."""

    pid: int
    handle: int | None = None
    status: int | None = None
    cpu_s: float = 0.0
    max_rss_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, pid: int) -> Child:
        return cls(pid, open_pidfd(pid))

    def reap(self, *, wait: bool) -> bool:
        """Take its ending from the kernel, once; whether it has ended."""
        with self._lock:
            if self.status is not None:
                return True
            try:
                pid, status, used = os.wait4(self.pid, 0 if wait else os.WNOHANG)
            except ChildProcessError:
                self.status = 0  # somebody else in this process waited for it: the exit file knows
                return True
            if pid == 0:
                return False
            self.status = status
            self.cpu_s = used.ru_utime + used.ru_stime
            self.max_rss_bytes = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            self.close()
            return True

    def close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    @property
    def killed_by(self) -> int | None:
        """The signal that ended the wrapper itself."""
        return os.WTERMSIG(self.status) if self.status is not None and os.WIFSIGNALED(self.status) else None


class Witness:
    """Tells when the wrapper ends. `close` it."""

    def __init__(self, mark: str, pid: int, started: int, child: Child | None) -> None:
        self.pid = pid
        self.child = child
        self._mark = mark
        self._started = started
        self._ended = False
        # A handle of its own: the child's is closed by whoever reaps it.
        self._handle = open_pidfd(pid)
        self._wait: Callable[[float], bool] = self._by_handle if self._handle is not None else self._by_looking
        if sys.platform == "darwin":
            self._wait = self._by_kqueue
        if child is None and not is_alive(pid, started, mark):
            self._ended = True  # also when the pid was given to somebody else before the handle was opened

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, at the latest after `seconds`."""
        if not self._ended:
            self._ended = self._wait(seconds)
        return self._ended

    def holds_session(self) -> bool:
        """Whether its pid, and so the session it leads, can be nobody else's."""
        if self.child is not None:
            return self.child.status is None
        return not self._ended and is_alive(self.pid, self._started, self._mark)

    def kill(self) -> None:
        """The last resort. It leaves no exit file then."""
        if self.holds_session():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _by_handle(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._handle if self._handle is not None else -1, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _by_looking(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._is_over():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            pause(min(left, _TICK_S))
        return True

    def _is_over(self) -> bool:
        if self.child is None:
            return not is_alive(self.pid, self._started, self._mark)
        seen = look(self.pid)
        return seen is None or seen.is_dead

    if sys.platform == "darwin":

        def _by_kqueue(self, seconds: float) -> bool:
            """The kernel tells of the end without reaping; a pid that is gone cannot be registered."""
            queue = select.kqueue()
            try:
                flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
                event = select.kevent(self.pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)
                return bool(queue.control([event], 1, seconds))
            except ProcessLookupError:
                return True
            finally:
                queue.close()
