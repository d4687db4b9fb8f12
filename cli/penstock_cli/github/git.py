"""What the Action asks of the checkout: which commits are there, and which lines a pull request changes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import UserError
from penstock_cli.github.workflow import Pull, Workflow

Lines = Mapping[str, tuple[range, ...]]
"""By the path of a file from the root of the repository: the lines that are new or changed."""

_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree. Nothing that a repository could bring along is run: no hook, filter, text conversion, pager."""

    folder: Path
    _asked: dict[str, str | None] = field(default_factory=dict, repr=False)

    def commit(self, name: str) -> str | None:
        """The id of a commit that is here; None when it is not, as in a shallow clone."""
        if name not in self._asked:
            code, out = self._git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
            self._asked[name] = out.decode("ascii").strip() if code == 0 else None
        return self._asked[name]

    def merge_base(self, one: str, other: str) -> str | None:
        code, out = self._git("merge-base", "--end-of-options", one, other)
        return out.decode("ascii").strip() if code == 0 else None

    def has_in_it(self, commit: str) -> bool:
        """Whether what is checked out is that commit, or is made of it."""
        if self.commit(commit) is None:
            return False
        return self._git("merge-base", "--is-ancestor", "--end-of-options", commit, "HEAD")[0] == 0

    def root(self) -> Path | None:
        code, out = self._git("rev-parse", "--show-toplevel")
        return Path(out.decode("utf-8", "surrogateescape").rstrip("\n")) if code == 0 else None

    def changed_lines(self, base: str, head: str) -> Lines:
        """The lines of `head` that `base` does not have; nothing where that cannot be told."""
        code, out = self._git(
            "-c", "core.quotePath=false", "diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv",
            "--no-renames", "--dst-prefix=b/", "--src-prefix=a/", "--end-of-options", base, head,
        )  # fmt: skip
        return changed_lines(out) if code == 0 else {}

    def _git(self, *arguments: str) -> tuple[int, bytes]:
        neutral = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
        try:
            done = subprocess.run(
                ["git", "-C", str(self.folder), *neutral, *arguments],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise UserError("git is not on the PATH of this runner", help="install git 2.24 or later") from error
        except subprocess.TimeoutExpired:
            return 128, b""
        return done.returncode, done.stdout


def changed_lines(difference: bytes) -> Lines:
    """The lines that a difference without context adds, by file."""
    found: dict[str, list[range]] = {}
    file, left, in_head = "", 0, True
    for line in difference.split(b"\n"):
        if left > 0 and line[:1] in (b"+", b"-", b"\\"):
            left -= line[:1] != b"\\"
            continue
        hunk = _HUNK.match(line)
        if hunk is not None and not in_head:
            first, count = int(hunk[1]), int(hunk[2] or 1)
            removed = re.match(rb"@@ -\d+(?:,(\d+))?", line)
            left = count + (int(removed[1] or 1) if removed is not None else 0)
            if count and file:
                found.setdefault(file, []).append(range(first, first + count))
        elif line.startswith(b"+++ "):
            name = line[4:].rstrip(b"\t")
            file = name[2:].decode("utf-8", "replace") if name.startswith(b"b/") else ""
            in_head = False
        elif line.startswith(b"diff --git "):
            file, in_head = "", True
    return {name: tuple(ranges) for name, ranges in found.items()}


def revisions(workflow: Workflow, checkout: Checkout, base: str = "") -> tuple[str, str] | None:
    """The commits before and after, as far as the checkout has them; `base` is what the workflow names itself.

    Of a pull request GitHub checks out its merge into the base, so that what merging would change is what lies between
    the first parent and the merge. Where the head itself is checked out, it is what the head adds to the base.
    """
    head = checkout.commit("HEAD")
    if head is None:
        return None
    if base:
        named = checkout.commit(base)
        if named is None:
            raise UserError(
                f"the input `base` is {base!r}, and this checkout has no such commit",
                help="give actions/checkout `fetch-depth: 0`",
            )
        return named, head
    before = _before(workflow, checkout)
    return (before, head) if before is not None else None


def _before(workflow: Workflow, checkout: Checkout) -> str | None:
    if workflow.pull is not None:
        return _base_of(workflow.pull, checkout)
    if workflow.before is not None and checkout.commit(workflow.before) is not None:
        return workflow.before
    return checkout.commit("HEAD^1")


def _base_of(pull: Pull, checkout: Checkout) -> str | None:
    if checkout.commit("HEAD^2") == pull.head:
        return checkout.commit("HEAD^1")
    if checkout.commit(pull.base) is None:
        return None
    return checkout.merge_base(pull.base, "HEAD") or pull.base
