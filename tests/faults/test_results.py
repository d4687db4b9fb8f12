"""What may befall results on their way, over real repositories and sockets: each is on the branch once, and posted."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.git import HttpGit, RealHost, git
from penstock.agent.news import Topic
from penstock.agent.sinks.page import read_index
from penstock.errors import Retryable
from penstock.execution.state import State
from penstock.failpoint import VARIABLE, Failpoint
from recording import BRANCH, SECOND, START, Desk, desk, on_branch, program_path, shown, subjects

MINUTE = timedelta(minutes=1)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "data") as made:
        yield made


@pytest.fixture(params=["file", "http"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealHost]:
    folder = tmp_path / "host"
    if request.param == "file":
        yield RealHost(folder, lambda bare: f"file://{bare}")
    else:
        with HttpGit(folder).serving() as server:
            yield RealHost(folder, server.url_of)


@pytest.fixture
def local(tmp_path: Path) -> RealHost:
    return RealHost(tmp_path / "host", str)


def once_each(ids: list[str]) -> dict[str, int]:
    return dict.fromkeys(ids, 1)


def counts(host: RealHost) -> dict[State, int]:
    return dict(read_index(shown(host, "latest.json").encode()).counts)


@contextmanager
def hook(host: RealHost, name: str, script: str) -> Iterator[None]:
    path = host.bare / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    try:
        yield
    finally:
        path.unlink()


# ── git ──


def test_results_wait_while_the_remote_is_away(host: RealHost, at: Desk) -> None:
    recorder = at.recorder(at.to_real(host))
    at.end("e1")
    assert recorder.flush() == (1, [])
    at.end("e2", "e3")
    with host.away():
        arrived, [fault] = recorder.flush()
        assert arrived == 0
        assert isinstance(fault, Retryable)
        assert at.waiting("git") == 2
    at.drain(recorder, "git")
    assert on_branch(host) == once_each(["e1", "e2", "e3"])
    assert counts(host) == {State.SUCCESS: 3}
    assert "results go to `git` again" in at.told(Topic.RECORDED)


def test_a_remote_that_rejects_is_told_in_its_words_and_rested_from(host: RealHost, at: Desk) -> None:
    recorder = at.recorder(at.to_real(host))
    ids = [f"e{n}" for n in range(30)]
    at.end(*ids)
    with host.rejecting("quota exceeded"):
        arrived, [fault] = recorder.flush()
        assert arrived == 0
        assert "quota exceeded" in fault.message
        assert timedelta(0) < recorder.wait() <= 15 * SECOND
    assert at.waiting("git") == 30
    at.drain(recorder, "git")
    assert on_branch(host) == once_each(ids)


REFUSE_SECRETS = """while read before after ref; do
  git grep -q hush "$after" && { echo 'a secret was found' >&2; exit 1; }
