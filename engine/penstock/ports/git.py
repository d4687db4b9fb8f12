"""Git: a mirror that is read by object id, and a branch of results that is only ever added to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

UNKNOWN_SIZE = -1
"""Of a blob that was found by comparing trees: its size is not asked for."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A regular file of a tree: `path` as Git has it (slashes), `id` its object id, `size` its bytes, where known.

    Links and submodules are none.
    """

    path: str
    id: str
    size: int


@dataclass(frozen=True, slots=True)
class Change:
    """What lies at `path` after a change: None where no regular file does any more."""

    path: str
    blob: Blob | None


@dataclass(frozen=True, slots=True)
class CommitInfo:
    id: str
    subject: str
    author: str
    at: datetime


class Mirror(Protocol):
    """A bare copy of one remote. Never a work tree: nothing in the repository can run, be linked or be filtered.

    One process uses a mirror at a time; a method is called by one thread at a time. Raises Retryable when the remote
    cannot be reached (the last fetched state stays readable), UserError when the branch is not there, Stalled when
    the host key or the credentials are refused.
    """

    def poll(self) -> str:
        """The commit id of the branch's head at the remote, asked for in the cheapest way that its transport allows.
        No process is started and nothing is downloaded, but where only a fetch can tell (ssh, git://, an old server):
        there it is one. Raises what `fetch` raises."""
        ...

    def fetch(self) -> str:
        """Bring the branch up to date, whatever was done to its history; the commit id of its head."""
        ...

    def head(self) -> str | None:
        """The commit id of the last successful fetch. None before the first."""
        ...

    def blobs(self, commit: str, prefix: str = "") -> list[Blob]:
        """The regular files below `prefix`, by path. Names that are not UTF-8 are left out and counted in the log."""
        ...

    def changes(self, before: str, after: str) -> list[Change]:
        """What differs between the trees of two commits, by path; a subtree that is the same is not read. Raises
        Retryable when `before` cannot be read any more: then `blobs` tells all."""
        ...

    def read(self, blobs: Iterable[Blob]) -> Iterator[tuple[Blob, bytes]]:
        """Contents, in the order asked, by one child process that has ended when the iterator has."""
        ...

    def commit(self, id: str) -> CommitInfo: ...  # noqa: A002

    def keep(self, commit: str) -> None:
        """Pin a commit against garbage collection (`refs/penstock/keep/<id>`). May be called twice."""
        ...

    def release(self, commit: str) -> None: ...

    def kept(self) -> set[str]:
        """The commits that are pinned."""
        ...


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file to be added: `path` with slashes, within the results tree."""

    path: str
    content: bytes


class ResultsBranch(Protocol):
    """An orphan branch that is only added to, in a remote repository. One process, one thread at a time."""

    def has(self, folder: str) -> bool:
        """Whether the branch holds that folder already, after what was fetched or pushed last."""
        ...

    def add(
        self, commits: Sequence[tuple[str, Mapping[str, bytes]]], *, anew: Mapping[str, bytes] | None = None
    ) -> str:
        """Add commits, each a message and files by path, and push them with compare-and-swap: after a lost race it
        reads the branch anew and adds again, at most ten times. Returns the id of the last commit.

        What the branch holds already under the same path is left as it is, but for the files of `anew` (its README):
        they are written with the last of the commits, whatever the branch holds; alone they make no commit. Raises
        Retryable when the remote cannot be reached or rejects (its words are in the message); then nothing was
        added."""
        ...

    def show(self, path: str) -> bytes | None: ...
