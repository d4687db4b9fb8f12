"""The branch of results: an orphan branch of a remote, only ever added to, by compare-and-swap.

Commits are made by fast-import into a bare repository of our own, without a work tree; the push names what the branch
was when it was read, so that two agents never undo each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from penstock.adapters.git.command import Credentials, GitCommand, checked_branch, checked_url, failure, redacted
from penstock.errors import Retryable, Stalled, UserError
from penstock.ports.git import ResultsBranch

_BASE = "refs/penstock/base"
_NEXT = "refs/penstock/next"
MOST_RACES = 10
_LOST_RACE = (
    "stale info",
    "fetch first",
    "non-fast-forward",
    "failed to update ref",
    "cannot lock ref",
    "incorrect old",
)


class GitResultsBranch(ResultsBranch):
    """Lies in `folder`, a bare repository that holds the branch alone. `author` is the committer's name."""

    def __init__(
        self, url: str, branch: str, folder: Path, *, author: str = "Penstock", credentials: Credentials | None = None
    ) -> None:
        self._url = checked_url(url)
        self._ref = f"refs/heads/{checked_branch(branch)}"
        self._folder = folder
        self._git = GitCommand(folder, credentials or Credentials(), author)
        self._fetched = False

    def has(self, folder: str) -> bool:
        if not self._fetched:
            self._fetch()
        base = self._base()
        if base is None:
            return False
        out = self._git.run("ls-tree", "--name-only", base, "--", folder)
        return bool(out.strip())

    def add(self, commits: Sequence[tuple[str, Mapping[str, bytes]]]) -> str:
        for _ in range(MOST_RACES):
            if not self._fetched:
                self._fetch()
            base = self._base()
            head = self._import(base, commits)
            if head is None:
                assert base is not None
                return base
            lease = f"--force-with-lease={self._ref}:{base or ''}"
            args = ("push", "--quiet", "--porcelain", lease, "--end-of-options", self._url, f"{head}:{self._ref}")
            code, out, err = self._git.call(args)
            if code == 0:
                self._git.run("update-ref", _BASE, head)
                return head
            self._fetched = False
            said = redacted(err + out.decode("utf-8", "replace"))
            if not any(words in said for words in _LOST_RACE):
                raise _rejected(args, said)
        raise Retryable(f"the branch {self._ref} changes too fast to be added to", after=timedelta(seconds=5))

    def show(self, path: str) -> bytes | None:
        base = self._base()
        if base is None:
            return None
        code, out, _ = self._git.call(("cat-file", "blob", f"{base}:{path}"))
        return out if code == 0 else None

    def _base(self) -> str | None:
        """The branch as it was read or pushed last; None when it is not there yet."""
        if not (self._folder / "HEAD").is_file():
            return None
        code, out, _ = self._git.call(("rev-parse", "--verify", "--quiet", "--end-of-options", _BASE))
        return out.decode().strip() if code == 0 else None

    def _fetch(self) -> None:
        if not (self._folder / "HEAD").is_file():
            try:
                self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise Stalled(f"the results cannot be written to {self._folder}: {error.strerror}") from error
            self._git.run("init", "--quiet", "--bare", "--template=", str(self._folder))
        refspec = f"+{self._ref}:{_BASE}"
        args = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", self._url, refspec)
        code, _, err = self._git.call(args)
        if code and "couldn't find remote ref" in err:
            self._git.run("update-ref", "-d", _BASE)
        elif code:
            raise failure(args, err)
        self._fetched = True

    def _import(self, base: str | None, commits: Sequence[tuple[str, Mapping[str, bytes]]]) -> str | None:
        """The commits on top of `base`, without the files that it holds already; None when nothing is new."""
        stream = bytearray()
        fresh = False
        name = f"{self._git.identity} <agent@penstock.invalid> now".encode()
        for message, files in commits:
            wanted = {path: content for path, content in files.items() if base is None or not self._holds(base, path)}
            if not wanted:
                continue
            text = message.encode()
            stream += b"commit %s\ncommitter %s\ndata %d\n%s\n" % (_NEXT.encode(), name, len(text), text)
            if not fresh and base is not None:
                stream += b"from %s\n" % base.encode()
            fresh = True
            for path, content in wanted.items():
                stream += b"M 100644 inline %s\ndata %d\n%s\n" % (_quoted(path), len(content), content)
            stream += b"\n"
        if not fresh:
            return None
        self._git.call(("update-ref", "-d", _NEXT))
        self._git.run("fast-import", "--quiet", "--force", "--date-format=now", stdin=bytes(stream) + b"done\n")
        return self._git.run("rev-parse", "--verify", "--end-of-options", _NEXT).decode().strip()

    def _holds(self, base: str, path: str) -> bool:
        code, _, _ = self._git.call(("cat-file", "-e", f"{base}:{path}"))
        return code == 0


def _quoted(path: str) -> bytes:
    """A path as fast-import reads it. Raises UserError for one that leads elsewhere."""
    parts = path.split("/")
    if any(part in ("", ".", "..", ".git") for part in parts) or "\n" in path or "\x00" in path:
        raise UserError(f"`{path}` cannot be a path of results")
    return b'"' + path.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def _rejected(args: Sequence[str], said: str) -> Retryable | UserError | Stalled:
    problem = failure(args, said)
    return problem if isinstance(problem, Stalled) else Retryable(problem.message, after=timedelta(seconds=15))
