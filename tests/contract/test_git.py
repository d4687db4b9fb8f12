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
    assert mirror.kept() == set()
    mirror.fetch()
    mirror.keep(first)
    mirror.keep(first)
    assert mirror.kept() == {first}
    host.commit({"a": b"2"}, orphan=True)
    mirror.fetch()
    assert contents(mirror, first) == {"a": b"1"}
    mirror.release(first)
    mirror.release(first)
    assert mirror.kept() == set()


def test_a_poll_tells_the_head_and_brings_nothing(host: Host, tmp_path: Path) -> None:
    first = host.commit({"a": b"1"})
    mirror = host.mirror(tmp_path)
    assert mirror.poll() == first
    assert mirror.head() is None
    assert mirror.fetch() == first == mirror.poll()
    second = host.commit({"a": b"2"}, "another history", orphan=True)
    assert mirror.poll() == second
    assert mirror.head() == first
    assert mirror.fetch() == second


def test_a_poll_takes_the_branch_of_that_name_and_no_other(host: Host, tmp_path: Path) -> None:
    main = host.commit({"a": b"1"})
    other = host.commit({"a": b"2"}, branch="team/main")
    host.commit({"a": b"3"}, branch="main-2")
    assert host.mirror(tmp_path / "main").poll() == main
    assert host.mirror(tmp_path / "other", "team/main").poll() == other


def test_a_poll_says_that_the_branch_is_gone_and_sees_it_come_back(host: Host, tmp_path: Path) -> None:
    host.commit({"a": b"1"})
    host.commit({"a": b"1"}, branch="main-2")
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    host.delete("main")
    with pytest.raises(UserError, match="remote ref"):
        mirror.poll()
    again = host.commit({"b": b"1"}, orphan=True)
    assert mirror.poll() == again


def test_a_poll_of_a_remote_that_is_gone_can_be_tried_again(host: Host, tmp_path: Path) -> None:
    commit = host.commit({"a": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    with host.away(), pytest.raises(Retryable):
        mirror.poll()
    assert mirror.poll() == commit


def test_changes_are_what_differs_between_two_trees(host: Host, tmp_path: Path) -> None:
    before = host.commit({"a": b"1", "deep/er/b": b"1", "deep/same": b"1", "gone": b"1", "ünï 'q'": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    after = host.commit({"a": b"2", "deep/er/b": b"2", "deep/same": b"1", "new": b"", "ünï 'q'": b"2"}, orphan=True)
    mirror.fetch()
    changes = mirror.changes(before, after)
    assert [change.path for change in changes] == ["a", "deep/er/b", "gone", "new", "ünï 'q'"]
    assert [change.path for change in changes if change.blob is None] == ["gone"]
    found = [change.blob for change in changes if change.blob is not None]
    assert {blob.path: content for blob, content in mirror.read(found)} == {
        "a": b"2",
        "deep/er/b": b"2",
        "new": b"",
        "ünï 'q'": b"2",
    }
    assert mirror.changes(after, after) == []
    with pytest.raises(Retryable):
        mirror.changes("1" * 40, after)


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


def test_the_page_is_written_anew_with_the_last_commit_of_each_push(host: Host, tmp_path: Path) -> None:
    branch = host.results(tmp_path, BRANCH)
    branch.add([("one", {"a/execution.json": b"1"})], anew={"README.md": b"one run"})
    branch.add(
        [("two", {"b/execution.json": b"2"}), ("three", {"c/execution.json": b"3"})], anew={"README.md": b"three"}
    )
    assert branch.show("README.md") == b"three"
    assert host.log(BRANCH) == ["Penstock demo|three", "Penstock demo|two", "Penstock demo|one"]
    branch.add([("again", {"a/execution.json": b"9"})], anew={"README.md": b"nothing new"})
    assert branch.show("README.md") == b"three"
    assert host.log(BRANCH)[0] == "Penstock demo|three"


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
