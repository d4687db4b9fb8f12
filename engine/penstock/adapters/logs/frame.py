"""The format: frames one behind the other, each with all that is needed to read it alone.

    magic u8 · stream u8 · level u8 · flags u8 · length u32 · time i64 µs · offset i64 (-1: none) · crc32 u32 · payload

Little endian. The checksum covers the header before it and the payload, so a torn tail (a crash) and a tail of
zeros (a power loss) both read as "ends here". A log that was closed for good ends with an END frame.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntFlag
from pathlib import Path
from typing import BinaryIO

from penstock.flow.model import Level
from penstock.ports.logs import LogKey, LogLine

_HEAD = struct.Struct("<BBBBIqq")
_CRC = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CRC.size
_MAGIC = 0xA7
_MOST_PAYLOAD = 1 << 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

STREAMS = ("stdout", "stderr", "log")
LEVELS = tuple(Level)
_STREAM_CODES = {name: code for code, name in enumerate(STREAMS)}
_LEVEL_CODES = {level: code for code, level in enumerate(LEVELS)}


class Flag(IntFlag):
    CONTINUED = 1
    NOTE = 2
    CUT = 4  # no line: how many bytes (u64) of the stream the cap has cut so far
    MARKER = 8  # our own line, that tells how much was cut
    END = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `end` is where the next one begins."""

    time_us: int
    stream: int
    level: int
    flags: int
    offset: int
    payload: bytes
    end: int

    @property
    def is_line(self) -> bool:
        return not self.flags & (Flag.NOTE | Flag.CUT | Flag.END)


def encode(stream: str, level: Level, flags: int, time_us: int, offset: int | None, payload: bytes) -> bytes:
    """The bytes of one frame."""
    code = _STREAM_CODES[stream]
    head = _HEAD.pack(_MAGIC, code, _LEVEL_CODES[level], flags, len(payload), time_us, -1 if offset is None else offset)
    return b"".join((head, _CRC.pack(zlib.crc32(payload, zlib.crc32(head))), payload))


def frames(file: BinaryIO, start: int = 0) -> Iterator[Frame]:
    """The whole frames from `start` on (where `file` stands). Ends before the first that is not whole or not true."""
    position = start
    while True:
        head = file.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return
        magic, stream, level, flags, length, time_us, offset = _HEAD.unpack_from(head)
        if magic != _MAGIC or length > _MOST_PAYLOAD or stream >= len(STREAMS) or level >= len(LEVELS):
            return
        payload = file.read(length)
        if len(payload) < length:
            return
        (crc,) = _CRC.unpack_from(head, _HEAD.size)
        if zlib.crc32(payload, zlib.crc32(head[: _HEAD.size])) != crc:
            return
        position += HEAD_BYTES + length
        yield Frame(time_us, stream, level, flags, offset, payload, position)


def line(frame: Frame, key: LogKey) -> LogLine:
    """What a frame says, as text."""
    return LogLine(
        at=_EPOCH + timedelta(microseconds=frame.time_us),
        stream=STREAMS[frame.stream],
        level=LEVELS[frame.level],
        text=frame.payload.decode("utf-8", errors="replace"),
        key=key,
        continued=bool(frame.flags & Flag.CONTINUED),
    )


@dataclass(frozen=True, slots=True)
class LogFile:
    """The two forms of one log: growing (`plain`), and closed and compressed (`packed`)."""

    folder: Path
    key: LogKey

    @property
    def plain(self) -> Path:
        return self.folder / f"{self.key.run}.{self.key.attempt}.log"

    @property
    def packed(self) -> Path:
        return self.folder / f"{self.key.run}.{self.key.attempt}.log.gz"

    def open(self) -> BinaryIO | None:
        """Open for reading from the beginning, in the form that it has now; None when there is none.

        Each form is whole when it appears and the other goes after that, so the second look finds what the first
        one missed in between.
        """
        for _ in range(3):
            try:
                return self.plain.open("rb", buffering=1 << 16)
            except FileNotFoundError:
                pass
            try:
                return gzip.open(self.packed, "rb")  # type: ignore[return-value] # a GzipFile reads like one
            except FileNotFoundError:
                continue
        return None
