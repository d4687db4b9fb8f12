"""One validation as it was asked for: which files, of which revision, judged how, and what of it is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.flow.catalog import load_catalog
from penstock.flow.tree import STDIN
from penstock.settings import Settings, cache_folder
from penstock.validation.cache import Cache
from penstock.validation.check import Report, check
from penstock.validation.options import Options
from penstock.validation.sources import Sources

if TYPE_CHECKING:
    from penstock.wiring.revisions import Revisions


class Validation:
    """What the options of `penstock validate` mean. It may be asked for its report more than once."""

    def __init__(
        self,
        paths: Sequence[str],
        settings: Settings,
        dialect: str | None,
        unknown_types: str,
        *,
        at: str | None = None,
        changed: str | None = None,
        keeps: bool = True,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._dialect, self._unknown_types = dialect, unknown_types
        self._at, self._changed = at, changed
        self._stdin = sys.stdin.buffer.read() if STDIN in paths else None
        self.cache = Cache(cache_folder() if keeps else None)

    def report(self) -> Report:
        """Judges. Raises UserError where something cannot be read."""
        if self._at is not None or self._changed is not None:
            return self._compared()
        return self._checked(self.sources(), self._settings)

    def sources(self) -> Sources:
        """The files of the working tree."""
        from penstock.validation.folder import sources_in

        return sources_in(Path(), self._paths, self._settings, stdin=self._stdin)

    def _checked(self, sources: Sources, settings: Settings) -> Report:
        return check(sources, load_catalog(), self._options(settings), cache=self.cache)

    def _options(self, settings: Settings) -> Options:
        from penstock.validation.options import options_of

        return options_of(settings, dialect=self._dialect, unknown_types=self._unknown_types)

    def _compared(self) -> Report:
        """At a revision, or against one."""
        from penstock.validation.difference import only_new

        revisions = self._revisions()
        if self._at is not None:
            sources, settings = revisions.sources(self._at, self._paths)
        else:
            sources, settings = self.sources(), self._settings
        report = self._checked(sources, settings)
        if self._changed is None:
            return report
        base = revisions.base(self._changed, self._at)
        before, settings_before = revisions.sources(base, self._paths, is_base=True)
        return only_new(report, self._checked(before, settings_before))

    def _revisions(self) -> Revisions:
        from penstock.wiring.revisions import Revisions

        return Revisions(Path())
