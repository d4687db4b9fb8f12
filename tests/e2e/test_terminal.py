"""What a person at a terminal sees and is asked: the program in a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from program import environment
from until import until


class Terminal:
    """A program on a pseudo-terminal of its own, and what it has written so far."""

    def __init__(self, *args: str, data: Path) -> None:
        self._master, slave = pty.openpty()
        env = {name: value for name, value in environment(data).items() if name not in ("CI", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penstock_cli", *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm-256color"},
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(slave)
        self._seen = b""

    @property
    def text(self) -> str:
        """All that was written until now, without the control sequences."""
        while select.select([self._master], [], [], 0)[0]:
            try:
                piece = os.read(self._master, 65536)
            except OSError:
                break
            if not piece:
                break
            self._seen += piece
        return self.shown

    @property
    def shown(self) -> str:
        """What was read of it, without the control sequences."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw)

    @property
    def raw(self) -> str:
        return self._seen.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def ended(self) -> int:
        """The exit code, once it is over."""
        until(lambda: (self.text, self.process.poll())[1] is not None, 30)
        assert self.text
        os.close(self._master)
        return self.process.wait()


def test_a_live_tree_shows_the_tasks_as_they_nest(tmp_path: Path) -> None:
    terminal = Terminal("run", "examples/flows/each-file.yaml", data=tmp_path)
    assert terminal.ended() == 0
    assert "count[parts/river.txt]" in terminal.shown
    assert terminal.shown.count("SUCCESS: examples.patterns/each-file") == 1
    assert "\x1b[32m" in terminal.raw


def test_a_pause_asks_until_the_answer_fits_and_goes_on(tmp_path: Path) -> None:
    terminal = Terminal("run", "examples/flows/ask-before-release.yaml", data=tmp_path)
    until(lambda: "Release it?" in terminal.text, 30)
    terminal.type("true\n")
    until(lambda: "reason (string)" in terminal.text, 30)
    terminal.type("looks good\n")
    assert terminal.ended() == 0
    assert "released release 1.4.0: looks good" in terminal.shown


def test_no_input_never_asks(tmp_path: Path) -> None:
    terminal = Terminal("--no-input", "run", "examples/flows/ask-before-release.yaml", data=tmp_path)
    assert terminal.ended() == 8
    assert "penstock executions resume" in terminal.shown
