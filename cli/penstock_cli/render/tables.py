"""Lists and values on stdout: `-o table|json|yaml|ndjson|name`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeVar

import click

from penstock_cli.globals import Globals
from penstock_cli.render.findings_frame import clean
from penstock_cli.render.terminal import console, wants_colour, watches

OUTPUTS = ("table", "json", "yaml", "ndjson", "name")
SCHEMA_VERSION = 1
_GAP = "  "

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)


def output_option(*choices: str, default: str | None = None) -> Callable[[_Command], _Command]:
    """`-o`, `--output`, `--format`: one option with three spellings, of these choices or of all."""
    return click.option(
        "-o",
        "--output",
        "--format",
        "output",
        type=click.Choice(choices or OUTPUTS),
        default=default,
        show_default=default is not None,
        help="How the data are written.",
    )


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    output: str | None,
    *,
    columns: Sequence[str],
    name: str,
) -> None:
    """A list. A table shows `columns` only, `name` prints that one field a line, the others have every field.

    JSON and YAML are `{"schemaVersion": 1, "items": [...]}`; ndjson is one row a line.
    """
    match output or "table":
        case "json" | "yaml" as kind:
            show_value({"schemaVersion": SCHEMA_VERSION, "items": [dict(row) for row in rows]}, kind)
        case "ndjson":
            for row in rows:
                click.echo(_one_line(dict(row)))
        case "name":
            for row in rows:
                click.echo(cell(row.get(name)))
        case _:
            _show_table([[cell(row.get(column)) for column in columns] for row in rows], columns)


def show_value(value: Any, output: str | None) -> None:
    """One value, whole: as YAML, as one line of JSON (ndjson), or as indented JSON for everything else."""
    match output:
        case "yaml":
            click.echo(as_yaml(value), nl=False)
        case "ndjson":
            click.echo(_one_line(value))
        case _:
            click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_as_data))


def as_yaml(value: Any) -> str:
    """YAML that reads back as the same JSON data."""
    import yaml

    data = json.loads(json.dumps(value, default=_as_data))
    return yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, allow_unicode=True)


def cell(value: Any) -> str:
    """A value as one line that cannot steer the terminal."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool | Mapping | Sequence):
        return clean(_one_line(value))
    return str(value) if isinstance(value, int | float) else cell(_as_data(value))


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_as_data)


def _as_data(value: Any) -> Any:
    """What JSON has no word for, as the text that Penstock writes everywhere."""
    match value:
        case Enum():
            return value.value
        case date():
            return value.isoformat()
        case timedelta():
            from penstock.duration import format_duration

            return format_duration(value)
        case PurePath():
            return str(value)
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not data")


def _show_table(rows: list[list[str]], columns: Sequence[str]) -> None:
    heads = [column.upper() for column in columns]
    if watches(sys.stdout) and _width(rows, heads) > shutil.get_terminal_size().columns:
        _show_folded(rows, heads)
        return
    widths = [max(_columns(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    head = _aligned(heads, widths)
    click.echo(click.style(head, bold=True) if wants_colour(_choice(), sys.stdout) else head, color=True)
    for row in rows:
        click.echo(_aligned(row, widths))


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text + " " * (width - _columns(text)) for text, width in zip(row, widths, strict=True)]
    return _GAP.join(padded).rstrip()


def _width(rows: list[list[str]], heads: list[str]) -> int:
    return sum(max(_columns(row[at]) for row in [heads, *rows]) + len(_GAP) for at in range(len(heads)))


def _columns(text: str) -> int:
    """The columns of a terminal that `text` takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _show_folded(rows: list[list[str]], heads: list[str]) -> None:
    """A table wider than the terminal: rich folds its cells."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console(_choice()).print(table)


def _choice() -> str:
    context = click.get_current_context(silent=True)
    return context.obj.color if context is not None and isinstance(context.obj, Globals) else "auto"
