"""Pieces of bytes that come one after another, as a file that is read: nothing of it is held but a piece."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO


def as_file(pieces: Iterable[bytes]) -> BinaryIO:
    """A file that can be read once, from its beginning to its end."""
    return io.BufferedReader(_Reading(iter(pieces)))


class _Reading(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
