"""Which files of a folder are flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import NotFound, UserError
from penstock.flow.layout.ignore import is_ignored, read_patterns
from penstock.flow.layout.tree import FlowFile, discover, find_flows


def write(root: Path, *names: str, **texts: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("id: x\n")
    for name, text in texts.items():
        (root / name).write_text(text)


def test_kestras_layouts_are_known(tmp_path: Path) -> None:
    write(
        tmp_path,
        "flows/a.yaml",
        "flows/deep/b.yml",
        "_flows/c.yaml",
        "company.team/flows/d.yaml",
        "company.team/other.yaml",
        "flows/e.test.yaml",
        "flows/notes.md",
        "flows/.hidden.yaml",
        "flows/.git/f.yaml",
    )
    assert discover((), tmp_path) == ["_flows/c.yaml", "company.team/flows/d.yaml", "flows/a.yaml", "flows/deep/b.yml"]


def test_penstock_yaml_says_where_flows_are_and_is_found_upward(tmp_path: Path) -> None:
    write(tmp_path, "jobs/a.yaml", "more/x/b.yaml", "more/c.yaml", "flows/d.yaml")
    (tmp_path / ".git").mkdir()
    (tmp_path / "penstock.yaml").write_text("flows: [jobs, 'more/*/*.yaml']\n")
    assert discover((), tmp_path) == ["jobs/a.yaml", "more/x/b.yaml"]
    assert discover((), tmp_path / "jobs") == ["../more/x/b.yaml", "a.yaml"]


def test_a_penstock_yaml_outside_the_git_tree_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "penstock.yaml", "repo/.git/HEAD", "repo/flows/a.yaml")
    assert discover((), tmp_path / "repo") == ["flows/a.yaml"]


@pytest.mark.parametrize("text", ["flows: {a: b}\n", "flows: [[1]]\n", "flows: [\n"])
def test_a_penstock_yaml_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "penstock.yaml").write_text(text)
    with pytest.raises(UserError, match=r"penstock\.yaml"):
        discover((), tmp_path)


def test_files_folders_and_standard_input(tmp_path: Path) -> None:
    write(tmp_path, "a/one.yaml", "a/two.yaml", "three.txt")
    found = find_flows(["a", "a/one.yaml", "three.txt", "-"], tmp_path, stdin=b"id: s")
    assert [file.shown for file in found] == ["<stdin>", "a/one.yaml", "a/two.yaml", "three.txt"]
    assert found[0].read() == b"id: s"
    absolute = str(tmp_path / "three.txt")
    assert discover([absolute], tmp_path) == [absolute]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nope\.yaml does not exist"):
        discover(["nope.yaml"], tmp_path)
    with pytest.raises(NotFound, match="no flows in"):
        discover((), tmp_path)
    with pytest.raises(UserError, match="cannot read"):
        FlowFile("folder", tmp_path).read()


def test_ignore_files_are_heeded_from_the_root_of_the_git_tree_down(tmp_path: Path) -> None:
    write(
        tmp_path,
        ".git/HEAD",
        "flows/a.yaml",
        "flows/old/b.yaml",
        "flows/old/keep.yaml",
        "flows/drafts/c.yaml",
        "flows/d-wip.yaml",
    )
    (tmp_path / ".penstockignore").write_text("# drafts\ndrafts/\nflows/old/*\n!flows/old/keep.yaml\n")
    (tmp_path / "flows" / ".kestraignore").write_text("*-wip.yaml\n")
    assert discover((), tmp_path) == ["flows/a.yaml", "flows/old/keep.yaml"]
    assert discover(["flows"], tmp_path) == ["flows/a.yaml", "flows/old/keep.yaml"]
    assert discover(["flows/drafts/c.yaml"], tmp_path) == ["flows/drafts/c.yaml"]


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("*.yaml", "a/b.yaml", True),
        ("/a.yaml", "a.yaml", True),
        ("/a.yaml", "b/a.yaml", False),
        ("a/", "a/b.yaml", True),
        ("a/", "x/a/b.yaml", True),
        ("a/", "a", False),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "a/c", True),
        ("**/x", "q/x", True),
        ("a/**", "a/b/c", True),
        ("?.yaml", "ab.yaml", False),
        ("[ab].yaml", "b.yaml", True),
        ("[!ab].yaml", "b.yaml", False),
        ("*.yaml\n!b.yaml", "b.yaml", False),
        ("#x", "#x", False),
        ("[", "[", True),
    ],
)
def test_patterns_are_those_of_gitignore(patterns: str, path: str, ignored: bool) -> None:
    assert is_ignored(path, read_patterns(patterns)) is ignored
