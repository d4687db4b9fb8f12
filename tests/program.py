"""The installed program, as a person or a script meets it: arguments in, streams and an exit code out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from penstock.failpoint import VARIABLE as FAILPOINTS
from warm import Warm

NO_ENGINE = "unix:///nonexistent/docker.sock"
"""Programs of tests run as processes, unless a test says where an engine is."""

PENSTOCK = (sys.executable, "-m", "penstock_cli")


@dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(data: Path | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A plain environment: nothing of the machine's own Penstock or Kestra settings, and no container engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "KESTRA_"))}
    kept |= {"CI": "true", "NO_COLOR": "1", "DOCKER_HOST": NO_ENGINE}
    if data is not None:
        kept["PENSTOCK_DATA"] = str(data)
    return kept | dict(more or {})


def penstock(
    *args: str | Path,
    data: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    within: float = 60,
) -> Outcome:
    """Run the program to its end."""
    environ = environment(data, env)
    words = [str(each) for each in args]
    if _may_be_warm(words, environ):
        return Outcome(*_warm().call(words, cwd=str(cwd or Path.cwd()), env=environ, stdin=stdin or "", within=within))
    done = subprocess.run(
        [*PENSTOCK, *words],
        cwd=cwd,
        env=environ,
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


_started: set[str] = set()
"""The commands that were called in this run of the tests."""


def _may_be_warm(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether the call may have its imports done. The first of each command may not, as it must find them by itself;
    and none whose environment says something to Python, or to a module that reads it once. With PENSTOCK_TESTS_COLD no
    call may."""
    command = next((word for word in words if not word.startswith("-")), "")
    is_known = command in _started
    _started.add(command)
    return (
        is_known
        and sys.platform == "linux"
        and "PENSTOCK_TESTS_COLD" not in os.environ
        and _read_at_the_start(environ) == _read_at_the_start(environment())
    )


def _read_at_the_start(environ: Mapping[str, str]) -> dict[str, str]:
    read = ("PYTHON", "LC_", "LANG", "LD_", FAILPOINTS)
    return {name: value for name, value in environ.items() if name.startswith(read)}


@cache
def _warm() -> Warm:
    return Warm(environment())


def start(
    *args: str | Path, data: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the program and leave it to the test."""
    return subprocess.Popen(
        [*PENSTOCK, *map(str, args)],
        cwd=cwd,
        env=environment(data, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def flow_file(folder: Path, text: str, name: str = "flow.yaml") -> Path:
    """A flow, written down."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def task_states(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The task runs of an execution as (task, state), in order."""
    return [(run["taskId"], run["state"]["current"]) for run in record["taskRunList"]]


def columns(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]
