"""Repositories, names, addresses and surroundings that mean ill: nothing of them runs, and nothing leads elsewhere.

Each canary is a command that would make a file; a plain git in the same place shows that it would.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes.git import RealHost, git
from penstock.adapters.git import Credentials, GitMirror, GitResultsBranch
from penstock.errors import Retryable, Stalled, UserError

HOOKS = (
    "applypatch-msg",
    "post-checkout",
    "post-commit",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-auto-gc",
    "pre-commit",
    "pre-push",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "update",
)


class Canary:
    """A command that makes `file`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.file = folder / "sang"
        self.script = folder / "sing"
        self.script.write_text(f"#!/bin/sh\ntouch '{self.file}'\nexit 0\n")
        self.script.chmod(0o755)

    def hooks(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in HOOKS:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(self.script)

    @property
    def sang(self) -> bool:
        return self.file.exists()


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "canary")


def surroundings(home: Path, canary: Canary) -> dict[str, str]:
    """What a person's own settings and variables could have git do."""
    canary.hooks(home / "template" / "hooks")
    run = str(canary.script)
    (home / ".config" / "git").mkdir(parents=True)
    config = f"""
[init]
    templateDir = {home / "template"}
[core]
    hooksPath = {home / "template" / "hooks"}
    fsmonitor = {run}
    sshCommand = {run}
    gitProxy = {run}
    askPass = {run}
    pager = {run}
    editor = {run}
    alternateRefsCommand = {run}
[credential]
    helper = !{run}
[uploadpack]
    packObjectsHook = {run}
[filter "canary"]
    smudge = {run}
    clean = {run}
    process = {run}
    required = true
[diff]
    external = {run}
[diff "canary"]
    textconv = {run}
    command = {run}
[protocol "ext"]
    allow = always
[gpg]
    program = {run}
[log]
    showSignature = true
[remote "origin"]
    uploadpack = {run}
[url "ext::{run} "]
    insteadOf = file://
    insteadOf = /
[maintenance]
    auto = true
[alias]
    fetch = !{run}
"""
    (home / ".gitconfig").write_text(config)
    (home / ".config" / "git" / "config").write_text(config)
    (home / ".config" / "git" / "attributes").write_text("* filter=canary diff=canary\n")
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_SYSTEM": str(home / ".gitconfig"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(home / "template" / "hooks"),
        "GIT_CONFIG_PARAMETERS": f"'core.hookspath={home / 'template' / 'hooks'}'",
        "GIT_TEMPLATE_DIR": str(home / "template"),
        "GIT_SSH": run,
        "GIT_SSH_COMMAND": run,
        "GIT_PROXY_COMMAND": run,
        "GIT_ASKPASS": run,
        "SSH_ASKPASS": run,
        "GIT_EXTERNAL_DIFF": run,
        "GIT_EXEC_PATH": str(home),
        "GIT_PAGER": run,
        "GIT_EDITOR": run,
        "GIT_ALLOW_PROTOCOL": "ext:file:ssh:git:http:https",
        "GIT_DIR": str(home / "elsewhere.git"),
        "GIT_OBJECT_DIRECTORY": str(home / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(home / "objects"),
        "GIT_NAMESPACE": "elsewhere",
        "GIT_SHALLOW_FILE": str(home / "shallow"),
    }


