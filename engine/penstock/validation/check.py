"""Many flow files at once: each judged alone, then held against one another. What `validate` does."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from time import perf_counter

from penstock.diagnostic import Diagnostic, FlowName, Range, Severity, ordered
from penstock.errors import UserError
from penstock.flow.catalog import Catalog
from penstock.flow.comments import Comment, ignored
from penstock.flow.defaults import Default
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow
from penstock.flow.tree import FlowFile
from penstock.validation.advice import ADVICE
from penstock.validation.decisions import Decisions, decide
from penstock.validation.veil import Veil, veil_over

PARALLEL_FROM = 150
"""From so many files on it pays to fork: a pool costs about 60 ms, a flow 1 to 2."""
_CHUNK = 25


@dataclass(frozen=True, slots=True)
class Options:
    """How files are judged: `defaults` and `decisions` are the repository's."""

    dialect: Dialect = Dialect.AUTO
    unknown_types: Severity | None = Severity.ERROR
    defaults: tuple[Default, ...] = ()
    decisions: Decisions = field(default_factory=Decisions)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one file, before anything is decided about it.

    `lines` holds the text of the lines that its findings and comments point at.
    """

    file: str
    name: FlowName | None
    is_flow: bool
    id_range: Range
    diagnostics: tuple[Diagnostic, ...]
    comments: tuple[Comment, ...]
    lines: dict[int, str]


@dataclass(slots=True)
class Report:
    """What came of all files. `diagnostics` are in reading order; `flows` counts files that hold one."""

    diagnostics: list[Diagnostic]
    flows: int
    files: int
    elapsed_s: float
    lines: dict[str, dict[int, str]] = field(default_factory=dict, repr=False)

    def add(self, found: Sequence[Diagnostic]) -> None:
        """Findings about other files, as penstock.yaml: their lines are read where they can be."""
        for one in found:
            number = one.range.start.line
            if number not in self.lines.setdefault(one.file, {}):
                self.lines[one.file][number] = _line(FlowFile(one.file, Path(one.file)), number)
        self.diagnostics = ordered([*found, *self.diagnostics])

    def count(self, severity: Severity) -> int:
        return sum(found.severity is severity for found in self.diagnostics)

    def line(self, file: str, number: int) -> str:
        """The text of a line that a finding points at."""
        return self.lines.get(file, {}).get(number, "")


def check_files(
    files: Sequence[FlowFile],
    catalog: Catalog,
    options: Options | None = None,
    *,
    processes: int | None = None,
    today: date | None = None,
    is_whole: bool = False,
) -> Report:
    """Parses every file and compares them. Raises UserError when a file cannot be read.

    `is_whole` says that these are all files of the repository, `today` is the day by which waivers are judged.
    `processes` is how many share the work; by default one, or one a core for many files where forking is safe.
    """
    began = perf_counter()
    judged = options or Options()
    count = processes if processes is not None else _processes(len(files))
    with _collector_paused():
        if count > 1:
            results = _in_parallel(files, catalog, judged, count)
        else:
            results = [_check(file, catalog, judged) for file in files]
    found = [diagnostic for result in results for diagnostic in result.diagnostics]
    lines = {result.file: result.lines for result in results if result.lines}
    for diagnostic, text in _duplicates(results, {file.shown: file for file in files}):
        found.append(diagnostic)
        lines.setdefault(diagnostic.file, {})[diagnostic.range.start.line] = text
    flows = sum(result.is_flow for result in results)
    comments = {result.file: result.comments for result in results if result.comments}
    found = decide(found, judged.decisions, comments, today or _today(), is_whole=is_whole)
    report = Report([], flows, len(results), perf_counter() - began, lines)
    report.add(found)
    return report


def _today() -> date:
    return datetime.now().astimezone().date()


def _check(file: FlowFile, catalog: Catalog, options: Options) -> Checked:
    parsed = parse_flow(
        file.read(), file.shown, catalog=catalog, dialect=options.dialect, defaults=options.defaults,
        unknown_types=options.unknown_types,
    )  # fmt: skip
    document, found = parsed.document, parsed.found
    if parsed.survey is not None and ADVICE:
        survey = parsed.survey
        survey.found.clear()
        for advice in ADVICE:
            advice(survey)
        found = (*found, *survey.found)
    comments = ignored(document.text)
    veil = veil_over(found, document.line)
    found = veil.over(found)
    at = {one.range.start.line for one in found} | {comment.line for comment in comments}
    lines = {line: veil.line(line) for line in at}
    return Checked(file.shown, parsed.name, parsed.is_flow, document.range_of(("id",)), found, comments, lines)


def _duplicates(results: Sequence[Checked], files: dict[str, FlowFile]) -> Iterator[tuple[Diagnostic, str]]:
    """PEN501, at each of the files that define the same flow, with the line it points at."""
    by_name: dict[FlowName, list[Checked]] = {}
    for result in results:
        if result.name is not None:
            by_name.setdefault(result.name, []).append(result)
    for name, same in by_name.items():
        for result in same if len(same) > 1 else ():
            others = [other for other in same if other is not result]
            first = others[0]
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            diagnostic = Diagnostic(
                "PEN501", Severity.ERROR,
                f"flow `{name}` is also defined in {first.file}:{first.id_range.start.line}{more}",
                result.file, result.id_range, "a flow has one file: rename or remove one of them", flow=name,
            )  # fmt: skip
            yield diagnostic, _line(files[result.file], result.id_range.start.line)


def _line(file: FlowFile, number: int) -> str:
    """One line of a file; empty where it cannot be read, as for the name of a variable."""
    try:
        lines = file.read().decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    except UserError:
        return ""
    return Veil(lambda at: lines[at - 1]).line(number) if number <= len(lines) else ""


def _processes(files: int) -> int:
    """One, unless there are many files, several cores, and forking is safe: Linux, one thread."""
    if files < PARALLEL_FROM or sys.platform != "linux" or threading.active_count() > 1:
        return 1
    return min(len(os.sched_getaffinity(0)), 8)


def _in_parallel(files: Sequence[FlowFile], catalog: Catalog, options: Options, processes: int) -> list[Checked]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    _warm_up(files, catalog, options)
    with ProcessPoolExecutor(processes, get_context("fork"), initializer=_inherit, initargs=(catalog, options)) as pool:
        return list(pool.map(_check_inherited, files, chunksize=_CHUNK))


_inherited: tuple[Catalog, Options] | None = None
"""What a forked child judges with: set once, in the child."""


def _inherit(catalog: Catalog, options: Options) -> None:
    global _inherited
    gc.disable()
    _inherited = (catalog, options)


def _check_inherited(file: FlowFile) -> Checked:
    assert _inherited is not None
    return _check(file, *_inherited)


def _warm_up(files: Sequence[FlowFile], catalog: Catalog, options: Options) -> None:
    """Compiles in the parent what every child would compile again."""
    _check(files[0], catalog, options)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Trees of a quarter million values make the cyclic collector run for nothing: they hold no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
