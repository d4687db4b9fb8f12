"""One validation as it was asked for: which files, of which revision, judged how, and what of it is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import UserError
from penstock.flow.catalogue.plugin_files import catalog_of
from penstock.flow.layout.flow_layout import IGNORE_FILES
from penstock.flow.layout.tree import STDIN, FlowFile
from penstock.settings import PROJECT_FILE, Settings, cache_folder, load_settings
from penstock.validation.cache import Cache
from penstock.validation.check import Report, check
from penstock.validation.options import Options
from penstock.validation.sources import Sources

if TYPE_CHECKING:
    from penstock.wiring.revisions import AtRevision, Revisions


class Validation:
    """What the options of `penstock validate` mean. It may be asked for its report more than once."""

    def __init__(
        self,
        paths: Sequence[str],
        settings: Settings,
        dialect: str | None,
        unknown_types: str | None,
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
            report = self._compared()
        else:
            report = self._checked(self.sources(), self._settings)
        report.add(self._settings.diagnostics)
        return report

    def files(self) -> Sequence[FlowFile]:
        """The files of the working tree that are judged."""
        return self.sources().given

    def judge(self, files: Sequence[FlowFile]) -> Report:
        """The same files, as they may have become meanwhile, among all others of their repository."""
        report = self._checked(replace(self.sources(), given=tuple(files)), self._settings)
        report.add(self._settings.diagnostics)
        return report

    def refresh(self) -> None:
        """Settings as they are now. Raises UserError where one is wrong."""
        self._settings = load_settings()
        for found in self._settings.diagnostics:
            if found.is_error:
                raise UserError(f"{found.file}:{found.range.start.line}: {found.message}", help=found.help)

    def watched(self) -> list[str]:
        """All files on which a report of the working tree depends, those that are there."""
        sources = self.sources()
        root = Path(sources.root)
        found = {str(file.path) for file in (*sources.given, *sources.around)}
        found |= {str(root / name) for name in (*(sources.namespace_files or ()), PROJECT_FILE, *IGNORE_FILES)}
        found |= {str(path) for name in self._settings.catalogs for path in _files_of(root / name)}
        found |= {str(Path(file).with_name(name)) for file in list(found) for name in IGNORE_FILES}
        return sorted(found)

    def effort(self, report: Report) -> str:
        """What was done for a report, and what could be had from earlier."""
        damaged = f"; {self.cache.damaged} damaged and made anew" if self.cache.damaged else ""
        kept = "verdicts are kept" if self.cache.keeps else "nothing is kept"
        return f"judged {report.judged:,} of {report.files:,} files, {kept}{damaged}"

    def sources(self) -> Sources:
        """The files of the working tree."""
        from penstock.validation.folder import sources_in

        return sources_in(Path(), self._paths, self._settings, stdin=self._stdin)

    def _checked(self, sources: Sources, settings: Settings) -> Report:
        return check(sources, catalog_of(settings), self._options(settings), cache=self.cache)

    def _options(self, settings: Settings) -> Options:
        from penstock.validation.options import options_of

        return options_of(settings, dialect=self._dialect, unknown_types=self._unknown_types)

    def _compared(self) -> Report:
        """At a revision, or against one."""
        from penstock.validation.difference import only_new

        revisions = self._revisions()
        if self._at is not None:
            report = self._checked_at(revisions.sources(self._at, self._paths))
        else:
            report = self._checked(self.sources(), self._settings)
        if self._changed is None:
            return report
        base = revisions.base(self._changed, self._at)
        return only_new(report, self._checked_at(revisions.sources(base, self._paths, may_lack=True)))

    def _checked_at(self, there: AtRevision) -> Report:
        return check(there.sources, there.catalog, self._options(there.settings), cache=self.cache)

    def _revisions(self) -> Revisions:
        from penstock.wiring.revisions import Revisions

        return Revisions(Path())


def _files_of(catalog: Path) -> list[Path]:
    """The file itself, or the files of a folder."""
    return [path for path in (catalog, *catalog.rglob("*")) if path.is_file()]
