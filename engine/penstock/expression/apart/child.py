"""What runs in a child process: one job after another, each under bounds of its own, until there is none for a while.

Nothing here trusts the work. The environment is empty; standard input and output are `/dev/null` for whatever a
library writes; memory is bounded before a job begins; and should the parent be gone, an alarm ends what it would have
ended. jq is a C library with a language of its own, so no file can be opened while it compiles or runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import Any, BinaryIO

from penstock.errors import PenstockError
from penstock.expression.apart.children import FRAME, JOB, OUT_OF_MEMORY, tell, work_here
from penstock.expression.budget import DEFAULT, Meter
from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.formats import jsontext

_GRACE_S = 5.0
_PROGRAMS = 64
_MOST_RESULTS = DEFAULT.items
_MOST_CHARACTERS = DEFAULT.output
_UNTIMED = replace(DEFAULT, wall_s=inf)

Call = Callable[[bytes], bytes]


def main(idle_s: float) -> int:
    """Jobs from standard input until it ends, or none comes for `idle_s` seconds. Gives the exit code."""
    os.environ.clear()  # the interpreter itself has put LC_CTYPE there
    source, sink = _pipes()
    desk = _Desk(source, sink)
    work_here(lambda job: _WORKS[job.work](job.content, desk.call))
    try:
        while desk.waits(idle_s) and (frame := desk.receive()) is not None:
            desk.serve(frame)
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


class _Desk:
    """The two pipes, and what one job may use."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._deadline_s = 0.0

    def waits(self, seconds: float) -> bool:
        """Until there is something to read; False when there was nothing for too long."""
        if sys.platform == "win32":  # a pipe cannot be waited for there; the end of the parent ends this one
            return True
        from select import select

        return bool(select([self._source], [], [], seconds)[0])

    def receive(self) -> bytes | None:
        """The content of the next frame; None when the parent has closed or is gone."""
        head = self._source.read(FRAME.size)
        if len(head) < FRAME.size:
            return None
        size = FRAME.unpack(head)[1]
        content = self._source.read(size)
        return content if len(content) == size else None

    def serve(self, frame: bytes) -> None:
        """Do one job and send what came of it."""
        self._send(b"H", b"")
        deadline_s, memory_bytes, length = JOB.unpack_from(frame)
        name = frame[JOB.size : JOB.size + length].decode("ascii")
        self._deadline_s = deadline_s
        _bound_memory(memory_bytes)
        self._arm()
        try:
            kind, content = b"D", _WORKS[name](frame[JOB.size + length :], self.call)
        except ExpressionError as error:
            kind, content = b"E", tell(error)
        except PenstockError as error:
            kind, content = b"E", tell(ExpressionError(error.message))  # the parent's own, which knows it whole
        except MemoryError:
            bound = BudgetExceeded(f"the expression needs more than the memory bound of {memory_bytes // 2**20:,} MiB")
            kind, content = b"E", tell(bound)
        _alarm(0)
        self._send(kind, content)

    def call(self, question: bytes) -> bytes:
        """What only the parent knows. While it thinks, no time is counted."""
        _alarm(0)
        self._send(b"C", question)
        answer = self.receive()
        if answer is None:
            sys.exit(1)
        self._arm()
        return answer

    def _arm(self) -> None:
        _alarm(self._deadline_s + _GRACE_S)

    def _send(self, kind: bytes, content: bytes) -> None:
        self._sink.write(FRAME.pack(kind, len(content)) + content)
        self._sink.flush()


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output, kept where no library looks for them."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb")


def _alarm(seconds: float) -> None:
    """Die after so many seconds; 0 takes it back. What the parent's own clock does first, unless it is gone."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _bound_memory(size: int) -> None:
    """No more address space than `size` from now on."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with suppress(ValueError, OSError):  # macOS does not hold every process to it; time is bounded there as well
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


@contextmanager
def _no_files() -> Iterator[None]:
    """Nothing can be opened within."""
    if sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _jq(content: bytes, _call: Call) -> bytes:
    """`[program, JSON text]` to the results, as JSON texts, one a line. Of several JSON texts only the first counts."""
    program, given = json.loads(content)
    text = jsontext.first(given, Meter(_UNTIMED))
    results: list[str] = []
    size = 0
    try:
        with _no_files():
            for result in _compiled(program).input_text(text):
                size += len(result) + 1
                if size > _MOST_CHARACTERS:
                    raise BudgetExceeded(
                        f"the results of jq are longer than the output bound of {_MOST_CHARACTERS:,} characters"
                    )
                if len(results) >= _MOST_RESULTS:
                    raise BudgetExceeded(f"jq gives more than {_MOST_RESULTS:,} results")
                results.append(result)
    except ValueError as error:
        raise ExpressionError(_first_line(str(error))) from None
    return "\n".join(results).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=_PROGRAMS)
def _compiled(program: str) -> Any:
    """The program, printing each result as JSON: numbers keep the digits that they came with.

    It is compiled by itself first, for jq's own sentence about it. Within brackets it can import nothing.
    """
    jq = _library()
    jq.compile(program)
    return jq.compile(f"({program}\n) | tojson")


def _library() -> Any:
    if "jq" not in sys.modules:
        raise ExpressionError("jq is not installed", help="pip install jq")
    return sys.modules["jq"]


def _first_line(message: str) -> str:
    """The sentence of jq's message, without where in the command line it thinks it stands."""
    line = message.partition("\n")[0].removeprefix("jq: error: ")
    return line.partition(" at <top-level>")[0].rstrip(":, ")


def _render(content: bytes, call: Call) -> bytes:
    from penstock.expression.apart.remote import serve

    return serve(content, call)


def _jq_loaded(content: bytes, call: Call) -> bytes:
    """jq, imported while files can still be opened."""
    with suppress(ImportError):  # its absence is told by the job itself
        import jq  # noqa: F401
    return _jq(content, call)


_WORKS: dict[str, Callable[[bytes, Call], bytes]] = {"jq": _jq_loaded, "render": _render}
