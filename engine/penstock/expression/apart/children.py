"""Child processes for what cannot be bounded within this one: slow or greedy work ends because the child is killed.

A child is an interpreter of its own with an empty environment, no inherited file but its two pipes, `/` as its folder
and a session of its own. It is started when something is first asked (0.1 to 0.2 s), kept for what comes next, and ends
itself after 30 s without work, or when this process is gone, however that ended. At most two are alive at a time.

A frame is a letter, a length and as many bytes. `J` is a job and `A` an answer to the child; from the child come `H`,
the job is heard, `C`, a question that only this process can answer, and `D`, the result, or `E`, a fault.
"""

from __future__ import annotations

import atexit
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

from penstock.expression.errors import (
    BudgetExceeded,
    ExpressionError,
    ExpressionSyntaxError,
    UndefinedVariable,
)

DEADLINE_S = 2.0
MEMORY_BYTES = 512 * 1024 * 1024
MOST_BYTES = 64 * 1024 * 1024
"""Of one frame: several times of what a rendering may make at all."""

FRAME = struct.Struct(">cI")
JOB = struct.Struct(">dQB")
OUT_OF_MEMORY = 3
"""The exit code of a child whose own work, not a job's, had no memory."""

_WAIT_S = 60.0
_TRIES = 3
_STARTS_S = 20.0
_LEAVES_S = 1.0
_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from penstock.expression.apart.child import main
sys.exit(main(float(sys.argv[2])))
"""

Answer = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: `work` names what the child does, `content` is what it does it to, in that work's own form."""

    work: str
    content: bytes


def ask(
    job: Job, *, deadline_s: float = DEADLINE_S, memory_bytes: int = MEMORY_BYTES, answer: Answer | None = None
) -> bytes:
    """What a child answers, in the form of its work. It has an empty environment, no file and no network.

    `answer` is called, in this thread, for what the child asks back; the time it takes is not the child's.
    Thread-safe; blocks until a child is free (a minute at most) and then for `deadline_s` at most. Raises
    BudgetExceeded when time or memory is not enough (the child is killed then), ExpressionError with the child's own
    sentence when it refuses, or when no child can be started; and what `answer` raises. Within a child the work is
    done at once, under the bounds of what asked for it.
    """
    if _here is not None:
        return _here(job)
    return _children.ask(job, deadline_s=deadline_s, memory_bytes=memory_bytes, answer=answer)


def work_here(perform: Callable[[Job], bytes]) -> None:
    """From now on whatever is asked in this process is done by `perform`: a child starts no children."""
    global _here
    _here = perform


class _Left(Exception):
    """The child had ended before it heard of the job: for want of work, or because somebody killed it."""


class _Refusal(Exception):
    """The child is well, and gives an error as its result."""

    def __init__(self, error: ExpressionError) -> None:
        super().__init__(error)
        self.error = error


class _Gone(Exception):
    """The pipes are closed: the child has ended or is about to."""


class _Watch:
    """Kills a process that takes longer than it may; between `stop` and `start` no time is counted."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.rang = False
        self._process = process
        self._left = seconds
        self._began = 0.0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        self._began = monotonic()
        timer = threading.Timer(max(self._left, 0), self._ring)
        timer.daemon = True
        self._timer = timer
        timer.start()

    def stop(self) -> None:
        """It rings no more once this returns; whether it did before, `rang` says."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._left -= monotonic() - self._began
            self._timer = None

    def _ring(self) -> None:
        with self._lock:
            if self._timer is not None:
                self.rang = True
                self._process.kill()


