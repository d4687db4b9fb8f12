"""What a person reads: the summary of a job and the comment of a pull request, as Markdown made of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock import __version__
from penstock_cli.github.markdown import cut, tamed
from penstock_cli.github.report import Report
from penstock_cli.render.inert import code, prose

MOST_CHARACTERS = 65_000
"""A comment has at most 65,536 characters."""
MOST_FINDINGS = 25
MOST_LINES = 200
MARKER = "<!-- penstock: {} -->"
_MARKS = {"error": "✘", "warning": "!", "information": "·"}


def marker(key: str) -> str:
    """By what a comment is found again; `key` tells one comment of Penstock's from another of the same pull request."""
    return MARKER.format(key)


def summary_of_validation(said: Mapping[str, Any]) -> str:
    """The section of the job summary."""
    return f"### {verdict(said)}\n\n{findings_list(said, MOST_LINES)}\n"


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
        found = findings_list(report.validation, MOST_FINDINGS)
        count = len(report.validation["diagnostics"])
        below.append(f"<details open>\n<summary>Findings ({count})</summary>\n\n{found}\n</details>")
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


def findings_list(said: Mapping[str, Any], most: int) -> str:
    """Findings one a line, in the order that they have."""
    findings: Sequence[Mapping[str, Any]] = said["diagnostics"]
    lines = [_line(found) for found in findings[:most]]
    if len(findings) > most:
        lines.append(f"- and {len(findings) - most:,} more")
    return "".join(f"{line}\n" for line in lines)


def _line(found: Mapping[str, Any]) -> str:
    mark = _MARKS.get(str(found["severity"]), "·")
    where = f"{found['file']}:{int(found['range']['start']['line'])}"
    what = str(found["message"])
    if isinstance(found.get("help"), str):
        what += f"; {found['help']}"
    return f"- {mark} {code(_short(where, 200))} {prose(_short(str(found['code']), 20))}: {prose(_short(what, 600))}"


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _footer(report: Report, run_page: str) -> str:
    between = f"{report.base[:10]}..{report.head[:10]}"
    return (
        f"<sub>{code(between)} · penstock {__version__} · [the whole of it]({run_page}) · "
        f"on your machine: {code(f'penstock diff {between}')}</sub>"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
