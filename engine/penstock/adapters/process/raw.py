"""The raw output of a program: a file that grows under its reader, and is freed behind it.

A program may cut its own output short (`echo text > /dev/stderr` opens the file anew and truncates it). The reader
notices, goes on at the new beginning, and notes where that was, so that offsets keep growing and a later reader
finds the place. What was cut before it was read is gone: only a pipe could keep it, and a pipe dies with the agent.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from penstock.ports.runner import Stream, Tail

PIECE = 64 * 1024
_CHUNK = 4 * PIECE
_PUNCH_STEP = 1 << 20
_BLOCK = 4096
_KEEP_SIZE_AND_PUNCH = 0x01 | 0x02


class RawOutput:
    """One stream of one attempt, read from `offset` on. For one thread."""

    def __init__(self, path: Path, stream: Stream, offset: int) -> None:
        self._stream = stream
        self._note = path.with_name(f"{path.name}.base")
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._base = self._noted_base()
        self._position = offset - self._base
        self._looked: tuple[int, int] | None = None
        self._before = b""
        self._freed = 0
        if self._position < 0:
            self._position = 0
        elif self._position > os.fstat(self._file).st_size:
            self._start_over(offset)
        if self._position > _PUNCH_STEP:
            self._free()

    def close(self) -> None:
        os.close(self._file)

    @property
    def backlog(self) -> int:
        """Bytes written, and not yet handed over."""
        return max(0, os.fstat(self._file).st_size - self._position)

    def pump(self, tail: Tail, *, final: bool = False) -> int:
        """Hand over what can be handed over of the next piece of the file; how many bytes it was.

        Until it is `final`, the beginning of a line waits for its end (or for 64 KiB of it).
        """
        status = os.fstat(self._file)
        size, look = status.st_size, (status.st_size, status.st_mtime_ns)
        if look == self._looked and not final:
            return 0
        if size < self._position or not self._is_continued():
            self._start_over(self._base + self._position)
        chunk = os.pread(self._file, _CHUNK, self._position)
        is_last = final and len(chunk) < _CHUNK
        start = 0
        while start < len(chunk):
            end = _piece_end(chunk, start, is_last=is_last)
            if end <= start:
                break
            self._hand_over(tail, chunk[start:end])
            start = end
        has_read_all = self._position + len(chunk) - start >= size
        self._looked = look if has_read_all else None
        return start

    def _hand_over(self, tail: Tail, piece: bytes) -> None:
        tail(self._stream, piece, self._base + self._position + len(piece))
        self._position += len(piece)
        self._before = (self._before + piece)[-16:]
        if self._position - self._freed > _PUNCH_STEP + _BLOCK:
            self._free()

    def _is_continued(self) -> bool:
        """Whether what was read last still stands before the position: else the file was cut and has grown again."""
        before = self._before
        return not before or os.pread(self._file, len(before), self._position - len(before)) == before

    def _start_over(self, base: int) -> None:
        self._base, self._position, self._before, self._freed = base, 0, b"", 0
        temporary = self._note.with_suffix(".tmp")
        temporary.write_text(str(base))
        temporary.replace(self._note)

    def _noted_base(self) -> int:
        with suppress(FileNotFoundError):
            return int(self._note.read_text())
        return 0

    def _free(self) -> None:
        """Give the disk back what was read, but for the last block: it tells whether the file was cut."""
        upto = (self._position - _BLOCK) // _BLOCK * _BLOCK
        if upto > self._freed and punch(self._file, self._freed, upto - self._freed):
            self._freed = upto


def _piece_end(chunk: bytes, start: int, *, is_last: bool) -> int:
    """Where the piece from `start` on ends: behind its last whole line, at 64 KiB of a longer one, or nowhere yet."""
    end = chunk.rfind(b"\n", start, start + PIECE) + 1
    if end > start:
        return end
    if len(chunk) - start >= PIECE:
        return _character_end(chunk, start + PIECE)
    return len(chunk) if is_last else start


def _character_end(chunk: bytes, end: int) -> int:
    """`end`, or up to three bytes before it, so that no UTF-8 character is cut in two."""
    for back in range(1, 4):
        byte = chunk[end - back]
        if byte & 0xC0 == 0x80:
            continue
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return end - back if length > back else end
    return end


@lru_cache(maxsize=1)
def _fallocate() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes  # only who frees something pays for it

    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        call.restype = ctypes.c_int
    return call


def punch(file: int, start: int, length: int) -> bool:
    """Free a range of a file without moving what follows; False where the file system cannot."""
    call = _fallocate()
    return call is not None and call(file, _KEEP_SIZE_AND_PUNCH, start, length) == 0
