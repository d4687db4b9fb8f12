"""Findings within a GitHub workflow: annotations of the lines, and a table in the job's summary.

GitHub shows ten errors and ten warnings a step and drops the rest without a word (GitHub docs, Workflow commands,
2026-06); so those that matter most come first, and the rest is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.diagnostic import Diagnostic, Severity
from penstock.diagnostic_record import diagnostic_record
from penstock_cli.render.findings import Summary
from penstock_cli.render.findings_frame import clean
from penstock_cli.render.workflow import cell, escaped, shortened

MOST = 10
_LONGEST = 1_000
_MOST_ROWS = 200
_MOST_BYTES = 500_000
"""A summary may have 1 MiB for the whole step, and other tools write into it too."""


def as_github(findings: Sequence[Diagnostic], summary: Summary | None) -> str:
    """Workflow commands: at most ten errors and ten warnings, the first of each, then how many are left.

    Notes are not annotated.
    """
    lines, left = annotated([diagnostic_record(found) for found in findings])
    if left:
        lines.append(f"and {left} more in the summary")
    if summary is not None:
        lines.append(summary.sentence)
    return "".join(f"{line}\n" for line in lines)


def annotated(findings: Sequence[Mapping[str, Any]]) -> tuple[list[str], int]:
    """A command for the first of each severity, in the order that they have; how many errors and warnings are left.

    The findings are as `penstock validate -o json` tells them.
    """
    lines: list[str] = []
    left = 0
    for severity in (Severity.ERROR, Severity.WARNING):
        same = [found for found in findings if found["severity"] == severity]
        lines += [_annotation(found) for found in same[:MOST]]
        left += max(0, len(same) - MOST)
    return lines, left


def _annotation(found: Mapping[str, Any]) -> str:
    start, end = found["range"]["start"], found["range"]["end"]
    numbers = {"line": start["line"], "endLine": end["line"], "col": start["column"]}
    if end["line"] == start["line"]:
        numbers["endColumn"] = end["column"]
    places = "".join(f"{name}={int(value)}," for name, value in numbers.items())
    file, code = (escaped(clean(str(found[name])), in_property=True) for name in ("file", "code"))
    parts = [line for part in (found["message"], found.get("help")) if part for line in str(part).splitlines()]
    message = shortened("\n".join(map(clean, parts)), _LONGEST)
    return f"::{found['severity']} file={file},{places}title={code}::{escaped(message)}"


def as_summary(findings: Sequence[Diagnostic], summary: Summary) -> str:
    """The job's summary in Markdown, the worst first."""
    mark = "✅" if summary.outcome == "passed" else "❌"
    head = f"### {mark} penstock validate\n\n{summary.sentence}\n\n"
    rank = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    rows: list[str] = []
    size = len(head)
    for found in sorted(findings, key=lambda one: rank[one.severity]):
        place = f"{found.file}:{found.range.start.line}:{found.range.start.column}"
        told = (found.severity, found.code, cell(place), cell(found.message), cell(found.help or ""))
        row = f"| {' | '.join(told)} |\n"
        size += len(row.encode())
        if len(rows) == _MOST_ROWS or size > _MOST_BYTES:
            break
        rows.append(row)
    if not rows:
        return head
    left = len(findings) - len(rows)
    more = f"\nand {left} more\n" if left else ""
    return head + "| | code | where | what | mend |\n| --- | --- | --- | --- | --- |\n" + "".join(rows) + more + "\n"
