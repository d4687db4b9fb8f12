"""Penstock as the Action calls it: the program that everybody calls, its JSON, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import UserError
from penstock_cli.github.inputs import PREFIX

_WITHHELD = (
    "GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE",
)  # fmt: skip
"""Tokens, and the files by which a step changes the rest of its job: what is started gets none of them."""
_SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one call."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Raises UserError where the program has not said what it should have."""
        try:
            value = json.loads(self.out)
        except ValueError as error:
            raise UserError(self.err.strip() or f"penstock ended with {self.code} and said nothing") from error
        if not isinstance(value, dict):
            raise UserError("penstock has not answered with an object")
        return value


@dataclass(frozen=True, slots=True)
class Program:
    """Calls in a folder. What it starts is told neither the inputs nor the tokens of the step."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def ask(self, *arguments: str) -> Said:
        """The whole answer; nothing of it has been shown."""
        done = subprocess.run(
            _argv(arguments), cwd=self.folder, env=self._environ(but=_SUMMARY), stdin=subprocess.DEVNULL,
            capture_output=True, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def follow(self, *arguments: str) -> Said:
        """The answer, when what is said on stderr has gone to the log as it came."""
        sys.stdout.flush()
        done = subprocess.run(
            _argv(arguments), cwd=self.folder, env=self._environ(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout.decode("utf-8", "replace"), "")

    def _environ(self, but: str = "") -> dict[str, str]:
        return {
            name: value
            for name, value in self.environ.items()
            if not name.startswith(PREFIX) and name not in (*_WITHHELD, but)
        }


def _argv(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "penstock_cli", *arguments]


def environment() -> Mapping[str, str]:
    """The variables of this step."""
    return os.environ
