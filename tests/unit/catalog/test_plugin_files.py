"""Which files a catalogue is made of, by the paths that are there."""

from __future__ import annotations

import pytest

from penstock.errors import UserError
from penstock.flow.catalogue.plugin_files import chosen, within_repository

THERE = {
    "a.json", "own/b.json", "own/deep/c.json", "own/.hidden/d.json", "own/readme.md", "ours/catalog.json",
    "ours/flow.json", "ours/types/e.json", "owner/f.json",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.json", ["a.json"]),
        ("own", ["own/b.json", "own/deep/c.json"]),
        ("own/deep", ["own/deep/c.json"]),
        ("ours", ["ours/catalog.json", "ours/types/e.json"]),
        ("ours/flow.json", ["ours/flow.json"]),
        (".", ["a.json", "ours/catalog.json", "ours/flow.json", "ours/types/e.json", "own/b.json", "own/deep/c.json",
               "owner/f.json"]),
    ],
)  # fmt: skip
def test_a_file_a_folder_or_one_with_an_index(name: str, wanted: list[str]) -> None:
    assert chosen(name, THERE, name, "penstock.yaml") == wanted


@pytest.mark.parametrize("name", ["none", "own/readme", "own/.hidden/x"])
def test_what_is_not_there_is_told(name: str) -> None:
    with pytest.raises(UserError, match=f"^penstock.yaml:1:1: there is no catalogue `{name}`"):
        chosen(name, THERE, name, "penstock.yaml:1:1")


def test_names_are_paths_of_the_tree() -> None:
    assert within_repository(["./own/", "a/../b.json", "."], "p") == ("own", "b.json", ".")
    for name in ("..", "../a", "a/../../b", "/etc"):
        with pytest.raises(UserError, match="leads out of the repository"):
            within_repository([name], "p")
