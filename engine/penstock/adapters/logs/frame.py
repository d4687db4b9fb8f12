"""The format: frames one behind the other, each with all that is needed to read it alone.

    magic u8 · stream u8 · level u8 · flags u8 · length u32 · time i64 µs · offset i64 (-1: none) · crc32 u32 · payload

Little endian. The checksum covers the header before it and the payload, so a torn tail (a crash) and a tail of
zeros (a power loss) both read as "ends here". A log that was closed for good ends with an END frame.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from penstock.flow.model import Level
from penstock.ports.logs import LogKey, LogLine

_HEAD = struct.Struct("<BBBBIqq")
_CRC = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CRC.size
_MAGIC = 0xA7
_MOST_PAYLOAD = 1 << 30
_CHUNK = 64 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

STREAMS = ("stdout", "stderr", "log")
LEVELS = tuple(Level)
_STREAM_CODES = {name: code for code, name in enumerate(STREAMS)}
_LEVEL_CODES = {level: code for code, level in enumerate(LEVELS)}


class Flag:
    """Plain numbers: an IntFlag costs more than all the rest of reading a frame."""

    CONTINUED: Final = 1
    NOTE: Final = 2
    CUT: Final = 4  # no line: how many bytes (u64) of the stream the cap has cut so far
    MARKER: Final = 8  # our own line, that tells how much was cut
    END: Final = 16


_NO_LINE = Flag.NOTE | Flag.CUT | Flag.END


class Frame(NamedTuple):
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
        return not self.flags & _NO_LINE


def encode(stream: str, level: Level, flags: int, time_us: int, offset: int | None, payload: bytes) -> bytes:
    """The bytes of one frame."""
    code = _STREAM_CODES[stream]
    head = _HEAD.pack(_MAGIC, code, _LEVEL_CODES[level], flags, len(payload), time_us, -1 if offset is None else offset)
    return b"".join((head, _CRC.pack(zlib.crc32(payload, zlib.crc32(head))), payload))


def encode_lines(stream: str, level: Level, time_us: int, lines: Sequence[bytes], ends: Sequence[int]) -> bytes:
    """The frames of whole lines, one behind the other. Here a program's output spends its time."""
    code, rank, pack, crc32, pack_crc = _STREAM_CODES[stream], _LEVEL_CODES[level], _HEAD.pack, zlib.crc32, _CRC.pack
    parts: list[bytes] = []
    add = parts.append
    for payload, end in zip(lines, ends, strict=True):
        head = pack(_MAGIC, code, rank, 0, len(payload), time_us, end)
        add(head)
        add(pack_crc(crc32(payload, crc32(head))))
        add(payload)
    return b"".join(parts)


def frames(file: BinaryIO, start: int = 0) -> Generator[Frame]:
    """The whole frames from `start` on (where `file` stands). Ends before the first that is not whole or not true.

    It reads ahead: the file stands anywhere afterwards.
    """
    unpack, unpack_crc, crc32 = _HEAD.unpack_from, _CRC.unpack_from, zlib.crc32
    data, at = b"", 0
    while True:
        if len(data) - at < HEAD_BYTES:
            data, start, at = data[at:] + file.read(_CHUNK), start + at, 0
            if len(data) < HEAD_BYTES:
                return
        magic, stream, level, flags, length, time_us, offset = unpack(data, at)
        if magic != _MAGIC or length > _MOST_PAYLOAD or stream >= len(STREAMS) or level >= len(LEVELS):
            return
        body = at + HEAD_BYTES
        end = body + length
        if end > len(data):
            data, start, at = data[at:] + file.read(end - len(data) + _CHUNK), start + at, 0
            body, end = HEAD_BYTES, HEAD_BYTES + length
            if end > len(data):
                return
        payload = data[body:end]
        if crc32(payload, crc32(data[at : at + _HEAD.size])) != unpack_crc(data, body - _CRC.size)[0]:
            return
        at = end
        yield Frame(time_us, stream, level, flags, offset, payload, start + end)


def line(frame: Frame, key: LogKey) -> LogLine:
    """What a frame says, as text."""
    return LogLine(
        _moment(frame.time_us),
        STREAMS[frame.stream],
        LEVELS[frame.level],
        frame.payload.decode("utf-8", errors="replace"),
        key,
        frame.flags & Flag.CONTINUED != 0,
    )


@lru_cache(maxsize=64)
def _moment(time_us: int) -> datetime:
    """Lines that were written at once share theirs."""
    return _EPOCH + timedelta(microseconds=time_us)


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
