"""How what `penstock validate` has found is told: in which format, where to, and whether it makes the command fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from penstock.diagnostic import Diagnostic, Severity
from penstock.errors import UserError
from penstock.validation.check import Report
from penstock_cli.globals import Globals
from penstock_cli.render import findings
from penstock_cli.render.findings_frame import plain, style_for

_OF_THE_REPOSITORY = frozenset({"github", "gitlab", "sarif"})
"""Formats that are read by a forge, which knows files by their path from the root of the repository."""

_COUNTED = {"error": (Severity.ERROR,), "warning": (Severity.ERROR, Severity.WARNING), "never": ()}


def fails(report: Report, fail_on: str) -> bool:
    """Whether there is a finding as severe as `--fail-on` says."""
    return any(found.severity in _COUNTED[fail_on] for found in report.diagnostics)


def tell(
    report: Report, files: Sequence[str], output: str, fail_on: str, globals_: Globals, *,
    target: str | None = None, aside: bool = False,
) -> bool:  # fmt: skip
    """Writes the report, to standard output, `aside` to standard error, or into the file `target`.

    `files` are those that were judged. Whether it makes the command fail. Raises UserError.
    """
    failed = fails(report, fail_on)
    summary = _summary(report, failed=failed)
    told = report.diagnostics
    if output in _OF_THE_REPOSITORY:
        told = _from_root(told)
    text = _rendered(report, told, files, output, fail_on, summary, globals_, to_file=target is not None)
    if target is None:
        click.echo(text, nl=False, color=True, err=aside)
    else:
        _write(Path(target), text)
        if not globals_.quiet:
            click.echo(summary.sentence, err=True)
    if output == "github" and (page := os.environ.get("GITHUB_STEP_SUMMARY")):
        from penstock_cli.render.annotations import as_summary

        _write(Path(page), as_summary(told, summary), append=True)
    return failed


def _rendered(
    report: Report, told: Sequence[Diagnostic], files: Sequence[str], output: str, fail_on: str,
    summary: findings.Summary, globals_: Globals, *, to_file: bool,
) -> str:  # fmt: skip
    style = plain if to_file else style_for(globals_.color, sys.stdout)
    shown = None if globals_.quiet else summary
    match output:
        case "json":
            return findings.as_json(told, summary)
        case "github":
            from penstock_cli.render.annotations import as_github

            return as_github(told, shown)
        case "gitlab":
            from penstock_cli.render.gitlab import as_gitlab

            return as_gitlab(told)
        case "sarif":
            from penstock_cli.render.sarif import as_sarif

            return as_sarif(told)
        case "junit":
            from penstock_cli.render.junit import as_junit

            return as_junit(told, files, lambda found: found.severity in _COUNTED[fail_on])
        case "concise":
            return findings.as_concise(told, shown, style)
    return findings.as_text(told, shown, report.line, style)


def _summary(report: Report, *, failed: bool) -> findings.Summary:
    fixes = [found.fix for found in report.diagnostics if found.fix is not None]
    return findings.Summary(
        errors=report.count(Severity.ERROR),
        warnings=report.count(Severity.WARNING),
        notes=report.count(Severity.INFO),
        flows=report.flows,
        elapsed_s=report.elapsed_s,
        outcome="failed" if failed else "passed",
        safe=sum(fix.safe for fix in fixes),
        unsafe=sum(not fix.safe for fix in fixes),
    )


def _from_root(told: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The findings with the paths that their files have from the root of the repository on."""
    from penstock.settings import git_root

    here = Path.cwd()
    root = git_root(here)
    if root is None or root == here:
        return list(told)
    return [replace(found, file=_path_from(found.file, here, root)) for found in told]


def _path_from(file: str, here: Path, root: Path) -> str:
    if file.startswith("<"):
        return file
    path = Path(os.path.relpath(here / file, root)).as_posix()
    return file if path.startswith("../") else path


def _write(path: Path, text: str, *, append: bool = False) -> None:
    try:
        with path.open("a" if append else "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
