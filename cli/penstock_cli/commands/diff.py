"""`penstock diff`: what a change of flows means, told as flows are told and not as lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.collector import collector_paused
from penstock_cli.globals import Globals
from penstock_cli.options import settings_now

if TYPE_CHECKING:
    from penstock.difference.report import Report
    from penstock_cli.comparing import Asked

_FORMATS = ("text", "markdown", "json", "mermaid")


@click.command("diff", short_help="What a change of flows means, and whom it touches.")
@click.argument("arguments", nargs=-1, metavar="[REV[..REV]] [PATH]...")
@click.option(
    "--with", "branches", metavar="BRANCH", multiple=True,
    help="Merge the default branch, the head and BRANCH, and tell what that brings; judge it. May be repeated.",
)  # fmt: skip
@click.option(
    "--format", "-o", "--output", "output", type=click.Choice(_FORMATS), default="text", show_default=True,
    help="How it is written; markdown is made for a pull request.",
)  # fmt: skip
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write it as markdown to FILE too.")
@click.option("--text", "as_lines", is_flag=True, help="The lines of the files that differ, instead.")
@click.option("--exit-code", is_flag=True, help="Leave with 1 when anything differs.")
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 2 when anything differs, with 1 on an error.")
@click.option("--no-cache", is_flag=True, help="Keep nothing, and believe nothing that is kept.")
@click.pass_obj
def command(
    globals_: Globals,
    arguments: tuple[str, ...],
    branches: tuple[str, ...],
    output: str,
    markdown: Path | None,
    as_lines: bool,
    exit_code: bool,
    detailed_exitcode: bool,
    no_cache: bool,
) -> None:
    """What has changed between two sets of flows: by task and property, with classes, fire times, and who breaks.

    Without REV from where HEAD has left the default branch to the working tree; REV alone to the working tree;
    A..B from A to B, A...B from their common ancestor to B. PATH limits what is told. Revisions are read from Git's
    objects: nothing is checked out, and nothing is run. How files are formatted is counted, and not told.

    \b
    Exit codes: 0 whatever differs, 1 the merge (--with) conflicts or is wrong, 2 wrong usage or cannot read.
    With --exit-code 0 nothing differs, 1 something does; with --detailed-exitcode 0, 2, and 1 for every error.
    """
    from penstock.errors import UserError

    if exit_code and detailed_exitcode:
        raise click.UsageError("--exit-code and --detailed-exitcode say different things: choose one")
    if as_lines and markdown is not None:
        raise click.UsageError("--text compares lines: it has no markdown")
    try:
        with collector_paused():
            asked = _asked(arguments, branches, keeps=not no_cache)
            if as_lines:
                text, differs, is_wrong = _lines(asked)
            else:
                text, differs, is_wrong = _told(asked, output, globals_, markdown)
    except UserError as error:
        if not detailed_exitcode:
            raise
        click.echo(f"error: {error.message}" + (f"; {error.help}" if error.help else ""), err=True)
        raise SystemExit(1) from error
    click.echo(text, nl=False, color=True)
    if is_wrong or (exit_code and differs):
        raise SystemExit(1)
    if detailed_exitcode and differs:
        raise SystemExit(2)


def _asked(arguments: tuple[str, ...], branches: tuple[str, ...], *, keeps: bool) -> Asked:
    from penstock_cli.comparing import Asked

    return Asked(arguments, branches, settings_now(), keeps=keeps)


def _lines(asked: Asked) -> tuple[str, bool, bool]:
    text = asked.text()
    return text, bool(text), False


def _told(asked: Asked, output: str, globals_: Globals, markdown: Path | None) -> tuple[str, bool, bool]:
    """What is written; whether anything differs; whether what was merged is wrong."""
    from penstock_cli.render.terminal import wants_colour

    report = asked.report()
    text = _rendered(report, output, globals_, colour=wants_colour(globals_.color, sys.stdout))
    if markdown is not None:
        from penstock_cli.reporting import write_file

        write_file(markdown, _rendered(report, "markdown", globals_, colour=False))
    return text, not report.is_empty, bool(report.conflicts or report.findings)


def _rendered(report: Report, output: str, globals_: Globals, *, colour: bool) -> str:
    match output:
        case "json":
            from penstock_cli.render.difference_json import as_json

            return as_json(report)
        case "markdown":
            from penstock_cli.render.difference_markdown import as_markdown

            return as_markdown(report)
        case "mermaid":
            from penstock_cli.render.difference_mermaid import as_mermaid

            return as_mermaid(report)
    from penstock_cli.render.difference_text import as_text

    return as_text(report, colour=colour, names_only=globals_.quiet)