done
exit 0"""


def test_one_result_that_the_remote_refuses_keeps_no_other_back(local: RealHost, at: Desk) -> None:
    recorder = at.recorder(at.to_real(local))
    ids = [f"e{n:02d}" for n in range(40)]
    at.end(*ids[:17])
    at.end("bad", outputs={"token": "hush"})
    at.end(*ids[17:])
    with hook(local, "pre-receive", REFUSE_SECRETS):
        assert recorder.flush() == (40, [])
        assert on_branch(local) == once_each(ids)
        assert at.waiting("git") == 1
        [told] = at.troubles()
        assert "bad" in told
        assert "a secret was found" in told
        assert recorder.flush() == (0, []), "it is not tried again at once"
    at.drain(recorder, "git", timedelta(hours=2))
    assert on_branch(local) == once_each([*ids, "bad"])


def test_two_agents_race_for_one_branch(host: RealHost, tmp_path: Path) -> None:
    """Whoever loses adds on top of the other; neither undoes or repeats anything."""
    wanted: list[str] = []
    with ExitStack() as stack:
        desks = [stack.enter_context(desk(tmp_path / name)) for name in ("one", "two")]
        recorders = [each.recorder(each.to_real(host, "mine")) for each in desks]
        for n in range(6):
            for name, each in zip("ab", desks, strict=True):
                each.end(f"{name}{n}")
                wanted.append(f"{name}{n}")
            threads = [threading.Thread(target=recorder.flush) for recorder in recorders]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for each, recorder in zip(desks, recorders, strict=True):
            each.drain(recorder, "git")
    assert on_branch(host) == once_each(wanted)
    assert shown(host, "README.md").startswith("# Results of box, 2026-11\n")
    assert read_index(shown(host, "latest.json").encode()).runs


def test_a_race_that_is_always_lost_rests_and_is_won_in_the_end(local: RealHost, at: Desk) -> None:
    """Somebody else adds a commit between each of our reads and our push."""
    at.end("e1")
    recorder = at.recorder(at.to_real(local))
    assert recorder.flush() == (1, [])
    at.end("e2")
    rival = f'''tree=$(git rev-parse {BRANCH}^{{tree}})
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
new=$(echo rival | git -c user.name=r -c user.email=r@r commit-tree "$tree" -p {BRANCH})
git update-ref refs/heads/{BRANCH} "$new"'''
    with hook(local, "pre-receive", rival):
        arrived, [fault] = recorder.flush()
        assert arrived == 0
        assert "changes too fast" in fault.message
    at.drain(recorder, "git")
    assert on_branch(local) == once_each(["e1", "e2"])
    assert subjects(local).count("rival") >= 10


def test_a_push_that_arrived_unheard_is_not_repeated(tmp_path: Path, at: Desk) -> None:
    with HttpGit(tmp_path / "host").serving() as server, cutting(server) as (url_of, cut):
        host = RealHost(tmp_path / "host", url_of)
        recorder = at.recorder(at.to_real(host))
        at.end("e1")
        assert recorder.flush() == (1, [])
        at.end("e2", "e3")
        at.ripen(recorder)
        cut.set()
        assert (recorder.step(), at.waiting("git")) == (0, 2)
        assert on_branch(host) == once_each(["e1", "e2", "e3"])
        cut.clear()
        more = [f"n{n}" for n in range(8)]
        at.end(*more)
        at.drain(recorder, "git")
        assert on_branch(host) == once_each(["e1", "e2", "e3", *more])
        assert counts(host) == {State.SUCCESS: 11}


def test_a_flush_looks_again_after_a_push_that_broke_off(tmp_path: Path, at: Desk) -> None:
    with HttpGit(tmp_path / "host").serving() as server, cutting(server) as (url_of, cut):
        host = RealHost(tmp_path / "host", url_of)
        recorder = at.recorder(at.to_real(host))
        at.end("e1", "e2")
        cut.set()
        assert recorder.flush() == (2, [])
        assert on_branch(host) == once_each(["e1", "e2"])
        assert subjects(host) == ["2 results [skip ci]"]


@contextmanager
def cutting(server: HttpGit) -> Iterator[tuple[Callable[[Path], str], threading.Event]]:
    """A wire to `server` that, once told, lets every push through and none of the answers to it."""
    cut = threading.Event()

    def carry(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", server.port)) as behind:
            sent = bytearray()

            def up() -> None:
                while data := client.recv(1 << 16):
                    sent.extend(data)
                    behind.sendall(data)

            threading.Thread(target=up, daemon=True).start()
            while data := behind.recv(1 << 16):
                if cut.is_set() and b"git-receive-pack HTTP" in sent and b"POST" in sent:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    def accept() -> None:
        while True:
            try:
                client, _ = wire.accept()
            except OSError:
                return
            threading.Thread(target=_quietly, args=(carry, client), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as wire:
        port = wire.getsockname()[1]
        threading.Thread(target=accept, daemon=True).start()
        yield lambda bare: f"http://127.0.0.1:{port}/{bare.relative_to(server.root)}", cut


def _quietly(carry: Callable[[socket.socket], None], client: socket.socket) -> None:
    try:
        carry(client)
    except OSError:
        client.close()  # the other side went away: that is what it is here for


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "gone": shutil.rmtree,
    "emptied": lambda folder: [shutil.rmtree(folder / name) for name in ("objects", "refs")],
    "objects": lambda folder: [_scribble(path) for path in folder.glob("objects/pack/*.pack")],
    "head": lambda folder: (folder / "HEAD").write_bytes(b"\x00nonsense"),
    "locked": lambda folder: [(folder / name).touch() for name in ("HEAD.lock", "packed-refs.lock", "config.lock")],
    "config": lambda folder: (folder / "config").write_bytes(b"[core\nnonsense"),
}


def _scribble(path: Path) -> None:
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[12:] = os.urandom(len(content) - 12)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("restart", [True, False], ids=["restarted", "running"])
def test_a_repository_of_ours_that_is_damaged_is_made_anew(
    damage: str, restart: bool, local: RealHost, at: Desk
) -> None:
    recorder = at.recorder(at.to_real(local))
    at.end("e1", "e2")
    assert recorder.flush() == (2, [])
    [ours] = (at.folder / "mine").rglob("results.git")
    DAMAGES[damage](ours)
    at.end("e3")
    if restart:
        recorder = at.recorder(at.to_real(local))
    at.drain(recorder, "git")
    assert on_branch(local) == once_each(["e1", "e2", "e3"])
    assert counts(local) == {State.SUCCESS: 3}


def test_a_branch_that_somebody_deletes_or_rewrites_is_gone_on_with(local: RealHost, at: Desk) -> None:
    recorder = at.recorder(at.to_real(local))
    at.end("e1")
    recorder.flush()
    local.delete(BRANCH)
    at.end("e2")
    at.drain(recorder, "git")
    assert on_branch(local) == once_each(["e2"])
    local.commit({"latest.json": b"[[[", "README.md": b"mine"}, "rewritten", branch=BRANCH, orphan=True)
    at.end("e3")
    at.drain(recorder, "git")
    assert on_branch(local) == once_each(["e3"])
    assert shown(local, "README.md").startswith("# Results of box")


CRASHING = """
import sys
from pathlib import Path
from fakes.git import RealHost
from recording import Desk

