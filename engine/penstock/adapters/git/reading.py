"""A repository that a person works in, or a bare one, read by revision: nothing of its own is run, nothing written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from penstock.adapters.git.command import object_id
from penstock.adapters.git.direct import DirectGit
from penstock.adapters.git.mirror import GitMirror
from penstock.errors import NotFound, Retryable, UserError
from penstock.ports.git import Blob

_DEFAULT = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master")
_LOCAL_DEFAULT = ("refs/heads/main", "refs/heads/master")


class GitReading:
    """The repository around a folder. `root` is the folder of its tree; of a bare one the repository itself.

    `objects` are the variables of a `quarantine`, where what is read may lie in one.
    """

    def __init__(self, folder: Path, *, objects: Mapping[str, str] | None = None) -> None:
        """Raises NotFound outside of a repository."""
        here = folder.resolve()
        above = (here, *here.parents)
        root = next((one for one in above if (one / ".git").exists() or _is_bare(one)), None)
        if root is None:
            raise NotFound(f"{folder.absolute()} lies in no Git repository", help="leave --at and --changed out")
        self.root = root
        self.is_bare = not (root / ".git").exists()
        place = root if self.is_bare else _led_to(root / ".git")
        self._git = DirectGit(place, objects=objects or {})
        self._objects = GitMirror(str(place), "HEAD", place, git=self._git)

    def setting(self, name: str) -> str | None:
        """What the repository's own configuration says of `name`; nobody else's is asked."""
        code, out, _ = self._git.call(("config", "--local", "--get", name))
        return out.decode("utf-8", "replace").strip() if code == 0 else None

    def is_set(self, name: str) -> bool:
        """Whether the repository's own configuration says yes to `name`, in any of git's words for it."""
        code, out, _ = self._git.call(("config", "--local", "--type=bool", "--get", name))
        return code == 0 and out.strip() == b"true"

    def commit(self, revision: str) -> str:
        """The commit that a person means. Raises NotFound."""
        found = self._commit(revision)
        if found is None:
            raise NotFound(
                f"there is no revision `{revision}` in {self.root}",
                help="in a shallow clone fetch more of the history (in GitHub Actions: `fetch-depth: 0`)",
            )
        return found

    def fork_point(self, commit: str) -> str:
        """Where `commit` has left the default branch: the best common ancestor of both. Raises NotFound."""
        named = os.environ.get("GITHUB_BASE_REF")
        asked = [f"refs/remotes/origin/{named}"] if named else []
        for ref in (*asked, *_DEFAULT, *_LOCAL_DEFAULT):
            branch = self._commit(ref)
            if branch is not None:
                code, out, _ = self._git.call(("merge-base", branch, object_id(commit)))
                if code == 0:
                    return object_id(out.decode().split()[0])
        raise NotFound("there is no default branch that this has come from", help="say which revision: `--changed REV`")

    def common_ancestor(self, one: str, other: str) -> str:
        """The best common ancestor of two commits. Raises NotFound."""
        code, out, _ = self._git.call(("merge-base", object_id(one), object_id(other)))
        if code:
            raise NotFound(f"{one[:12]} and {other[:12]} have no common ancestor", help="fetch more of the history")
        return object_id(out.decode().split()[0])

    def default_branch(self) -> str | None:
        """The commit of the default branch, as far as this repository knows it."""
        named = os.environ.get("GITHUB_BASE_REF")
        asked = [f"refs/remotes/origin/{named}"] if named else []
        found = (self._commit(ref) for ref in (*asked, *_DEFAULT, *_LOCAL_DEFAULT))
        return next((commit for commit in found if commit is not None), None)

    def origin(self) -> str | None:
        """The URL of the remote that is called so, as it is configured."""
        code, out, _ = self._git.call(("config", "--get", "remote.origin.url"))
        return out.decode("utf-8", "replace").strip() or None if code == 0 else None

    def merged(self, commits: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """A commit in which all are merged, one after the other, and nothing; or the last one that went well, and the
        paths that Git cannot merge. It is of no branch, and goes with the next `git gc`. Raises UserError when this
        git cannot merge without a work tree."""
        head, *others = map(object_id, commits)
        for other in others:
            code, out, said = self._git.call(("merge-tree", "--write-tree", "--name-only", "-z", head, other))
            if code not in (0, 1):
                raise UserError(f"git cannot merge them: {said.strip()[:300]}", help="install git 2.38 or later")
            tree, *names = out.split(b"\0")
            if code:
                conflicting = names[: names.index(b"")] if b"" in names else names
                return head, tuple(os.fsdecode(name) for name in conflicting)
            told = ("commit-tree", "-p", head, "-p", other, "-m", "merge", object_id(tree.decode()))
            head = object_id(self._git.run(*told).decode().strip())
        return head, ()

    def _commit(self, revision: str) -> str | None:
        told = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        code, out, _ = self._git.call(told)
        return object_id(out.decode().strip()) if code == 0 else None

    def blobs(self, commit: str) -> list[Blob]:
        """The regular files of a commit, by path. Raises UserError when they cannot be read."""
        try:
            return self._objects.blobs(commit, sized=False)
        except Retryable as error:
            raise UserError(error.message) from error

    def read(self, blobs: Iterable[Blob]) -> Iterator[bytes]:
        """Contents in the order asked, by one child process. Raises UserError when one cannot be read."""
        try:
            for _, content in self._objects.read(blobs):
                yield content
        except Retryable as error:
            raise UserError(error.message) from error


def _led_to(place: Path) -> Path:
    """Where a `.git` that is a file leads, as that of a linked work tree does."""
    if place.is_dir():
        return place
    try:
        text = os.fsdecode(place.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {place}: {error.strerror}") from error
    return (place.parent / text.removeprefix("gitdir: ").rstrip("\r\n")).resolve()


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
