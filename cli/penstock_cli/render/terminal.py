"""What a stream can bear: colour, and a person who watches. Decided here, once, for every renderer."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = ("auto", "always", "never")


class Stream(Protocol):
    """As much of a stream as the decision needs."""

    def isatty(self) -> bool: ...


def wants_colour(choice: str, stream: Stream, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour what goes to `stream`: as `--color` says, then NO_COLOR, FORCE_COLOR and the terminal.

    A variable that is empty does not count (no-color.org), nor does `FORCE_COLOR=0`.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return environ.get("TERM") != "dumb" and _is_terminal(stream)


def click_colour(choice: str, environ: Mapping[str, str] = os.environ) -> bool | None:
    """The same decision in click's words, for `Context.color`: None leaves each stream to its own terminal."""
    terminal, pipe = _Pretended(at_terminal=True), _Pretended(at_terminal=False)
    on_terminal, in_pipe = wants_colour(choice, terminal, environ), wants_colour(choice, pipe, environ)
    return on_terminal if on_terminal == in_pipe else None


class _Pretended:
    def __init__(self, *, at_terminal: bool) -> None:
        self._at_terminal = at_terminal

    def isatty(self) -> bool:
        return self._at_terminal


def watches(stream: Stream, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a person is at the other end: a terminal that can move its cursor, and not a job of CI."""
    return environ.get("TERM") != "dumb" and not in_ci(environ) and _is_terminal(stream)


def in_ci(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether `CI` says that nobody is there to be asked."""
    return environ.get("CI", "").lower() not in ("", "0", "false", "no")


def _is_terminal(stream: Stream) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # the stream is closed
        return False


def console(choice: str, *, stderr: bool = False) -> Console:
    """A rich console on stdout or stderr that colours as `wants_colour` says. It imports rich (0.1 s): call it late."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    coloured = wants_colour(choice, stream)
    return Console(
        file=stream,
        force_terminal=True if coloured else None,
        color_system=("auto" if _is_terminal(stream) else "standard") if coloured else None,
        no_color=not coloured,
        highlight=False,
        markup=False,
        emoji=False,
    )
