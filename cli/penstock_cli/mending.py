"""`penstock validate --fix`: the files mended in place, on standard output, or shown as a difference."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from penstock.flow.layout.tree import FlowFile
from penstock.validation.check import Report
from penstock.validation.fixes import Judge, mend, write
from penstock_cli.globals import Globals
from penstock_cli.render.difference import unified
from penstock_cli.render.findings_frame import style_for


def mend_files(files: Sequence[FlowFile], judge: Judge, *, unsafe: bool) -> tuple[Report, bool]:
    """Mends and writes. What is left, and whether standard output is taken: by the file that came in by standard input.

    Raises UserError.
    """
    done = mend(files, judge, unsafe=unsafe)
    if any(file.data is not None for file in files):
        sys.stdout.buffer.write(done.files[0][2] if done.files else files[0].read())
        sys.stdout.buffer.flush()
        return done.report, True
    write(done)
    if done.files:
        click.echo(f"Fixed {done.sentence}.", err=True)
    return done.report, False


def show_difference(files: Sequence[FlowFile], judge: Judge, globals_: Globals, *, unsafe: bool) -> bool:
    """Shows what `--fix` would change. Whether there is anything."""
    done = mend(files, judge, unsafe=unsafe)
    style = style_for(globals_.color, sys.stdout)
    for file, before, after in done.files:
        click.echo(unified(file.shown, before, after, style), nl=False, color=True)
    if not globals_.quiet:
        click.echo(f"Would fix {done.sentence}." if done.files else "Nothing to fix.", err=True)
    return bool(done.files)
