"""What a person reads: the summary of a job and the comment of a pull request, as Markdown made of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock import __version__
from penstock_cli.github.markdown import code, cut, plain, tamed
from penstock_cli.github.report import Report

MOST_CHARACTERS = 65_000
"""A comment has at most 65,536 characters."""
MOST_FINDINGS = 25
MOST_ROWS = 200
MARKER = "<!-- penstock: {} -->"
_MARKS = {"error": "✘", "warning": "!", "information": "·"}


def marker(key: str) -> str:
    """By what a comment is found again; `key` tells one comment of Penstock's from another of the same pull request."""
    return MARKER.format(key)


def summary_of_validation(said: Mapping[str, Any]) -> str:
    """The section of the job summary."""
    return f"### {verdict(said)}\n\n{findings_table(said, MOST_ROWS)}\n"


def summary_of_difference(text: str) -> str:
    return f"{tamed(text).strip()}\n\n"


def comment(report: Report, key: str, run_page: str) -> str:
    """The whole comment: the difference first, then what is wrong, then where all of it is."""
    parts = [marker(key)]
    if report.validation is not None:
        parts.append(f"**{verdict(report.validation)}**")
    end = _footer(report, run_page)
    below = []
    if report.validation is not None and report.validation["diagnostics"]:
        table = findings_table(report.validation, MOST_FINDINGS)
        count = len(report.validation["diagnostics"])
        below.append(f"<details open>\n<summary>Findings ({count})</summary>\n\n{table}\n</details>")
    below.append(end)
    room = MOST_CHARACTERS - sum(len(part) + 2 for part in (*parts, *below))
    if report.text.strip():
        parts.append(cut(tamed(report.text).strip(), room, "The rest is in the summary of the run."))
    return "\n\n".join((*parts, *below)) + "\n"


def verdict(said: Mapping[str, Any]) -> str:
    """`✘ 2 errors and 1 warning in 12 flows`."""
    summary = said["summary"]
    counts = [
        _counted(int(summary[name]), noun) for name, noun in (("errors", "error"), ("warnings", "warning"))
        if summary[name]
    ]  # fmt: skip
    mark = "✘" if said.get("outcome") == "failed" else "✔"
    return f"{mark} {' and '.join(counts) or 'no problems'} in {_counted(int(summary['flows']), 'flow')}"


def findings_table(said: Mapping[str, Any], most: int) -> str:
    """Findings as rows, in the order that they have."""
    findings: Sequence[Mapping[str, Any]] = said["diagnostics"]
    if not findings:
        return ""
    rows = [_row(found) for found in findings[:most]]
    left = len(findings) - len(rows)
    more = f"\nand {left:,} more\n" if left else ""
    return "\n".join(["| | where | code | what |", "| --- | --- | --- | --- |", *rows]) + f"\n{more}"


def _row(found: Mapping[str, Any]) -> str:
    mark = _MARKS.get(str(found["severity"]), "·")
    where = f"{found['file']}:{int(found['range']['start']['line'])}"
    what = plain(str(found["message"])[:500])
    if isinstance(found.get("help"), str):
        what += f"<br>{plain(str(found['help'])[:300])}"
    return f"| {mark} | {code(where[:200], in_table=True)} | {plain(str(found['code'])[:20])} | {what} |"


def _footer(report: Report, run_page: str) -> str:
    between = f"{report.base[:10]}..{report.head[:10]}"
    return (
        f"<sub>{code(between)} · penstock {__version__} · [the whole of it]({run_page}) · "
        f"on your machine: {code(f'penstock diff {between}')}</sub>"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
