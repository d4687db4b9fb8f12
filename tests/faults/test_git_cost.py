"""What the mirror costs: nothing is left behind by 1,000 polls, and a push of one file has one blob read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from fakes.git import HttpGit, RealHost, git
from until import until


class Held(NamedTuple):
    """What this process holds of the system."""

    files: int
    threads: int
    children: int

    def fits(self, before: Held) -> bool:
        """Whether nothing has come to what was held `before`. What other tests had left may have gone meanwhile."""
        return self.files <= before.files and self.threads <= before.threads and self.children <= before.children

    @classmethod
    def now(cls) -> Held:
        children = sum(
            len(path.read_text(encoding="ascii").split()) for path in Path("/proc/self/task").glob("*/children")
        )
        return cls(len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), children)


SERVER = """
import sys
from pathlib import Path
from fakes.git import HttpGit
with HttpGit(Path(sys.argv[1])).serving() as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """A server in a process of its own, so that what it holds is not counted; its port."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-c", SERVER, str(folder)]
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.stdin.close()
        server.wait(30)


@pytest.mark.parametrize("transport", ["file", pytest.param("http", marks=pytest.mark.long)])
def test_a_thousand_polls_leave_nothing_behind(transport: str, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", lambda bare: f"file://{bare}")
    with served(host.folder) as port:
        if transport == "http":
            host.url_of = HttpGit(host.folder, port=port).url_of
        mirror = host.mirror(tmp_path)
        head = host.commit({"a": b"0"})
        mirror.fetch()
        mirror.poll()
        at_first = Held.now()
        for turn in range(1, 1001):
            if turn % 50 == 0:
                before, head = head, host.commit({"a": b"%d" % turn})
                assert mirror.poll() == head == mirror.fetch()
                [change] = mirror.changes(before, head)
                assert change.blob is not None
                assert [content for _, content in mirror.read([change.blob])] == [b"%d" % turn]
            assert mirror.poll() == head
            if turn % 100 == 0:
                until(lambda: Held.now().fits(at_first), 5)


def flow(number: int, version: int = 0) -> bytes:
    """A text that has nothing in common with any other, so that no pack keeps one as a difference from another."""
    lines = (f"# {sha256(f'{number} {version} {line}'.encode()).hexdigest()}" for line in range(10))
    return "\n".join([f"id: f{number}", *lines, ""]).encode()


def path_of(number: int) -> str:
    return f"flows/team{number % 20}/f{number}.yaml"


def test_a_push_of_one_of_a_thousand_files_has_one_blob_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = RealHost(tmp_path / "host", str)
    before = host.commit({path_of(n): flow(n) for n in range(1000)})
    mirror = host.mirror(tmp_path)
    assert mirror.poll() == before == mirror.fetch()
    after = host.commit({path_of(123): flow(123, 1)})
    started, opened = tmp_path / "started", tmp_path / "opened"
    with monkeypatch.context() as patch:
        patch.setenv("GIT_TRACE2_EVENT", str(started))
        assert mirror.poll() == after
        assert not started.exists(), "a poll of a folder has started a git"
        assert mirror.fetch() == after
        fetching = [name for name, _ in commands(started)]
        started.unlink()
        patch.setenv("GIT_TRACE_PACK_ACCESS", str(opened))
        [change] = mirror.changes(before, after)
        assert change.blob is not None
        [(_, content)] = mirror.read([change.blob])
    assert (change.path, content) == (path_of(123), flow(123, 1))
    assert "ls-tree" not in fetching
    assert [name for name, _ in commands(started)] == ["diff-tree", "cat-file"]
    kinds = objects_of(tmp_path / "mirror.git")
    seen = [kinds[tuple(entry.split()[-2:])] for entry in opened.read_text(encoding="ascii").splitlines()]
    assert {id_ for kind, id_ in seen if kind == "blob"} == {change.blob.id}
    assert len({id_ for kind, id_ in seen if kind == "tree"}) == 6, "the root, flows/ and flows/team3/ of two commits"


def commands(trace: Path) -> list[tuple[str, list[str]]]:
    """The gits that were started, by their own trace: the name of the command, and the whole of it."""
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    named = {event["sid"]: event["name"] for event in events if event["event"] == "cmd_name"}
    return [(named[event["sid"]], event["argv"]) for event in events if event["event"] == "start"]


def objects_of(folder: Path) -> dict[tuple[str, ...], tuple[str, str]]:
    """Kind and id of each object, by its pack and where it lies in it."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for index in folder.glob("objects/pack/*.idx"):
        for line in git("verify-pack", "-v", str(index), cwd=folder).splitlines():
            id_, kind, *more = line.split()
            if kind in ("commit", "tree", "blob"):
                found[str(index.with_suffix(".pack")), more[2]] = (kind, id_)
    return found
