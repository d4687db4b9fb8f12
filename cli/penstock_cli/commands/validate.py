"""`penstock validate`: what is wrong with flows, told without running anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from penstock_cli.globals import Globals
from penstock_cli.options import settings_now

if TYPE_CHECKING:
    from penstock.validation.check import Report

_FORMATS = ("text", "concise", "json", "github")


@click.command("validate", short_help="Check flows offline: YAML, schemas, references.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=str, allow_dash=True), metavar="[PATH]...")
@click.option(
    "--format", "-o", "--output", "output", type=click.Choice(_FORMATS), default="text", show_default=True,
    help="How findings are written.",
)  # fmt: skip
@click.option(
    "--fail-on", type=click.Choice(["error", "warning", "never"]), default="error", show_default=True,
    help="The least severity that makes the exit code 1.",
)  # fmt: skip
@click.option(
    "--unknown-types", type=click.Choice(["error", "warning", "ignore"]),
    help="What a type is that no catalogue knows.  [default: as settings say, else error]",
)  # fmt: skip
@click.option(
    "--dialect", type=click.Choice(["auto", "0.21", "1", "2"]),
    help="Which Kestra the flows are written for.  [default: as settings say, else auto]",
)  # fmt: skip
@click.pass_obj
def command(
    globals_: Globals,
    paths: tuple[str, ...],
    output: str,
    fail_on: str,
    unknown_types: str | None,
    dialect: str | None,
) -> None:
    """Check flows: YAML, JSON schemas, expressions, and what files must have in common.

    PATH is a file, a folder, or - for standard input; by default what penstock.yaml says, else flows/.
    Nothing is run and nothing is written.

    \b
    Exit codes: 0 fine, 1 findings, 2 wrong usage or cannot read.
    """
    from pathlib import Path

    from penstock.diagnostic import Severity
    from penstock.flow.defaults import outside_defaults
    from penstock.flow.model import Dialect
    from penstock.flow.plugin_files import catalog_of
    from penstock.flow.tree import STDIN, find_flows
    from penstock.validation.check import Options, check_files

    settings = settings_now()
    severities = {"error": Severity.ERROR, "warning": Severity.WARNING, "information": Severity.INFO}
    stdin = sys.stdin.buffer.read() if STDIN in paths else None
    options = Options(
        Dialect(dialect or settings.dialect),
        severities.get(unknown_types or settings.unknown_types),
        outside_defaults(settings.defaults),
        {code: severities.get(severity) for code, severity in settings.rules.items()},
    )
    report = check_files(find_flows(paths, Path(), stdin=stdin), catalog_of(settings), options)
    report.add(settings.diagnostics)
    failed = _fails(report, fail_on)
    click.echo(_rendered(report, output, failed, globals_), nl=False, color=True)
    if failed:
        raise SystemExit(1)


def _fails(report: Report, fail_on: str) -> bool:
    from penstock.diagnostic import Severity

    counted = {"error": (Severity.ERROR,), "warning": (Severity.ERROR, Severity.WARNING), "never": ()}[fail_on]
    return any(found.severity in counted for found in report.diagnostics)


def _rendered(report: Report, output: str, failed: bool, globals_: Globals) -> str:
    from penstock.diagnostic import Severity
    from penstock_cli.render import findings
    from penstock_cli.render.findings_frame import style_for

    summary = findings.Summary(
        errors=report.count(Severity.ERROR),
        warnings=report.count(Severity.WARNING),
        notes=report.count(Severity.INFO),
        flows=report.flows,
        elapsed_s=report.elapsed_s,
        outcome="failed" if failed else "passed",
    )
    style = style_for(globals_.color, sys.stdout)
    match output:
        case "json":
            return findings.as_json(report.diagnostics, summary)
        case "github":
            return findings.as_github(report.diagnostics, None if globals_.quiet else summary)
        case "concise":
            return findings.as_concise(report.diagnostics, None if globals_.quiet else summary, style)
    return findings.as_text(report.diagnostics, None if globals_.quiet else summary, report.line, style)
