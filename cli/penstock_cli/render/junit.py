"""Findings as a JUnit report: one test case a file, which fails where it has findings that count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from penstock.diagnostic import Diagnostic
from penstock_cli.render.findings_frame import clean

Counts = Callable[[Diagnostic], bool]
"""Whether a finding makes its file fail."""


def as_junit(findings: Sequence[Diagnostic], files: Iterable[str], counts: Counts) -> str:
    """A suite with a case for each of `files`, and for every other file that a finding is about."""
    by_file: dict[str, list[Diagnostic]] = {file: [] for file in sorted({*files, *(found.file for found in findings)})}
    for found in findings:
        by_file[found.file].append(found)
    failed = sum(any(map(counts, told)) for told in by_file.values())
    totals = f'tests="{len(by_file)}" failures="{failed}" errors="0" skipped="0"'
    cases = "".join(_case(file, told, counts) for file, told in by_file.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="penstock validate" {totals}>\n'
        f'  <testsuite name="penstock validate" {totals}>\n{cases}  </testsuite>\n</testsuites>\n'
    )


def _case(file: str, told: list[Diagnostic], counts: Counts) -> str:
    name = quoteattr(clean(file))
    failing = [found for found in told if counts(found)]
    rest = [found for found in told if not counts(found)]
    if not told:
        return f'    <testcase classname="validate" name={name} file={name}/>\n'
    parts = [f'    <testcase classname="validate" name={name} file={name}>\n']
    if failing:
        first = failing[0]
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        message = quoteattr(clean(f"{first.code}: {first.message}{more}"))
        lines = "\n".join(_line(found) for found in failing)
        parts.append(f"      <failure message={message} type={quoteattr(first.code)}>{escape(lines)}</failure>\n")
    if rest:
        parts.append(f"      <system-out>{escape(chr(10).join(_line(found) for found in rest))}</system-out>\n")
    return "".join([*parts, "    </testcase>\n"])


def _line(found: Diagnostic) -> str:
    start = found.range.start
    mend = f"; {found.help}" if found.help else ""
    return clean(f"{found.file}:{start.line}:{start.column}: {found.severity}[{found.code}] {found.message}{mend}")
