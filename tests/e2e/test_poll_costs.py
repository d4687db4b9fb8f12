"""What a round of the agent asks of git, counted from outside: by a git on the PATH that notes it and its trace."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from fakes.git import RealHost
from program import penstock

LOG = "io.kestra.plugin.core.log.Log"


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
