"""`penstock validate --watch`: the files are looked at until something differs, and judged anew."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NoReturn

import click

from penstock.errors import PenstockError
from penstock.validation.check import Report
from penstock_cli.globals import Globals
from penstock_cli.render.terminal import watches
from penstock_cli.validating import Validation

SOONEST_S, LATEST_S = 0.25, 1.0
"""Between two looks: soon after a change another is likely, and later a look a second is enough."""
_SLOWER = 1.1
_CLEARED = "\x1b[H\x1b[2J\x1b[3J"

Stamp = tuple[tuple[str, int, int], ...]
"""Each file with its size and the time of its last change: a look costs no reading."""


def watch_flows(validation: Validation, told: Callable[[Report], str], globals_: Globals) -> NoReturn:
    """Judges and tells, and does so again whenever a file has changed, until it is interrupted."""
    _Watch(validation, told, globals_).follow()


class _Watch:
    def __init__(self, validation: Validation, told: Callable[[Report], str], globals_: Globals) -> None:
        self._validation = validation
        self._told = told
        self._globals = globals_
        self._is_terminal = watches(sys.stdout)
        self._before: Counter[tuple[str, str, str]] | None = None

    def follow(self) -> NoReturn:
        never = threading.Event()
        seen: Stamp | None = None
        pause = SOONEST_S
        while True:
            now = self._stamp()
            if now != seen:
                seen, pause = now, SOONEST_S
                self._tell()
            never.wait(pause)
            pause = min(pause * _SLOWER, LATEST_S)

    def _stamp(self) -> Stamp:
        try:
            return stamp_of(self._validation.watched())
        except PenstockError:  # the folder is gone, or penstock.yaml is half written: told when it is judged
            return ()

    def _tell(self) -> None:
        try:
            self._validation.refresh()
            report = self._validation.report()
        except PenstockError as error:
            self._show(f"error: {error.message}\n", "")
            return
        now = Counter((one.file, one.code, one.message) for one in report.diagnostics)
        self._show(self._told(report), self._news(now))
        self._before = now

    def _news(self, now: Counter[tuple[str, str, str]]) -> str:
        if self._before is None:
            return ""
        fixed, new = (self._before - now).total(), (now - self._before).total()
        return f"{fixed} fixed, {new} new\n"

    def _show(self, text: str, news: str) -> None:
        """A terminal shows the last report alone; elsewhere reports stand one below the other."""
        if self._is_terminal:
            text = _CLEARED + text
        elif self._before is not None:
            text = "\n" + text
        click.echo(text + news, nl=False, color=True)
        if self._is_terminal and not self._globals.quiet:
            click.echo("Watching for changes; Ctrl-C ends it.", err=True)
        sys.stdout.flush()


def stamp_of(paths: Iterable[str]) -> Stamp:
    """What a look shows. A file that is gone meanwhile is left out, and so makes a difference."""
    found = []
    for path in sorted(paths):
        try:
            told = os.stat(path)  # noqa: PTH116 - as many as a repository has, several times a second
        except OSError:
            continue
        found.append((path, told.st_size, told.st_mtime_ns))
    return tuple(found)
