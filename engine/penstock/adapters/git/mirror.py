"""A bare mirror of one branch of a remote: fetched by force, read by object id, never checked out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from penstock.adapters.git.command import (
    Credentials,
    GitCommand,
    checked_branch,
    checked_url,
    object_id,
    redacted,
)
from penstock.errors import Retryable, Stalled, UserError
from penstock.ports.git import Blob, CommitInfo, Mirror

_HEAD = "refs/penstock/head"
_REGULAR = (b"100644", b"100755")
_DAMAGED = ("corrupt", "bad object", "object file", "missing blob", "missing tree", "unable to read", "not a git repo")


class GitMirror(Mirror):
    """Lies in `folder`. Made in a folder beside it and renamed, so that a half one is never taken for a whole one."""

    def __init__(self, url: str, branch: str, folder: Path, *, credentials: Credentials | None = None) -> None:
        self._url = checked_url(url)
        self._branch = checked_branch(branch)
        self._folder = folder
        self._git = GitCommand(folder, credentials or Credentials())

    def fetch(self) -> str:
        if not (self._folder / "HEAD").is_file() or not self._is_mine():
            self._make()
        for stale in (*self._folder.glob("*.lock"), *(self._folder / "refs" / "penstock").glob("**/*.lock")):
            stale.unlink(missing_ok=True)  # one process uses a mirror: whoever held it is gone
        try:
            return self._fetch()
        except (Retryable, UserError) as error:
            if not any(word in error.message for word in _DAMAGED):
                raise
            self._make()
            return self._fetch()

    def _fetch(self) -> str:
        refspec = f"+refs/heads/{self._branch}:{_HEAD}"
        self._git.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", self._url, refspec)
        head = self.head()
        if head is None:
            raise UserError(f"the branch `{self._branch}` is not there", help="check --branch")
        self._git.run("cat-file", "-e", f"{head}^{{tree}}")
        return head

    def _is_mine(self) -> bool:
        marker = self._folder / "penstock-url"
        return marker.is_file() and marker.read_text(encoding="utf-8") == self._identity()

    def _identity(self) -> str:
        return f"{redacted(self._url)}\n{self._branch}\n"

    def _make(self) -> None:
        """A new empty mirror in the place of whatever is there."""
        staged = self._folder.with_name(self._folder.name + ".new")
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            GitCommand(staged).run("init", "--quiet", "--bare", "--template=", str(staged))
            (staged / "penstock-url").write_text(self._identity(), encoding="utf-8")
            shutil.rmtree(self._folder, ignore_errors=True)
            staged.rename(self._folder)
        except OSError as error:
            raise Stalled(f"the mirror cannot be written to {self._folder}: {error.strerror}") from error

    def head(self) -> str | None:
        if not (self._folder / "HEAD").is_file():
            return None
        code, out, _ = self._git.call(("rev-parse", "--verify", "--quiet", "--end-of-options", f"{_HEAD}^{{commit}}"))
        return object_id(out.decode().strip()) if code == 0 else None

    def blobs(self, commit: str, prefix: str = "") -> list[Blob]:
        below = ["--", prefix.rstrip("/") + "/"] if prefix.strip("/") else []
        out = self._git.run("ls-tree", "-r", "-z", "-l", "--full-tree", object_id(commit), *below)
        found: list[Blob] = []
        for entry in out.split(b"\0"):
            head, tab, path = entry.partition(b"\t")
            fields = head.split()
            if not tab or len(fields) != 4 or fields[0] not in _REGULAR or fields[1] != b"blob":
                continue
            try:
                found.append(Blob(path.decode("utf-8"), fields[2].decode(), int(fields[3])))
            except UnicodeDecodeError:
                continue  # a name that is not UTF-8 names no flow
        return sorted(found, key=lambda blob: blob.path)

    def read(self, blobs: Iterable[Blob]) -> Iterator[tuple[Blob, bytes]]:
        wanted = list(blobs)
        if not wanted:
            return
        import os

        process = subprocess.Popen(
            self._git.argv(("cat-file", "--batch")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self._git.environment()},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for blob in wanted:
                process.stdin.write(object_id(blob.id).encode() + b"\n")
                process.stdin.flush()
                head = process.stdout.readline().split()
                if len(head) != 3 or head[1] != b"blob":
                    raise Retryable(f"git: the object {blob.id} of {blob.path} cannot be read")
                content = process.stdout.read(int(head[2]))
                process.stdout.read(1)
                yield blob, content
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def commit(self, id: str) -> CommitInfo:  # noqa: A002
        out = self._git.run("log", "-1", "--no-decorate", "--format=%H%x00%s%x00%an%x00%ct", object_id(id), "--")
        commit, subject, author, at = out.decode("utf-8", "replace").rstrip("\n").split("\0")
        return CommitInfo(commit, subject, author, datetime.fromtimestamp(int(at), UTC))

    def keep(self, commit: str) -> None:
        self._git.run("update-ref", f"refs/penstock/keep/{object_id(commit)}", commit)

    def release(self, commit: str) -> None:
        self._git.run("update-ref", "-d", f"refs/penstock/keep/{object_id(commit)}")
