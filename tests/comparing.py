"""Two folders of flows, compared as two revisions would be: without Git, at a moment that is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from penstock.diagnostic import FlowName
from penstock.difference.changes import Comparison
from penstock.difference.known import Known, Neighbours
from penstock.difference.report import Report
from penstock.difference.sides import Found, Side
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.reconcile.selection import Selection, steers
from penstock.settings import PROJECT_FILE, repository_settings
from penstock.validation.judging import judge
from penstock.validation.options import Options
from penstock.validation.sources import blob_id

NOW = datetime(2026, 10, 23, 12, tzinfo=UTC)
"""A Friday; the clocks of Europe go back two nights later."""
ZONE = "Europe/Berlin"


def report_of(base: Mapping[str, bytes], head: Mapping[str, bytes], *, now: datetime = NOW) -> Report:
    """The difference of two sets of files by path."""
    contents = {blob_id(data): data for files in (base, head) for data in files.values()}

    def texts(ids: Iterable[str]) -> Mapping[str, bytes]:
        return {id_: contents[id_] for id_ in ids}

    known = Neighbours(list(_known(head)))
    comparison = Comparison(
        side("base", base), side("head", head), texts, lambda: _types(head), known, load_catalog(), now, ZONE
    )
    return comparison.report()


def side(label: str, files: Mapping[str, bytes]) -> Side:
    selection = _selection(files)
    return Side(
        label,
        {path: blob_id(data) for path, data in files.items() if selection.takes(path)},
        {path: blob_id(data) for path, data in files.items() if selection.namespace_files.concerns(path)},
        selection.namespace_files,
        selection.defaults,
    )


def _selection(files: Mapping[str, bytes]) -> Selection:
    assert not repository_settings(files.get(PROJECT_FILE), PROJECT_FILE).diagnostics
    steering = {path: data for path, data in files.items() if steers(path)}
    return Selection.of(steering, prefix="", dialect=Dialect.AUTO)


def _known(files: Mapping[str, bytes]) -> Iterable[Known]:
    catalog, selection = load_catalog(), _selection(files)
    for path, data in files.items():
        if selection.takes(path):
            verdict = judge(data, catalog, Options(defaults=selection.defaults))
            if verdict.facts is not None:
                yield Known.of(path, verdict.facts, verdict.schedules)


def _types(files: Mapping[str, bytes]) -> Mapping[FlowName, frozenset[str]]:
    read = [Found.of(path, data) for path, data in files.items() if _selection(files).takes(path)]
    return {one.name: one.model(load_catalog(), frozenset()).types for one in read if one.name is not None}


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
