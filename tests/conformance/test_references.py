"""The references of Kestra's own flows: those that hold are passed over, those that are wrong are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import CONFORMANCE
from penstock.diagnostic import Severity
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow

RULES = {"PEN204", "PEN229", "PEN301", "PEN302", "PEN303", "PEN304", "PEN305"}

# Flows whose case is that an expression fails: the code of their error, with its line.
WRONG = {
    "flowable-with-parent-fail.yaml": [("PEN301", 17)],
    "flow-with-outputs-failed.yml": [("PEN302", 11)],
    "task-runif.yml": [("PEN229", 20)],
}


def flows() -> list[Path]:
    return sorted(path for folder in ("flows/valids", "wanted") for path in (CONFORMANCE / folder).glob("*.y*ml"))


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize("file", flows(), ids=lambda file: file.name)
@pytest.mark.parametrize("dialect", [Dialect.V0_21, Dialect.AUTO, Dialect.V1])
def test_what_is_told_of_references_is_wrong_indeed(file: Path, dialect: Dialect) -> None:
    found = parse_flow(file.read_bytes(), file.name, catalog=load_catalog(), dialect=dialect).diagnostics
    told = [one for one in found if one.code in RULES]
    worst = Severity.WARNING if dialect is Dialect.V0_21 else Severity.ERROR
    assert [(one.code, one.range.start.line) for one in told] == WRONG.get(file.name, [])
    assert {one.severity for one in told} <= {worst}


def test_every_flow_that_is_listed_is_there(conformance: Path) -> None:
    assert {path.name for path in flows()} >= WRONG.keys()
    assert (conformance / "flows").is_dir()
