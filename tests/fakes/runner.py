"""A runner whose programs are Python functions: the honest fake."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

from penstock.errors import UserError
from penstock.ports.runner import WORKING_DIR_MARK, Ending, Exit, Halt, Order, Runner, Stream, Tail, Tell

PIECE = 64 * 1024
WORKING_DIR = "/scripted"


@dataclass
class Running:
    """What a program has: arguments, environment, files, two streams, and `stop`, which is its SIGTERM."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    files: dict[str, bytes]
    stop: threading.Event = field(default_factory=threading.Event)
    kill: threading.Event = field(default_factory=threading.Event)
    said: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    exit: Exit | None = None
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def out(self, data: bytes) -> None:
        self.said[Stream.STDOUT] += data

    def err(self, data: bytes) -> None:
        self.said[Stream.STDERR] += data


Program = Callable[[Running], int]
"""The exit code; above 128 it died by that signal, as with `sh`. A program that is deaf ends when `kill` is set."""


class ScriptedRunner(Runner):
    """`programs` by the first argument. The programs live as long as the object, whoever follows them."""

    def __init__(self, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._running: dict[str, Running] = {}
        self._shared: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()

    def launch(self, order: Order, halt: Halt | None = None, tell: Tell | None = None) -> None:
        program = self._programs.get(order.argv[0])
        with self._lock:
            if order.name in self._running:
                return
            if program is None:
                raise UserError(f"there is no program `{order.argv[0]}` on this machine")
            laid = {str(path): _content(path, content) for path, content in order.files.items()}
            if order.workspace is not None:
                name, given = order.workspace.name, order.workspace.files
                if name not in self._shared:
                    self._shared[name] = {str(path): _content(path, content) for path, content in given.items()}
                self._shared[name].update(laid)
                laid = self._shared[name]
            running = Running(
                tuple(part.replace(WORKING_DIR_MARK, WORKING_DIR) for part in order.argv),
                {name: value.replace(WORKING_DIR_MARK, WORKING_DIR) for name, value in order.env.items()},
                laid,
            )
            self._running[order.name] = running
        self._spawn(program, running)

    def _spawn(self, program: Program, running: Running) -> None:
        """Have the program run in a thread of its own. The stage runs it where it is followed instead."""
        threading.Thread(target=self._run, args=(program, running), daemon=True).start()

    @staticmethod
    def _run(program: Program, running: Running) -> None:
        code = program(running)
        number = code - 128 if code > 128 else None
        ending = Ending.EXITED if number is None else Ending.KILLED
        if running.stop.is_set():
            ending = Ending.STOPPED
        running.ended = time.monotonic()
        running.exit = Exit(ending, code, number)

    def knows(self, name: str) -> bool:
        return name in self._running

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        running = self._running.get(name)
        if running is None:
            return Exit(Ending.LOST, reason="it is not known here")
        at = {stream: offsets.get(stream, 0) for stream in Stream}
        deadline: float | None = None
        while True:
            ended = running.exit
            for stream in Stream:
                at[stream] = _hand_over(running, stream, at[stream], tail, final=ended is not None)
            if ended is not None:
                return ended
            if deadline is None and halt.requested:
                running.stop.set()
                deadline = time.monotonic() + halt.grace.total_seconds()
            elif deadline is not None and time.monotonic() > deadline:
                running.kill.set()
            threading.Event().wait(0.002)

    def collect(self, name: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        wanted = list(patterns)
        for pattern in wanted:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise UserError(f"`{pattern}` leads out of the working directory")
        files = self._shared.get(name, {}) if name not in self._running else self._running[name].files
        for path, content in sorted(files.items()):
            if any(_matches(path, pattern) for pattern in wanted):
                yield PurePosixPath(path), io.BytesIO(content)

    def usage(self, name: str) -> Mapping[str, float]:
        running = self._running.get(name)
        return {} if running is None or running.exit is None else {"wall_s": running.ended - running.began}

    def remove(self, name: str) -> None:
        running = self._running.pop(name, None)
        self._shared.pop(name, None)
        if running is not None:
            running.stop.set()
            running.kill.set()

    def names(self) -> Iterator[str]:
        yield from sorted([*self._running, *self._shared])

    def shell(self, name: str) -> str:
        return f"cd {WORKING_DIR}/{name}"


def _hand_over(running: Running, stream: Stream, start: int, tail: Tail, *, final: bool) -> int:
    said = bytes(running.said[stream])
    while start < len(said):
        end = said.rfind(b"\n", start, start + PIECE) + 1
        if end <= start:
            if len(said) - start < PIECE and not final:
                break
            end = min(len(said), start + PIECE)
        tail(stream, said[start:end], end)
        start = end
    return start


def _content(path: PurePosixPath, content: bytes | str) -> bytes:
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UserError(f"`{path}` leads out of the working directory")
    if isinstance(content, str):
        with open(content, "rb") as file:  # noqa: PTH123 - a local file by its name
            return file.read()
    return content.replace(WORKING_DIR_MARK.encode(), WORKING_DIR.encode())


def _matches(path: str, pattern: str) -> bool:
    """`*` within a folder, `**/` over any number of them."""
    if pattern.startswith("**/"):
        rest = pattern.removeprefix("**/")
        return any(_matches("/".join(path.split("/")[skip:]), rest) for skip in range(path.count("/") + 1))
    if pattern == "**":
        return True
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(PurePosixPath(a).match(b) for a, b in zip(parts, wanted, strict=True))
