"""The files of namespaces, as they lie in a tree of Git: read, never written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

MOST_FILES = 10_000
"""So many files a namespace may have."""

MOST_FILE_BYTES = 64 * 1024 * 1024
"""The longest file of a namespace (bytes): it is read from Git in one piece."""


@dataclass(frozen=True, slots=True)
class NamespaceFile:
    """A regular file; links, submodules and whatever else a tree may hold are none. `path` has slashes and is
    relative; `size` is in bytes."""

    path: str
    size: int


class NamespaceFiles(Protocol):
    """The files of one state of one tree. Thread-safe.

    A path that is absolute, holds `..` or leads through a link is not there.
    """

    def list(self, namespace: str) -> Sequence[NamespaceFile]:
        """All files of the namespace, by path. Raises UserError for more than MOST_FILES, Retryable when the tree
        cannot be read."""
        ...

    def open(self, namespace: str, path: str) -> BinaryIO:
        """Raises NotFound, UserError for a file of more than MOST_FILE_BYTES, Retryable when it cannot be read."""
        ...

    def each(self, namespace: str, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        """Many files, one after another: each is open until the next one is asked for. Raises what `open` raises."""
        ...
