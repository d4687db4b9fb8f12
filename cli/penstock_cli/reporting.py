"""How what `penstock validate` has found is told: in which format, where to, and whether it makes the command fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from penstock.diagnostic import Diagnostic, Severity
from penstock.errors import UserError
from penstock.validation.check import Report
from penstock_cli.globals import Globals
from penstock_cli.render import findings
from penstock_cli.render.findings_frame import plain, style_for

_COUNTED = {"error": (Severity.ERROR,), "warning": (Severity.ERROR, Severity.WARNING), "never": ()}


@dataclass(frozen=True, slots=True)
class Telling:
    """What a person asked for: the format, what makes the command fail, and the file to write into, if any."""

    output: str
    fail_on: str
    globals_: Globals
    target: str | None = None
    sarif: Path | None = None
    """A file that gets the findings as SARIF beside."""

    def counts(self, found: Diagnostic) -> bool:
        """Whether a finding is as severe as `--fail-on` says."""
        return found.severity in _COUNTED[self.fail_on]

    def tell(self, report: Report, *, aside: bool = False) -> bool:
        """Writes the report to standard output, `aside` to standard error, or into the file that was asked for.

        Whether it makes the command fail. Raises UserError.
        """
        text = self.text(report)
        if self.target is None:
            click.echo(text, nl=False, color=True, err=aside)
        else:
            write_file(Path(self.target), text)
            if not self.globals_.quiet:
                click.echo(self._summary(report).sentence, err=True)
        if self.sarif is not None:
            from penstock_cli.render.sarif import as_sarif

            write_file(self.sarif, as_sarif(_from_root(report.diagnostics)))
        if self.output == "github" and (page := os.environ.get("GITHUB_STEP_SUMMARY")):
            from penstock_cli.render.annotations import as_summary

            write_file(Path(page), as_summary(_from_root(report.diagnostics), self._summary(report)), append=True)
        return any(map(self.counts, report.diagnostics))

    def text(self, report: Report) -> str:
        """The report in the format that was asked for."""
        style = plain if self.target is not None else style_for(self.globals_.color, sys.stdout)
        summary = self._summary(report)
        shown = None if self.globals_.quiet else summary
        told = report.diagnostics
        match self.output:
            case "json":
                return findings.as_json(told, summary)
            case "github":
                from penstock_cli.render.annotations import as_github

                changed = sorted(told, key=lambda one: (one.file, one.range.start.line) not in report.touched)
                return as_github(_from_root(changed), shown)
            case "gitlab":
                from penstock_cli.render.gitlab import as_gitlab

                return as_gitlab(_from_root(told))
            case "sarif":
                from penstock_cli.render.sarif import as_sarif

                return as_sarif(_from_root(told))
            case "junit":
                from penstock_cli.render.junit import as_junit

                return as_junit(told, report.given, self.counts)
            case "concise":
                return findings.as_concise(told, shown, style)
        return findings.as_text(told, shown, report.line, style)

    def _summary(self, report: Report) -> findings.Summary:
        fixes = [found.fix for found in report.diagnostics if found.fix is not None]
        return findings.Summary(
            errors=report.count(Severity.ERROR),
            warnings=report.count(Severity.WARNING),
            notes=report.count(Severity.INFO),
            flows=report.flows,
            elapsed_s=report.elapsed_s,
            outcome="failed" if any(map(self.counts, report.diagnostics)) else "passed",
            safe=sum(fix.safe for fix in fixes),
            unsafe=sum(not fix.safe for fix in fixes),
        )


def _from_root(told: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The findings with the paths that a forge knows their files by: from the root of the repository on."""
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


def write_file(path: Path, text: str, *, append: bool = False) -> None:
    """Raises UserError where it cannot be."""
    try:
        with path.open("a" if append else "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
