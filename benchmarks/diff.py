"""Benchmark of `penstock diff`: `python benchmarks/diff.py`. 1,000 flows of which 10 differ, read from Git's objects.

Told is the whole program, with what `validate` and `diff` keep and without; beside it the floor of the same run, a
`git diff` of the same two commits, and a Python that does nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from flows import repository
from measure import PENSTOCK, cpu_s, quietly, timed

FLOWS, CHANGED = 1_000, 10
TARGET_MS = 500


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        commits = prepared(root)
        told = [PENSTOCK, "diff", "..".join(commits)]
        warm = timed(lambda: quietly(told, cwd=root), runs=7, warm=2)
        cold = timed(lambda: quietly([*told, "--no-cache"], cwd=root), runs=3, warm=0)
        spent = cpu_s(lambda: quietly(told, cwd=root))
        floor = timed(lambda: quietly(["git", "diff", "--stat", *commits], cwd=root))
        nothing = timed(lambda: quietly([sys.executable, "-c", "pass"], cwd=root))
    print(f"{FLOWS:,} flows, {CHANGED} of them changed, both revisions from Git's objects")
    print(f"  penstock diff, what is known is kept   {warm}   target {TARGET_MS} ms")
    print(f"    of which it works                    {spent * 1000:.1f} ms of CPU, git included")
    print(f"  penstock diff --no-cache               {cold}")
    print(f"  git diff --stat                        {floor}")
    print(f"  a Python that does nothing             {nothing}")


def prepared(root: Path) -> tuple[str, str]:
    """Two commits: 1,000 flows of 20 tasks, and the same with one line of each of ten changed."""
    git(root, "init", "--quiet", "--initial-branch=main")
    repository(root / "flows", FLOWS)
    base = commit(root)
    for path in sorted((root / "flows").rglob("*.yaml"))[:CHANGED]:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("defaults: 100", "defaults: 200"), encoding="utf-8")
    return base, commit(root)


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "--quiet", "--message", "flows")
    git(root, "gc", "--quiet")
    return git(root, "rev-parse", "HEAD")


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
