"""`penstock doctor`: whether this machine can do what Penstock asks of it, and the mend where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.render.tables import SCHEMA_VERSION, output_option, show_rows, show_value
from penstock_cli.render.terminal import wants_colour

_COLOURS = {"ok": "green", "note": "cyan", "wrong": "red"}


@click.command("doctor", short_help="Check this machine; say the mend.")
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@output_option(default="table")
@click.pass_obj
def command(globals_: Globals, data: Path | None, output: str) -> None:
    """Check git, the container engine, clock, data folder, disk, database, keys and limits. Nothing is changed.

    A note is good to know; what is wrong has to be mended.

    \b
    Exit codes: 0 nothing is wrong, 1 something is.
    """
    from penstock_cli.checkup import Mark, checkup
    from penstock_cli.options import settings_now

    checks = checkup(data, settings_now())
    failed = any(check.mark is Mark.WRONG for check in checks)
    rows = [
        {"name": check.name, "state": check.mark.value, "message": check.message, "help": check.mend}
        for check in checks
    ]  # fmt: skip
    if output in ("json", "yaml"):
        outcome = "failed" if failed else "passed"
        show_value({"schemaVersion": SCHEMA_VERSION, "outcome": outcome, "checks": rows}, output)
    elif output == "table":
        coloured = wants_colour(globals_.color, sys.stdout)
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = f"{check.mark.value:<5}"
            if coloured:
                mark = click.style(mark, fg=_COLOURS[check.mark.value], bold=check.mark is Mark.WRONG)
            click.echo(f"{mark}  {check.name:<{width}}  {check.message}", color=True)
            if check.mend:
                click.echo(f"{'':5}  {'':{width}}  = help: {check.mend}")
    else:
        show_rows(rows, output, columns=("name", "state", "message", "help"), name="name")
    if failed:
        raise SystemExit(Exit.FINDINGS)
