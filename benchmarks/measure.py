"""Whole programs, timed from outside, against a floor in the same run."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PENSTOCK = str(Path(sys.executable).with_name("penstock"))


@dataclass(frozen=True)
class Timing:
    """Wall seconds of several runs."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        least, most = min(self.seconds), max(self.seconds)
        return f"{self.median * 1000:.1f} ms ({least * 1000:.1f} to {most * 1000:.1f})"


def timed(once: Callable[[], object], runs: int = 7, warm: int = 1) -> Timing:
    for _ in range(warm):
        once()
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - begun)
    return Timing(tuple(seconds))


def cpu_s(once: Callable[[], object], runs: int = 5) -> float:
    """The least CPU seconds of what is started: what a busy machine adds to the wall's is not the program's."""
    found = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        once()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)


def as_installed() -> dict[str, str]:
    """The variables of a program whose modules are compiled once, as an installer does it, and not each time."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"CI": "1"}


def quietly(argv: Sequence[str | Path], *, expect: tuple[int, ...] = (0,), cwd: Path | None = None) -> str:
    """Run a program to its end; what it said on stderr."""
    done = subprocess.run(
        [str(each) for each in argv],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=as_installed(),
    )
    if done.returncode not in expect:
        sys.exit(f"{argv} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stderr


def commits(stderr: str) -> int:
    """The number of commits that `run -v` tells of."""
    found = re.search(r"(\d+) commits", stderr)
    return int(found[1]) if found else -1


def peak_megabytes(argv: Sequence[str | Path], cwd: Path | None = None) -> float:
    """The largest resident size of the program itself, as the system accounts it."""
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return _used(argv, cwd).ru_maxrss / scale


def cpu_seconds(argv: Sequence[str | Path], cwd: Path | None = None) -> float:
    """What the program computed, without what it waited for the disk or for others: the bearable measure where a
    machine is busy."""
    usage = _used(argv, cwd)
    return usage.ru_utime + usage.ru_stime


def _used(argv: Sequence[str | Path], cwd: Path | None) -> resource.struct_rusage:
    process = subprocess.Popen(
        [str(each) for each in argv], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{argv} ended with {process.returncode}")
    return usage
