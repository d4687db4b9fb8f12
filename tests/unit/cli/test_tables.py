"""One list, five ways to write it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from penstock_cli.globals import Globals
from penstock_cli.render.tables import as_yaml, cell, output_option, show_rows

ROWS = [
    {"id": "a1", "flow": "demo/日本", "took": timedelta(seconds=90), "labels": {"team": "x"}},
    {"id": "b22", "flow": "demo/x", "took": None, "labels": {}},
]


def shown(output: str | None, *, color: str = "never") -> str:
    @click.command()
    @output_option()
    def command(output: str | None) -> None:
        show_rows(ROWS, output, columns=("id", "flow", "took"), name="id")

    result = CliRunner().invoke(command, [] if output is None else ["-o", output], obj=Globals(color=color), color=True)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_table_is_aligned_by_what_the_terminal_shows() -> None:
    assert shown(None) == "ID   FLOW       TOOK\na1   demo/日本  PT1M30S\nb22  demo/x\n"
    assert shown("table") == shown(None)


def test_the_head_of_a_table_is_bold_where_colour_is_wanted() -> None:
    assert shown("table", color="always").startswith("\x1b[1mID   FLOW       TOOK\x1b[0m\n")


def test_json_and_yaml_hold_every_field_and_a_version() -> None:
    expected = {
        "schemaVersion": 1,
        "items": [
            {"id": "a1", "flow": "demo/日本", "took": "PT1M30S", "labels": {"team": "x"}},
            {"id": "b22", "flow": "demo/x", "took": None, "labels": {}},
        ],
    }
    assert json.loads(shown("json")) == expected
    assert yaml.safe_load(shown("yaml")) == expected
    assert [json.loads(line) for line in shown("ndjson").splitlines()] == expected["items"]


def test_name_prints_what_other_commands_take() -> None:
    assert shown("name") == "a1\nb22\n"


def test_format_is_the_same_option() -> None:
    @click.command()
    @output_option("text", "json")
    def command(output: str | None) -> None:
        click.echo(output)

    for spelling in ("-o", "--output", "--format"):
        assert CliRunner().invoke(command, [spelling, "json"]).output == "json\n"
    assert CliRunner().invoke(command, ["-o", "yaml"]).exit_code == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "true"),
        (3, "3"),
        ("two\nlines \x1b[31m", "two lines \ufffd[31m"),
        ([1, "é"], '[1, "é"]'),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (PurePosixPath("/x"), "/x"),
    ],
)
def test_a_cell_is_one_harmless_line(value: object, expected: str) -> None:
    assert cell(value) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_yaml_reads_back_as_the_same_data(value: object) -> None:
    assert yaml.load(as_yaml(value), Loader=yaml.CSafeLoader) == json.loads(json.dumps(value))
