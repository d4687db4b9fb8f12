"""Appending to one log: small buffer, one write a flush, and going on behind the last whole frame after a crash."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from penstock.adapters.logs.frame import HEAD_BYTES, LEVELS, STREAMS, Flag, Frame, LogFile, encode, encode_lines, frames
from penstock.errors import Stalled
from penstock.flow.model import Level
from penstock.ports.logs import LINE_BYTES, LogSummary, LogWriter

_BUFFER_BYTES = 64 * 1024
_CUT_STEP = 1 << 20
_CUT = struct.Struct("<Q")
_FULL = {errno.ENOSPC, errno.EDQUOT}


class FrameWriter(LogWriter):
    """The one writer of a log. Used by one thread. `finish` is given the file once nothing follows."""

    def __init__(
        self,
        log: LogFile,
        max_bytes: int,
        now: Callable[[], datetime],
        finish: Callable[[LogFile], None],
    ) -> None:
        self._log = log
        self._max_bytes = max_bytes
        self._now = now
        self._finish = finish
        self._offsets: dict[str, int] = {}
        self._notes: list[bytes] = []
        self._hash = hashlib.sha256()
        self._lines = 0
        self._cut: dict[str, int] = {}
        self._cut_told: dict[str, int] = {}
        self._last_us = 0
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._size = 0
        self._summary: LogSummary | None = None
        with _telling_full(log.plain):
            log.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not log.plain.exists() and log.packed.exists():
                unpack(log)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.open(log.plain, flags, 0o600)
            self._recover()

    def _recover(self) -> None:
        """Read what survived, and cut off what follows it: a torn frame, or the last words of a log opened again."""
        with self._log.plain.open("rb") as file:
            for frame in frames(file):
                if frame.flags & (Flag.END | Flag.MARKER):
                    break
                self._take(frame)
        self._log.packed.unlink(missing_ok=True)
        if os.fstat(self._file).st_size != self._size:
            os.ftruncate(self._file, self._size)

    def _take(self, frame: Frame) -> None:
        stream = STREAMS[frame.stream]
        if frame.offset >= 0:
            self._offsets[stream] = frame.offset
        if frame.flags & Flag.NOTE:
            self._notes.append(frame.payload)
        elif frame.flags & Flag.CUT:
            self._cut[stream] = self._cut_told[stream] = _CUT.unpack(frame.payload)[0]
        elif frame.is_line and not frame.flags & Flag.CONTINUED:
            self._lines += 1
        self._last_us = max(self._last_us, frame.time_us)
        level = LEVELS[frame.level]
        offset = frame.offset if frame.offset >= 0 else None
        self._hash.update(encode(stream, level, frame.flags, frame.time_us, offset, frame.payload))
        self._size = frame.end

    # ── what the port asks for ──

    @property
    def offsets(self) -> dict[str, int]:
        return dict(self._offsets)

    @property
    def notes(self) -> list[bytes]:
        return list(self._notes)

    def write(
        self, stream: str, level: Level, text: bytes, *, offset: int | None = None, continued: bool = False
    ) -> None:
        if self._size + self._buffered + HEAD_BYTES + len(text) > self._max_bytes or self._cut:
            # Once something was cut, all that follows is: a log with holes would read as if it were whole.
            self._cut[stream] = self._cut.get(stream, 0) + len(text)
            if offset is not None:
                self._offsets[stream] = offset
            if self._cut[stream] - self._cut_told.get(stream, 0) >= _CUT_STEP:
                self._tell_cut(stream)
            return
        for start in range(0, len(text), LINE_BYTES)[:-1]:
            self._add(stream, level, Flag.CONTINUED, None, text[start : start + LINE_BYTES])
        rest = text[(len(text) - 1) // LINE_BYTES * LINE_BYTES :] if text else b""
        self._add(stream, level, Flag.CONTINUED if continued else 0, offset, rest)
        if not continued:
            self._lines += 1

    def write_lines(self, stream: str, level: Level, lines: Sequence[bytes], ends: Sequence[int]) -> None:
        length = sum(map(len, lines))
        is_over_cap = self._size + self._buffered + HEAD_BYTES * len(lines) + length > self._max_bytes
        if is_over_cap or self._cut or (length > LINE_BYTES and max(map(len, lines)) > LINE_BYTES):
            super().write_lines(stream, level, lines, ends)
        elif lines:
            frames = encode_lines(stream, level, self._time_us(), lines, ends)
            self._offsets[stream] = ends[-1]
            self._lines += len(lines)
            self._keep(frames)

    def note(self, stream: str, payload: bytes, *, offset: int | None = None) -> None:
        self._tell_cut(stream)
        self._add(stream, Level.INFO, Flag.NOTE, offset, payload)
        self._notes.append(payload)

    def flush(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        with _telling_full(self._log.plain):
            self._append(data)
        self._hash.update(data)
        self._size += len(data)
        self._buffer.clear()
        self._buffered = 0

    def close(self, *, final: bool) -> LogSummary:
        if self._summary is not None:
            return self._summary
        try:
            for stream in list(self._cut):
                self._tell_cut(stream)
            if final:
                self._end()
            self.flush()
        finally:
            os.close(self._file)
        self._summary = LogSummary(self._size, self._hash.hexdigest(), self._lines, sum(self._cut.values()))
        if final:
            self._finish(self._log)
        return self._summary

    # ── how ──

    def _add(self, stream: str, level: Level, flags: int, offset: int | None, payload: bytes) -> None:
        if offset is not None:
            self._offsets[stream] = offset
        self._frame(stream, level, flags, self._time_us(), offset, payload)

    def _frame(self, stream: str, level: Level, flags: int, time_us: int, offset: int | None, payload: bytes) -> None:
        self._keep(encode(stream, level, flags, time_us, offset, payload))

    def _keep(self, frames: bytes) -> None:
        self._buffer.append(frames)
        self._buffered += len(frames)
        if self._buffered >= _BUFFER_BYTES:
            self.flush()

    def _time_us(self) -> int:
        """Never less than before: a clock that steps back must not turn the lines around."""
        now = self._now()
        self._last_us = max(self._last_us, int(now.timestamp()) * 1_000_000 + now.microsecond)
        return self._last_us

    def _tell_cut(self, stream: str) -> None:
        """How far the cut has come, now and then: whoever goes on after a crash counts from there."""
        if self._cut_told.get(stream) != self._cut.get(stream):
            self._add(stream, Level.WARN, Flag.CUT, self._offsets.get(stream), _CUT.pack(self._cut[stream]))
            self._cut_told[stream] = self._cut[stream]

    def _end(self) -> None:
        cut = sum(self._cut.values())
        if cut:
            text = f"... {cut} bytes more were cut here: the log of an attempt holds {self._max_bytes} bytes"
            self._frame("log", Level.WARN, Flag.MARKER, self._last_us, None, text.encode())
            self._lines += 1
        # At the time of the last line: closing once more gives the same bytes, and so the same digest.
        self._frame("log", Level.INFO, Flag.END, self._last_us, None, b"")

    def _append(self, data: bytes) -> None:
        """All of it, or nothing that is visible: what a full disk let through is taken back."""
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:] if written else data)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise


class _telling_full:  # noqa: N801 - it reads as what it does
    """Turns the errors of a full or forbidden disk into what a human must act on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in {*_FULL, errno.EACCES, errno.EROFS, errno.EPERM}:
            full = error.errno in _FULL
            raise Stalled(
                f"the log {self._path} cannot be written: {'the disk is full' if full else error.strerror}",
                help="make room on that disk" if full else "see that this user may write there",
            ) from error


