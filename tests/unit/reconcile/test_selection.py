"""Which files of a tree are flows, by what the tree itself says."""

from __future__ import annotations

import pytest

from penstock.flow.model import Dialect
from penstock.reconcile.selection import Selection


def selection(prefix: str = "", dialect: Dialect = Dialect.AUTO, **steering: str) -> Selection:
    names = {"penstock": "penstock.yaml", "ignore": ".penstockignore", "kestra": "flows/.kestraignore"}
    files = {names[name]: text.encode() for name, text in steering.items()}
    return Selection.of(files, prefix=prefix, dialect=dialect)


@pytest.mark.parametrize(
    ("path", "prefix", "wanted"),
    [
        ("flows/a.yaml", "", True),
        ("flows/team/a.yml", "", True),
        ("_flows/a.yaml", "", True),
        ("company.team/flows/a.yaml", "", True),
        ("a.yaml", "", False),
        ("flows/a.json", "", False),
        ("flows/a.test.yaml", "", False),
        ("flows/penstock.yaml", "", False),
        (".github/flows/a.yaml", "", False),
        ("flows/.hidden/a.yaml", "", False),
        ("a.yaml", "sub", False),
        ("sub/a.yaml", "sub/", True),
        ("sub/deep/a.yaml", "sub", True),
        ("subway/a.yaml", "sub", False),
    ],
)
def test_flows_lie_where_kestra_has_them_or_below_a_named_folder(path: str, prefix: str, wanted: bool) -> None:
    assert selection(prefix).takes(path) is wanted


def test_the_repositorys_globs_count_instead() -> None:
    chosen = selection(penstock="flows: [jobs, 'teams/*/pipelines/*.yaml']\n")
    assert chosen.takes("jobs/a.yaml")
    assert chosen.takes("jobs/deep/a.yml")
    assert chosen.takes("teams/x/pipelines/a.yaml")
    assert not chosen.takes("teams/x/other/a.yaml")
    assert not chosen.takes("flows/a.yaml")


def test_a_folder_and_globs_must_both_hold() -> None:
    chosen = selection("teams/x", penstock="flows: ['teams/*/flows/**']\n")
    assert chosen.takes("teams/x/flows/a.yaml")
    assert not chosen.takes("teams/y/flows/a.yaml")


def test_ignore_files_count_from_where_they_lie() -> None:
    chosen = selection(ignore="old/\n", kestra="*.draft.yaml\n")
    assert not chosen.takes("flows/old/a.yaml")
    assert not chosen.takes("flows/a.draft.yaml")
    assert chosen.takes("_flows/a.draft.yaml")


def test_whatever_decides_how_files_are_read_changes_the_digest() -> None:
    several = [
        selection(),
        selection("sub"),
        selection(dialect=Dialect.V2),
        selection(penstock="dialect: '1'\n"),
        selection(ignore="x\n"),
        selection(kestra="x\n"),
    ]
    assert len({each.digest for each in several}) == len(several)
    assert selection(ignore="x\n").digest == selection(ignore="x\n").digest
    assert all(each.digest.startswith(Selection.base("", Dialect.AUTO)) for each in (several[0], several[3]))


def test_the_dialect_is_the_agents_or_else_the_repositorys() -> None:
    assert selection(penstock="dialect: '0.21'\n").dialect is Dialect.V0_21
    assert selection(dialect=Dialect.V2, penstock="dialect: '0.21'\n").dialect is Dialect.V2


@pytest.mark.parametrize(
    ("text", "words"),
    [("flows: 7\n", "penstock.yaml:1:8"), ("requires: '>=99'\n", "asks for Penstock >=99"), ("{", "penstock.yaml:")],
)
def test_a_wrong_penstock_yaml_is_a_problem_of_the_whole(text: str, words: str) -> None:
    assert words in str(selection(penstock=text).problem)
