"""Results that cost time, kept in the user's own folder: sheets of lines by key, each sheet a file.

Nothing depends on it: a sheet that is missing, damaged or from elsewhere is an empty one, and a folder that cannot be
written keeps nothing. A sheet is written beside its place and renamed, so a reader meets the old one or the new one;
of two writers the later wins, and what the other kept is found out again. What was not used for longest goes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
"""Of all sheets together; one takes at most a quarter of it."""
_ENDING = ".sheet"


class Cache:
    """`damaged` counts sheets that were there and could not be used. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self.damaged = 0

    @property
    def keeps(self) -> bool:
        """Whether there is a place to keep anything."""
        return self._folder is not None

    def sheet(self, name: str) -> dict[str, str]:
        """The lines of a sheet by their keys, what was put last at the end."""
        if self._folder is None:
            return {}
        path = self._folder / (name + _ENDING)
        try:
            data = path.read_bytes()
        except OSError:
            return {}
        digest, _, body = data.partition(b"\n")
        if digest != _digest(body):
            self.damaged += 1
            return {}
        with suppress(OSError):
            os.utime(path)
        lines: dict[str, str] = {}
        for line in body.decode().split("\n"):
            key, _, text = line.partition(" ")
            if key:
                lines[key] = text
        return lines

    def put(self, name: str, lines: Mapping[str, str], used: Iterable[str] = ()) -> None:
        """Replace a sheet. Keys and texts hold no line break, and keys no space. Where there is too much, lines at the
        front are left out, but `used` ones last."""
        if self._folder is None:
            return
        first = set(used)
        ordered = [*(key for key in lines if key not in first), *(key for key in lines if key in first)]
        kept: list[bytes] = []
        room = self._most_bytes // 4
        for key in reversed(ordered):
            line = f"{key} {lines[key]}".encode()
            room -= len(line) + 1
            if room < 0:
                break
            kept.append(line)
        body = b"\n".join(reversed(kept))
        with suppress(OSError):
            self._write(self._folder, name, _digest(body) + b"\n" + body)

    def _write(self, folder: Path, name: str, data: bytes) -> None:
        import tempfile

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, staged = tempfile.mkstemp(dir=folder, prefix=name, suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(staged, folder / (name + _ENDING))  # noqa: PTH105 - one call for both systems
        except OSError:
            with suppress(OSError):
                Path(staged).unlink()
            raise
        self._trim(folder)

    def _trim(self, folder: Path) -> None:
        """Drop the sheets that were not used for longest, and what writers have left that were killed."""
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):  # another process may have dropped it
                    told = entry.stat()
                    found.append((told.st_mtime, told.st_size, entry.path))
        room = self._most_bytes
        newest = max(found, default=(0.0, 0, ""))[0]
        for used_at, size, path in sorted(found, reverse=True):
            room -= size
            is_left_over = not path.endswith(_ENDING) and used_at < newest - 3600
            if room < 0 or is_left_over:
                with suppress(OSError):
                    Path(path).unlink()


def _digest(body: bytes) -> bytes:
    return sha256(body).hexdigest().encode()
