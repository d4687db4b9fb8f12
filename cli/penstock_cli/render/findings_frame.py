"""The frame around one finding: its line of source, carets under what is meant, and what to do.

error[PEN204]: task `load` uses output of `extract`, which runs after it
  --> flows/etl.yaml:14:18
   |
14 |       script: "{{ outputs.extract.vars.rows }}"
   |                   ^^^^^^^^^^^^^^^ `extract` is task 3 of 4
   = help: move `extract` before `load`, or did you mean `outputs.fetch`?
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from unicodedata import category, combining, east_asian_width

from penstock.diagnostic import Diagnostic
from penstock_cli.render.terminal import Stream, wants_colour

Style = Callable[[str, str], str]
"""Paints a text by its role: `error`, `warning`, `information`, `gutter`, `bold`, `added`, `removed`."""

_TAB = 4
_WIDEST = 160
_BEFORE = 60
_ANSI = {"error": "1;31", "warning": "1;33", "information": "1;36", "gutter": "34", "bold": "1", "added": "32",
         "removed": "31"}  # fmt: skip


def plain(text: str, role: str) -> str:  # noqa: ARG001 - the shape of every style
    """No colour at all."""
    return text


def ansi(text: str, role: str) -> str:
    """ANSI colours that every terminal of the last thirty years knows."""
    return f"\x1b[{_ANSI[role]}m{text}\x1b[0m" if text else text


def style_for(choice: str, stream: Stream, environ: Mapping[str, str] = os.environ) -> Style:
    """Colour or not, as `wants_colour` says."""
    return ansi if wants_colour(choice, stream, environ) else plain


def frame(found: Diagnostic, line: str, style: Style = plain) -> str:
    """The frame of one finding over its first line, ending with a line break."""
    start, end = found.range.start, found.range.end
    number = str(start.line)
    indent = " " * len(number)
    head = style(f"{found.severity}[{found.code}]", str(found.severity)) + style(f": {clean(found.message)}", "bold")
    rows = [head, f"{indent}{style('-->', 'gutter')} {clean(found.file)}:{start.line}:{start.column}"]
    last = end.column if end.line == start.line else len(line) + 1
    shown, before, width = _cut(line, start.column - 1, max(last - 1, start.column))
    if shown or before == 0:
        caret = style("^" * width, str(found.severity))
        label = f" {style(clean(found.label), str(found.severity))}" if found.label else ""
        bar = style("|", "gutter")
        rows += [
            f"{indent} {bar}",
            f"{style(number, 'gutter')} {bar} {shown}".rstrip(),
            f"{indent} {bar} {' ' * before}{caret}{label}",
        ]
    if found.help:
        rows.append(f"{indent} {style('=', 'gutter')} help: {clean(found.help)}")
    return "".join(f"{row}\n" for row in rows)


def _cut(line: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a line to show, the columns before the carets, and how many carets.

    Tabs become four columns, wide characters take two, control characters are made harmless; of a very long line
    the part around the carets is shown.
    """
    first = 0
    if len(line) > _WIDEST:
        first = max(0, start - _BEFORE)
    lead = "…" if first else ""
    part = line[first : first + _WIDEST]
    tail = "…" if first + _WIDEST < len(line) else ""
    stop = min(end, first + _WIDEST)
    before = _columns(lead) + sum(_columns(char) for char in line[first:start]) + max(0, start - len(line))
    carets = sum(_columns(char) for char in line[start:stop])
    shown = lead + "".join(" " * _TAB if char == "\t" else clean(char) for char in part) + tail
    return shown, before, max(1, carets)


def _columns(text: str) -> int:
    if text == "\t":
        return _TAB
    if not text or combining(text) or category(text) in ("Cf", "Mn", "Me"):
        return 0 if text and category(text) != "Cf" else len(clean(text))
    return 2 if east_asian_width(text) in "WF" else 1


def clean(text: str) -> str:
    """Text without control and formatting characters: what a file holds must not steer the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else _harmless(char) for char in text)


def _harmless(char: str) -> str:
    return " " if char in "\t\n\r" else "\ufffd"
