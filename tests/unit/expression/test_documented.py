"""docs/expressions.md says what is: its bounds, its codes, its variables, its examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.expression import Budget, render
from penstock.flow.codes import CODES
from penstock.flow.model import Dialect
from penstock.flow.rules.names import variables_of

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "expressions.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_bounds_are_those_of_the_budget() -> None:
    limits = [limit for _, limit in rows("Bounds")]
    budget = Budget()
    assert limits[:4] == [f"{budget.steps:,}", f"{budget.output:,}", f"{budget.items:,}", str(budget.depth)]
    assert limits[4].startswith(f"{budget.wall_s * 1000:g} ms")


def test_the_codes_are_there() -> None:
    codes = [code for code, _ in rows("What is checked before anything runs")]
    assert codes == sorted(codes)
    assert set(codes) == {code for code in CODES if code.startswith("PEN3") or code in ("PEN204", "PEN229", "PEN704")}


def test_the_variables_are_those_that_validate_knows() -> None:
    named = {name for cells in rows("What expressions see") for name in re.findall(r"`(\w+)`", cells[0])}
    assert named <= variables_of(Dialect.V1)
    assert variables_of(Dialect.V1) - named == {"namespace", "response", "schedule"}


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ 5 / 2 }}", "2"), ("{{ '12' + 1 }}", "121"), ("{{ a ?? 'b' }}", "b"), ("{{ not 1 == 2 }}", "false"),
        ("{% for x in [7] %}{{ loop.index }}{% endfor %}", "0"), ("{{ inputs.a-1 }}", "1"),
        ("{{ [1, null] }}", "[1,null]"),
    ],
)  # fmt: skip
def test_what_it_says_of_the_language_holds(template: str, shown: str) -> None:
    assert render(template, {"inputs": {"a": 2}}) == shown
