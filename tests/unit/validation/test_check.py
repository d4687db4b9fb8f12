"""Many files at once: together, in several processes, and against one another."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from penstock.diagnostic import Severity
from penstock.errors import UserError
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.validation.check import check_files
from penstock.validation.options import Options

CATALOG = load_catalog()


def flow(name: str, task: str = "io.kestra.plugin.core.log.Log") -> bytes:
    return f"namespace: n\nid: {name}\ntasks:\n  - id: t\n    type: {task}\n    message: x\n".encode()


def files(*sources: bytes) -> list[FlowFile]:
    return [FlowFile(f"{n}.yaml", Path(f"{n}.yaml"), source) for n, source in enumerate(sources)]


def test_one_flow_in_two_files_is_told_at_both() -> None:
    report = check_files(files(flow("a"), flow("b"), flow("a")), CATALOG)
    assert [(one.code, one.file, one.range.start.line, one.range.start.column) for one in report.diagnostics] == [
        ("PEN501", "0.yaml", 2, 5), ("PEN501", "2.yaml", 2, 5),
    ]  # fmt: skip
    assert report.diagnostics[0].message == "flow `n/a` is also defined in 2.yaml:2"
    assert report.line("0.yaml", 2) == "id: a"
    assert (report.flows, report.files) == (3, 3)


def test_several_processes_find_what_one_finds() -> None:
    sources = [flow(f"f{n}", "no.Such" if n % 7 == 0 else "io.kestra.plugin.core.log.Log") for n in range(60)]
    sources.append(flow("f1"))
    alone = check_files(files(*sources), CATALOG, processes=1)
    together = check_files(files(*sources), CATALOG, processes=2)
    assert alone.diagnostics == together.diagnostics
    assert alone.count(Severity.ERROR) == 9 + 2


def test_files_that_are_no_flows_are_not_counted() -> None:
    report = check_files(files(b"a: 1\n", b"", flow("a")), CATALOG)
    assert (report.flows, report.files, report.count(Severity.INFO)) == (1, 3, 2)


def test_options_reach_every_file() -> None:
    report = check_files(files(flow("a", "no.Such")), CATALOG, Options(unknown_types=None))
    assert report.diagnostics == []


def test_a_file_that_cannot_be_read_is_an_error_of_use() -> None:
    with pytest.raises(UserError, match="cannot read gone"):
        check_files([FlowFile("gone", Path("/nonexistent/gone"))], CATALOG)


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    check_files([], CATALOG)
    assert gc.isenabled()