data, where = map(Path, sys.argv[1:])
at = Desk(data)
at.recorder(at.to_real(RealHost(where, str))).flush()
"""


@pytest.mark.parametrize("point", [Failpoint.RESULT_COMMITTED, Failpoint.RESULT_PUSHED])
@pytest.mark.parametrize("nth", [1, 2])
def test_an_agent_killed_between_any_two_steps_repeats_nothing(point: Failpoint, nth: int, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    with desk(tmp_path / "data") as at:
        at.end("old", created=START - timedelta(days=40))
        at.end(*(f"e{n}" for n in range(205)))
    died = subprocess.run(
        [sys.executable, "-c", CRASHING, tmp_path / "data", tmp_path / "host"],
        env={**program_path(), VARIABLE: f"{point}:{nth}"},
        capture_output=True,
        check=False,
    )
    assert died.returncode == -9, died.stderr
    with desk(tmp_path / "data") as at:
        at.end("new")
        recorder = at.recorder(at.to_real(host))
        assert at.waiting("git") > 1
        at.drain(recorder, "git")
    assert on_branch(host) == once_each([*(f"e{n}" for n in range(205)), "new"])
    assert on_branch(host, "penstock/results/box/2026-10") == once_each(["old"])
    assert counts(host) == {State.SUCCESS: 206}


def test_random_mishaps_leave_each_result_on_the_branch_once(tmp_path: Path) -> None:
    """Rejections, absences, damage and abandoned recorders, in any order; the seed is in the message."""
    seed = 20261123
    chance = random.Random(seed)
    local = RealHost(tmp_path / "host", str)
    with desk(tmp_path / "data") as at:
        recorder, ids = at.recorder(at.to_real(local)), []
        for n in range(25):
            more = [f"e{n}-{each}" for each in range(chance.randrange(1, 4))]
            at.end(*more)
            ids += more
            with ExitStack() as stack:
                match chance.randrange(5):
                    case 0:
                        stack.enter_context(local.rejecting("not now"))
                    case 1:
                        stack.enter_context(local.away())
                    case 2:
                        recorder = at.recorder(at.to_real(local))
                    case 3:
                        shutil.rmtree(at.folder / "mine", ignore_errors=True)
                at.clock.advance(timedelta(seconds=chance.randrange(60)))
                recorder.step()
        at.drain(recorder, "git")
        assert on_branch(local) == once_each(ids), f"seed {seed}"
        assert counts(local) == {State.SUCCESS: len(ids)}, f"seed {seed}"
    git("fsck", "--strict", cwd=local.bare)
