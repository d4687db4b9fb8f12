"""Where things lie in the storage: Kestra's layout, in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.files import MemoryFiles
from penstock.diagnostic import FlowName
from penstock.expression import render
from penstock.ports.storage import (
    belongs,
    execution_files,
    input_file,
    namespace_file,
    plain_name,
    slug,
    task_file,
)

FLOW = FlowName("company.team", "My_daily--Flow")
OWN = "kestra:///company/team/my-daily-flow/executions/e1/"


def test_the_layout_is_kestras() -> None:
    assert execution_files(FLOW, "e1") == OWN
    assert task_file(FLOW, "e1", "load_Data", "r1", "a/b.csv") == f"{OWN}tasks/load-data/r1/a/b.csv"
    assert input_file(FLOW, "e1", "in.put", "b.csv") == f"{OWN}inputs/in.put/b.csv"
    assert belongs(f"{OWN}inputs/x/y", "e1")
    assert not belongs(f"{OWN}inputs/x/y", "e2")


@given(st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", fullmatch=True))
def test_a_slug_is_what_the_filter_makes(text: str) -> None:
    assert slug(text) == render("{{ text | slugify }}", {"text": text})


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("nsfile:///a/b.txt", ("team", "a/b.txt")),
        ("nsfile://other.one/b.txt", ("other.one", "b.txt")),
        ("kestra:///other/one/_files/a/b.txt", ("other.one", "a/b.txt")),
        (f"{OWN}tasks/t/r/_files/b.txt", None),
        ("a/b.txt", None),
    ],
)
def test_what_names_a_namespace_file(uri: str, found: tuple[str, str] | None) -> None:
    assert namespace_file(uri, "team") == found


@given(st.text())
def test_a_plain_name_can_be_part_of_a_uri(text: str) -> None:
    name = plain_name(text)
    files = MemoryFiles()
    if name:
        files.name(task_file(FLOW, "e1", "t", "r", name), files.put(b""))
        assert plain_name(name) == name
