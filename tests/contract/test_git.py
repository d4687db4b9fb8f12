"""The contract of Mirror and ResultsBranch: in memory, and against real repositories by path, file URL and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest

from fakes.git import HttpGit, MemoryHost, RealHost
from penstock.errors import Retryable, UserError
from penstock.ports.git import Mirror

Host = MemoryHost | RealHost
BRANCH = "penstock/results/demo/2026-11"


@pytest.fixture(params=["memory", "path", "file", "http"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    folder = tmp_path / "host"
    if request.param == "memory":
        yield MemoryHost()
    elif request.param == "path":
        yield RealHost(folder, str)
    elif request.param == "file":
        yield RealHost(folder, lambda bare: f"file://{bare}")
    else:
        with HttpGit(folder).serving() as server:
            yield RealHost(folder, server.url_of)


def contents(mirror: Mirror, commit: str) -> dict[str, bytes]:
    return {blob.path: content for blob, content in mirror.read(mirror.blobs(commit))}


def test_a_mirror_reads_the_head_of_the_branch(host: Host, tmp_path: Path) -> None:
    commit = host.commit({"flows/a.yaml": b"id: a\n", "README.md": b"hello\n", "flows.md": b""}, "Add a flow")
    mirror = host.mirror(tmp_path)
    assert mirror.head() is None
    assert mirror.fetch() == commit == mirror.head()
    assert contents(mirror, commit) == {"README.md": b"hello\n", "flows.md": b"", "flows/a.yaml": b"id: a\n"}
    assert [blob.path for blob in mirror.blobs(commit, "flows")] == ["flows/a.yaml"]
    assert mirror.blobs(commit, "nothing/here") == []
    assert (mirror.commit(commit).subject, mirror.commit(commit).author) == ("Add a flow", "Ada")
    assert list(mirror.read([])) == []


def test_the_same_content_has_the_same_id_everywhere(host: Host, tmp_path: Path) -> None:
    commit = host.commit({"a": b"id: a\n"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    [blob] = mirror.blobs(commit)
    assert (blob.id, blob.size) == (sha1(b"blob 6\0id: a\n").hexdigest(), 6)


def test_rewritten_history_is_followed(host: Host, tmp_path: Path) -> None:
    host.commit({"a": b"1", "b": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    rewritten = host.commit({"a": b"2"}, "another history", orphan=True)
    assert mirror.fetch() == rewritten
    assert contents(mirror, rewritten) == {"a": b"2"}


def test_a_branch_that_is_gone_is_told_and_the_last_state_stays_readable(host: Host, tmp_path: Path) -> None:
    commit = host.commit({"a": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    host.delete("main")
    with pytest.raises(UserError, match="remote ref"):
        mirror.fetch()
    assert mirror.head() == commit
    assert contents(mirror, commit) == {"a": b"1"}


def test_a_remote_that_is_gone_can_be_tried_again(host: Host, tmp_path: Path) -> None:
    commit = host.commit({"a": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    with host.away():
        with pytest.raises(Retryable):
            mirror.fetch()
        assert mirror.head() == commit
        assert contents(mirror, commit) == {"a": b"1"}
    assert mirror.fetch() == commit


def test_a_commit_may_be_kept_and_released_twice(host: Host, tmp_path: Path) -> None:
    first = host.commit({"a": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    mirror.keep(first)
    mirror.keep(first)
    host.commit({"a": b"2"}, orphan=True)
    mirror.fetch()
    assert contents(mirror, first) == {"a": b"1"}
    mirror.release(first)
    mirror.release(first)


def test_results_are_commits_of_an_orphan_branch(host: Host, tmp_path: Path) -> None:
    host.commit({"a": b"1"})
    branch = host.results(tmp_path, BRANCH)
    assert not branch.has("2026/11/x")
    assert branch.show("2026/11/x/execution.json") is None
    branch.add([("one [skip ci]\n", {"2026/11/x/execution.json": b"{}", '2026/11/x/logs/ünï "q".gz': b"\x00\xff\n"})])
    assert branch.has("2026/11/x")
    assert not branch.has("2026/11/y")
    assert branch.show('2026/11/x/logs/ünï "q".gz') == b"\x00\xff\n"
    assert host.log(BRANCH) == ["Penstock demo|one [skip ci]"]


def test_several_commits_go_in_one_push_and_each_holds_its_own(host: Host, tmp_path: Path) -> None:
    branch = host.results(tmp_path, BRANCH)
    branch.add([("zero", {"z/execution.json": b"0"})])
    branch.add([("one", {"a/execution.json": b"1"}), ("two", {"b/execution.json": b"2", "a/execution.json": b"9"})])
    assert host.log(BRANCH) == ["Penstock demo|two", "Penstock demo|one", "Penstock demo|zero"]
    assert [branch.show(f"{name}/execution.json") for name in "zab"] == [b"0", b"1", b"2"]


def test_what_is_there_already_is_not_added_again(host: Host, tmp_path: Path) -> None:
    host.results(tmp_path / "one", BRANCH).add([("one", {"x/execution.json": b"{}"})])
    host.results(tmp_path / "two", BRANCH).add([("again", {"x/execution.json": b"other"})])
    assert host.log(BRANCH) == ["Penstock demo|one"]
    assert host.results(tmp_path / "three", BRANCH).show("x/execution.json") == b"{}"


def test_two_writers_never_undo_each_other(host: Host, tmp_path: Path) -> None:
    one, two = host.results(tmp_path / "one", BRANCH), host.results(tmp_path / "two", BRANCH)
    assert not one.has("a")
    assert not two.has("b")
    one.add([("a", {"a/execution.json": b"1"})])
    two.add([("b", {"b/execution.json": b"2"})])
    one.add([("c", {"c/execution.json": b"3"})])
    assert host.log(BRANCH) == ["Penstock demo|c", "Penstock demo|b", "Penstock demo|a"]
    assert one.has("b")


def test_a_remote_that_rejects_is_told_in_its_own_words_and_nothing_was_added(host: Host, tmp_path: Path) -> None:
    branch = host.results(tmp_path, BRANCH)
    with host.rejecting("quota exceeded"), pytest.raises(Retryable, match="quota exceeded"):
        branch.add([("one", {"x/execution.json": b"{}"})])
    assert not branch.has("x")
    branch.add([("one", {"x/execution.json": b"{}"})])
    assert host.log(BRANCH) == ["Penstock demo|one"]


def test_results_wait_while_the_remote_is_away(host: Host, tmp_path: Path) -> None:
    branch = host.results(tmp_path, BRANCH)
    with host.away(), pytest.raises(Retryable):
        branch.add([("one", {"x/execution.json": b"{}"})])
    branch.add([("one", {"x/execution.json": b"{}"})])
    assert branch.has("x")


@pytest.mark.parametrize("path", ["../x", "a//b", "/etc/passwd", "a/./b", ".git/config", "a\nb"])
def test_a_path_that_leads_elsewhere_is_refused(path: str, tmp_path: Path) -> None:
    real = RealHost(tmp_path / "host", str).results(tmp_path, BRANCH)
    for branch in (MemoryHost().results(tmp_path, BRANCH), real):
        with pytest.raises(UserError, match="cannot be a path"):
            branch.add([("x", {path: b"x"})])
