"""All processes of one attempt: found by an inherited mark, signalled without hitting a stranger, ended as a whole.

`setsid` leaves a process group, but not its environment. A process belongs to an attempt when its environment
carries the mark (the path of its private folder: a name is unique on its runner, a path on its machine), when its
parent does, when its session is the wrapper's, or when its control group is the attempt's.
(What escapes where no cgroup is delegated: a double fork out of the session with a cleared environment.)
Without /proc (macOS) only the wrapper's process group is known.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "PENSTOCK_ATTEMPT"
WRAPPER = "penstock-attempt"
"""What a wrapper is called in its own command line."""
HAS_PROC = Path("/proc/self/stat").exists()
_MOST_PASSES = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """A process at one moment. `pid` alone names nobody: it is used again; with `started` it does."""

    pid: int
    parent: int
    session: int
    started: int
    is_dead: bool


def look(pid: int) -> Seen | None:
    """What /proc tells of `pid`; None when there is no such process."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    fields = text[text.rfind(b")") + 2 :].split()
    return Seen(pid, int(fields[1]), int(fields[3]), int(fields[19]), fields[0] in b"ZX")


def carries(pid: int, mark: str) -> bool:
    """Whether the environment of `pid` has this mark."""
    try:
        environment = _read(f"/proc/{pid}/environ")
    except OSError:
        return False  # it ended, or it is another user's
    return f"\0{MARK}={mark}\0".encode() in b"\0" + environment


def is_alive(pid: int, started: int, mark: str) -> bool:
    """Whether `pid` is still the process that started then, for that attempt."""
    if not HAS_PROC:
        with suppress(OSError):
            return os.getpgid(pid) == pid
        return False
    seen = look(pid)
    return seen is not None and not seen.is_dead and seen.started == started and carries(pid, mark)


def newest_pid() -> int:
    """The pid that the kernel gave last."""
    return int(_read("/proc/loadavg").split()[4])


def entities() -> int:
    """How many processes and threads the machine has: one cheap read that tells whether a count is worth its price."""
    return int(_read("/proc/loadavg").split()[3].partition(b"/")[2]) if HAS_PROC else 0


class Tree:
    """The processes that carry `mark`, without their wrapper. `wrapper` is its pid and the id of its session;
    the session counts only while `holds_session()` says that the pid cannot have been given to a stranger. `grouped`
    gives the pids of the attempt's control group."""

    def __init__(
        self,
        mark: str,
        wrapper: int | None = None,
        holds_session: Callable[[], bool] = lambda: False,
        grouped: Callable[[], set[int]] = set,
    ) -> None:
        self._mark = mark
        self._wrapper = wrapper
        self._holds_session = holds_session
        self._grouped = grouped
        self._sent: set[tuple[signal.Signals, int, int]] = set()

    def members(self, candidates: Iterable[int] | None = None) -> dict[int, Seen]:
        """Who belongs to it now, among `candidates` (default: all processes)."""
        if not HAS_PROC:
            return {}
        session = self._wrapper if self._holds_session() else None
        pids = candidates if candidates is not None else _all_pids()
        grouped = self._grouped()
        living: dict[int, Seen] = {}
        found: dict[int, Seen] = {}
        for pid in pids:
            seen = look(pid)
            if seen is None or seen.is_dead or pid == self._wrapper:
                continue
            living[pid] = seen
            if seen.session == session or pid in grouped or carries(pid, self._mark):
                found[pid] = seen
        return self._with_children(living, found)

    @staticmethod
    def _with_children(living: dict[int, Seen], found: dict[int, Seen]) -> dict[int, Seen]:
        grown = True
        while grown:
            more = {pid: seen for pid, seen in living.items() if seen.parent in found and pid not in found}
            found.update(more)
            grown = bool(more)
        return found

    def send(self, number: signal.Signals) -> int:
        """Send it to everyone once; how many got it who can heed it."""
        if not HAS_PROC:
            return self._signal_group(number)
        heard = 0
        for seen in self.members().values():
            # The wrapper's fork has not become the program yet: `sh` may drop a signal that comes just then.
            is_program = not _is_fork_of_wrapper(seen.pid)
            heard += _send(seen, number) and is_program
            self._sent.add((number, seen.pid, seen.started))
        return heard

    def send_to_orphans(self, number: signal.Signals) -> None:
        """Send it to those who have not got it yet and have lost their parent: they were forked while the others were
        being told. A child of somebody who was told is left alone: it may be what cleans up."""
        members = self.members()
        for seen in members.values():
            key = (number, seen.pid, seen.started)
            if key not in self._sent and seen.parent not in members:
                self._sent.add(key)
                _send(seen, number)

    def stop(self) -> None:
        """SIGSTOP until a look around finds nobody new: what is stopped does not fork."""
        stopped: set[tuple[int, int]] = set()
        if not HAS_PROC:
            self._signal_group(signal.SIGSTOP)
        for _ in range(_MOST_PASSES):
            fresh = [seen for seen in self.members().values() if (seen.pid, seen.started) not in stopped]
            if not fresh:
                return
            for seen in fresh:
                _send(seen, signal.SIGSTOP)
                stopped.add((seen.pid, seen.started))

    def kill(self, *, within: float = 5.0) -> bool:
        """Stop, look around, kill, until nobody is left; whether that came true in time."""
        if not HAS_PROC:
            self._signal_group(signal.SIGKILL)
            return True
        deadline = time.monotonic() + within
        self.stop()
        while left := self.members():
            for seen in left.values():
                _send(seen, signal.SIGKILL)
            _await_end(left, 0.1)
            if time.monotonic() > deadline:
                return False
        return True

    def _signal_group(self, number: signal.Signals) -> int:
        if self._wrapper is None or not self._holds_session():
            return 0
        try:
            os.killpg(self._wrapper, number)
        except OSError:
            return 0
        return 1


def _is_fork_of_wrapper(pid: int) -> bool:
    try:
        return f"\0{WRAPPER}\0".encode() in _read(f"/proc/{pid}/cmdline")
    except OSError:
        return False


def _all_pids() -> list[int]:
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def open_pidfd(pid: int) -> int | None:
    """A handle on the process that has `pid` now; None where the system has none, or no such process."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _send(seen: Seen, number: signal.Signals) -> bool:
    """Signal exactly this process: the handle is opened first, then it is made sure whose it is."""
    handle = open_pidfd(seen.pid)
    try:
        now = look(seen.pid)
        if now is None or now.started != seen.started:
            return False
        if handle is None:
            os.kill(seen.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def _await_end(killed: dict[int, Seen], within: float) -> None:
    """Wait for the first few of them to be gone; the next look around tells about all."""
    deadline = time.monotonic() + within
    for pid in list(killed)[:8]:
        handle = open_pidfd(pid)
        if handle is None:
            continue
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            poll.poll(max(0.0, (deadline - time.monotonic()) * 1000))
        finally:
            os.close(handle)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
