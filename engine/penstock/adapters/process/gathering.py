"""Files out of a working directory, as globs name them, and nothing that is not a file of that directory.

The walk goes from open folder to open folder and never by path, so that a link put in place of a folder while it
is walked leads nowhere. A program is over when this runs, but it may have prepared the ground.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from penstock.errors import UserError
from penstock.glob import Matches, matcher

_MOST_DEEP = 200
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # Windows imports this, and never uses it
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFE  # a FIFO put there must not hold us


def gather(work: Path, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
    """The regular files below `work` that match, by path, each open for reading: the caller closes it.

    Raises UserError for a pattern that leads out, and for a match that is a link, a device, a pipe or a socket.
    """
    matches = matcher(patterns)
    try:
        root = os.open(work, _FOLDER)
    except OSError as error:
        raise UserError(f"the working directory cannot be read: {error.strerror}") from error
    try:
        yield from _walk(root, "", matches, 0)
    finally:
        os.close(root)


def _walk(folder: int, prefix: str, matches: Matches, depth: int) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
    if depth > _MOST_DEEP:
        raise UserError(f"`{prefix[:80]}…` lies more than {_MOST_DEEP} folders deep")
    with os.scandir(folder) as entries:
        found = sorted(
            (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry.name) for entry in entries
        )
    for key, name in found:
        path = prefix + name
        if not key.endswith("/"):
            if matches(path):
                yield PurePosixPath(path), _open(folder, name, path)
            continue
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise UserError(f"the folder `{path}` cannot be read: its task left it without permission") from error
            continue  # it is no folder any more
        try:
            yield from _walk(inner, f"{path}/", matches, depth + 1)
        finally:
            os.close(inner)


def _open(folder: int, name: str, path: str) -> BinaryIO:
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise UserError(f"`{path}` is a symbolic link: only files of the working directory are taken") from error
        raise UserError(f"`{path}` cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(f"`{path}` is no regular file: devices, pipes and sockets are not taken")
    return os.fdopen(descriptor, "rb")
