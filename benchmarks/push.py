"""Benchmarks of `git push` as the deploy button: `python benchmarks/push.py`.

A bare repository with Penstock's hooks on this disk, and the agent that stays; timed from where a person waits.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time

from agent import IDENTITY, Bed, git, noop, poke, seconds_of
from measure import PENSTOCK, timed
from run import said

TIMES = 7


def push(bed: Bed, number: int, message: str) -> tuple[float, float]:
    """When `git push` of one changed flow was called, and when it had returned, by the wall clock."""
    (bed.work / "flows" / f"f{number}.yaml").write_text(noop(number, message=message), encoding="utf-8")
    git("commit", "-q", "--all", "-m", "change", cwd=bed.work)
    begun = time.time()
    git("push", "-q", f"file://{bed.bare}", "HEAD:main", cwd=bed.work)
    return begun, time.time()


def deployed(bed: Bed, before: int) -> float:
    """When what was pushed was in force."""
    bed.until(lambda: len(bed.said("flows.deployed")) > before)
    return seconds_of(bed.said("flows.deployed")[-1])


def told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms ({min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f})"


def button(count: int) -> None:
    """One flow of `count` changed: pushed, judged, let in, told, deployed."""
    bed = Bed(f"button{count}")
    bed.push({f"f{n}": noop(n) for n in range(count)})
    floor = [after - begun for begun, after in (push(bed, 7, f"floor{n}") for n in range(TIMES))]
    whole, poked = [], []
    with bed.agent(interval="1h"):
        bed.until(lambda: (bed.data / "sessions" / "agent.sock").exists())
        bed.until(lambda: bed.said("flows.deployed"))
        for n in range(TIMES):
            before = len(bed.said("flows.deployed"))
            push(bed, 7, f"poke{n}")
            begun = time.time()
            poke(bed.data)
            poked.append(deployed(bed, before) - begun)
        argv = [PENSTOCK, "hook", "install", str(bed.bare), "--data", str(bed.data)]
        subprocess.run(argv, check=True, capture_output=True)
        for n in range(TIMES + 1):
            before = len(bed.said("flows.deployed"))
            begun, _ = push(bed, 7, f"button{n}")
            whole.append(deployed(bed, before) - begun)
    first, *warm = whole
    middle = statistics.median(poked)
    said(f"{count:,} flows: floor, `git push` without hooks", told(floor), "", None)
    said("poke to deployed", told(poked), "≤ 300 ms", middle <= 0.3)
    middle = statistics.median(warm)
    said("`git push` to deployed, one flow changed", told(warm), "≤ 1 s", middle <= 1)
    said("the first push with hooks, nothing kept", f"{first * 1000:.0f} ms", "", None)
    refused(bed)


def refused(bed: Bed) -> None:
    """An invalid push, from its call to the findings on the terminal."""
    (bed.work / "flows" / "f7.yaml").write_text(noop(7).replace("format", "fromat"), encoding="utf-8")
    git("commit", "-q", "--all", "-m", "change", cwd=bed.work)
    argv = ["git", "push", f"file://{bed.bare}", "HEAD:main"]

    def once() -> None:
        done = subprocess.run(argv, cwd=bed.work, env={**os.environ, **IDENTITY}, capture_output=True, check=False)
        assert b"remote: error[PEN202]" in done.stderr, done.stderr

    said("`git push` to refused", str(timed(once)), "", None)


if __name__ == "__main__":
    for count in (10, 1_000):
        button(count)
