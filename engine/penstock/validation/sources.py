"""The files that are judged together, wherever they are from: a folder, a Git revision, or a text at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.errors import UserError
from penstock.flow.layout.tree import FlowFile

ReadAll = Callable[[Sequence[FlowFile]], Iterator[bytes]]


def _read_each(files: Sequence[FlowFile]) -> Iterator[bytes]:
    for file in files:
        yield file.read()


@dataclass(frozen=True, slots=True)
class Sources:
    """`given` are judged; `around` are the other flows of their repository, which are only listened to.

    `is_whole` says that together they are a repository: what is in none of them is not there. `namespace_files` are
    the paths of its files that may be some, None where nobody has looked; `files` are the globs for them. `root` tells
    repositories apart.
    """

    given: tuple[FlowFile, ...]
    around: tuple[FlowFile, ...] = ()
    is_whole: bool = True
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    namespace_files: tuple[str, ...] | None = None
    root: str = ""
    read_all: ReadAll = field(default=_read_each, repr=False)


class Contents:
    """The bytes of files, read when they are asked for, and their ids at once; by how the files are shown."""

    def __init__(self, sources: Sources) -> None:
        self._read_all = sources.read_all
        self._bytes: dict[str, bytes] = {}
        self._files: dict[str, FlowFile] = {}
        self.ids: dict[str, str] = {}
        for file in sources.given:
            self._identify(file)
        for file in sources.around:
            try:
                self._identify(file)
            except UserError:  # it is nobody's task here to say that it cannot be read
                continue

    def _identify(self, file: FlowFile) -> None:
        shown = file.shown
        if file.blob is not None:
            self.ids[shown] = file.blob
        else:
            data = self._bytes[shown] = file.read()
            self.ids[shown] = blob_id(data)
        self._files[shown] = file

    def of(self, files: Sequence[str]) -> list[bytes]:
        """Contents in the order asked. Raises UserError when one cannot be read."""
        missing = [self._files[file] for file in files if file not in self._bytes]
        if missing:
            self._bytes.update(zip([file.shown for file in missing], self._read_all(missing), strict=True))
        return [self._bytes[file] for file in files]


def blob_id(data: bytes, *, like: str = "") -> str:
    """The id that Git gives to a file with these bytes; in a repository with SHA-256 where `like` is an id of one."""
    algorithm = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
