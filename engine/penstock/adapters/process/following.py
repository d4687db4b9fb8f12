"""One follower's loop: hand over output, keep the program at its reader's pace, stop it when asked, tell its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping

from penstock.adapters.process.cgroup import Group
from penstock.adapters.process.folder import Folder
from penstock.adapters.process.raw import RawOutput
from penstock.adapters.process.tree import HAS_PROC, Tree, entities, newest_pid
from penstock.adapters.process.witness import Witness, pause
from penstock.ports.runner import Ending, Exit, Halt, Stream, Tail

AHEAD_BYTES = 64 << 20
"""A program that has written this much more than was read is stopped,"""
CAUGHT_UP_BYTES = 8 << 20
"""and goes on when no more than this is left."""

_QUICK_S = 0.002
_CALM_S = 0.05
_COUNT_S = 0.25
_KILL_AGAIN_S = 0.5
_MOST_KILLS = 4
_YOUNG_S = 1.0
_HALT = "halt"
_PROCESSES = "processes"

_SIGNALS = frozenset(int(number) for number in signal.valid_signals())


class Following:
    """Follows one attempt to its end. For one thread, once."""

    def __init__(
        self,
        folder: Folder,
        witness: Witness | None,
        group: Group | None,
        tail: Tail,
        halt: Halt,
        offsets: Mapping[Stream, int],
    ) -> None:
        self._folder = folder
        self._witness = witness
        self._group = group
        self._tail = tail
        self._halt = halt
        grouped = group.pids if group is not None else set[int]
        if witness is None:
            self._tree = Tree(folder.mark, grouped=grouped)
        else:
            self._tree = Tree(folder.mark, witness.pid, witness.holds_session, grouped)
        self._streams: list[RawOutput] = []
        for stream in Stream:
            self._streams.append(RawOutput(folder.output(stream), stream, offsets.get(stream, 0)))
        self._began = time.monotonic()
        self._stopping = folder.noted("stop") is not None
        self._was_heard = False
        self._deadline: float | None = None
        self._kills = 0
        self._is_paused = folder.noted("paused") is not None
        self._allowed = folder.processes()
        self._count_at = self._began + _COUNT_S
        self._entities = 0

    def run(self) -> Exit:
        """Block until the program is over, all its output is handed over, and nothing of its tree is left."""
        witness = self._witness
        interval = _QUICK_S
        while witness is not None:
            moved = self._pump()
            if witness.wait(0 if moved else interval):
                break
            interval = _QUICK_S if moved else min(interval * 2, _CALM_S)
            self._heed_halt(witness)
            self._keep_pace()
            self._count()
        if self._is_paused:
            self._folder.forget("paused")
        is_clear = self._clear()
        while self._pump(final=True):
            pass
        return self._exit(is_clear=is_clear)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    def _pump(self, *, final: bool = False) -> int:
        return sum(stream.pump(self._tail, final=final) for stream in self._streams)

    # ── pace ──

    def _keep_pace(self) -> None:
        backlog = sum(stream.backlog for stream in self._streams)
        if self._is_paused and (backlog <= CAUGHT_UP_BYTES or self._deadline is not None):
            self._resume()
        elif not self._is_paused and backlog > AHEAD_BYTES and self._deadline is None:
            # Noted first: should we be gone before it is resumed, the next follower knows that it is ours to resume.
            self._folder.note("paused", "")
            self._is_paused = True
            self._tree.stop()

    def _resume(self) -> None:
        self._tree.send(signal.SIGCONT)
        self._folder.forget("paused")
        self._is_paused = False

    # ── stopping ──

    def _heed_halt(self, witness: Witness) -> None:
        if self._deadline is None:
            if self._halt.requested or self._stopping:
                self._begin_to_stop(_HALT)
            return
        if not self._was_heard:
            self._term()
        if time.monotonic() >= self._deadline:
            self._kill(witness)

    def _begin_to_stop(self, why: str) -> None:
        if not self._stopping:
            self._folder.note("stop", why)
        self._stopping = True
        self._term()
        self._deadline = time.monotonic() + self._halt.grace.total_seconds()

    def _term(self) -> None:
        """Nobody hears it before the program has begun: then it is said again."""
        self._was_heard = self._tree.send(signal.SIGTERM) > 0
        self._resume()

    def _kill(self, witness: Witness) -> None:
        """Everything but the wrapper, which tells the exit code; at last the wrapper too."""
        self._kills += 1
        if self._group is not None:
            self._group.kill()
        self._tree.kill()
        if self._kills >= _MOST_KILLS:
            witness.kill()
        self._deadline = time.monotonic() + _KILL_AGAIN_S

    def _count(self) -> None:
        """A fork loop is ended at the order's bound, also where no cgroup holds it.

        Counting costs a look at every process, so it is done only when the machine has noticeably more of them.
        """
        now = time.monotonic()
        if now < self._count_at or self._allowed is None or self._deadline is not None:
            return
        self._count_at = now + _COUNT_S
        entities_now = entities()
        if not self._entities or entities_now < self._entities:
            self._entities = entities_now
        if entities_now - self._entities <= self._allowed // 4:
            return
        self._entities = entities_now
        if len(self._tree.members()) > self._allowed:
            self._folder.note("stop", _PROCESSES)
            self._stopping = True
            self._deadline = now

    # ── the end ──

    def _clear(self) -> bool:
        """The main program is over: what is left of its tree has the rest of the grace, if it was stopped, no more."""
        if self._deadline is not None:
            while time.monotonic() < self._deadline and not self._kills and self._tree.members():
                self._tree.send_to_orphans(signal.SIGTERM)
                if not self._pump():
                    pause(_QUICK_S * 5)
        if not HAS_PROC or self._tree.members(self._candidates()):
            if self._group is not None:
                self._group.kill()
            return self._tree.kill()
        return True

    def _candidates(self) -> range | None:
        """The pids that descendants of a short program can have, when that is few; None: all.

        Within a second the kernel does not hand out all its pids, so they lie between the wrapper's and the newest.
        """
        witness = self._witness
        if witness is None or witness.child is None or time.monotonic() - self._began > _YOUNG_S:
            return None
        newest = newest_pid()
        wall = time.monotonic() - self._began
        return range(witness.pid + 1, newest + 1) if witness.pid < newest and wall < _YOUNG_S else None

    def _exit(self, *, is_clear: bool) -> Exit:
        """How it ended, from what the wrapper told, from who stopped it, or from how the wrapper itself ended."""
        ended = self._folder.ended()
        child = self._witness.child if self._witness is not None else None
        if child is not None:
            child.reap(wait=True)
        why = self._folder.noted("stop")
        orphans = "" if is_clear else "some of its processes could not be killed"
        if ended is None:
            if why is not None:
                return Exit(Ending.STOPPED, signal=signal.SIGKILL, reason=orphans)
            if child is not None and child.killed_by is not None:
                return Exit(Ending.KILLED, signal=child.killed_by, reason="it was killed together with its wrapper")
            return Exit(Ending.LOST, reason="it is gone, and left no word of how it ended")
        if ended.code is None:
            return Exit(Ending.NOT_STARTED, reason=self._folder.last_words() or "its working directory is gone")
        number = _signal_of(ended.code)
        if why == _PROCESSES:
            reason = f"it had more than {self._allowed} processes"
            return Exit(Ending.KILLED, ended.code, number or signal.SIGKILL, reason)
        if why is not None:
            return Exit(Ending.STOPPED, ended.code, number, orphans)
        if number == signal.SIGKILL and self._group is not None and self._group.killed_for_memory():
            return Exit(Ending.OUT_OF_MEMORY, ended.code, number, "it used more memory than it may")
        if number is not None:
            return Exit(Ending.KILLED, ended.code, number, orphans)
        return Exit(Ending.EXITED, ended.code, reason=orphans)


def _signal_of(code: int) -> int | None:
    """`sh` tells a death by signal as 128 + its number; a program that exits so by itself cannot be told apart."""
    return code - 128 if code - 128 in _SIGNALS else None
