"""A repository that is pushed to, as its hooks need it: what arrives, what its owner has allowed, whom to tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from penstock.adapters.git import GitReading
from penstock.adapters.git.address import checked_branch
from penstock.adapters.git.quarantine import quarantine
from penstock.errors import Refused, UserError
from penstock.wiring.revisions import AtRevision, Revisions

_ALLOWS_SKIP = "penstock.allowSkip"
_HOOKS_ELSEWHERE = "core.hooksPath"
RESULTS = "penstock/"
"""Branches below are the agent's own: what it writes there is results, and no flows."""


class PushedTo:
    """The bare repository at `folder`. Raises UserError where that is none."""

    def __init__(self, folder: Path) -> None:
        git = GitReading(folder)
        if not git.is_bare or git.root != folder.resolve():
            raise UserError(
                f"{folder.absolute()} is no bare repository",
                help="name the one that is pushed to: the folder with HEAD, objects and refs",
            )
        self._git = git
        self.root = git.root

    @property
    def allows_skip(self) -> bool:
        """Whether its owner lets a pusher leave the check out."""
        return self._git.is_set(_ALLOWS_SKIP)

    def hooks(self) -> Path:
        """The folder of its hooks. Raises Refused where git would look elsewhere."""
        elsewhere = self._git.setting(_HOOKS_ELSEWHERE)
        if elsewhere is not None:
            raise Refused(
                f"{_HOOKS_ELSEWHERE} of {self.root} is {elsewhere}: hooks in {self.root / 'hooks'} would never be run",
                help=f"take that setting away, or call `penstock hook pre-receive` from the hooks in {elsewhere}",
            )
        return self.root / "hooks"


def pushed(folder: Path, commit: str, prefix: str = "") -> AtRevision:
    """The flows of a commit that a push has brought to the repository at `folder`, let in or not; there may be none.
    Those below `prefix` alone are deployed from there: the others are around them.

    Raises UserError where the commit cannot be read, or its `penstock.yaml` forbids to read its flows.
    """
    there = Revisions(folder, objects=quarantine())
    found = there.sources(commit, (), may_lack=True)
    if not prefix:
        return found
    below = prefix.strip("/") + "/"
    all_ = (*found.sources.given, *found.sources.around)
    given = tuple(file for file in all_ if file.shown.startswith(below))
    around = tuple(file for file in all_ if not file.shown.startswith(below))
    return replace(found, sources=replace(found.sources, given=given, around=around))


def deployable(branch: str) -> str:
    """A branch that flows may be deployed from. Raises UserError."""
    if checked_branch(branch).startswith(RESULTS):
        raise UserError(f"the branch `{branch}` is for results", help=f"flows are on a branch outside of {RESULTS}")
    return branch
