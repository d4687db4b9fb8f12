"""Files out of a working directory, as globs name them, and nothing that is not a file of that directory.

The walk goes from open folder to open folder and never by path, so that a link put in place of a folder while it
is walked leads nowhere. A program is over when this runs, but it may have prepared the ground.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from penstock.errors import UserError

_MOST_DEEP = 200
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # Windows imports this, and never uses it
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFE  # a FIFO put there must not hold us

Matches = Callable[[str], bool]


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


def matcher(patterns: Iterable[str]) -> Matches:
    """Whether a path matches one of the globs: `*`, `?`, `[a-z]`, `{a,b}`, and `**` over any number of folders."""
    import re2  # a glob is a regular expression of the user's: it must not be able to run away

    expression = "|".join(f"(?:{_expression(pattern)})" for pattern in patterns)
    if not expression:
        return lambda _: False
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"(?s)^(?:{expression})$", options)
    except re2.error as error:
        raise UserError(f"one of the globs is malformed: {error}") from error
    # A name that is not UTF-8 is matched with `?` in place of what cannot be read.
    return lambda path: compiled.match(path.encode("utf-8", "replace").decode()) is not None


def _expression(pattern: str) -> str:
    import re2

    if pattern.startswith("/") or "\0" in pattern or ".." in pattern.split("/") or not pattern:
        raise UserError(f"`{pattern}` leads out of the working directory", help="use a relative glob without `..`")
    parts: list[str] = []
    rest = pattern.removeprefix("./")
    braces = 0
    while rest:
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            parts.append(".*")
            rest = rest[2:]
        elif rest[0] == "[" and "]" in rest[2:]:
            end = rest.index("]", 2)
            inner = rest[1:end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append(f"[^/{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]")
            rest = rest[end + 1 :]
        else:
            part, braces = _character(rest[0], braces)
            parts.append(part or re2.escape(rest[0]))
            rest = rest[1:]
    if braces:
        raise UserError(f"a brace is not closed in `{pattern}`")
    return "".join(parts)


def _character(character: str, braces: int) -> tuple[str, int]:
    """What one character stands for (empty: for itself), and how many braces are open behind it."""
    match character:
        case "*":
            return "[^/]*", braces
        case "?":
            return "[^/]", braces
        case "{":
            return "(?:", braces + 1
        case "}" if braces:
            return ")", braces - 1
        case "," if braces:
            return "|", braces
        case _:
            return "", braces


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
