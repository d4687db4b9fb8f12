"""The branch of results: an orphan branch of a remote, only ever added to, by compare-and-swap.

Commits are made by fast-import into a bare repository of our own, without a work tree; the push names what the branch
was when it was read, so that two agents never undo each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from penstock import failpoint
from penstock.adapters.git import repository
from penstock.adapters.git.address import Credentials, Remote, checked_branch, redacted
from penstock.adapters.git.command import (
    CLONE_TIMEOUT_S,
    FETCH_TIMEOUT_S,
    GitCommand,
    failure,
    is_remote_to_blame,
    object_id,
)
from penstock.errors import Retryable, Stalled, UserError
from penstock.failpoint import Failpoint
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
        self._remote = Remote.parse(url)
        self._ref = f"refs/heads/{checked_branch(branch)}"
        self._folder = folder
        self._git = GitCommand(folder, self._remote, credentials or Credentials(), author)
        self._base: str | None = None
        self._is_fetched = False
        self._names: dict[str, frozenset[str]] = {}

    def has(self, folder: str) -> bool:
        self._be_fetched()
        above, _, name = folder.strip("/").rpartition("/")
        if above not in self._names:
            self._names[above] = self._list(above)
        return name in self._names[above]

    def add(
        self, commits: Sequence[tuple[str, Mapping[str, bytes]]], *, anew: Mapping[str, bytes] | None = None
    ) -> str:
        said = ""
        for _ in range(MOST_RACES):
            self._be_fetched()
            repository.clear_left_overs(self._folder)
            base = self._base
            head = self._import(base, commits, anew or {})
            if head is None:
                return base or ""
            lease = f"--force-with-lease={self._ref}:{base or ''}"
            args = (
                "push",
                "--quiet",
                "--porcelain",
                lease,
                "--end-of-options",
                self._remote.url,
                f"{head}:{self._ref}",
            )
            failpoint.reached(Failpoint.RESULT_COMMITTED)
            self._is_fetched = False  # whatever comes of it: what it was is not what it is
            code, out, err = self._git.call(args, timeout_s=FETCH_TIMEOUT_S)
            if code == 0:
                if self._git.call(("update-ref", _BASE, head))[0] == 0:
                    self._is_at(head)
                repository.pack_anew(self._git)
                return head
            said = redacted(err + out.decode("utf-8", "replace"))
            if not any(words in said for words in _LOST_RACE):
                self._doubt(said)
                raise _rejected(args, said)
        raise Retryable(
            f"the branch {self._ref} changes too fast to be added to: {said.strip()}", after=timedelta(seconds=5)
        )

    def show(self, path: str) -> bytes | None:
        self._be_fetched()
        if self._base is None:
            return None
        entry = self._read_by("ls-tree", "-z", self._base, "--", path).split()
        return self._read_by("cat-file", "blob", object_id(entry[2].decode())) if entry else None

    def _be_fetched(self) -> None:
        """Know what the branch is. A repository of ours that is damaged is thrown away: it holds nothing of its own."""
        if self._is_fetched:
            return
        identity = f"{self._remote.url}\n{self._ref}\n"
        if not repository.is_made(self._folder, identity):
            repository.make(self._folder, identity, lambda _: None)
        repository.clear_left_overs(self._folder)
        try:
            base = self._fetch()
        except Retryable as error:
            if is_remote_to_blame(error.message) or self._git.is_sound():
                raise
            repository.make(self._folder, identity, lambda _: None)
            base = self._fetch()
        self._is_at(base)

    def _read_by(self, *args: str, stdin: bytes | None = None) -> bytes:
        """What git does with what is here. Raises Retryable where it cannot, and has it looked through."""
        try:
            return self._git.run(*args, stdin=stdin)
        except (Retryable, UserError, Stalled) as error:
            self._doubt(error.message)
            raise Retryable(f"our copy of {self._ref} cannot be read: {error.message}") from error

    def _doubt(self, said: str) -> None:
        """Read the branch anew before the next step; where what is here is damaged, into a new repository."""
        self._is_fetched = False
        if not is_remote_to_blame(said) and not self._git.is_sound():
            repository.unmake(self._folder)

    def _is_at(self, base: str | None) -> None:
        if base != self._base:
            self._names.clear()
        self._base, self._is_fetched = base, True

    def _fetch(self) -> str | None:
        """The head of the branch; None when it is not there yet."""
        refspec = f"+{self._ref}:{_BASE}"
        args = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", self._remote.url, refspec)
        code, _, err = self._git.call(args, timeout_s=CLONE_TIMEOUT_S)
        if code and "couldn't find remote ref" in err:
            self._git.run("update-ref", "-d", _BASE)
            return None
        if code:
            raise failure(args, err)
        return object_id(self._git.run("rev-parse", "--verify", "--end-of-options", _BASE).decode().strip())

    def _list(self, folder: str) -> frozenset[str]:
        """The names in a folder of the branch."""
        if self._base is None:
            return frozenset()
        below = ["--", folder + "/"] if folder else []
        out = self._read_by("ls-tree", "-z", "--name-only", self._base, *below)
        return frozenset(name.decode("utf-8", "replace").rpartition("/")[2] for name in out.split(b"\0") if name)

    def _import(
        self, base: str | None, commits: Sequence[tuple[str, Mapping[str, bytes]]], anew: Mapping[str, bytes]
    ) -> str | None:
        """The commits on top of `base`, without the files that it holds already; None when nothing is new. The last
        of them has `anew` too."""
        held = self._held(base, {path for _, files in commits for path in files})
        stream = bytearray()
        is_begun = False
        name = f"{self._git.who} <agent@penstock.invalid> now".encode()
        news = []
        for message, files in commits:
            wanted = {path: content for path, content in files.items() if path not in held}
            held |= wanted.keys()
            if wanted:
                news.append((message, wanted))
        if news:
            news[-1] = (news[-1][0], {**news[-1][1], **anew})
        for message, wanted in news:
            text = message.encode()
            stream += b"commit %s\ncommitter %s\ndata %d\n%s\n" % (_NEXT.encode(), name, len(text), text)
            if base is not None and not is_begun:  # each further one goes on top by itself
                stream += b"from %s\n" % base.encode()
            is_begun = True
            for path, content in wanted.items():
                stream += b"M 100644 inline %s\ndata %d\n%s\n" % (_quoted(path), len(content), content)
            stream += b"\n"
        if not stream:
            return None
        self._read_by("update-ref", "-d", _NEXT)
        self._read_by(
            "fast-import", "--quiet", "--force", "--done", "--date-format=now", stdin=bytes(stream) + b"done\n"
        )
        return object_id(self._read_by("rev-parse", "--verify", "--end-of-options", _NEXT).decode().strip())

    def _held(self, base: str | None, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that the branch holds, asked of one process."""
        asked = sorted(paths)
        for path in asked:
            _quoted(path)
        if base is None or not asked:
            return set()
        lines = "".join(f"{base}:{path}\n" for path in asked).encode()
        answers = self._read_by("cat-file", "--batch-check=%(objecttype)", stdin=lines).splitlines()
        if len(answers) != len(asked):
            raise Retryable(f"git cat-file: {len(answers)} answers to {len(asked)} questions")
        return {path for path, answer in zip(asked, answers, strict=True) if answer in (b"blob", b"tree")}


def _quoted(path: str) -> bytes:
    """A path as fast-import reads it. Raises UserError for one that leads elsewhere."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\n" in path or "\x00" in path:
        raise UserError(f"`{path}` cannot be a path of results")
    return b'"' + path.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def _rejected(args: Sequence[str], said: str) -> Retryable | UserError | Stalled:
    problem = failure(args, said)
    return problem if isinstance(problem, Stalled) else Retryable(problem.message, after=timedelta(seconds=15))
