"""The contract of NamespaceFiles: in memory, over a folder, and over a commit of a real mirror."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.git import RealHost
from fakes.namespace_files import MemoryNamespaceFiles
from penstock.adapters.git import GitMirror, MirrorTrees
from penstock.adapters.namespace_files import FolderNamespaceFiles
from penstock.errors import NotFound, UserError
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.ports.namespace_files import MOST_FILE_BYTES, NamespaceFile, NamespaceFiles

MIRROR = "mirror.git"
Make = Callable[[Mapping[str, bytes]], NamespaceFiles]


def in_memory(files: Mapping[str, bytes]) -> NamespaceFiles:
    """What the rule makes of a tree, written out."""
    layout = NamespaceLayout()
    namespaces = ("team", "team.a", "else")
    found = {each: layout.files(each, files) for each in namespaces}
    return MemoryNamespaceFiles(
        {each: {name: files[path] for name, path in own.items()} for each, own in found.items()}
    )


@pytest.fixture(params=["memory", "folder", "git"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def folder(files: Mapping[str, bytes]) -> NamespaceFiles:
        write(tmp_path / "tree", files)
        return FolderNamespaceFiles(tmp_path / "tree")

    def git(files: Mapping[str, bytes]) -> NamespaceFiles:
        host = RealHost(tmp_path / "host", str)
        commit = host.commit(dict(files))
        host.mirror(tmp_path).fetch()
        return MirrorTrees(tmp_path / MIRROR).files(f"{commit}:")

    makes: dict[str, Make] = {"memory": in_memory, "folder": folder, "git": git}
    return makes[request.param]


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def contents(files: NamespaceFiles, namespace: str) -> dict[str, bytes]:
    return {path: file.read() for path, file in files.each(namespace, [each.path for each in files.list(namespace)])}


TREE = {
    "flows/f.yaml": b"id: f\n",
    "_files/all.sql": b"all",
    "_files/sql/a.sql": b"common",
    "team.a/files/sql/a.sql": b"own",
    "team.a/files/deep/er/x.bin": b"\x00\xff",
    "team.a/files/.gitignore": b"no",
    "team.a/files/.env": b"A=1",
    "team.a/flows/g.yaml": b"id: g\n",
    "team.ab/files/other.txt": b"other",
    "docs/files/readme.md": b"",
}


def test_a_namespace_has_its_own_files_and_those_of_all(make: Make) -> None:
    files = make(TREE)
    assert files.list("team.a") == [
        NamespaceFile(".env", 3),
        NamespaceFile("all.sql", 3),
        NamespaceFile("deep/er/x.bin", 2),
        NamespaceFile("sql/a.sql", 3),
    ]
    assert contents(files, "team.a") == {
        ".env": b"A=1",
        "all.sql": b"all",
        "deep/er/x.bin": b"\x00\xff",
        "sql/a.sql": b"own",
    }
    assert contents(files, "else") == {"all.sql": b"all", "sql/a.sql": b"common"}
    with files.open("team.a", "sql/a.sql") as file:
        assert file.read() == b"own"


def test_where_there_are_none_there_are_none(make: Make) -> None:
    assert list(make({"flows/f.yaml": b"id: f\n"}).list("team")) == []


@pytest.mark.parametrize(
    "path", ["gone.sql", "", ".", "/all.sql", "../_files/all.sql", "sql/../all.sql", "sql", "sql/", "./all.sql", "a\0b"]
)
def test_only_what_is_listed_can_be_opened(make: Make, path: str) -> None:
    files = make(TREE)
    with pytest.raises(NotFound):
        files.open("team", path)
    with pytest.raises(NotFound):
        list(files.each("team", [path]))


def test_a_file_over_the_bound_is_refused_with_the_bound(make: Make) -> None:
    files = make({"_files/big": bytes(MOST_FILE_BYTES + 1)})
    with pytest.raises(UserError, match=str(MOST_FILE_BYTES)):
        files.open("team", "big")


def test_many_threads_read_at_once(make: Make) -> None:
    files = make(TREE)
    found: list[dict[str, bytes]] = []
    threads = [threading.Thread(target=lambda: found.append(contents(files, "team.a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [contents(files, "team.a")] * 8


# ── what only trees of Git, or folders, can hold ──


def test_what_a_repository_declares_is_what_counts(tmp_path: Path) -> None:
    declared = b"files:\n  team: [sql/**, 'etc/*.ini', one.txt]\n"
    tree = {"penstock.yaml": declared, "sql/x/a.sql": b"1", "etc/b.ini": b"2", "etc/c.txt": b"3", "one.txt": b"4"}
    tree |= {"_files/all.sql": b"5"}
    host = RealHost(tmp_path / "host", str)
    commit = host.commit(tree)
    host.mirror(tmp_path).fetch()
    write(tmp_path / "tree", tree)
    for files in (MirrorTrees(tmp_path / MIRROR).files(f"{commit}:"), FolderNamespaceFiles(tmp_path / "tree")):
        assert contents(files, "team") == {"x/a.sql": b"1", "b.ini": b"2", "one.txt": b"4"}
        assert contents(files, "else") == {"all.sql": b"5"}


def test_the_folder_of_the_flows_is_where_files_are_looked_for(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    commit = host.commit({"_files/a": b"root", "jobs/_files/a": b"jobs", "jobs/team/files/b": b"own"})
    host.mirror(tmp_path).fetch()
    assert contents(MirrorTrees(tmp_path / MIRROR).files(f"{commit}:jobs"), "team") == {"a": b"jobs", "b": b"own"}


@pytest.mark.parametrize("where", ["_files/link", "_files/inner/link", "_files"])
def test_no_link_is_followed_in_a_folder(where: str, tmp_path: Path) -> None:
    write(tmp_path, {"secret/link": b"no", "secret/inner/link": b"no", "tree/flows/f.yaml": b""})
    link = tmp_path / "tree" / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "secret" if where == "_files" else tmp_path / "secret/link")
    files = FolderNamespaceFiles(tmp_path / "tree")
    assert list(files.list("team")) == []
    for path in ("link", "inner/link"):
        with pytest.raises(NotFound):
            files.open("team", path)


def test_a_pipe_in_a_folder_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"_files/a": b"1"})
    os.mkfifo(tmp_path / "_files/pipe")
    assert [each.path for each in FolderNamespaceFiles(tmp_path).list("team")] == ["a"]


def test_a_folder_that_turns_into_a_link_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    """Swapped as fast as it goes while files are opened: what is read is ours, or nothing."""
    write(tmp_path, {"secret/f": b"no", "tree/_files/d/f": b"yes", "tree/spare": b""})
    at, aside = tmp_path / "tree/_files/d", tmp_path / "tree/aside"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            at.rename(aside)
            at.symlink_to(tmp_path / "secret")
            at.unlink()
            aside.rename(at)

    swapper = threading.Thread(target=swap)
    swapper.start()
    files, read = FolderNamespaceFiles(tmp_path / "tree"), set()
    try:
        for _ in range(3000):
            try:
                with files.open("team", "d/f") as file:
                    read.add(file.read())
            except NotFound:
                continue
    finally:
        stop.set()
        swapper.join()
    assert read <= {b"yes"}


LINK = ("120000", "/etc/passwd", "_files/link")
SUBMODULE = ("160000", "0" * 39 + "1", "_files/module")


def test_links_and_submodules_in_a_commit_are_no_files(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    commit = host.commit({"_files/a": b"1", "flows/f.yaml": b""}, entries=[LINK, SUBMODULE])
    host.mirror(tmp_path).fetch()
    files = MirrorTrees(tmp_path / MIRROR).files(f"{commit}:")
    assert [each.path for each in files.list("team")] == ["a"]
    with pytest.raises(NotFound, match="among those of the namespace team"):
        files.open("team", "link")


def test_a_pinned_commit_is_read_after_the_history_was_rewritten(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    first = host.commit({"_files/a": b"1"})
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    mirror.keep(first)
    second = host.commit({"_files/a": b"2"}, orphan=True)
    mirror.fetch()
    assert isinstance(mirror, GitMirror)
    mirror._git.run("gc", "--quiet", "--prune=now")
    trees = MirrorTrees(tmp_path / MIRROR)
    assert [contents(trees.files(f"{commit}:"), "team") for commit in (first, second)] == [{"a": b"1"}, {"a": b"2"}]


# ── the rule ──

PARTS = st.lists(st.sampled_from(["_files", "files", "team", "team.a", "flows", "a", ".git", "b.sql"]), min_size=1)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PARTS.map("/".join)), st.sampled_from(["team", "team.a", "a"]), st.sampled_from(["", "a", "team"]))
def test_what_belongs_to_a_namespace_concerns_it_and_has_one_name(paths: list[str], name: str, folder: str) -> None:
    layout = NamespaceLayout(folder=folder)
    found = layout.files(name, paths)
    assert all(layout.concerns(path) and path in paths and path.endswith(called) for called, path in found.items())
    assert list(found) == sorted(found)
