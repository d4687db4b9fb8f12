"""Kestra's own flows, what users write, and our examples: judged as `validate` does, they give what they must only."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import CONFORMANCE, ROOT
from penstock.diagnostic import Diagnostic, Severity
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow
from penstock.validation.check import check_files
from program import penstock

# Valid flows that give an error all the same, with its line: the flow is one that fails when it is run, because an
# expression cannot be rendered, or it uses a task class of Kestra's tests (PEN210).
FAULTY = {
    "flow-with-outputs-failed.yml": [("PEN302", 11)],
    "flowable-with-parent-fail.yaml": [("PEN301", 17)],
    "task-runif.yml": [("PEN229", 20)],
    "dynamic-task.yaml": [("PEN210", 5)],
    "exception-with-output.yaml": [("PEN210", 6)],
    "executable-fail.yml": [("PEN210", 6)],
    "flowable-fail.yaml": [("PEN210", 6)],
    "null-output.yaml": [("PEN210", 6)],
    "retry-dynamic-task.yaml": [("PEN210", 5)],
    "working-directory-taskrun-encrypted.yml": [("PEN210", 9)],
}

# Valid flows that are warned of: a required input is given neither by the schedule nor by a default.
WARNED = {"switch.yaml": [("PEN403", 46)], "task-flow.yaml": [("PEN403", 27)]}

# What is wrong between them, when all are judged together: a trigger reads a task that the flow it waits for lacks.
BETWEEN = [("PEN509", "trigger-flow-listener-invalid.yaml", 17)]

EXAMPLES = sorted((ROOT / "examples" / "flows").glob("*.yaml"))


def of(folder: str) -> list[Path]:
    return sorted((CONFORMANCE / folder).glob("*.y*ml"))


def judged(
    file: Path, dialect: Dialect = Dialect.AUTO, unknown_types: Severity | None = Severity.ERROR
) -> tuple[Diagnostic, ...]:
    return parse_flow(
        file.read_bytes(), file.name, catalog=load_catalog(), dialect=dialect, unknown_types=unknown_types
    ).diagnostics


def told(found: tuple[Diagnostic, ...], severity: Severity) -> list[tuple[str, int]]:
    return [(one.code, one.range.start.line) for one in found if one.severity is severity]


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize("dialect", [Dialect.AUTO, Dialect.V1])
@pytest.mark.parametrize("file", of("flows/valids"), ids=lambda file: file.name)
def test_a_valid_flow_errs_only_where_its_case_is_a_fault(file: Path, dialect: Dialect) -> None:
    found = judged(file, dialect)
    assert told(found, Severity.ERROR) == FAULTY.get(file.name, [])
    assert told(found, Severity.WARNING) == WARNED.get(file.name, [])


def test_valid_flows_err_together_only_where_a_case_is_a_fault(conformance: Path) -> None:
    files = [FlowFile(file.name, file) for file in of("flows/valids")]
    found = [one for one in check_files(files, load_catalog()).diagnostics if one.is_error]
    between = [(one.code, one.file, one.range.start.line) for one in found if one.code.startswith("PEN5")]
    assert between == BETWEEN
    alone = {file: [(one.code, one.range.start.line) for one in found if one.file == file] for file in FAULTY}
    assert alone == FAULTY
    assert len(found) == len(between) + sum(map(len, FAULTY.values()))


def test_every_flow_of_the_tables_is_there(conformance: Path) -> None:
    assert {file.name for file in of("flows/valids")} >= FAULTY.keys() | WARNED.keys()
    assert (conformance / "wanted").is_dir()


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("file", of("wanted"), ids=lambda file: file.name)
def test_what_users_write_gives_no_error(file: Path, dialect: Dialect) -> None:
    assert told(judged(file, dialect, None), Severity.ERROR) == []


@pytest.mark.parametrize("dialect", [Dialect.AUTO, Dialect.V1])
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_gives_neither_error_nor_warning(file: Path, dialect: Dialect) -> None:
    found = judged(file, dialect)
    assert told(found, Severity.ERROR) + told(found, Severity.WARNING) == []


def test_the_program_finds_no_error_in_the_examples_as_a_repository() -> None:
    outcome = penstock("validate", "--format", "json", "examples/flows", cwd=ROOT)
    errors = [one for one in outcome.json["diagnostics"] if one["severity"] == "error"]
    assert (outcome.code, errors, outcome.json["summary"]["flows"]) == (0, [], len(EXAMPLES))


@pytest.mark.usefixtures("conformance")
def test_the_program_finds_no_error_in_what_users_write_as_a_repository() -> None:
    outcome = penstock("validate", "--format", "json", "--unknown-types", "ignore", CONFORMANCE / "wanted")
    assert [one for one in outcome.json["diagnostics"] if one["severity"] == "error"] == []
    assert outcome.code == 0
