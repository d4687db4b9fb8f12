"""What looking at a repository costs, counted from outside: by a git on the PATH that notes what it is asked, by git's
own trace, and by the system's lists of handles and children."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.git import HttpGit, RealHost
from penstock.adapters.git import GitMirror
from program import penstock

LOG = "io.kestra.plugin.core.log.Log"
ASKED = 1_000


def flow(number: int, message: str = "hello") -> bytes:
    text = f"id: f{number}\nnamespace: team\ntasks:\n  - id: say\n    type: {LOG}\n    message: {message}\n"
    return text.encode()


def noting_git(folder: Path) -> tuple[Path, Path]:
    """A `git` that notes each call, and what `cat-file` is asked, and hands all of it to the real one."""
    real, notes = shutil.which("git"), folder / "notes"
    assert real is not None
    notes.mkdir()
    program = folder / "bin" / "git"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {notes}/calls\n'
        'case "$*" in\n'
        f'*"cat-file --batch") tee -a {notes}/blobs | {real} "$@" ;;\n'
        f'*) exec {real} "$@" ;;\n'
        "esac\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program.parent, notes


def test_after_a_push_that_changes_one_of_a_thousand_flows_one_blob_is_read(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    host.commit({f"flows/team/f{n}.yaml": flow(n) for n in range(1_000)})
    bin_, notes = noting_git(tmp_path)
    trace = tmp_path / "trace"
    env = {"PATH": f"{bin_}:{os.environ['PATH']}", "GIT_TRACE2_EVENT": str(trace)}
    agent = ("agent", "--repo", str(host.bare), "--data", str(tmp_path / "data"), "--once", "--record", "none")
    assert penstock(*agent, env=env).code == 0
    assert len((notes / "blobs").read_text().split()) == 1_000
    for kept in (notes / "blobs", notes / "calls", trace):
        kept.unlink()

    assert penstock(*agent, env=env).code == 0  # nothing was pushed
    assert not (notes / "calls").exists(), "a head that has not moved needs no git"

    host.commit({"flows/team/f7.yaml": flow(7, "changed")})
    done = penstock(*agent, env=env)
    assert (done.code, "1 changed" in done.err) == (0, True), done.err
    asked = (notes / "blobs").read_text().split()
    assert len(asked) == 1, "exactly the blob that changed"
    started = [json.loads(line)["argv"] for line in trace.read_text().splitlines() if '"event":"start"' in line]
    assert sum("cat-file" in argv for argv in started) <= 2


def counted() -> tuple[int, int, int]:
    """Open handles, child processes and threads of this process."""
    children = sum(len(Path(task, "children").read_text().split()) for task in Path("/proc/self/task").iterdir())
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), children, threading.active_count()


@pytest.mark.parametrize("over", ["path", "file", "http"])
def test_a_thousand_polls_leave_nothing_behind(over: str, tmp_path: Path) -> None:
    urls: dict[str, Callable[[Path], str]] = {"path": str, "file": lambda bare: f"file://{bare}"}
    if over in urls:
        _poll_often(RealHost(tmp_path / "host", urls[over]), tmp_path)
        return
    with HttpGit(tmp_path / "host").serving() as server:
        _poll_often(RealHost(tmp_path / "host", server.url_of), tmp_path, asked=ASKED // 5)


def _poll_often(host: RealHost, folder: Path, asked: int = ASKED) -> None:
    host.commit({"flows/a.yaml": flow(0)})
    mirror = GitMirror(host.url, "main", folder / "mirror.git")
    head = mirror.fetch()
    for _ in range(10):
        mirror.poll()
    before = counted()
    for n in range(asked):
        if n % (asked // 5) == 0:
            head = host.commit({"flows/a.yaml": flow(0, f"number {n}")})
            assert mirror.poll() == head
            assert mirror.fetch() == head
            assert len(list(mirror.read(mirror.blobs(head)))) == 1
        assert mirror.poll() == head
    after = counted()
    assert after[1] <= before[1], f"children: {before[1]} before, {after[1]} after"
    assert after[0] <= before[0] + 2, f"handles: {before[0]} before, {after[0]} after"
    assert after[2] <= before[2] + 1, f"threads: {before[2]} before, {after[2]} after"
