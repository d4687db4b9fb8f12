"""The program in a pseudo-terminal: what a person sees of it, and types."""

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
