"""The cache of a WorkingDirectory: files of one execution that lie there again in the next ones, until they are old.

One archive for each task, within a loop for each of its values, in the storage beside the executions. When it was made
stands in its comment; as long as the same files are kept, it is left as it is, and gets old. What cannot be kept is
told and fails nothing.
"""

from __future__ import annotations

import hashlib
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from shutil import copyfileobj
from typing import IO, BinaryIO, cast
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from penstock.duration import parse_duration
from penstock.errors import NotFound, UserError
from penstock.flow.model import Level
from penstock.ports.runner import Runner
from penstock.ports.storage import cache_file
from penstock.tasks.base import Context
from penstock.tasks.scripts.files import Laid, inside, is_ours, kept_aside
from penstock.tasks.scripts.model import Cache

MOST_FILES = 10_000
MOST_BYTES = 1024**3
"""So many files, and so many bytes in all before they are packed, are kept."""

_SMALL = 64 * 1024
"""A file of so many bytes (or fewer) is handed on in memory; a larger one by its path in the storage."""

_PIECE = 1024**2
_SOME_DAY = (1980, 1, 1, 0, 0, 0)
"""The same files make the same archive, whenever it is made."""


def cached(wish: Cache | None, context: Context) -> Laid:
    """The files of the last executions; none where the cache is too old, or cannot be read."""
    if wish is None:
        return {}
    laid: Laid = {}
    try:
        with _archive(wish, context) as archive:
            if archive is None:
                return {}
            members = archive.infolist()
            _bound(len(members), sum(member.file_size for member in members))
            for member in members:
                path = _path_of(member)
                with archive.open(member) as content:
                    laid[path] = _handed_on(content, context)
    except (UserError, BadZipFile, OSError, EOFError, NotImplementedError) as error:
        context.log(Level.WARN, f"The cache cannot be read, and is left out: {error}")
        return {}
    context.log(Level.INFO, f"Loaded {len(laid)} files from the cache")
    return laid


def save(wish: Cache, context: Context, runner: Runner, workspace: str) -> None:
    """Keep what lies there now, unless it is what the cache holds already."""
    uri = _uri(context)
    with tempfile.TemporaryFile() as packed:
        try:
            count = _pack(wish, packed, runner, workspace)
        except UserError as error:
            context.log(Level.WARN, f"The cache could not be kept: {error.message}")
            return
        with _archive(wish, context) as current:
            made = current.comment if current is not None else b""
        _date(packed, made)
        if made and _digest(packed) == context.files.resolve(uri):
            context.log(Level.DEBUG, f"The cache holds these {count} files already")
            return
        _date(packed, context.now().isoformat().encode())
        packed.seek(0)
        context.files.name(uri, context.files.put(cast("BinaryIO", packed)))
    context.log(Level.INFO, f"Kept {count} {'file' if count == 1 else 'files'} in the cache")


def _uri(context: Context) -> str:
    return cache_file(context.flow.name, context.task.id, context.variables["taskrun"].get("value"))


@contextmanager
def _archive(wish: Cache, context: Context) -> Iterator[ZipFile | None]:
    """The archive, if there is one that is not too old. Raises UserError, BadZipFile, OSError."""
    try:
        digest = context.files.resolve(_uri(context))
        file = context.files.open(digest)
    except NotFound:
        yield None
        return
    with file, ZipFile(file) as archive:
        yield archive if not _is_old(archive, wish.ttl, context.now()) else None


def _is_old(archive: ZipFile, ttl: str | None, now: datetime) -> bool:
    try:
        made = datetime.fromisoformat(archive.comment.decode())
        longest = parse_duration(ttl) if ttl is not None else timedelta.max
    except ValueError as error:
        raise UserError(f"when it was made, or how old it may be, cannot be read: {error}") from error
    return now - made > longest


def _pack(wish: Cache, packed: IO[bytes], runner: Runner, workspace: str) -> int:
    count = size = 0
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for path, file in runner.collect(workspace, wish.patterns):
            with file:
                if is_ours(path):
                    continue
                member = ZipInfo(str(path), _SOME_DAY)
                member.compress_type = ZIP_DEFLATED
                with archive.open(member, "w", force_zip64=True) as into:
                    copyfileobj(file, into)
                count, size = count + 1, size + member.file_size
                _bound(count, size)
    return count


def _bound(count: int, size: int) -> None:
    if count > MOST_FILES or size > MOST_BYTES:
        raise UserError(f"it is more than {MOST_FILES} files or {MOST_BYTES} bytes")


def _date(packed: IO[bytes], made: bytes) -> None:
    packed.seek(0)
    with ZipFile(packed, "a") as archive:
        archive.comment = made


def _digest(packed: IO[bytes]) -> str:
    packed.seek(0)
    digest = hashlib.sha256()
    while piece := packed.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _path_of(member: ZipInfo) -> PurePosixPath:
    if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(f"`{member.filename}` is no file")
    return inside(member.filename, "cache")


def _handed_on(content: IO[bytes], context: Context) -> bytes | str:
    start = content.read(_SMALL + 1)
    if len(start) <= _SMALL:
        return start
    content.seek(0)
    return kept_aside(context.files.put(cast("BinaryIO", content)), context)
