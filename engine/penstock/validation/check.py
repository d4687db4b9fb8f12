"""Many flow files at once: each judged alone, then held against one another. What `validate` does.

A file is judged when no verdict about the same bytes is kept (`kept`); all that follows from a verdict is cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from penstock.collector import collector_paused
from penstock.diagnostic import Diagnostic, Range, Severity, ordered
from penstock.errors import UserError
from penstock.flow.layout.tree import FlowFile
from penstock.validation.cache import Cache
from penstock.validation.kept import NEXT_FIRE, Kept, Line, Shelf
from penstock.validation.sources import Contents, Sources

if TYPE_CHECKING:  # a report that is kept is told without what judges
    from penstock.flow.catalogue.catalog import Catalog
    from penstock.validation.options import Options
    from penstock.validation.verdict import Verdict


@dataclass(slots=True)
class Report:
    """What came of all files. `diagnostics` are in reading order; `flows` counts files that hold one.

    `judged` is how many files had to be looked at, because no verdict about them was kept; `given` are those that were
    to be judged. `touched` are the lines that a change has made, as far as something is found there.
    """

    diagnostics: list[Diagnostic]
    flows: int
    files: int
    elapsed_s: float
    judged: int = 0
    given: tuple[str, ...] = ()
    touched: frozenset[tuple[str, int]] = frozenset()
    contents: Contents | None = field(default=None, repr=False)
    _lines: dict[tuple[str, int], str] = field(default_factory=dict, repr=False)

    def add(self, found: Sequence[Diagnostic]) -> None:
        """Findings about other files, as penstock.yaml."""
        self.diagnostics = ordered([*found, *self.diagnostics])

    def count(self, severity: Severity) -> int:
        return sum(found.severity is severity for found in self.diagnostics)

    def line(self, file: str, number: int) -> str:
        """The text of a line that a finding points at, without secrets; empty where it cannot be read."""
        if (file, number) not in self._lines:
            is_judged = self.contents is not None and file in self.contents.ids
            data = b"" if is_judged else _read(FlowFile(file, Path(file)))
            self._lines |= {(one.file, one.number): one.text for one in _shown(file, data, [number])}
        return self._lines.get((file, number), "")


def _read(file: FlowFile) -> bytes:
    try:
        return file.read()
    except UserError:
        return b""


def _shown(file: str, data: bytes, numbers: Iterable[int], secrets: Sequence[Range] = ()) -> Iterator[Line]:
    """Lines of a file without what `secrets` cover, and without what looks like one."""
    from penstock.validation.veil import Veil

    lines = dict(enumerate(lines_of(data), 1))
    veil = Veil(partial(_line, lines), secrets)
    for number in sorted(set(numbers)):
        if number in lines:
            yield Line(file, number, veil.line(number))


def _line(lines: Mapping[int, str], number: int) -> str:
    return lines.get(number, "")


def lines_of(data: bytes) -> list[str]:
    """The lines of a file as findings count them."""
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if is_wide else "utf-8", "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def check_files(
    files: Sequence[FlowFile],
    catalog: Catalog,
    options: Options | None = None,
    *,
    processes: int | None = None,
    today: date | None = None,
    is_whole: bool = False,
) -> Report:
    """`check` of these files alone, with nothing kept. `is_whole` says that they are all files of the repository."""
    sources = Sources(tuple(files), is_whole=is_whole)
    now = datetime.combine(today, time()).astimezone() if today is not None else None
    return check(sources, catalog, options, processes=processes, now=now)


def check(
    sources: Sources,
    catalog: Catalog,
    options: Options | None = None,
    *,
    cache: Cache | None = None,
    processes: int | None = None,
    now: datetime | None = None,
) -> Report:
    """Judges every file and compares them all; told is what was found in the given ones. Raises UserError when one of
    those cannot be read.

    `now` is the moment by which waivers and schedules are judged, with its zone. `processes` is how many share the
    work; by default one, or one a core for many files where forking is safe.
    """
    began = perf_counter()
    with collector_paused():
        contents = Contents(sources)
        moment = now or datetime.now().astimezone()
        shelf = Shelf(cache or Cache(None), sources, contents, catalog, options, moment)
        kept = shelf.report()
        judged = 0
        if kept is None:
            from penstock.validation.verdicts import verdicts_for

            verdicts, judged = verdicts_for(shelf, contents, catalog, options, processes)
            kept = _held_together(sources, contents, verdicts, options, moment)
            shelf.keep_report(kept)
    elapsed_s = perf_counter() - began
    given = tuple(file.shown for file in sources.given)
    return Report(
        list(kept.found), kept.flows, len(given), elapsed_s, judged, given, contents=contents,
        _lines={(one.file, one.number): one.text for one in kept.lines},
    )  # fmt: skip


def _held_together(
    sources: Sources, contents: Contents, verdicts: dict[str, Verdict], options: Options | None, now: datetime
) -> Kept:
    """What is found in the given files, by themselves and among the others, after the repository's decisions."""
    from penstock.flow.layout.namespace_layout import NamespaceLayout
    from penstock.validation.across import NamespaceTree, Repository, Told, held_against_one_another
    from penstock.validation.decisions import Decisions, decide

    decisions = (options.decisions if options is not None else None) or Decisions()
    by_file = {file: verdicts[id_] for file, id_ in contents.ids.items()}
    told = [Told(file, facts) for file, one in by_file.items() if (facts := one.facts) is not None]
    tree = None
    if sources.namespace_files is not None:
        tree = NamespaceTree(NamespaceLayout(sources.files), sources.namespace_files)
    given = {file.shown: by_file[file.shown] for file in sources.given}
    found = [one for file, verdict in given.items() for one in verdict.at(file)]
    repository = Repository(told, is_whole=sources.is_whole, files=tree)
    found += [one for one in held_against_one_another(repository) if one.file in given]
    schedules = [one for file, verdict in given.items() for one in verdict.scheduled(file)]
    if schedules:  # calendars and zones cost every start otherwise
        from penstock.validation.across.firing import judge_schedules

        found += judge_schedules(schedules, now, next_fires=decisions.is_on(NEXT_FIRE))
    comments = {file: verdict.comments for file, verdict in given.items() if verdict.comments}
    is_all = sources.is_whole and not sources.around
    told_of = tuple(decide(found, decisions, comments, now.date(), is_whole=is_all))
    at: dict[str, list[int]] = {}
    for finding in told_of:
        at.setdefault(finding.file, []).append(finding.range.start.line)
    lines = [
        line
        for file, numbers in at.items()
        if file in given
        for line in _shown(file, contents.of([file])[0], numbers, given[file].secrets)
    ]
    return Kept(told_of, sum(one.is_flow for one in given.values()), tuple(lines))
