"""Files into a container's volume and out of it, as the archives that an engine takes and gives: never held whole."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from penstock.errors import UserError
from penstock.glob import Matches
from penstock.ports.runner import WORKING_DIR_MARK

_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_END = b"\0" * (2 * _BLOCK)
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
_MOST_DEEP = 200

MOST_FILES = 100_000
"""So many files of one attempt are taken as outputs."""

MOST_BYTES = 10 << 30
"""So many bytes of one attempt are taken as outputs."""

MOST_READ = 100 << 30
"""So many bytes of a working directory are looked through for them."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom the files in a container belong to."""

    uid: int = 0
    gid: int = 0


# ── in ──


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to be made, or made so. `mtime` in seconds since 1970."""

    path: str
    mode: int
    mtime: int = 0


def packed(
    folders: Iterable[Folder],
    files: Mapping[PurePosixPath, bytes | str],
    *,
    below: str,
    owner: Owner,
    seen_as: str,
    last: Mapping[PurePosixPath, bytes],
) -> Iterator[bytes]:
    """A tar of `folders`, then of `files` below the folder `below`, and of what must come `last`.
    Raises UserError for a path that leads out, or a file that is not there.
    """
    made: set[str] = set()
    folders = list(folders)
    for folder in folders:
        made.add(folder.path)
        yield _folder(folder, owner)
    for path, content in files.items():
        whole = PurePosixPath(below) / inside(path)
        for parent in reversed(whole.parents[:-1]):
            if str(parent) not in made:
                made.add(str(parent))
                yield _folder(Folder(str(parent), _FOLDER_MODE), owner)
        if isinstance(content, bytes):
            content = content.replace(WORKING_DIR_MARK.encode(), seen_as.encode())
            yield _head(str(whole), owner, len(content)) + content + b"\0" * (-len(content) % _BLOCK)
        else:
            yield from _copied(str(whole), path, content, owner)
    for path, content in last.items():
        yield _head(str(path), owner, len(content)) + content + b"\0" * (-len(content) % _BLOCK)
    yield _END


def inside(path: PurePosixPath) -> PurePosixPath:
    """`path` itself. Raises UserError unless it is relative and stays below where it starts."""
    if path.is_absolute() or ".." in path.parts or "\0" in str(path) or not path.parts:
        raise UserError(f"`{path}` leads out of the working directory", help="use a relative path without `..`")
    return path


def _folder(folder: Folder, owner: Owner) -> bytes:
    info = tarfile.TarInfo(folder.path)
    info.type, info.mode = tarfile.DIRTYPE, folder.mode
    info.uid, info.gid, info.mtime = owner.uid, owner.gid, folder.mtime
    return info.tobuf(tarfile.PAX_FORMAT)


def _head(name: str, owner: Owner, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, _FILE_MODE
    info.uid, info.gid = owner.uid, owner.gid
    return info.tobuf(tarfile.PAX_FORMAT)


def _copied(name: str, path: PurePosixPath, source: str, owner: Owner) -> Iterator[bytes]:
    try:
        with Path(source).open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            yield _head(name, owner, size)
            left = size
            while left and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
    except FileNotFoundError as error:
        raise UserError(f"the input file `{path}` cannot be laid down: `{source}` does not exist") from error
    if left:
        raise UserError(f"the input file `{path}` has become shorter while it was copied")
    yield b"\0" * (-size % _BLOCK)


# ── out ──


class Haul:
    """What is taken out of one attempt, over all archives, within its bounds."""

    def __init__(self, matches: Matches, *, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
        self._matches = matches
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._files = 0
        self._bytes = 0
        self._read = 0
        self._seen: set[str] = set()

    def unpack(self, chunks: Iterable[bytes], place: str) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        """The regular files that match, by their path below the working directory, as they come.

        `place` is the path of the archive's first entry. Each file is to be read before the next is asked for.
        Raises UserError for a match that is a link, a device, a pipe or a socket, and beyond a bound.
        """
        top = PurePosixPath(place)
        try:
            with tarfile.open(fileobj=_Reader(chunks, self._count), mode="r|") as archive:
                for member in archive:
                    path = _below(top, member.name)
                    if member.isdir() or path is None or not self._matches(str(path)) or str(path) in self._seen:
                        continue
                    self._seen.add(str(path))
                    if (file := self._taken(archive, member, path)) is not None:
                        yield path, file
        except tarfile.TarError as error:
            raise UserError(f"the engine gave an archive of `{place}` that cannot be read: {error}") from error

    def _taken(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: PurePosixPath) -> BinaryIO | None:
        if member.issym():
            raise UserError(f"`{path}` is a symbolic link: only files of the working directory are taken")
        if member.islnk():
            raise UserError(f"`{path}` is a second name of another file: copy it instead of linking it")
        if not member.isreg():
            raise UserError(f"`{path}` is no regular file: devices, pipes and sockets are not taken")
        self._files += 1
        self._bytes += member.size
        if self._files > self._most_files:
            raise UserError(f"more than {self._most_files} files match `outputFiles`: pack them into one")
        if self._bytes > self._most_bytes:
            raise UserError(
                f"the output files have more than {self._most_bytes} bytes: at `{path}` that is passed",
                help="put large results where they belong, and pass on where they lie",
            )
        return archive.extractfile(member)  # type: ignore[return-value]

    def _count(self, read: int) -> None:
        self._read += read
        if self._read > MOST_READ:
            raise UserError(f"more than {MOST_READ} bytes lie in the folders that `outputFiles` looks through")


def _below(top: PurePosixPath, name: str) -> PurePosixPath | None:
    """The path of an entry; None for the working directory itself. Raises UserError for one that leads out."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"the engine gave an archive with `{name}`, which leads out of it")
    if len(path.parts) > _MOST_DEEP:
        raise UserError(f"`{name[:80]}…` lies more than {_MOST_DEEP} folders deep")
    whole = top.joinpath(*path.parts[1:])
    return whole if whole.parts else None


class _Reader(io.RawIOBase):
    """Chunks, as a file that is read once."""

    def __init__(self, chunks: Iterable[bytes], count: Callable[[int], None]) -> None:
        self._chunks = iter(chunks)
        self._count = count
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes: fewer only at the end."""
        parts: list[bytes] = []
        wanted = size
        while wanted:
            if not self._rest:
                chunk = next(self._chunks, b"")
                if not chunk:
                    break
                self._count(len(chunk))
                self._rest = memoryview(chunk)
            part = self._rest[:wanted] if wanted > 0 else self._rest
            self._rest = self._rest[len(part) :]
            parts.append(bytes(part))
            wanted -= len(part) if wanted > 0 else 0
        return b"".join(parts)
