"""A bare mirror of one branch of a remote: fetched by force, read by object id, never checked out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha1, sha256
from pathlib import Path

from penstock.adapters.git import repository
from penstock.adapters.git.address import Credentials, Remote, checked_branch
from penstock.adapters.git.command import (
    CLONE_TIMEOUT_S,
    FETCH_TIMEOUT_S,
    OBJECT_ID,
    GitCommand,
    is_remote_to_blame,
    object_id,
)
from penstock.adapters.git.polling import Poller
from penstock.adapters.git.refs import names_below, read_ref
from penstock.errors import Retryable, Stalled, UserError
from penstock.ports.git import UNKNOWN_SIZE, Blob, Change, CommitInfo, Mirror

JUST_NOW_S = 1.0
"""A fetch right after a poll that had to fetch costs no second one."""

_HEAD = "refs/penstock/head"
_KEPT = "refs/penstock/keep/"
_REGULAR = (b"100644", b"100755")
_ELSEWHERE = frozenset({"", ".", "..", ".git"})
_OTHER_HASH = "mismatched algorithms"


class GitMirror(Mirror):
    """Lies in `folder`, which is for this remote and branch alone.

    A clone is made beside it and renamed, so that a half one is never taken for a whole one, and the last good one
    stays until there is a better. `left_out` tells how many names of the tree that was listed last cannot name a file.
    `git` is another way to call git there.
    """

    def __init__(
        self,
        url: str,
        branch: str,
        folder: Path,
        *,
        credentials: Credentials | None = None,
        git: GitCommand | None = None,
    ) -> None:
        self._remote = Remote.parse(url)
        self._branch = checked_branch(branch)
        self._folder = folder
        self._git = git or GitCommand(folder, self._remote, credentials or Credentials())
        self._poller = Poller(self._remote, self._git.credentials, self._branch)
        self._is_suspect = False
        self._polled_at: float | None = None
        self.left_out = 0

    def poll(self) -> str:
        head = self._poller.head()
        if head is None:
            head = self._brought_up_to_date()
            self._polled_at = time.monotonic()
        return head

    def fetch(self) -> str:
        polled_at, self._polled_at = self._polled_at, None
        if polled_at is not None and time.monotonic() - polled_at < JUST_NOW_S and not self._is_suspect:
            head = self.head()
            if head is not None:
                return head
        return self._brought_up_to_date()

    def _brought_up_to_date(self) -> str:
        if not self._is_made():
            return self._clone()
        if self._is_suspect and not self._git.is_sound():
            return self._clone()
        self._is_suspect = False
        repository.clear_left_overs(self._folder)
        before = self.head()
        try:
            head = self._fetch_into(self._git, FETCH_TIMEOUT_S)
        except (Retryable, UserError) as error:
            if is_remote_to_blame(error.message) or self._git.is_sound():
                raise
            return self._clone()
        if head != before:
            repository.pack_anew(self._git)
        return head

    def _fetch_into(self, git: GitCommand, timeout_s: float) -> str:
        refspec = f"+refs/heads/{self._branch}:{_HEAD}"
        told = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options")
        git.run(*told, self._remote.url, refspec, timeout_s=timeout_s)
        head = _resolved(git)
        if head is None:
            raise UserError(f"the branch `{self._branch}` is not there", help="check --branch")
        return head

    def _clone(self) -> str:
        """A new mirror, with the commits of the old one that are kept, as far as they can still be read."""
        try:
            return self._clone_as(())
        except Retryable as error:
            if _OTHER_HASH not in error.message:
                raise
            return self._clone_as(("--object-format=sha256",))

    def _clone_as(self, options: tuple[str, ...]) -> str:
        heads: list[str] = []

        def fill(staged: Path) -> None:
            git = GitCommand(staged, self._remote, self._git.credentials)
            heads.append(self._fetch_into(git, CLONE_TIMEOUT_S))
            self._take_along(staged)

        repository.make(self._folder, self._identity, fill, options=options)
        self._is_suspect = False
        return heads[0]

    def _take_along(self, staged: Path) -> None:
        """What is kept comes from the new history, or else from the old mirror; what is in neither is lost."""
        new = GitCommand(staged, Remote.parse(str(self._folder)))
        for ref in names_below(self._folder, _KEPT):
            commit = ref.removeprefix(_KEPT)
            if OBJECT_ID.fullmatch(commit) is None:
                continue
            if new.call(("update-ref", ref, commit))[0]:
                new.call(("fetch", "--quiet", "--no-tags", "--end-of-options", str(self._folder), f"{ref}:{ref}"))

    def _is_made(self) -> bool:
        return repository.is_made(self._folder, self._identity)

    @property
    def _identity(self) -> str:
        return f"{self._remote.url}\n{self._branch}\n"

    def head(self) -> str | None:
        return _resolved(self._git) if self._is_made() else None

    def blobs(self, commit: str, prefix: str = "", *, sized: bool = True) -> list[Blob]:
        """Not `sized`, no object is opened for its size: listing a tree takes a seventh of the time."""
        below = ["--", prefix.strip("/") + "/"] if prefix.strip("/") else []
        found: list[Blob] = []
        self.left_out = 0
        told = ("ls-tree", "-r", "-z", *(("-l",) if sized else ()), "--full-tree")
        for entry in self._read_by(*told, object_id(commit), *below).split(b"\0"):
            head, tab, name = entry.partition(b"\t")
            fields = head.split()
            if not tab or len(fields) != 3 + sized or fields[0] not in _REGULAR or fields[1] != b"blob":
                continue
            path = _path(name)
            if sized and not fields[3].isdigit():  # git says BAD of an object that it does not find
                raise self._unreadable(Blob(path or "", fields[2].decode(), UNKNOWN_SIZE))
            if path is None:
                self.left_out += 1
            else:
                found.append(Blob(path, fields[2].decode(), int(fields[3]) if sized else UNKNOWN_SIZE))
        return sorted(found, key=lambda blob: blob.path)

    def changes(self, before: str, after: str) -> list[Change]:
        told = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--full-index")
        try:
            out = self._git.run(*told, object_id(before), object_id(after), "--")
        except (Retryable, UserError, Stalled) as error:
            raise Retryable(f"the mirror cannot tell what changed: {error.message}") from error
        fields = iter(out.split(b"\0"))
        found: list[Change] = []
        for entry in fields:
            if not entry:
                break
            _, mode, _, id_, status = entry.lstrip(b":").split()
            path = _path(next(fields))
            if path is not None:
                is_file = mode in _REGULAR and status != b"D"
                found.append(Change(path, Blob(path, id_.decode(), UNKNOWN_SIZE) if is_file else None))
        return sorted(found, key=lambda change: change.path)

    def read(self, blobs: Iterable[Blob]) -> Iterator[tuple[Blob, bytes]]:
        wanted = list(blobs)
        if not wanted:
            return
        with self._git.conversation("cat-file", "--batch") as (ask, answer):
            for blob in wanted:
                try:
                    ask.write(object_id(blob.id).encode() + b"\n")
                    ask.flush()
                except BrokenPipeError as error:
                    raise self._unreadable(blob) from error
                head = answer.readline().split()
                if len(head) != 3 or head[1] != b"blob":
                    raise self._unreadable(blob)
                content = answer.read(int(head[2]))
                if answer.read(1) != b"\n" or _blob_id(content, like=blob.id) != blob.id:
                    raise self._unreadable(blob)
                yield blob, content

    def _unreadable(self, blob: Blob) -> Retryable:
        self._is_suspect = True
        return Retryable(f"git: the object {blob.id} of {blob.path} cannot be read")

    def commit(self, id: str) -> CommitInfo:  # noqa: A002
        out = self._read_by("log", "-1", "--no-decorate", "--format=%H%x00%s%x00%an%x00%ct", object_id(id), "--")
        commit, subject, author, at = out.decode("utf-8", "replace").rstrip("\n").split("\0")
        return CommitInfo(commit, subject, author, datetime.fromtimestamp(int(at), UTC))

    def _read_by(self, *args: str) -> bytes:
        """What git reads in the mirror. Where it cannot, the mirror is looked through at the next fetch."""
        try:
            return self._git.run(*args)
        except (Retryable, UserError, Stalled) as error:
            self._is_suspect = True
            raise Retryable(f"the mirror cannot be read: {error.message}") from error

    def keep(self, commit: str) -> None:
        repository.clear_left_overs(self._folder)
        self._git.run("update-ref", _KEPT + object_id(commit), commit)

    def kept(self) -> set[str]:
        if not self._is_made():
            return set()
        out = self._read_by("for-each-ref", "--format=%(refname)", _KEPT)
        return {ref.removeprefix(_KEPT) for ref in out.decode().split()}

    def release(self, commit: str) -> None:
        repository.clear_left_overs(self._folder)
        self._git.run("update-ref", "-d", _KEPT + object_id(commit))


def _resolved(git: GitCommand) -> str | None:
    """The commit of the head; git is asked only where it is stored in an unusual way, which saves a process."""
    found = read_ref(git.folder, _HEAD)
    if found is not None:
        return found
    code, out, _ = git.call(("rev-parse", "--verify", "--quiet", "--end-of-options", f"{_HEAD}^{{commit}}"))
    return object_id(out.decode().strip()) if code == 0 else None


def _blob_id(content: bytes, *, like: str) -> str:
    """The object id of a blob, by the algorithm of `like`. git itself does not look whether what it reads still is what
    was written."""
    algorithm = sha1 if len(like) == 40 else sha256
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _path(name: bytes) -> str | None:
    """The name of a file; None for one that is not UTF-8, or that leads elsewhere when it is joined to a folder."""
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if any(part.lower() in _ELSEWHERE for part in path.split("/")) else path
