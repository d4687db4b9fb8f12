"""What is kept of earlier runs in a repository: verdicts by the id of a content, and the reports that were last made.

A key says all that a result depends on. So nothing is ever out of date, and what a repository holds cannot bring a
verdict about one content into the place of another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from penstock.diagnostic import Diagnostic
from penstock.validation.cache import Cache
from penstock.validation.finding_rows import FINDING, PLAIN, many, row
from penstock.validation.fingerprint import fingerprint
from penstock.validation.sources import Contents, Sources

if TYPE_CHECKING:
    from penstock.flow.catalogue.catalog import Catalog
    from penstock.validation.options import Options

_MOST_REPORTS = 16
NEXT_FIRE = "PEN407"
"""What it tells is other after every minute; all else that depends on the time is looked at again in the next hour."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a repository: findings, the number of flows, and the lines that findings point at."""

    found: tuple[Diagnostic, ...]
    flows: int
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, as it may be shown: without secrets."""

    file: str
    number: int
    text: str


KEPT = row(Kept, found=many(FINDING), flows=PLAIN, lines=many(row(Line, file=PLAIN, number=PLAIN, text=PLAIN)))


class Shelf:
    """The place of one repository in a cache."""

    def __init__(
        self,
        cache: Cache,
        sources: Sources,
        contents: Contents,
        catalog: Catalog,
        options: Options | None,
        now: datetime,
    ) -> None:
        self._cache = cache
        self._lines: dict[str, str] | None = None
        self._reports: dict[str, str] = {}
        self._used: list[str] = []
        self._key = ""
        if not cache.keeps:
            return
        judged_by = fingerprint(catalog, _said(options))
        place = sha256(f"{sources.root}\0{judged_by}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self._verdicts_name, self._reports_name = f"verdicts-{place}", f"reports-{place}"
        self._key = _key_of(sources, contents, options, now)

    def report(self) -> Kept | None:
        """What came of it when the very same was asked before."""
        if not self._key:
            return None
        self._reports = self._cache.sheet(self._reports_name)
        line = self._reports.get(self._key)
        if line is None:
            return None
        try:
            return KEPT.read(json.loads(line))
        except (ValueError, TypeError, KeyError, IndexError):
            return None

    def keep_report(self, made: Kept) -> None:
        if not self._key:
            return
        self._reports.pop(self._key, None)
        self._reports[self._key] = json.dumps(KEPT.write(made), separators=(",", ":"))
        while len(self._reports) > _MOST_REPORTS:
            del self._reports[next(iter(self._reports))]
        self._cache.put(self._reports_name, self._reports)

    def verdict(self, id_: str) -> str | None:
        """What is kept about a content, as it was kept."""
        if not self._key:
            return None
        if self._lines is None:
            self._lines = self._cache.sheet(self._verdicts_name)
        line = self._lines.get(id_)
        if line is not None:
            self._used.append(id_)
        return line

    def keep_verdicts(self, lines: Mapping[str, str]) -> None:
        if self._key:
            known = self._lines or {}
            self._cache.put(self._verdicts_name, {**known, **lines}, [*self._used, *lines])


def _said(options: Options | None) -> str:
    """All of the options that a verdict depends on."""
    return (
        "" if options is None else repr((options.dialect, options.unknown_types, options.defaults, options.asked_for))
    )


def _key_of(sources: Sources, contents: Contents, options: Options | None, now: datetime) -> str:
    decisions = options.decisions if options is not None else None
    asked = options.asked_for if options is not None else ()
    told = sha256()
    said = (
        (decisions.rules, sorted(decisions.asked), decisions.file, decisions.folder, decisions.complaints)
        if (decisions is not None)
        else None
    )
    parts = (
        f"{now:%Y-%m-%dT%H:%M}" if NEXT_FIRE in asked else f"{now:%Y-%m-%dT%H}",
        sources.is_whole,
        said,
        sorted(sources.files.items()),
        sources.namespace_files,
        [(file.shown, contents.ids[file.shown]) for file in sources.given],
        sorted(contents.ids.items()) if sources.around else None,
    )
    told.update(repr(parts).encode("utf-8", "surrogateescape"))
    return told.hexdigest()
