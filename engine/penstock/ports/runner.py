"""Where a task's program runs: a process on this machine, a container, later a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import BinaryIO, Protocol

from penstock.ports.container import Container


class Stream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"


class Ending(StrEnum):
    """Why a program is over."""

    EXITED = "exited"  # by itself, with `code`
    STOPPED = "stopped"  # by us: it was asked to stop
    KILLED = "killed"  # by a signal that was not ours: `signal` says which
    OUT_OF_MEMORY = "out of memory"
    NOT_STARTED = "not started"  # `reason` says why: no such interpreter, no permission
    LOST = "lost"  # neither alive nor its ending known (power loss, somebody removed its folder)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended. `code` is the exit code where there is one."""

    ending: Ending
    code: int | None = None
    signal: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one attempt. None: the runner's default. `log_bytes` of raw output kept, the rest counted."""

    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int | None = 512
    open_files: int | None = None
    file_bytes: int | None = None
    log_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Workspace:
    """A working directory that several programs share, one after another. `name` is unique on the runner, as an
    attempt's is; `files` are laid by the first launch that names it. It stays until `remove(name)`."""

    name: str
    files: Mapping[PurePosixPath, bytes | str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. `name` is deterministic (`penstock-<agent>-<execution>-<taskrun>-<attempt>`, hashed when
    over 63 characters) and unique on the runner: it is how an attempt is found again after a crash.

    `argv` is executed without a shell of ours. `env` is all that is declared; the runner adds PATH, HOME (the
    private folder), LANG and TZ. `files` are laid into the working directory before the start: a relative
    path to either bytes or a local file to be copied. Strings in `argv` and `env` may contain the placeholder
    `WORKING_DIR_MARK`, which the runner replaces by the working directory as the program will see it.

    `workspace` None: a working directory of its own, which goes with it. `namespace` is the flow's: policies go by it.
    `container` is what a runner of containers must know; one of processes has no use for it.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[PurePosixPath, bytes | str] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    limits: Limits = Limits()
    workspace: Workspace | None = None
    namespace: str = ""
    container: Container | None = None


WORKING_DIR_MARK = "\x00working-dir\x00"

OUTPUT_DIR = "outputs"
"""Where `{{ outputDir }}` leads, within the working directory; what lies there at the end is kept."""

Tail = Callable[[Stream, bytes, int], None]
"""Called with a piece of raw output, and the raw offset just behind it in that stream. Pieces come in the order
of each stream; a piece holds whole lines, except that a line over 64 KiB comes in several. Returning means that
the piece is safe: the runner may free it."""


Tell = Callable[[str], None]
"""Called with a sentence for whoever waits."""


class Halt(Protocol):
    """A request to stop, that may come at any moment from any thread."""

    @property
    def requested(self) -> bool: ...

    @property
    def grace(self) -> timedelta:
        """From TERM to KILL."""
        ...

    def wait(self, seconds: float) -> bool:
        """Block until it is requested or `seconds` are over; whether it is requested."""
        ...


class Runner(Protocol):
    """Starts programs that outlive the agent, follows them, and finds them again.

    Thread-safe; each name is followed by one thread at a time. The caller has committed its intent to run
    `order.name` before it calls `launch`.
    """

    def launch(self, order: Order, halt: Halt | None = None, tell: Tell | None = None) -> None:
        """Start the program. Called again under the same name it does nothing: what runs, runs on. Once `halt` is
        requested nothing long is begun any more (the fetching of an image), and nothing may have been started.
        `tell` is told what takes long.

        Raises UserError when the order itself cannot be run here (no such interpreter), Retryable when the
        runner cannot be reached.
        """
        ...

    def knows(self, name: str) -> bool:
        """Whether `name` was launched here, be it alive or over, and not removed."""
        ...

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        """Hand over all output from `offsets` on, until the program is over; how it ended.

        Blocks. Once `halt` is requested: TERM to the whole tree, `halt.grace`, KILL of whatever carries its
        mark. Every byte is handed to `tail` exactly once, in order, also when the program ended long ago.
        """
        ...

    def collect(self, name: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        """The regular files of the working directory that match one of the globs, open for reading, by path.
        `name` is an attempt's or a workspace's.

        Symbolic links, devices and whatever leads out of the folder are refused with a UserError.
        """
        ...

    def usage(self, name: str) -> Mapping[str, float]:
        """What the attempt used, where it is known: `cpu_s`, `max_rss_bytes`, `wall_s`."""
        ...

    def remove(self, name: str) -> None:
        """Forget an attempt or a workspace, and free all that it held. Nothing happens when it is not known."""
        ...

    def names(self) -> Iterator[str]:
        """All that this runner knows of, attempts and workspaces, for the hunt for orphans."""
        ...

    def shell(self, name: str) -> str:
        """The command that brings a person into the kept working directory or container."""
        ...


class Runners(Protocol):
    """The runners of a session, by kind (`process`, `docker`). Thread-safe; each is made when it is first wanted."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """All that may be used here."""
        ...

    def kind(self, named: str | None) -> str:
        """The kind that takes a task which names `named`, or none. Raises UserError for one that is not allowed."""
        ...

    def get(self, kind: str) -> Runner:
        """Raises UserError where that kind cannot be had at all."""
        ...


_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})


def is_shell(interpreter: Sequence[str]) -> bool:
    """Whether what follows these arguments is read by a POSIX shell as commands: `/bin/sh -c`."""
    return len(interpreter) > 1 and interpreter[-1] == "-c" and PurePosixPath(interpreter[0]).name in _SHELLS
