"""What may befall a mirror and its remote: the last good head stays readable, and the next fetch heals the rest."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from fakes.git import HttpGit, RealHost, git
from fakes.small_disk import small_disk
from fakes.spoil import spoil
from fakes.talk import Talk, cut_after, speaking
from penstock.adapters.git import GitMirror
from penstock.errors import PenstockError, Retryable, Stalled, UserError
from penstock.ports.git import Mirror

SEED = 20261123


@pytest.fixture
def host(tmp_path: Path) -> RealHost:
    return RealHost(tmp_path / "host", lambda bare: f"file://{bare}")


def contents(mirror: Mirror, commit: str) -> dict[str, bytes]:
    return {blob.path: content for blob, content in mirror.read(mirror.blobs(commit))}


def flows(count: int, version: object = 0) -> dict[str, bytes]:
    """Texts that do not shrink when they are packed."""
    return {f"flows/{n:02d}.yaml": random.Random(f"{n} {version}").randbytes(300) for n in range(count)}


def healed(mirror: Mirror, commit: str, within: int = 3) -> dict[str, bytes]:
    """What the mirror holds at `commit` after some looks, as an agent takes them. Fails when it does not get there."""
    problem: PenstockError | None = None
    for _ in range(within):
        try:
            if mirror.poll() == commit and mirror.fetch() == commit:
                return contents(mirror, commit)
        except PenstockError as error:
            problem = error
    raise AssertionError(f"not healed within {within} looks: {problem}")


# ── history ──


def test_whatever_is_done_to_history_is_followed_and_what_is_kept_stays(host: RealHost, tmp_path: Path) -> None:
    draw = random.Random(SEED)
    mirror = host.mirror(tmp_path)
    known: dict[str, dict[str, bytes]] = {}
    last: str | None = None
    for turn in range(60):
        deed = draw.choice(["push", "orphan", "back", "vanish", "away"])
        if deed in ("push", "orphan") or not known:
            files = flows(3, turn) if deed == "orphan" else {"flows/00.yaml": draw.randbytes(50)}
            commit = host.commit(files, branch="main", orphan=deed == "orphan")
            listed = git("ls-tree", "-r", "--name-only", commit, cwd=host.bare).splitlines()
            known[commit] = {path: _bytes_of(host, f"{commit}:{path}") for path in listed}
        elif deed == "back":
            git("update-ref", "refs/heads/main", draw.choice(sorted(known)), cwd=host.bare)
        elif deed == "vanish" and _head(host) is not None:
            host.delete("main")
        head = _head(host)
        if deed == "away":
            with host.away(), pytest.raises(Retryable):
                mirror.poll()
            with host.away(), pytest.raises(Retryable):
                mirror.fetch()
        elif head is None:
            for look in (mirror.poll, mirror.fetch):
                with pytest.raises(UserError, match="remote ref"):
                    look()
        else:
            assert mirror.poll() == head == mirror.fetch()
            last = head
            if draw.random() < 0.3:
                mirror.keep(head)
        assert mirror.head() == last
        if draw.random() < 0.1:
            git("gc", "--quiet", "--prune=now", cwd=tmp_path / "mirror.git")
            git("gc", "--quiet", cwd=host.bare)
        for commit in [*([last] if last else []), *mirror.kept()]:
            assert contents(mirror, commit) == known[commit], f"seed {SEED}, turn {turn}, {deed}"


def _head(host: RealHost) -> str | None:
    return git("for-each-ref", "--format=%(objectname)", "refs/heads/main", cwd=host.bare) or None


def _bytes_of(host: RealHost, name: str) -> bytes:
    return subprocess.run(["git", "cat-file", "blob", name], cwd=host.bare, capture_output=True, check=True).stdout


# ── the remote ──


def test_an_answer_that_is_cut_anywhere_costs_nothing(tmp_path: Path) -> None:
    draw = random.Random(SEED)
    with HttpGit(tmp_path / "host").serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        before = host.commit(flows(20))
        mirror_folder = tmp_path / "mirror.git"
        GitMirror(host.url, "main", mirror_folder).fetch()
        after = host.commit(flows(20, "after"))
        marker = mirror_folder / "penstock-url"
        for _ in range(12):
            with cut_after(server.port, draw.randrange(7000)) as address:
                url = host.url.replace(f"127.0.0.1:{server.port}", address)
                marker.write_text(f"{url}\nmain\n")  # the same remote by another way
                mirror = GitMirror(url, "main", mirror_folder)
                with pytest.raises(Retryable):
                    mirror.fetch()
                assert mirror.head() == before
                assert contents(mirror, before) == flows(20)
        assert sorted(tmp_path.glob("mirror.git*")) == [mirror_folder]
        marker.write_text(f"{host.url}\nmain\n")
        assert healed(GitMirror(host.url, "main", mirror_folder), after) == flows(20, "after")


def test_a_remote_that_says_nothing_is_given_up(
    tmp_path: Path, host: RealHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with speaking(Talk.next) as silent, monkeypatch.context() as patch:
        patch.setenv("GIT_HTTP_LOW_SPEED_TIME", "1")
        with socket.create_server(("127.0.0.1", 0)) as listener:  # nobody accepts, nobody answers
            mirror = GitMirror(f"http://127.0.0.1:{listener.getsockname()[1]}/x.git", "main", tmp_path / "m.git")
            for look in (mirror.poll, mirror.fetch):
                with pytest.raises(Retryable):
                    look()
        with pytest.raises(Retryable):
            GitMirror(silent, "main", tmp_path / "m2.git").fetch()
    assert list(tmp_path.glob("m*.git*")) == []


@pytest.mark.parametrize(("status", "error"), [(401, Stalled), (403, Stalled), (404, Retryable), (503, Retryable)])
def test_a_remote_that_refuses_leaves_the_last_good_head(status: int, error: type[Exception], tmp_path: Path) -> None:
    with HttpGit(tmp_path / "host").serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        before = host.commit(flows(2))
        mirror = host.mirror(tmp_path)
        mirror.fetch()
        server.answer = status
        for look in (mirror.poll, mirror.fetch):
            with pytest.raises(error):
                look()
        assert contents(mirror, before) == flows(2)
        server.answer = None
        after = host.commit(flows(2, 1))
        assert healed(mirror, after, within=1) == flows(2, 1)


# ── the mirror ──


@pytest.mark.parametrize("seed", range(40))
def test_a_mirror_that_is_spoiled_never_lies_and_heals(seed: int, host: RealHost, tmp_path: Path) -> None:
    draw = random.Random(SEED + seed)
    mirror = host.mirror(tmp_path)
    known = {}
    for version in range(3):
        commit = host.commit(flows(8, version))
        assert mirror.fetch() == commit
        known[commit] = flows(8, version)
    kept = next(iter(known))
    mirror.keep(kept)
    if draw.random() < 0.5:
        git("-c", "gc.packRefs=false", "gc", "--quiet", cwd=tmp_path / "mirror.git")
    files = sorted(path for path in (tmp_path / "mirror.git").rglob("*") if path.is_file())
    told = [spoil(path, draw) for path in draw.sample(files, draw.choice([1, 1, 2, 3]))]
    for each in known:
        with suppress(Retryable):
            assert contents(mirror, each) == known[each], told
    after = host.commit(flows(8, "after"))
    again = mirror if draw.random() < 0.5 else host.mirror(tmp_path)
    try:
        assert healed(again, after) == flows(8, "after"), told
        with suppress(Retryable):  # damage is seen where something is read, and healed by the next fetch
            assert contents(again, kept) == known[kept], told
        assert healed(again, after) == flows(8, "after"), told
        assert contents(again, kept) == known[kept], told
        if kept not in again.kept():
            assert any("remove" in deed and kept in deed for deed in told), told
    except PenstockError as error:
        raise AssertionError(f"{told}") from error


def test_an_object_that_holds_another_ones_content_is_not_taken(host: RealHost, tmp_path: Path) -> None:
    """As after a disk that gave two files one place: git reads it and does not look whether it is what was written."""
    mirror = host.mirror(tmp_path)
    commit = host.commit({"a": b"good", "b": b"evil"})
    mirror.fetch()
    folder = tmp_path / "mirror.git"
    for pack in list(folder.glob("objects/pack/*.pack")):
        content = pack.read_bytes()
        shutil.rmtree(pack.parent)
        git("unpack-objects", "-q", cwd=folder, stdin=content)
    good, evil = (folder / "objects" / blob.id[:2] / blob.id[2:] for blob in mirror.blobs(commit))
    good.chmod(0o644)
    good.write_bytes(evil.read_bytes())
    with pytest.raises(Retryable, match="cannot be read"):
        contents(mirror, commit)
    assert healed(mirror, commit, within=1) == {"a": b"good", "b": b"evil"}


def test_locks_and_leftovers_of_a_git_that_was_killed_are_cleared(host: RealHost, tmp_path: Path) -> None:
    folder = tmp_path / "mirror.git"
    mirror = host.mirror(tmp_path)
    first = host.commit(flows(2))
    mirror.fetch()
    left = ["HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock", "refs/penstock/head.lock", "gc.pid.lock"]
    left += [f"refs/penstock/keep/{first}.lock", "objects/pack/tmp_pack_1", "objects/pack/pack-1.keep"]
    left += ["objects/info/commit-graphs/commit-graph-chain.lock"]
    for name in left:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "gc.pid").write_text(f"{os.getpid()} {socket.gethostname()}\n")
    for aside in (".new", ".old"):
        shutil.copytree(folder, folder.with_name(folder.name + aside))
    after = host.commit(flows(2, 1))
    mirror.keep(first)
    assert healed(mirror, after, within=1) == flows(2, 1)
    assert [name for name in left if (folder / name).exists()] == []
    assert sorted(tmp_path.glob("mirror.git*")) == [folder]


def test_a_mirror_is_packed_anew_before_it_has_gathered_many_packs(host: RealHost, tmp_path: Path) -> None:
    mirror = host.mirror(tmp_path)
    packs = tmp_path / "mirror.git" / "objects" / "pack"
    (tmp_path / "mirror.git").parent.mkdir(exist_ok=True)
    most = 0
    first = ""
    for version in range(60):
        commit = host.commit({"a": b"%d" % version})
        assert mirror.fetch() == commit
        if version == 0:
            first = commit
            (tmp_path / "mirror.git" / "gc.pid").write_text(f"1 {socket.gethostname()}\n")
            mirror.keep(first)
        most = max(most, len(list(packs.glob("*.pack"))))
    assert 10 < most <= 51
    assert len(list(packs.glob("*.pack"))) < 20
    assert contents(mirror, first) == {"a": b"0"}
    assert contents(mirror, commit) == {"a": b"59"}


def _gits() -> list[int]:
    """The processes below this one that are git's."""
    found: list[int] = []
    waiting = list(Path("/proc/self/task").glob("*/children"))
    while waiting:
        with suppress(OSError):  # it has ended meanwhile
            for child in waiting.pop().read_text(encoding="ascii").split():
                if Path(f"/proc/{child}/comm").read_text(encoding="utf-8").startswith("git"):
                    found.append(int(child))
                    waiting.append(Path(f"/proc/{child}/task/{child}/children"))
    return found


