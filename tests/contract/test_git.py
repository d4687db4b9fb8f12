"""The mirror and the branch of results, against real repositories over real transports; hostile ones do nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from penstock.adapters.git import GitMirror, GitResultsBranch
from penstock.errors import PenstockError, Retryable, UserError

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.invalid",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.invalid",
}


def git(*args: str, cwd: Path, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["git", *args], cwd=cwd, env={**os.environ, **IDENTITY}, input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class Remote:
    """A bare repository and a checkout that pushes to it."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "remote.git"
        self.work = folder / "work"
        git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=folder)
        git("init", "-q", "-b", "main", str(self.work), cwd=folder)

    def commit(
        self, files: dict[str, str], message: str = "change", *, force: bool = False, amend: bool = False
    ) -> str:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        git("add", "--all", cwd=self.work)
        git("commit", "-q", "--allow-empty", "-m", message, *(["--amend"] if amend else []), cwd=self.work)
        git("push", "-q", *(["--force"] if force else []), str(self.bare), "HEAD:main", cwd=self.work)
        return git("rev-parse", "HEAD", cwd=self.work)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


def mirror_of(remote: Remote, tmp_path: Path, branch: str = "main") -> GitMirror:
    return GitMirror(f"file://{remote.bare}", branch, tmp_path / "data" / "mirror.git")


def contents(mirror: GitMirror, commit: str) -> dict[str, bytes]:
    return {blob.path: content for blob, content in mirror.read(mirror.blobs(commit))}


def test_a_mirror_reads_the_head_of_the_branch(remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"flows/a.yaml": "id: a\n", "README.md": "hello\n"}, "Add a flow")
    mirror = mirror_of(remote, tmp_path)
    assert mirror.head() is None
    assert mirror.fetch() == commit == mirror.head()
    assert contents(mirror, commit) == {"README.md": b"hello\n", "flows/a.yaml": b"id: a\n"}
    assert [blob.path for blob in mirror.blobs(commit, "flows")] == ["flows/a.yaml"]
    assert (mirror.commit(commit).subject, mirror.commit(commit).author) == ("Add a flow", "Ada")
    assert not (tmp_path / "data" / "mirror.git" / "flows").exists()