class _Child:
    """One process. One thread at a time."""

    def __init__(self, idle_s: float) -> None:
        if not sys.executable:
            raise ExpressionError("a child process is needed, and it is not known with which Python to start one")
        paths = [str(Path(__file__).resolve().parents[3]), *(path for path in sys.path if Path(path).is_absolute())]
        argv = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, json.dumps(paths), str(idle_s)]
        # Windows starts no program without this one
        environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=Path(sys.executable).anchor,
                env=environment,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise ExpressionError(
                f"a child process is needed and cannot be started: {error.strerror or error}"
            ) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to: IO[bytes] = self.process.stdin
        self.back: IO[bytes] = self.process.stdout
        self.is_spent = False
        # whenever it ends, it is taken note of at once: nothing stays behind as a zombie
        threading.Thread(target=self.process.wait, name="expression-child", daemon=True).start()

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def work(self, job: Job, deadline_s: float, memory_bytes: int, answer: Answer | None) -> bytes:
        """The result. Raises _Left, _Refusal, BudgetExceeded, ExpressionError and what `answer` raises."""
        self._begin(job, deadline_s, memory_bytes)
        watch = _Watch(self.process, deadline_s)
        watch.start()
        try:
            while True:
                kind, content = self._receive()
                if kind == b"D":
                    return content
                if kind == b"E":
                    raise _Refusal(told(content))
                watch.stop()
                assert answer is not None, "only a work that asks back is given no answer"
                self._send(b"A", answer(content))
                watch.start()
        except _Gone:
            raise self._broken(watch.rang, deadline_s, memory_bytes) from None
        finally:
            watch.stop()
            self.is_spent = watch.rang

    def _begin(self, job: Job, deadline_s: float, memory_bytes: int) -> None:
        """Hand over the job. The time that the interpreter takes to start is none of the job's."""
        name = job.work.encode("ascii")
        watch = _Watch(self.process, _STARTS_S)
        watch.start()
        try:
            self._send(b"J", JOB.pack(deadline_s, memory_bytes, len(name)), name, job.content)
            self._receive()
        except _Gone:
            if watch.rang:
                raise ExpressionError(f"a child process did not begin to work within {_STARTS_S:g} s") from None
            if self._exit_code() == OUT_OF_MEMORY:
                raise self._broken(False, deadline_s, memory_bytes) from None
            raise _Left from None
        finally:
            watch.stop()

    def _broken(self, rang: bool, deadline_s: float, memory_bytes: int) -> Exception:
        """Why the child ended in the middle of its work."""
        code = self._exit_code()
        if rang:
            return BudgetExceeded(
                f"the expression takes longer than the wall bound of {deadline_s * 1000:g} ms in a child process"
            )
        if code < 0 or code == OUT_OF_MEMORY:  # C libraries abort where there is no memory
            return BudgetExceeded(
                "the child process of the expression died, most likely of its memory bound of "
                f"{memory_bytes // 2**20:,} MiB"
            )
        return RuntimeError(f"the child process of an expression failed with exit code {code}")

    def _exit_code(self) -> int:
        """Of one whose pipe is closed: it is about to end by itself."""
        try:
            return self.process.wait(_LEAVES_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def end(self) -> None:
        """Kill it, if it is there, and close the pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.to, self.back):
            with suppress(OSError):  # what was not sent is lost with the child
                pipe.close()

    def _send(self, kind: bytes, *parts: bytes) -> None:
        size = sum(map(len, parts))
        if size > MOST_BYTES:
            raise BudgetExceeded(f"what a child process is given passes the bound of {MOST_BYTES // 2**20:,} MiB")
        try:
            self.to.write(FRAME.pack(kind, size) + b"".join(parts))
            self.to.flush()
        except OSError:
            raise _Gone from None

    def _receive(self) -> tuple[bytes, bytes]:
        kind, size = FRAME.unpack(self._read(FRAME.size))
        return kind, self._read(size)

    def _read(self, size: int) -> bytes:
        if size > MOST_BYTES:
            raise _Gone
        try:
            content = self.back.read(size)
        except (OSError, ValueError):  # closed by whoever ends them all
            raise _Gone from None
        if len(content) < size:
            raise _Gone
        return content


class Children:
    """At most `most` processes at a time: given out to one thread each, or idle, for `idle_s` seconds at most."""

    def __init__(self, *, most: int = 2, idle_s: float = 30.0) -> None:
        self._most = most
        self._idle_s = idle_s
        self._changed = threading.Condition()
        self._idle: list[_Child] = []
        self._out: set[_Child] = set()
        self._starting = 0

    def ask(self, job: Job, *, deadline_s: float, memory_bytes: int, answer: Answer | None = None) -> bytes:
        """See `ask` of this module."""
        for _ in range(_TRIES):
            child = self._take()
            is_well = False
            try:
                result = child.work(job, deadline_s, memory_bytes, answer)
                is_well = True
                return result
            except _Left:
                continue
            except _Refusal as refusal:
                is_well = True
                raise refusal.error from None
            finally:
                self._give(child, is_well=is_well and not child.is_spent)
        raise ExpressionError(f"`{job.work}` needs a child process, and none stays alive")

    def pids(self) -> frozenset[int]:
        """The processes that are alive."""
        with self._changed:
            return frozenset(child.process.pid for child in (*self._idle, *self._out) if child.is_alive())

    def close(self) -> None:
        """End them all, also those at work, which raises in the threads that wait for them."""
        with self._changed:
            children = [*self._idle, *self._out]
            self._idle.clear()
        for child in children:
            child.end()

    def forget(self) -> None:
        """In a process that was forked off: the children are the other's, who waits for the end of these pipes."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for child in (*self._idle, *self._out):
            for pipe in (child.to, child.back):
                if not pipe.closed:
                    os.dup2(nothing, pipe.fileno(), inheritable=False)
        os.close(nothing)

    def _take(self) -> _Child:
        """One that is idle, the last used first; else a new one. Waits while all are at work."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, _WAIT_S):
                raise BudgetExceeded(f"no child process was free within the bound of {_WAIT_S:g} s")
            while self._idle:
                child = self._idle.pop()
                if child.is_alive():
                    self._out.add(child)
                    return child
                child.end()
            self._starting += 1
        started: _Child | None = None
        try:
            started = _Child(self._idle_s)
            return started
        finally:
            with self._changed:
                self._starting -= 1
                if started is not None:
                    self._out.add(started)
                self._changed.notify()

    def _give(self, child: _Child, *, is_well: bool) -> None:
        """It is free again; one that is not well is ended."""
        if not is_well:
            child.end()
        with self._changed:
            self._out.discard(child)
            if is_well:
                self._idle.append(child)
            self._changed.notify()

    def _has_room(self) -> bool:
        return bool(self._idle) or len(self._out) + self._starting < self._most


def tell(error: ExpressionError) -> bytes:
    """An error as it goes over the pipe."""
    fields = {
        "code": error.code, "message": error.message, "help": error.help,
        "offset": error.offset, "width": error.width, "source": error.source,
        "name": error.name if isinstance(error, UndefinedVariable) else None,
    }  # fmt: skip
    return json.dumps(fields).encode("ascii")


def told(content: bytes) -> ExpressionError:
    """The error that was told."""
    fields = json.loads(content)
    error: ExpressionError
    if fields["code"] == BudgetExceeded.code:
        error = BudgetExceeded(fields["message"], help=fields["help"])
    elif fields["code"] == UndefinedVariable.code:
        error = UndefinedVariable(fields["name"])
    elif fields["code"] == ExpressionSyntaxError.code:
        error = ExpressionSyntaxError(fields["message"], offset=fields["offset"], help=fields["help"])
    else:
        error = ExpressionError(fields["message"], help=fields["help"])
    error.message = fields["message"]
    error.args = (error.message,)
    error.offset, error.width, error.source = fields["offset"], fields["width"], fields["source"]
    return error


def _after_fork() -> None:
    global _children
    _children.forget()
    _inherited.append(_children)  # nothing of it is ended here, not even by being forgotten
    _children = Children()


def _at_exit() -> None:
    _children.close()


_here: Callable[[Job], bytes] | None = None
_children = Children()
_inherited: list[Children] = []
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
