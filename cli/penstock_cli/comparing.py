"""One comparison as it was asked for: of which revisions, about which files, with which branches merged into it."""

from __future__ import annotations

import difflib
import os
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.diagnostic import Diagnostic
from penstock.difference.report import Report
from penstock.errors import NotFound, UserError
from penstock.settings import Settings, cache_folder
from penstock.validation.cache import Cache

if TYPE_CHECKING:
    from penstock.wiring.differences import Differences, Stand


class Asked:
    """`arguments` are revisions and paths as they were typed; `branches` are to be merged with the head."""

    def __init__(self, arguments: Sequence[str], branches: Sequence[str], settings: Settings, *, keeps: bool) -> None:
        from penstock.wiring.differences import Differences

        self._settings = settings
        self._cache = Cache(cache_folder() if keeps else None)
        self._differences = Differences(Path(), settings, self._cache)
        self._branches = tuple(branches)
        revisions, self._paths = _told_apart(arguments, self._differences)
        self._base, self._head = self._ends(revisions)
        self._conflicts: tuple[str, ...] = ()

    def report(self, now: datetime | None = None, zone: str | None = None) -> Report:
        """The difference. Raises NotFound, UserError."""
        from penstock.wiring.surroundings import local_zone

        base, head = self._stands()
        comparison = self._differences.comparison(
            base, head, now or datetime.now(UTC), zone or local_zone(os.environ)
        )  # fmt: skip
        report = comparison.report(self._is_asked)
        if not self._branches:
            return report
        return replace(report, conflicts=self._conflicts, is_judged=True, findings=self._findings(head))

    def text(self) -> str:
        """The difference of the files, line by line, as they are written."""
        base, head = self._stands()
        old, new = dict.fromkeys(base.contents.ids, base), dict.fromkeys(head.contents.ids, head)
        lines: list[str] = []
        for path in sorted({*old, *new}):
            ends = [
                side[path].contents.of([path])[0].decode("utf-8", "replace").splitlines()
                for side in (old, new)
                if path in side
            ]  # fmt: skip
            before, after = (ends[0], ends[-1]) if len(ends) == 2 else (ends[0], []) if path in old else ([], ends[0])
            if before != after and self._is_asked(path):
                names = (f"a/{path}" if path in old else "/dev/null"), (f"b/{path}" if path in new else "/dev/null")
                lines += difflib.unified_diff(before, after, *names, lineterm="")
        return "".join(f"{line}\n" for line in lines)

    def _ends(self, revisions: str | None) -> tuple[str, str | None]:
        """The base, and the head, None for the working tree."""
        differences = self._differences
        if revisions is None:
            return differences.fork_point("HEAD"), None
        if "..." in revisions:
            one, _, other = revisions.partition("...")
            return differences.common(one or "HEAD", other or "HEAD"), other or "HEAD"
        if ".." in revisions:
            one, _, other = revisions.partition("..")
            return one or "HEAD", other or "HEAD"
        return revisions, None

    def _stands(self) -> tuple[Stand, Stand]:
        differences = self._differences
        if self._branches:
            head = self._head or "HEAD"
            base = differences.default_branch() or self._base
            merged, self._conflicts = differences.merged([base, head, *self._branches])
            label = f"the merge of {', '.join([_short(head), *self._branches])}"
            return differences.at(base, _short(base)), differences.at(merged, label)
        old = differences.at(self._base, _short(self._base))
        if self._head is None:
            return old, differences.working_tree()
        return old, differences.at(self._head, _short(self._head))

    def _findings(self, head: Stand) -> tuple[Diagnostic, ...]:
        """The errors of the merge."""
        from penstock.validation.check import check  # only here: most comparisons judge nothing
        from penstock.validation.options import options_of

        report = check(head.sources, head.catalog, options_of(head.settings), cache=self._cache)
        return tuple(found for found in report.diagnostics if found.is_error)

    def _is_asked(self, path: str) -> bool:
        return not self._paths or any(one in (".", path) or path.startswith(one + "/") for one in self._paths)


def _told_apart(arguments: Sequence[str], differences: Differences) -> tuple[str | None, tuple[str, ...]]:
    """Revisions, which come first, and paths. What may be both is refused, as git refuses it."""
    if not arguments:
        return None, ()
    first, *rest = arguments
    is_path = Path(first).exists()
    if ".." in first and not is_path:
        return first, tuple(map(posixpath.normpath, rest))
    if differences.is_revision(first):
        if is_path:
            raise UserError(
                f"`{first}` is a revision and a path", help=f"write `{first}..` for the one, `./{first}` for the other"
            )
        return first, tuple(map(posixpath.normpath, rest))
    if not is_path and not rest:
        raise NotFound(f"there is neither a revision nor a path `{first}`", help="`git branch -a` lists the branches")
    return None, tuple(map(posixpath.normpath, arguments))


def _short(revision: str) -> str:
    return revision[:12] if len(revision) >= 40 and all(each in "0123456789abcdef" for each in revision) else revision
