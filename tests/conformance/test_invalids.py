"""Kestra's own test flows: the valid ones are read without an error, the invalid ones are refused where they err."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import CONFORMANCE
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import ParsedFlow, parse_flow

CATALOG = load_catalog()

TESTS_ALONE = "io.kestra.core.tasks.test.", "io.kestra.core.runners.test."
"""Task classes of Kestra's tests: flows that use them are not portable."""

# Where each invalid flow errs: the codes of its errors with their lines.
INVALID = {
    "duplicate-inputs.yaml": [("PEN213", 8)],
    "duplicate-key.yaml": [("PEN111", 10)],
    "duplicate.yaml": [("PEN212", 6), ("PEN212", 21), ("PEN212", 25), ("PEN212", 30), ("PEN214", 37)],
    "empty.yaml": [("PEN201", 1)],
    "inputs-bad-type.yaml": [("PEN206", 4), ("PEN205", 5)],
    "inputs-validation.yaml": [("PEN221", 7), ("PEN221", 10)],
    "invalid-parallel.yaml": [("PEN206", 1), ("PEN206", 2), ("PEN201", 12), ("PEN216", 18), ("PEN201", 22)],
    "invalid-property.yaml": [("PEN202", 7)],
    "invalid-task.yaml": [("PEN210", 7), ("PEN210", 12), ("PEN210", 18)],
    "invalid.yaml": [("PEN206", 1), ("PEN206", 2), ("PEN201", 4)],
    "recursive-flow.yaml": [("PEN219", 7)],
    "switch-invalid.yaml": [("PEN217", 9)],
    "system-labels.yaml": [("PEN215", 5), ("PEN215", 6), ("PEN201", 10)],
    "workingdirectory-invalid.yaml": [("PEN218", 12)],
}

SAYS = {
    "duplicate-inputs.yaml": ["Duplicate input with name [first_input]"],
    "duplicate-key.yaml": ["Duplicate field 'variables.tf'"],
    "duplicate.yaml": [
        "Duplicate task id with name [date]",
        "Duplicate task id with name [listen]",
        "Duplicate trigger id with name [trigger]",
    ],
    "inputs-bad-type.yaml": ["Invalid type: FOO"],
    "inputs-validation.yaml": [
        "`itemType` cannot be `ARRAY`",
        "file: no `defaults` can be set for inputs of type 'FILE'",
    ],
    "invalid-parallel.yaml": ["must not be empty"],
    "invalid-task.yaml": ["Invalid type: io.kestra.plugin.core.debug.MissingOne"],
    "recursive-flow.yaml": ["Recursive call to flow [io.kestra.tests.recursive-flow]"],
    "switch-invalid.yaml": ["No task defined, neither cases or default have any tasks"],
    "system-labels.yaml": [
        "System labels can only be set by Kestra itself, offending label: system.id=id",
        "System labels can only be set by Kestra itself, offending label: system.label=system_key",
    ],
    "workingdirectory-invalid.yaml": ["Only runnable tasks are allowed as children of a WorkingDirectory task"],
}
"""What Kestra's own tests expect to be said of them, as far as we say it in the same words."""


def parse(file: Path, dialect: Dialect = Dialect.V0_21) -> ParsedFlow:
    return parse_flow(file.read_bytes(), file.name, catalog=CATALOG, dialect=dialect)


def flows_of(folder: str) -> list[Path]:
    return sorted(path for path in (CONFORMANCE / folder).glob("*.y*ml"))


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_flow_is_refused_where_it_errs(name: str) -> None:
    parsed = parse(CONFORMANCE / "flows" / "invalids" / name)
    errors = [found for found in parsed.diagnostics if found.is_error]
    assert [(found.code, found.range.start.line) for found in errors] == INVALID[name]
    assert parsed.flow is None
    said = {found.message for found in errors}
    assert [words for words in SAYS.get(name, ()) if words not in said] == []


def test_every_invalid_flow_is_in_the_table(conformance: Path) -> None:
    assert {path.name for path in flows_of("flows/invalids")} == set(INVALID)
    assert (conformance / "cases.json").is_file()


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize("file", flows_of("flows/valids"), ids=lambda file: file.stem)
def test_a_valid_flow_is_read_without_an_error(file: Path) -> None:
    parsed = parse(file)
    errors = [found for found in parsed.diagnostics if found.is_error]
    if any(prefix in parsed.document.text for prefix in TESTS_ALONE):
        assert {found.code for found in errors} == {"PEN210"}
        return
    assert errors == []
    assert parsed.flow is not None
    assert {task.id for task in parsed.flow.walk()} == set(parsed.flow.by_id)


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize("file", flows_of("wanted"), ids=lambda file: file.stem)
def test_what_users_write_is_read_without_an_error_in_every_dialect_of_1(file: Path) -> None:
    for dialect in (Dialect.AUTO, Dialect.V0_21, Dialect.V1):
        parsed = parse(file, dialect)
        assert [found for found in parsed.diagnostics if found.is_error and found.code != "PEN210"] == []