def test_rewritten_history_is_followed(remote: Remote, tmp_path: Path) -> None:
    remote.commit({"a": "1"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    rewritten = remote.commit({"a": "2"}, "another history", force=True, amend=True)
    assert mirror.fetch() == rewritten
    assert contents(mirror, rewritten) == {"a": b"2"}


def test_a_branch_that_is_gone_is_told_and_the_last_state_stays_readable(remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"a": "1"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    git("update-ref", "-d", "refs/heads/main", cwd=remote.bare)
    with pytest.raises(UserError, match="remote ref"):
        mirror.fetch()
    assert mirror.head() == commit
    assert contents(mirror, commit) == {"a": b"1"}


def test_a_remote_that_is_gone_can_be_tried_again(remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"a": "1"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    remote.bare.rename(tmp_path / "away.git")
    with pytest.raises(PenstockError):
        mirror.fetch()
    assert mirror.head() == commit
    (tmp_path / "away.git").rename(remote.bare)
    assert mirror.fetch() == commit


def test_a_damaged_mirror_heals_itself(remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"a": "1"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    for item in (tmp_path / "data" / "mirror.git" / "objects").rglob("*"):
        if item.is_file():
            item.chmod(0o600)
            item.write_bytes(b"damaged")
    again = remote.commit({"a": "2"})
    assert mirror.fetch() == again != commit
    assert contents(mirror, again) == {"a": b"2"}


def test_a_stale_lock_and_a_half_made_mirror_are_no_obstacle(remote: Remote, tmp_path: Path) -> None:
    remote.commit({"a": "1"})
    (tmp_path / "data" / "mirror.git.new").mkdir(parents=True)
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    (tmp_path / "data" / "mirror.git" / "shallow.lock").touch()
    (tmp_path / "data" / "mirror.git" / "refs" / "penstock" / "head.lock").touch()
    commit = remote.commit({"a": "2"})
    assert mirror.fetch() == commit


def test_links_submodules_filters_and_hooks_do_nothing(remote: Remote, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (remote.work / "flows").mkdir()
    (remote.work / "flows" / "passwd.yaml").symlink_to("/etc/passwd")
    git("config", "filter.evil.smudge", f"touch {canary}", cwd=remote.work)
    (remote.bare / "hooks" / "post-update").write_text(f"#!/bin/sh\ntouch {canary}.remote\n")
    empty = git("hash-object", "-w", "-t", "commit", "--stdin", cwd=remote.work, stdin=_some_commit(remote))
    git("update-index", "--add", "--cacheinfo", f"160000,{empty},module", cwd=remote.work)
    commit = remote.commit({".gitattributes": "* filter=evil\n", "flows/good.yaml": "id: good\n"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    assert sorted(contents(mirror, commit)) == [".gitattributes", "flows/good.yaml"]
    assert not canary.exists()


def _some_commit(remote: Remote) -> str:
    tree = git("mktree", cwd=remote.work, stdin="")
    return f"tree {tree}\nauthor A <a@e> 1 +0000\ncommitter A <a@e> 1 +0000\n\nsub\n"


@pytest.mark.parametrize("branch", ["-h", "--upload-pack=touch x", "a..b", "a b", "a~1", "", "x.lock", "@{-1}", "a:b"])
def test_what_is_no_branch_name_never_reaches_git(branch: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no name of a branch"):
        GitMirror("file:///nowhere", branch, tmp_path)


@pytest.mark.parametrize("branch", ["a;b", "a$(id)", "a`id`", "a'b", 'a"b', "a|b", "ü/ß"])
def test_a_branch_with_a_hostile_name_is_a_branch_like_any_other(branch: str, remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"a": "1"})
    git("update-ref", f"refs/heads/{branch}", commit, cwd=remote.bare)
    assert mirror_of(remote, tmp_path, branch).fetch() == commit


@pytest.mark.parametrize("url", ["ext::sh -c touch% x", "--upload-pack=x", "", "fd::17"])
def test_a_url_that_would_run_something_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no URL"):
        GitMirror(url, "main", tmp_path)


def test_polling_leaves_neither_children_nor_handles_behind(remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"a": "1"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    before = _handles()
    for _ in range(40):
        assert mirror.fetch() == commit
        assert contents(mirror, commit) == {"a": b"1"}
    if before:
        assert _handles() <= before + 1
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        assert not children.exists() or b"git" not in children.read_bytes()


def _handles() -> int:
    """Open file handles of this process, where the system tells."""
    own = Path("/proc/self/fd")
    return len(list(own.iterdir())) if own.exists() else 0


def test_a_kept_commit_survives_a_rewrite(remote: Remote, tmp_path: Path) -> None:
    first = remote.commit({"a": "1"})
    mirror = mirror_of(remote, tmp_path)
    mirror.fetch()
    mirror.keep(first)
    remote.commit({"a": "2"}, force=True, amend=True)
    mirror.fetch()
    git("gc", "-q", "--prune=now", cwd=tmp_path / "data" / "mirror.git")
    assert contents(mirror, first) == {"a": b"1"}
    mirror.release(first)


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────

BRANCH = "penstock/results/demo/2026-11"


def results_of(remote: Remote, folder: Path) -> GitResultsBranch:
    return GitResultsBranch(f"file://{remote.bare}", BRANCH, folder, author="Penstock demo")


def log(remote: Remote) -> list[str]:
    return git("log", "--format=%an|%s", BRANCH, cwd=remote.bare).splitlines()


def test_results_are_commits_of_an_orphan_branch(remote: Remote, tmp_path: Path) -> None:
    remote.commit({"a": "1"})
    branch = results_of(remote, tmp_path / "results.git")
    assert not branch.has("2026/11/x")
    branch.add([("one [skip ci]\n", {"2026/11/x/execution.json": b"{}", "2026/11/x/logs/ünï.gz": b"\x00\xff\n"})])
    assert branch.has("2026/11/x")
    assert branch.show("2026/11/x/logs/ünï.gz") == b"\x00\xff\n"
    assert log(remote) == ["Penstock demo|one [skip ci]"]
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=remote.bare) == "1"


def test_what_is_there_already_is_not_added_again(remote: Remote, tmp_path: Path) -> None:
    first = results_of(remote, tmp_path / "one.git")
    first.add([("one", {"x/execution.json": b"{}"})])
    results_of(remote, tmp_path / "two.git").add([("again", {"x/execution.json": b"{}"})])
    assert log(remote) == ["Penstock demo|one"]


def test_two_writers_never_undo_each_other(remote: Remote, tmp_path: Path) -> None:
    one, two = results_of(remote, tmp_path / "one.git"), results_of(remote, tmp_path / "two.git")
    assert not one.has("a")
    assert not two.has("b")
    one.add([("a", {"a/execution.json": b"1"})])
    two.add([("b", {"b/execution.json": b"2"})])
    one.add([("c", {"c/execution.json": b"3"})])
    assert log(remote) == ["Penstock demo|c", "Penstock demo|b", "Penstock demo|a"]
    assert one.has("b")


def test_a_remote_that_rejects_is_told_in_its_own_words(remote: Remote, tmp_path: Path) -> None:
    hook = remote.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'quota exceeded' >&2\nexit 1\n")
    hook.chmod(0o755)
    branch = results_of(remote, tmp_path / "results.git")
    with pytest.raises(Retryable, match="quota exceeded"):
        branch.add([("one", {"x/execution.json": b"{}"})])
    hook.unlink()
    branch.add([("one", {"x/execution.json": b"{}"})])
    assert log(remote) == ["Penstock demo|one"]


@pytest.mark.parametrize("path", ["../x", "a//b", "/etc/passwd", "a/./b", ".git/config", "a\nb"])
def test_a_path_that_leads_elsewhere_is_refused(path: str, remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be a path"):
        results_of(remote, tmp_path / "results.git").add([("x", {path: b"x"})])
