"""Findings beside the lines of a pull request: the worst first, those on changed lines first, as many as are shown."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock_cli.github.git import Lines
from penstock_cli.github.log import Log

Finding = Mapping[str, Any]
"""One diagnostic, as `penstock validate --format json` has it."""

MOST_OF_EACH = 10
"""GitHub shows so many errors and so many warnings of a step, those that were printed first."""

SEVERITIES = ("error", "warning")
_RANK = {"error": 0, "warning": 1}


def from_root(findings: Sequence[Finding], folder: Path, root: Path) -> list[Finding]:
    """The findings with their files named from the root of the workspace, wherever the program was run."""
    return [{**found, "file": _path(str(found["file"]), folder, root)} for found in findings]


def _path(file: str, folder: Path, root: Path) -> str:
    if file.startswith("<"):  # standard input has no path
        return file
    whole = os.path.relpath(folder / file, root)
    return whole.replace(os.sep, posixpath.sep)


def ordered(findings: Sequence[Finding], changed: Lines) -> list[Finding]:
    """Errors, warnings, the rest; in each those on changed lines first, then those in changed files."""

    def key(found: Finding) -> tuple[int, int, str, int, int]:
        file, line = str(found["file"]), int(found["range"]["start"]["line"])
        ranges = changed.get(file)
        nearness = 2 if ranges is None else 0 if any(line in one for one in ranges) else 1
        rank = _RANK.get(str(found["severity"]), len(_RANK))
        return rank, nearness, file, line, int(found["range"]["start"]["column"])

    return sorted(findings, key=key)


def write(log: Log, findings: Sequence[Finding]) -> int:
    """Annotate the first of each severity, in the order that they have; how many errors and warnings are left."""
    left = 0
    for severity in SEVERITIES:
        same = [found for found in findings if found["severity"] == severity]
        for found in same[:MOST_OF_EACH]:
            _write(log, found)
        left += max(0, len(same) - MOST_OF_EACH)
    return left


def _write(log: Log, found: Finding) -> None:
    start, end = found["range"]["start"], found["range"]["end"]
    numbers = {"line": start["line"], "endLine": end["line"], "col": start["column"]}
    if end["line"] == start["line"]:
        numbers["endColumn"] = end["column"]
    message = str(found["message"])
    if found.get("help"):
        message += f"\n{found['help']}"
    log.annotate(
        str(found["severity"]),
        message,
        title=str(found["code"]),
        file=str(found["file"]),
        places=",".join(f"{name}={int(value)}" for name, value in numbers.items()),
    )


def concise(found: Finding) -> str:
    """`flows/etl.yaml:14:18: error[PEN204] message`."""
    start = found["range"]["start"]
    place = f"{found['file']}:{start['line']}:{start['column']}"
    return f"{place}: {found['severity']}[{found['code']}] {found['message']}"