def _fetch(mirror: Mirror, outcome: list[str | PenstockError]) -> None:
    try:
        outcome.append(mirror.fetch())
    except PenstockError as error:
        outcome.append(error)


def test_a_git_that_is_killed_at_any_moment_leaves_a_mirror_that_heals(host: RealHost, tmp_path: Path) -> None:
    draw = random.Random(SEED)
    mirror = host.mirror(tmp_path)
    before = host.commit(flows(30))
    mirror.fetch()
    hits = 0
    for turn in range(40):
        commit = host.commit(flows(30, turn), orphan=draw.random() < 0.3)
        outcome: list[str | PenstockError] = []

        if draw.random() < 0.2:
            shutil.rmtree(tmp_path / "mirror.git")
            before = ""
        thread = threading.Thread(target=_fetch, args=(mirror, outcome))
        thread.start()
        while not _gits() and not outcome:
            pass  # a fetch takes 15 ms: a wait would be late
        threading.Event().wait(draw.random() * 0.01)
        if victims := _gits():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(draw.choice(victims), signal.SIGKILL)
                hits += 1
        thread.join()
        [came] = outcome
        if isinstance(came, Exception):
            assert isinstance(came, Retryable), f"seed {SEED}, turn {turn}: {came}"
            assert (mirror.head() or "") in (before, commit)
        assert healed(mirror, commit) == contents(mirror, commit)
        assert list(contents(mirror, commit).values()) == list(flows(30, turn).values())
        before = commit
    assert hits >= 20, "the kills came too late"


