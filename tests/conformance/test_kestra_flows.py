"""Kestra's own test flows come out as they do there: the state, the number of task runs, and the facts told beside.

Each case of the conformance folder is played on the stage, under the dialect of the version that the flows are from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from conformance.kestra_cases import Case, Played, played, read_cases
from conformance.kestra_facts import FACTS, MORE_FLOWS, PLAYS
from conftest import ABSENT, CONFORMANCE
from penstock.errors import PenstockError
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow

NOT_PORTABLE = {
    "dynamic-task",
    "exception-with-output",
    "executable-fail",
    "flowable-fail",
    "null-output",
    "retry-dynamic-task",
    "working-directory-taskrun-encrypted",
}
"""They use a task class of Kestra's own tests: to us its type is unknown."""

LATER = {
    "state/1": "state.Set, state.Get, state.Delete",
    "state/2": "state.Set, state.Get, state.Delete",
    "working-directory-each": "storage.LocalFiles",
    "working-directory-inputs": "storage.LocalFiles",
    "trigger-flow": "trigger.Flow",
    "trigger-flow-with-pause": "trigger.Flow",
    "trigger-multiplecondition-flow-c": "trigger.Flow",
    "flow-trigger-preconditions-flow-a": "trigger.Flow",
    "trigger-toggle": "trigger.Toggle",
}
"""Cases of types that are built later, each with its types. One that passes all the same fails here."""

COMING: dict[str, str] = {}
"""Cases that are being worked on, each with what it waits for. One that passes already fails here."""


def parameters() -> Iterator[object]:
    for case in read_cases():
        if case.key in NOT_PORTABLE:
            continue
        waits_for = LATER.get(case.key) or COMING.get(case.key)
        marks = [pytest.mark.xfail(strict=True, reason=f"not built yet: {waits_for}")] if waits_for else []
        yield pytest.param(case, id=case.key, marks=marks)


CASES = list(parameters())

pytestmark = pytest.mark.skipif(not CASES, reason=ABSENT)


@pytest.mark.conformance("flows")
@pytest.mark.parametrize("case", CASES)
def test_a_case_comes_out_as_in_kestra(case: Case) -> None:
    if case.state == "INVALID":
        assert parse_flow(case.path.read_bytes(), case.file, catalog=load_catalog(), dialect=Dialect.V0_21).flow is None
        return
    with played(case, MORE_FLOWS.get(case.key)) as made:
        play(made)
        compare(made)
        FACTS.get(case.key, nothing_more)(made)
        made.stage.check()


def play(made: Played) -> None:
    PLAYS.get(made.case.key, once)(made)


def once(made: Played) -> None:
    if made.case.state == "REJECTED":
        with pytest.raises(PenstockError):
            made.start()
        return
    made.start()
    made.until_rest()


def compare(made: Played) -> None:
    case = made.case
    if case.state == "REJECTED":
        assert made.stage.executions() == []
        return
    last = [each for each in made.stage.executions() if each.original_id == made.execution.original_id][-1]
    assert case.state in (None, last.state.value)
    assert case.runs in (None, len(made.runs))


def nothing_more(made: Played) -> None:
    assert made.stage.executions()


def test_every_case_of_the_tables_is_there() -> None:
    keys = {case.key for case in read_cases()}

    assert keys >= FACTS.keys() | PLAYS.keys() | MORE_FLOWS.keys() | NOT_PORTABLE | LATER.keys() | COMING.keys()
    assert not LATER.keys() & COMING.keys()
    assert not NOT_PORTABLE & (LATER.keys() | COMING.keys())


def test_all_cases_are_taken() -> None:
    told = json.loads((CONFORMANCE / "cases.json").read_text(encoding="utf-8"))

    assert len(CASES) == len(told) - len(NOT_PORTABLE)


@pytest.mark.parametrize("key", sorted(NOT_PORTABLE))
def test_a_case_that_is_not_portable_names_a_class_of_the_tests(key: str) -> None:
    [case] = [case for case in read_cases() if case.key == key]

    parsed = parse_flow(case.path.read_bytes(), case.file, catalog=load_catalog(), dialect=Dialect.V0_21)

    assert {found.code for found in parsed.diagnostics if found.is_error} == {"PEN210"}
