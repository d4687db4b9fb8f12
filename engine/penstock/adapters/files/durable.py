"""What was written, made to outlast the power: file by file, or a whole file system at one go."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

FEW = 8
"""So many files are cheaper to sync one by one."""

_REPORTS_FAULTS = (5, 8)
"""The first Linux whose syncfs(2) says when something could not be written."""


def sync_each(paths: Sequence[Path]) -> None:
    """Make files and the entries of folders durable. Windows has no such call for a folder."""
    for path in paths:
        if os.name != "posix" and path.is_dir():
            continue
        descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_all(paths: Sequence[Path], folder: Path) -> None:
    """The same for many `paths`, all of the file system of `folder`: in one call where the system has one that waits,
    and says what has failed. Such a call also writes what others have left to be written."""
    syncfs = _syncfs()
    if len(paths) <= FEW or syncfs is None:
        sync_each(paths)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1)
def _syncfs() -> Callable[[int], int] | None:
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if platform.system() != "Linux" or release is None or tuple(map(int, release.groups())) < _REPORTS_FAULTS:
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return found