LOOKING = """
import sys
from pathlib import Path
from penstock.adapters.git import GitMirror
from penstock.errors import PenstockError
mirror = GitMirror(sys.argv[1], "main", Path(sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    try:
        mirror.fetch()
        mirror.keep(mirror.head())
    except PenstockError as error:
        print("error", error.message, flush=True)
"""


def test_an_agent_that_is_killed_while_it_fetches_hands_over_a_mirror_that_heals(
    host: RealHost, tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    argv = [sys.executable, "-c", LOOKING, host.url, str(tmp_path / "mirror.git")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    host.commit(flows(30))
    for turn in range(8):
        looking = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert looking.stdin is not None
        assert looking.stdout is not None
        assert looking.stdout.readline() == b"ready\n"
        looking.stdin.write(b"\n" * 20)
        looking.stdin.flush()
        pause = threading.Event()
        pause.wait(0.02 + draw.random() * 0.2)
        looking.kill()
        looking.communicate()
        commit = host.commit(flows(30, turn), orphan=draw.random() < 0.3)
        assert healed(host.mirror(tmp_path), commit) == contents(host.mirror(tmp_path), commit)


# ── the disk ──


def test_a_disk_that_is_full_keeps_the_last_good_head(host: RealHost, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk:
        mirror = host.mirror(disk)
        before = host.commit(flows(5))
        mirror.fetch()
        host.commit({"big": random.Random(SEED).randbytes(4_000_000)})
        for _ in range(3):
            with pytest.raises((Retryable, Stalled)):
                mirror.fetch()
            assert mirror.head() == before
            assert contents(mirror, before) == flows(5)
        shutil.rmtree(disk / "mirror.git")
        with pytest.raises((Retryable, Stalled)):
            mirror.fetch()
        assert list(disk.iterdir()) == [], "half a clone was left on a disk that is full"
        after = host.commit(flows(5, 1), orphan=True)
        assert healed(mirror, after, within=1) == flows(5, 1)


def test_a_disk_that_takes_nothing_keeps_the_last_good_head(host: RealHost, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        mirror = host.mirror(disk)
        before = host.commit(flows(5))
        mirror.fetch()
        (disk / "mirror.git" / "HEAD.lock").write_bytes(b"")
        after = host.commit(flows(5, 1))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        try:
            assert mirror.poll() == after
            for deed in (mirror.fetch, lambda: mirror.keep(before), lambda: mirror.release(before)):
                with pytest.raises((Retryable, Stalled)):
                    deed()
            with pytest.raises((Retryable, Stalled)):
                GitMirror(host.url, "main", disk / "another.git").fetch()
            assert mirror.head() == before
            assert contents(mirror, before) == flows(5)
        finally:
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert healed(mirror, after, within=1) == flows(5, 1)


@pytest.mark.parametrize("gone", ["folder", "parent", "objects", "refs"])
def test_a_folder_that_vanishes_under_it_is_made_again(gone: str, host: RealHost, tmp_path: Path) -> None:
    mirror = GitMirror(host.url, "main", tmp_path / "data" / "mirror.git")
    commit = host.commit(flows(3))
    mirror.fetch()
    folder = {"folder": "data/mirror.git", "parent": "data"}.get(gone, f"data/mirror.git/{gone}")
    shutil.rmtree(tmp_path / folder)
    with pytest.raises(Retryable):
        contents(mirror, commit)
    assert healed(mirror, commit) == flows(3)
