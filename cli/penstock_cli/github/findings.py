"""Findings of a pull request: their files from the root of the workspace, the worst first, changed lines first."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock_cli.github.git import Lines

Finding = Mapping[str, Any]
"""One diagnostic, as `penstock validate --format json` has it."""

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


def concise(found: Finding) -> str:
    """`flows/etl.yaml:14:18: error[PEN204] message`."""
    start = found["range"]["start"]
    place = f"{found['file']}:{start['line']}:{start['column']}"
    return f"{place}: {found['severity']}[{found['code']}] {found['message']}"
