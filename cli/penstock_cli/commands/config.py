"""`penstock config`: the settings that hold here, and which of flag, variable, file and default won."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.options import settings_now
from penstock_cli.render.tables import SCHEMA_VERSION, output_option, show_rows, show_value

if TYPE_CHECKING:
    from penstock.settings import Settings

_HIDDEN = "***"


@click.group("config", short_help="Show the settings, and which of them won.")
def command() -> None:
    """Settings: flag, then PENSTOCK_*, then penstock.yaml (found upward to the git root), then the user's file, then
    Kestra's variables, then the default."""


@command.command("view", short_help="Every setting that holds here.")
@click.option("--show-source", is_flag=True, help="Tell where each value comes from.")
@output_option()
@click.pass_obj
def view(globals_: Globals, show_source: bool, output: str | None) -> None:
    """Print the settings that hold in this folder. Secrets are shown as ***.

    \b
    Exit codes: 0 fine, 1 a file or variable holds something wrong (told on stderr).
    """
    settings = settings_now()
    values = _shown(settings)
    if output in ("json", "yaml"):
        shown: dict[str, Any] = values
        if show_source:
            shown = {name: {"value": value, "source": _source(settings, name)} for name, value in values.items()}
        show_value({"schemaVersion": SCHEMA_VERSION, "settings": shown}, output)
    else:
        rows = []
        for name, value in values.items():
            source = _source(settings, name) if output == "ndjson" else str(settings.sources[name])
            rows.append({"name": name, "value": value, "source": source})
        columns = ("name", "value", "source") if show_source else ("name", "value")
        show_rows(rows, output, columns=columns, name="name")
    if settings.diagnostics:
        _tell(settings, globals_)
    if any(found.is_error for found in settings.diagnostics):
        raise SystemExit(Exit.FINDINGS)


def _shown(settings: Settings) -> dict[str, Any]:
    """The values by name, in the order of the table; a map's entries each by its own."""
    from penstock.settings import data_folder
    from penstock.settings.kinds import MapOf
    from penstock.settings.table import TABLE

    shown: dict[str, Any] = {}
    for key in TABLE:
        value = settings.values[key.name]
        if isinstance(key.kind, MapOf) and value:
            shown |= {f"{key.name}.{name}": inner for name, inner in value.items()}
        elif key.name == "data":
            shown[key.name] = str(data_folder())
        else:
            shown[key.name] = _HIDDEN if key.secret and value is not None else value
    return shown


def _source(settings: Settings, name: str) -> dict[str, str]:
    source = settings.sources[name]
    return {"origin": source.origin.value, "place": source.place}


def _tell(settings: Settings, globals_: Globals) -> None:
    """What is wrong, on stderr, in frames where the line can be shown."""
    import sys

    from penstock_cli.render.findings_frame import ansi, frame, plain
    from penstock_cli.render.terminal import wants_colour

    style = ansi if wants_colour(globals_.color, sys.stderr) else plain
    for found in settings.diagnostics:
        click.echo(frame(found, _line(found.file, found.range.start.line), style), err=True, nl=False, color=True)


def _line(file: str, number: int) -> str:
    """A line of a settings file; empty when there is none, as for a variable."""
    try:
        lines = Path(file).read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError:
        return ""
    return lines[number - 1].rstrip("\r") if number <= len(lines) else ""
