"""Our own cases: flows, what is done to them, and all that comes of it; each names where its rule is from."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml

from conformance.own_cases import FOLDER, Case, play, read_cases, settled

LEAST = 250

DISPUTED: dict[str, str] = {}
"""Cases that tell the right outcome and do not come out so, each with what is wrong. One that does fails here."""

CASES = read_cases()


def parameter(case: Case) -> object:
    reason = DISPUTED.get(case.name)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason is not None else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_a_case_comes_out_as_it_says(case: Case) -> None:
    found, wanted = play(case)
    assert found == settled(wanted, found)


def test_every_case_has_a_number_of_its_own_and_a_source() -> None:
    numbers = Counter(case.number for case in CASES)
    assert [number for number, times in numbers.items() if times > 1] == []
    assert [case.name for case in CASES if not (case.about and case.source)] == []


def test_no_case_is_told_twice() -> None:
    flows = Counter((case.flows, yaml.safe_dump(list(case.steps)), case.dialect) for case in CASES)
    assert [flow for flow, times in flows.items() if times > 1] == []


def test_every_case_of_the_tables_is_there() -> None:
    assert {case.name for case in CASES} >= DISPUTED.keys()
    assert len(list(FOLDER.glob("*"))) == len(CASES) + 1, "nothing lies there but the cases and their README"
