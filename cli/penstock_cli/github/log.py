"""The log of a step, in which nothing is a command of the workflow but what is meant as one.

Commands are stopped from the first line on, by a token that nobody can know, and heard only for the moment of one of
ours (GitHub docs, "Stopping and starting workflow commands"). All of it is one stream: a runner reads two of them in
any order.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from penstock_cli.render.progress import harmless
from penstock_cli.render.workflow import escaped


class Log:
    """Use `quoted` around everything that is said."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._token = secrets.token_hex(16)

    @contextmanager
    def quoted(self) -> Iterator[None]:
        """Nothing that is written meanwhile is heard as a command, whoever writes it. Nor is anything after a bug of
        ours, whose report quotes what it likes; the next step hears anew."""
        self._write(f"::stop-commands::{self._token}\n")
        yield
        self._write(f"::{self._token}::\n")

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within `quoted`: what is written meanwhile is heard, for one who quotes what is not his own."""
        self._write(f"::{self._token}::\n")
        try:
            yield
        finally:
            self._write(f"::stop-commands::{self._token}\n")

    def say(self, text: str) -> None:
        """Lines that are lines."""
        self._write("".join(f"{harmless(line)}\n" for line in text.splitlines()))

    def fold(self, title: str, lines: Sequence[str]) -> None:
        """Lines in a group that is folded; nothing where there are none."""
        if lines:
            self._command(f"::group::{escaped(harmless(title))}")
            self.say("\n".join(lines))
            self._command("::endgroup::")

    def command(self, line: str) -> None:
        """A command that is made of data already, as `render.annotations` makes them."""
        self._command(line)

    def annotate(self, severity: str, message: str, *, title: str = "", file: str = "", places: str = "") -> None:
        """`::error file=…::message`. `places` are properties whose values are numbers."""
        told = [f"file={escaped(harmless(file), in_property=True)}"] if file else []
        told += [places] if places else []
        told += [f"title={escaped(harmless(title), in_property=True)}"] if title else []
        lines = "\n".join(harmless(line) for line in message.splitlines())
        self._command(f"::{severity}{' ' if told else ''}{','.join(told)}::{escaped(lines)}")

    def _command(self, line: str) -> None:
        with self.heard():
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
