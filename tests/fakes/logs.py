"""Logs in memory: the honest fake. What is not flushed is not seen, and goes with its writer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from penstock.flow.model import Level
from penstock.ports.clock import Clock, SystemClock
from penstock.ports.logs import LINE_BYTES, LogKey, LogLine, Logs, LogSummary, LogTail, LogWriter

_HEAD = 28


@dataclass
class _Kept:
    lines: list[LogLine] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    cut: int = 0
    marker: LogLine | None = None

    @property
    def shown(self) -> list[LogLine]:
        return [*self.lines, self.marker] if self.marker is not None else self.lines


class MemoryLogs(Logs):
    def __init__(self, clock: Clock | None = None) -> None:
        self._now = (clock or SystemClock()).now
        self._kept: dict[LogKey, _Kept] = {}
        self._lock = threading.Lock()

    def open(self, key: LogKey, *, max_bytes: int) -> MemoryLogWriter:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            kept.marker = None
        return MemoryLogWriter(key, kept, max_bytes, self._now)

    def read(
        self, execution: str, *, run: str | None = None, attempt: int | None = None, min_level: Level = Level.TRACE
    ) -> Iterator[LogLine]:
        with self._lock:
            found = [
                line
                for key, kept in sorted(self._kept.items(), key=lambda item: (item[0].run, item[0].attempt))
                if key.execution == execution and run in (None, key.run) and attempt in (None, key.attempt)
                for line in kept.shown
                if line.level.rank >= min_level.rank
            ]
        yield from sorted(found, key=lambda line: line.at)

    @contextmanager
    def follow(self, execution: str) -> Iterator[LogTail]:
        yield MemoryLogTail(self._kept, execution)

    def export(self, key: LogKey) -> Iterator[bytes]:
        open_stream: str | None = None
        for line in self._kept.get(key, _Kept()).shown:
            if open_stream not in (None, line.stream):
                yield b"\n"
                open_stream = None
            if open_stream is None:
                at = line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                yield f"{at} {line.level.value} ".encode()
            yield line.text.encode()
            open_stream = line.stream if line.continued else None
            if not line.continued:
                yield b"\n"
        if open_stream is not None:
            yield b"\n"

    def delete(self, execution: str) -> None:
        with self._lock:
            for key in [key for key in self._kept if key.execution == execution]:
                del self._kept[key]

    def settle(self) -> None:
        return


class MemoryLogWriter(LogWriter):
    def __init__(self, key: LogKey, kept: _Kept, max_bytes: int, now: object) -> None:
        self._key = key
        self._kept = kept
        self._max_bytes = max_bytes
        self._now = now
        self._buffer: list[LogLine | tuple[str, bytes]] = []
        self._offsets = dict(kept.offsets)
        self._notes = list(kept.notes)
        self._size = sum(len(line.text.encode()) + _HEAD for line in kept.lines)
        self._cut = kept.cut
        self._last = kept.lines[-1].at if kept.lines else None

    @property
    def offsets(self) -> dict[str, int]:
        return dict(self._offsets)

    @property
    def notes(self) -> list[bytes]:
        return list(self._notes)

    def write(
        self, stream: str, level: Level, text: bytes, *, offset: int | None = None, continued: bool = False
    ) -> None:
        if offset is not None:
            self._offsets[stream] = offset
        if self._cut or self._size + _HEAD + len(text) > self._max_bytes:
            self._cut += len(text)
            return
        pieces = [text[start : start + LINE_BYTES] for start in range(0, len(text), LINE_BYTES)] or [b""]
        for number, piece in enumerate(pieces, 1):
            self._line(stream, level, piece, continued=continued or number < len(pieces))

    def _line(self, stream: str, level: Level, text: bytes, *, continued: bool) -> None:
        self._size += _HEAD + len(text)
        at = self._at()
        self._buffer.append(LogLine(at, stream, level, text.decode("utf-8", "replace"), self._key, continued))

    def _at(self) -> datetime:
        now = self._now()  # type: ignore[operator]
        self._last = now if self._last is None else max(now, self._last)
        return self._last

    def note(self, stream: str, payload: bytes, *, offset: int | None = None) -> None:
        if offset is not None:
            self._offsets[stream] = offset
        self._notes.append(payload)

    def flush(self) -> None:
        self._kept.lines.extend(line for line in self._buffer if isinstance(line, LogLine))
        self._buffer.clear()
        self._kept.notes[:] = self._notes
        self._kept.offsets.update(self._offsets)
        self._kept.cut = self._cut

    def close(self, *, final: bool) -> LogSummary:
        self.flush()
        lines = sum(not line.continued for line in self._kept.lines)
        if final and self._cut:
            text = f"... {self._cut} bytes more were cut here: the log of an attempt holds {self._max_bytes} bytes"
            self._kept.marker = LogLine(self._at(), "log", Level.WARN, text, self._key)
            lines += 1
        data = b"".join(line.text.encode() for line in self._kept.shown)
        return LogSummary(len(data), hashlib.sha256(data).hexdigest(), lines, self._cut)


class MemoryLogTail(LogTail):
    def __init__(self, kept: dict[LogKey, _Kept], execution: str) -> None:
        self._kept = kept
        self._execution = execution
        self._seen: dict[LogKey, int] = {}

    def new(self) -> list[LogLine]:
        found: list[LogLine] = []
        for key, kept in list(self._kept.items()):
            if key.execution == self._execution:
                shown = kept.shown
                found += shown[self._seen.get(key, 0) :]
                self._seen[key] = len(shown)
        return sorted(found, key=lambda line: line.at)
