"""What a change has brought: all that is wrong in the files that differ, and what is newly wrong in all others."""

from __future__ import annotations

from penstock.validation.check import Report, lines_of
from penstock.validation.sources import blob_id


def only_new(report: Report, before: Report) -> Report:
    """`report` without what is told of files that are as they were, and was told `before`.

    In a file that differs everything counts: whoever changes it is the one to mend it. In one that does not, only
    what the change has broken from elsewhere, as a call of a flow that has lost an input.
    """
    differing = _differing(report, before)
    known = {(one.file, one.code, one.range, one.message) for one in before.diagnostics}
    report.diagnostics = [
        one
        for one in report.diagnostics
        if one.file in differing or (one.file, one.code, one.range, one.message) not in known
    ]
    report.touched = _touched(report, before, differing)
    return report


def _touched(report: Report, before: Report, differing: set[str]) -> frozenset[tuple[str, int]]:
    """The lines with findings that do not stand anywhere in the file as it was."""
    if report.contents is None or before.contents is None:
        return frozenset()
    found = set[tuple[str, int]]()
    for file in differing & {one.file for one in report.diagnostics}:
        old = set(lines_of(before.contents.of([file])[0])) if file in before.contents.ids else set[str]()
        new = lines_of(report.contents.of([file])[0])
        for one in report.diagnostics:
            number = one.range.start.line
            if one.file == file and number <= len(new) and new[number - 1] not in old:
                found.add((file, number))
    return frozenset(found)


def _differing(report: Report, before: Report) -> set[str]:
    """Files whose bytes are others, or that are new. How lines end does not count: Git may have changed that."""
    if report.contents is None or before.contents is None:
        return set()
    old = before.contents.ids
    found = set()
    for file, id_ in report.contents.ids.items():
        was = old.get(file)
        if was is None:
            found.add(file)
        elif was != id_:
            data = report.contents.of([file])[0]
            if was not in (blob_id(data, like=was), blob_id(data.replace(b"\r\n", b"\n"), like=was)):
                found.add(file)
    return found
