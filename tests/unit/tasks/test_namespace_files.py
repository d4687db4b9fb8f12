"""`namespaceFiles`: which files lie beside a program, and which one wins."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import NotFound, UserError
from penstock.ports.namespace_files import MOST_FILE_BYTES
from penstock.tasks.scripts.namespace_files import MOST_BYTES, MOST_FILES
from unit.tasks.fakes import HandContext, Seen, context, run

COMMANDS = "io.kestra.plugin.scripts.shell.Commands"
FILES = {
    "demo": {"a.sql": b"a", "sql/a.sql": b"inner", "sql/b.sql": b"b", "sql/x/c.py": b"c", "readme.md": b"r"},
    "demo.sub": {"a.sql": b"sub", "d.sql": b"d"},
    "big": {"big": b"x" * (256 * 1024 + 1)},
}


def laid(wish: dict[str, Any] | None, **more: Any) -> tuple[dict[str, bytes], HandContext]:
    """What lies beside the program when it starts."""
    seen = Seen()
    properties = {"commands": ["true"], "namespaceFiles": wish, **more.pop("properties", {})}
    world = context(COMMANDS, properties, program=seen, namespace_files=FILES, **more)
    run(world)
    return dict(seen.running[0].files), world


@pytest.mark.parametrize(
    ("wish", "paths"),
    [
        (None, []),
        ({"enabled": False}, []),
        ({}, ["a.sql", "readme.md", "sql/a.sql", "sql/b.sql", "sql/x/c.py"]),
        ({"include": ["a.sql"]}, ["a.sql", "sql/a.sql"]),
        ({"include": ["/a.sql"]}, ["a.sql"]),
        ({"include": ["*.md"]}, ["readme.md"]),
        ({"include": ["sql/*"]}, ["sql/a.sql", "sql/b.sql"]),
        ({"include": ["sql/**"]}, ["sql/a.sql", "sql/b.sql", "sql/x/c.py"]),
        ({"include": ["x/c.py"]}, ["sql/x/c.py"]),
        ({"include": ["**/*.sql"], "exclude": ["b.sql"]}, ["a.sql", "sql/a.sql"]),
        ({"exclude": ["sql/**", "readme.md"]}, ["a.sql"]),
        ({"include": ["{{ what }}"]}, ["readme.md"]),
        ({"namespaces": ["demo.sub"]}, ["a.sql", "d.sql"]),
        (
            {"namespaces": ["demo.sub", "big"], "folderPerNamespace": True},
            ["big/big", "demo.sub/a.sql", "demo.sub/d.sql"],
        ),
        ({"namespaces": ["nobody"]}, []),
    ],
)
def test_globs_choose_what_is_laid_down(wish: dict[str, Any] | None, paths: list[str]) -> None:
    files, _ = laid(wish, variables={"what": "readme.md"})
    assert sorted(files) == paths


@pytest.mark.parametrize(("rule", "content"), [(None, b"sub"), ("OVERWRITE", b"sub"), ("WARN", b"a"), ("IGNORE", b"a")])
def test_of_two_namespaces_the_rule_says_which_file_stays(rule: str | None, content: bytes) -> None:
    files, world = laid({"namespaces": ["demo", "demo.sub"], "ifExists": rule})
    assert files["a.sql"] == content
    warned = ("WARN", "The namespace file `a.sql` exists already, and is kept as it is") in world.said()
    assert warned is (rule == "WARN")
    assert ("INFO", "Loaded 6 namespace files") in world.said()


@pytest.mark.parametrize(
    ("rule", "said"), [("FAIL", "`namespaceFiles`: the file `a.sql` exists already"), ("KEEP", "is `KEEP`")]
)
def test_a_rule_may_refuse(rule: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        laid({"namespaces": ["demo", "demo.sub"], "ifExists": rule})


def test_a_given_file_wins_over_one_of_the_namespace() -> None:
    files, _ = laid({}, properties={"inputFiles": {"a.sql": "given", "e.sql": "nsfile:///sql/b.sql"}})
    assert (files["a.sql"], files["e.sql"], files["readme.md"]) == (b"given", b"b", b"r")


def test_a_large_file_goes_through_the_storage() -> None:
    files, world = laid({"namespaces": ["big"]})
    assert files == {"big": FILES["big"]["big"]}
    assert list(world.files.list("kestra:///")) == []


MANY = {"one": {f"{n}": b"" for n in range(6000)}, "two": {f"{n}.x": b"" for n in range(6000)}}
LARGE = {"one": dict.fromkeys(map(str, range(17)), b"x" * MOST_FILE_BYTES)}


@pytest.mark.parametrize("files", [MANY, LARGE])
def test_so_many_files_and_bytes_and_no_more(files: dict[str, dict[str, bytes]]) -> None:
    world = context(COMMANDS, {"commands": ["true"], "namespaceFiles": {"namespaces": [*files]}}, program=Seen())
    world.namespace_files.files |= files
    with pytest.raises(UserError, match=f"more than {MOST_FILES} files or {MOST_BYTES} bytes"):
        run(world)


@pytest.mark.parametrize("path", ["../x", "/etc/x", ".penstock/files/0"])
def test_no_file_leads_elsewhere_or_into_what_is_ours(path: str) -> None:
    world = context(COMMANDS, {"commands": ["true"], "namespaceFiles": {}}, program=Seen())
    world.namespace_files.files["demo"] = {path: b"x"}
    with pytest.raises(UserError, match="`namespaceFiles`: "):
        run(world)


def test_a_command_may_name_a_namespace_file() -> None:
    seen = Seen()
    properties = {"commands": ["sqlite3 x < nsfile:///sql/b.sql", "cat 'nsfile://demo.sub/d.sql'"]}
    run(context(COMMANDS, properties, program=seen, namespace_files=FILES))
    assert seen.running[0].files == {".penstock/files/0/b.sql": b"b", ".penstock/files/1/d.sql": b"d"}


def test_a_namespace_file_that_is_not_there_is_told() -> None:
    with pytest.raises(NotFound, match=r"`gone.sql` among those of the namespace demo"):
        laid(None, properties={"inputFiles": {"a": "nsfile:///gone.sql"}})