def pack(log: LogFile, least_bytes: int) -> None:
    """Make a closed log durable, and compress it where that saves a block. May be repeated, and be cut short."""
    try:
        with log.plain.open("rb+") as plain:  # Windows flushes only what may be written
            if os.fstat(plain.fileno()).st_size < least_bytes:
                os.fsync(plain.fileno())
                return
            temporary = log.packed.with_name(f"{log.packed.name}.tmp")
            with temporary.open("wb") as target:
                with gzip.GzipFile(filename="", fileobj=target, mode="wb", compresslevel=1, mtime=0) as packed:
                    shutil.copyfileobj(plain, packed, 1 << 18)
                target.flush()
                os.fsync(target.fileno())
        temporary.replace(log.packed)
        sync_folder(log.folder)
        log.plain.unlink()
    except FileNotFoundError:
        return  # it was deleted, or opened again and packed meanwhile


def unpack(log: LogFile) -> None:
    """Back to the growing form, for a log that is opened again after it was closed for good."""
    temporary = log.plain.with_name(f"{log.plain.name}.tmp")
    with gzip.open(log.packed, "rb") as packed, temporary.open("wb") as plain:
        shutil.copyfileobj(packed, plain, 1 << 18)
    temporary.replace(log.plain)


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable. Windows has no such call, and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
