"""What tasks said: an append-only file of frames for each attempt, read while it grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from penstock.flow.model import Level

LINE_BYTES = 64 * 1024
"""A longer line is kept whole, in several frames: all but the last are marked as continued."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """Whose log: one attempt of one task run."""

    execution: str
    run: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One frame: a line, or a piece of one. `text` has no line ending; bytes that are not UTF-8 are replaced,
    control characters (but tab) are escaped when shown, not when kept. `stdout`, `stderr` or `log` is the stream."""

    at: datetime
    stream: str
    level: Level
    text: str
    key: LogKey
    continued: bool = False


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What an event says of a log: `bytes` of frames, their SHA-256, lines, and what the cap cut (bytes)."""

    bytes: int
    digest: str
    lines: int
    cut_bytes: int = 0


class LogWriter(Protocol):
    """Appends frames. One writer for a key at a time. After a crash it goes on behind the last whole frame."""

    @property
    def offsets(self) -> dict[str, int]:
        """For each raw stream, how much of it the frames that survived have used up (bytes)."""
        ...

    @property
    def notes(self) -> list[bytes]:
        """The payloads of all notes so far, in order: also those of before a crash."""
        ...

    def write(
        self, stream: str, level: Level, text: bytes, *, offset: int | None = None, continued: bool = False
    ) -> None:
        """Append a line (or a piece). `offset`: raw bytes of `stream` used up with it. Past the cap it is counted."""
        ...

    def write_lines(self, stream: str, level: Level, lines: Sequence[bytes], ends: Sequence[int]) -> None:
        """Append many lines, as `write` does one after the other. `ends`: the `offset` of each."""
        for line, end in zip(lines, ends, strict=True):
            self.write(stream, level, line, offset=end)

    def note(self, stream: str, payload: bytes, *, offset: int | None = None) -> None:
        """Keep what is no log line: a `::{…}::` message, already masked. It is never shown, and survives a crash."""
        ...

    def flush(self) -> None:
        """Make everything visible to readers in other processes. Not a promise against power loss."""
        ...

    def close(self, *, final: bool) -> LogSummary:
        """Final: nothing follows; the log is made durable and compressed, if need be a little later (`Logs.settle`).
        Else it can be opened again."""
        ...


class Logs(Protocol):
    """Thread-safe, and readable from other processes while they grow."""

    def open(self, key: LogKey, *, max_bytes: int) -> LogWriter: ...

    def read(
        self, execution: str, *, run: str | None = None, attempt: int | None = None, min_level: Level = Level.TRACE
    ) -> Iterator[LogLine]:
        """The lines of an execution, merged by time; of one run or attempt when named."""
        ...

    def follow(self, execution: str) -> AbstractContextManager[LogTail]:
        """A cursor that yields what has been added since it was last asked."""
        ...

    def export(self, key: LogKey) -> Iterator[bytes]:
        """The log as plain text (`<time> <LEVEL> <text>` lines), for the results branch."""
        ...

    def delete(self, execution: str) -> None: ...

    def settle(self) -> None:
        """Wait until every log that was closed for good is durable. The end of the program does so too."""
        ...


class LogTail(Protocol):
    def new(self) -> list[LogLine]:
        """What was added since the last call, by time. Never blocks. After a burst it may be a portion: an empty
        answer says that there is nothing more for now."""
        ...