def put(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        patch.setenv(name, value)


def everything(mirror: GitMirror, before: str | None = None) -> dict[str, bytes]:
    """Every call of a mirror, once; the contents of its head."""
    head = mirror.poll()
    assert mirror.fetch() == head == mirror.head()
    mirror.keep(head)
    mirror.commit(head)
    mirror.changes(before or head, head)
    mirror.kept()
    mirror.release(head)
    return everything_of(mirror, head)


def everything_of(mirror: GitMirror, commit: str) -> dict[str, bytes]:
    return {blob.path: content for blob, content in mirror.read(mirror.blobs(commit))}


def test_surroundings_that_mean_ill_are_not_heard(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = RealHost(tmp_path / "host", str)
    host.commit({"a": b"1"})
    host.commit({"old": b"1"}, branch="base")
    with monkeypatch.context() as patch:
        put(patch, surroundings(tmp_path / "home", canary))
        mirror = GitMirror(host.url, "main", tmp_path / "mirror.git")
        assert everything(mirror) == {"a": b"1"}
        with pytest.raises((Retryable, Stalled)):
            GitMirror("ssh://127.0.0.1:9/x", "main", tmp_path / "ssh.git").fetch()
        with pytest.raises(Retryable):
            GitMirror("git://127.0.0.1:9/x", "main", tmp_path / "git.git").fetch()
        results = GitResultsBranch(host.url, "penstock/results/a/2026-11", tmp_path / "results.git")
        results.add([("one", {"x": b"1"})], anew={"README.md": b"1"})
        assert results.show("x") == b"1"
    assert not canary.sang
    assert not (tmp_path / "home" / "elsewhere.git").exists()


def test_hooks_that_somebody_puts_into_the_mirror_do_nothing(canary: Canary, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    host.commit({"a": b"1"})
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git")
    results = GitResultsBranch(host.url, "penstock/results/a/2026-11", tmp_path / "results.git")
    mirror.fetch()
    results.has("x")
    for ours in ("mirror.git", "results.git"):
        canary.hooks(tmp_path / ours / "hooks")
    host.commit({"a": b"2"})
    assert everything(mirror) == {"a": b"2"}
    results.add([("one", {"x": b"1"})])
    assert not canary.sang


def test_the_same_surroundings_are_heard_by_a_plain_git(canary: Canary, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    host.commit({"a": b"1"})
    variables = surroundings(tmp_path / "home", canary)
    env = {**os.environ, "HOME": variables["HOME"], "GIT_TEMPLATE_DIR": variables["GIT_TEMPLATE_DIR"]}
    subprocess.run(["git", "clone", "-q", host.url, "copy"], cwd=tmp_path, env=env, capture_output=True, check=False)
    assert canary.sang


def test_hooks_filters_and_submodules_of_a_remote_do_nothing(canary: Canary, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", lambda bare: f"file://{bare}")
    canary.hooks(host.bare / "hooks")
    for name in ("pre-receive", "update", "post-receive", "reference-transaction"):
        (host.bare / "hooks" / name).unlink(missing_ok=True)  # those that commits of the test itself would run
    run = str(canary.script)
    git("config", "uploadpack.packObjectsHook", run, cwd=host.bare)
    git("config", "core.fsmonitor", run, cwd=host.bare)
    git("config", "core.sshCommand", run, cwd=host.bare)
    git("config", "filter.canary.smudge", run, cwd=host.bare)
    before = host.commit({"plain": b"1"})
    modules = f'[submodule "x"]\n\tpath = sub\n\turl = ext::{run}\n\tfetchRecurseSubmodules = true\n'
    head = host.commit(
        {
            ".gitattributes": b"* filter=canary diff=canary text eol=crlf ident working-tree-encoding=UTF-16\n",
            ".gitmodules": modules.encode(),
            "flows/a.yaml": b"id: a\n$Id$\n",
            ".lfsconfig": f"[lfs]\n\turl = ext::{run}\n".encode(),
        },
        entries=[
            ("120000", "/etc/passwd", "flows/passwd.yaml"),
            ("120000", "../../../../etc", "flows/etc"),
            ("160000", before, "sub"),
        ],
    )
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git")
    found = everything(mirror)
    assert found["flows/a.yaml"] == b"id: a\n$Id$\n", "a filter has touched it"
    assert sorted(found) == [".gitattributes", ".gitmodules", ".lfsconfig", "flows/a.yaml", "plain"]
    changes = {change.path: change.blob is not None for change in mirror.changes(before, head)}
    assert changes == {
        ".gitattributes": True,
        ".gitmodules": True,
        ".lfsconfig": True,
        "flows/a.yaml": True,
        "flows/etc": False,
        "flows/passwd.yaml": False,
        "sub": False,
    }
    assert not canary.sang
    assert list((tmp_path / "mirror.git").glob("hooks/*")) == []


def test_a_file_that_becomes_a_link_is_gone(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    before = host.commit({"a.yaml": b"1", "b.yaml": b"1", "c.yaml": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    executable = git("rev-parse", f"{before}:c.yaml", cwd=host.bare)
    after = host.commit(
        {},
        entries=[("120000", "/etc/passwd", "a.yaml"), ("160000", before, "b.yaml"), ("100755", executable, "c.yaml")],
    )
    mirror.fetch()
    changes = mirror.changes(before, after)
    assert [(change.path, change.blob is not None) for change in changes] == [
        ("a.yaml", False),
        ("b.yaml", False),
        ("c.yaml", True),
    ]
    assert [blob.path for blob in mirror.blobs(after)] == ["c.yaml"]


NAMES = (
    "a;touch sang",
    "$(touch${IFS}sang)",
    "`touch${IFS}sang`",
    "a|touch\u00a0sang",
    "a'b",
    'a"b',
    "a&b",
    "a>b",
    "ä",
)


@pytest.mark.parametrize("name", [name.replace(" ", "\u00a0") for name in NAMES])
def test_a_name_that_a_shell_would_read_is_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = RealHost(tmp_path / "host", str)
    head = host.commit({"a": b"1"}, branch=name)
    git("update-ref", "refs/heads/-h", head, cwd=host.bare)
    git("update-ref", "refs/heads/--upload-pack=touch", head, cwd=host.bare)
    git("pack-refs", "--all", cwd=host.bare)
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        mirror = GitMirror(host.url, name, tmp_path / "mirror.git")
        assert everything(mirror) == {"a": b"1"}
        results = GitResultsBranch(host.url, f"penstock/{name}", tmp_path / "results.git")
        results.add([(f"{name} [skip ci]", {f"{name}/x": b"1"})])
        assert results.show(f"{name}/x") == b"1"
    assert list(tmp_path.rglob("sang")) == []


BAD = ("-h", "--upload-pack=touch", "", "@", "a..b", "a b", "a:b", "a*", "a~1", "a^", "a?", "a[b", "a\\b", "/a", "a/")
WORSE = ("a.", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a@{1}", "a\nb", "a\x7f", "../../x", "HEAD:x")


@pytest.mark.parametrize("name", [*BAD, *WORSE])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no name of a branch"):
        GitMirror(str(tmp_path), name, tmp_path / "mirror.git")
    with pytest.raises(UserError, match="no name of a branch"):
        GitResultsBranch(str(tmp_path), name, tmp_path / "results.git")


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% {sang}",
        "EXT::sh -c touch% {sang}",
        "ext::{script}",
        "fd::17",
        "file::ext::{script}",
        "http::ext::{script}",
        "ssh://-oProxyCommand={script}/x",
        "ssh://user@-oProxyCommand={script}/x",
        "-oProxyCommand={script}:x",
        "--upload-pack={script}",
        "-u{script}",
        "git://-h/x",
        "ftp://127.0.0.1/x",
        "rsync://127.0.0.1/x",
        "http://",
        "http:///x",
        "https://user@/x",
        "http://127.0.0.1/x\n--upload-pack={script}",
        "",
    ],
)
def test_an_address_that_would_run_something_is_none(url: str, canary: Canary, tmp_path: Path) -> None:
    text = url.format(sang=canary.file, script=canary.script)
    with pytest.raises(UserError):
        GitMirror(text, "main", tmp_path / "mirror.git").fetch()
    with pytest.raises(UserError):
        GitResultsBranch(text, "x", tmp_path / "results.git").has("x")
    assert not canary.sang


@pytest.mark.parametrize("url", ["user@-oProxyCommand={script}:x", "127.0.0.1:-oProxyCommand={script}"])
def test_an_address_that_ssh_could_misread_runs_nothing(url: str, canary: Canary, tmp_path: Path) -> None:
    with pytest.raises((UserError, Retryable, Stalled)):
        GitMirror(url.format(script=canary.script), "main", tmp_path / "mirror.git").fetch()
    assert not canary.sang


@pytest.mark.parametrize("field", ["ssh_key", "known_hosts"])
def test_a_path_that_a_shell_would_read_is_refused(field: str, canary: Canary, tmp_path: Path) -> None:
    credentials = Credentials(**{field: Path(f"/tmp/$({canary.script})")})
    with pytest.raises(UserError, match="a shell would read"):
        GitMirror("ssh://127.0.0.1:9/x", "main", tmp_path / "mirror.git", credentials=credentials).fetch()
    assert not canary.sang


def tree_of(host: RealHost, *names: bytes) -> str:
    """A commit of files by these names, which no git would make, on `main`."""
    blob = git("hash-object", "-w", "--stdin", cwd=host.bare, stdin=b"1")
    tree = b"".join(b"100644 %s\0%s" % (name, bytes.fromhex(blob)) for name in sorted(names))
    made = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", cwd=host.bare, stdin=tree)
    commit = git("commit-tree", "-m", "x", made, cwd=host.bare)
    git("update-ref", "refs/heads/main", commit, cwd=host.bare)
    return commit


def test_names_that_are_no_text_are_left_out_and_counted(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    before = host.commit({"x": b"1"})
    after = tree_of(host, b"bad\xff", b"good", b"worse\xc3")
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git")
    mirror.fetch()
    assert [blob.path for blob in mirror.blobs(after)] == ["good"]
    assert mirror.left_out == 2
    git("update-ref", "refs/heads/main", before, cwd=host.bare)
    mirror.fetch()
    assert [change.path for change in mirror.changes(before, after)] == ["good", "x"]


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"a/b", b"../x", b".git/config"])
def test_names_that_lead_elsewhere_are_not_even_fetched(name: bytes, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    before = host.commit({"x": b"1"})
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git")
    mirror.fetch()
    tree_of(host, name)
    with pytest.raises(Retryable, match="fsck"):
        mirror.fetch()
    assert mirror.head() == before
    assert everything_of(mirror, before) == {"x": b"1"}


def test_submodules_that_would_run_something_are_not_even_fetched(canary: Canary, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    modules = f'[submodule "x"]\n\tpath = sub\n\turl = ./x\n\tupdate = !{canary.script}\n'
    host.commit({".gitmodules": modules.encode()})
    with pytest.raises(Retryable, match="disallowed submodule update"):
        GitMirror(host.url, "main", tmp_path / "mirror.git").fetch()
    assert not canary.sang
