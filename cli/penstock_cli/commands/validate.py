"""`penstock validate`: what is wrong with flows, told without running anything."""

from __future__ import annotations

from pathlib import Path

import click

from penstock_cli.globals import Globals
from penstock_cli.options import settings_now

_FORMATS = ("text", "concise", "json", "github", "gitlab", "sarif", "junit")


@click.command("validate", short_help="Check flows offline: YAML, schemas, references.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=str, allow_dash=True), metavar="[PATH]...")
@click.option(
    "--format", "-o", "--output", "output", type=click.Choice(_FORMATS), default="text", show_default=True,
    help="How findings are written.",
)  # fmt: skip
@click.option("--output-file", metavar="FILE", help="Write the findings into FILE.")
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
@click.option("--at", metavar="REV", help="Judge the flows of a Git revision, without a checkout.")
@click.option(
    "--changed", metavar="REV", is_flag=False, flag_value="", help=(
        "Only tell what differs from REV, and what that broke elsewhere.  [without REV: from the default branch]"
    ),
)  # fmt: skip
@click.option("--watch", is_flag=True, help="Stay, and judge anew whenever a file changes. Ctrl-C ends it.")
@click.option("--no-cache", is_flag=True, help="Keep no verdicts, and believe none that are kept.")
@click.option(
    "--sarif", type=click.Path(path_type=Path), metavar="FILE", help="Write the findings as SARIF to FILE too."
)
@click.option("--fix", is_flag=True, help="Mend what has one right answer; of standard input, write it out mended.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and write nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: mend slips too that may have been meant otherwise.")
@click.pass_obj
def command(
    globals_: Globals,
    paths: tuple[str, ...],
    output: str,
    output_file: str | None,
    sarif: Path | None,
    fail_on: str,
    unknown_types: str | None,
    dialect: str | None,
    at: str | None,
    changed: str | None,
    watch: bool,
    no_cache: bool,
    fix: bool,
    diff: bool,
    unsafe_fixes: bool,
) -> None:
    """Check flows: YAML, JSON schemas, expressions, and what files must have in common.

    PATH is a file, a folder, or - for standard input; by default what penstock.yaml says, else flows/.
    Nothing is run, and nothing written but with --fix.

    \b
    Exit codes: 0 fine, 1 findings (with --diff: something would change), 2 wrong usage or cannot read.
    """
    from penstock.flow.layout.tree import STDIN
    from penstock_cli.reporting import Telling
    from penstock_cli.validating import Validation

    if unsafe_fixes and not (fix or diff):
        raise click.UsageError("--unsafe-fixes goes with --fix or --diff")
    if (fix or diff) and STDIN in paths and len(paths) > 1:
        raise click.UsageError("- stands alone with --fix: what is mended goes to standard output")
    if (fix or diff) and (watch or at is not None or changed is not None):
        raise click.UsageError("--fix and --diff are for files as they are now: leave --at, --changed and --watch out")
    if watch and (at is not None or STDIN in paths):
        raise click.UsageError("--watch is for files that change")
    settings = settings_now()
    telling = Telling(output, fail_on, globals_, output_file, sarif)
    validation = Validation(paths, settings, dialect, unknown_types, at=at, changed=changed, keeps=not no_cache)
    aside = False
    if watch:
        from penstock_cli.watching_flows import watch_flows

        watch_flows(validation, telling.text, globals_)
    if diff:
        from penstock_cli.mending import show_difference

        raise SystemExit(
            1 if show_difference(validation.files(), validation.judge, globals_, unsafe=unsafe_fixes) else 0
        )
    if fix:
        from penstock_cli.mending import mend_files

        report, aside = mend_files(validation.files(), validation.judge, unsafe=unsafe_fixes)
    else:
        report = validation.report()
    failed = telling.tell(report, aside=aside)
    if globals_.verbose:
        click.echo(validation.effort(report), err=True)
    if failed:
        raise SystemExit(1)
