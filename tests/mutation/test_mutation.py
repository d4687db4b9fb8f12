"""Five hundred flows, each broken by one slip of the hand: each is caught, where the slip is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT
from mutation.mutator import KINDS, Mutant, mutants
from penstock.diagnostic import Diagnostic, Range, Severity
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.validation.check import check_files
from program import penstock

SEED = 6
FLOWS = sorted([*(ROOT / "examples" / "flows").glob("*.yaml"), *(Path(__file__).parent / "flows").glob("*.yaml")])
EXACT = 0.98
"""The share of mutants that must be caught at the place of the fault."""
OF_A_MODEL = {"key", "value", "required"}
"""Kinds of faults that only the schema of the type around them can tell."""


def corpus() -> list[Mutant]:
    """The mutants, as many of each kind as are wanted; faults that nothing but an unknown schema tells are left out."""
    chosen: list[Mutant] = []
    wanted = Counter(KINDS)
    for one in mutants({file.name: file.read_text(encoding="utf-8") for file in FLOWS}, SEED):
        if wanted[one.kind] and (one.kind not in OF_A_MODEL or _has_a_model(one)):
            wanted[one.kind] -= 1
            chosen.append(one)
    assert not +wanted
    return chosen


def _has_a_model(mutant: Mutant) -> bool:
    types = [load_catalog().find(name) for name in mutant.types if "." in name]
    return all(info is None or info.has_schema for info in types[:1])


def findings(text: str, file: str) -> list[Diagnostic]:
    data = FlowFile(file, Path(file), text.encode())
    return [one for one in check_files([data], load_catalog(), processes=1).diagnostics if is_told(one)]


def is_told(one: Diagnostic) -> bool:
    return one.severity in (Severity.ERROR, Severity.WARNING)


def touches(place: Range, mutant: Mutant) -> bool:
    """Whether a range has a character in common with a place that holds the fault."""
    start, end = (place.start.line, place.start.column), (place.end.line, place.end.column)
    return any(start < (line, last) and (line, first) < end for line, first, last in mutant.spots)


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    new: tuple[Diagnostic, ...]

    @property
    def is_caught(self) -> bool:
        return bool(self.new)

    @property
    def is_exact(self) -> bool:
        return any(touches(one.range, self.mutant) for one in self.new)

    def __str__(self) -> str:
        told = "; ".join(
            f"{one.code} {one.range.start.line}:{one.range.start.column}-{one.range.end.line}:{one.range.end.column} "
            f"{one.message}" for one in self.new
        )  # fmt: skip
        return f"{self.mutant.kind} in {self.mutant.file}, {self.mutant.what}, {self.mutant.spots}: {told or 'missed'}"


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    usual = {file.name: Counter(map(told, findings(file.read_text("utf-8"), file.name))) for file in FLOWS}
    found = []
    for mutant in corpus():
        known = usual[mutant.file].copy()
        new = []
        for one in findings(mutant.text, mutant.file):
            if known[told(one)] > 0:
                known[told(one)] -= 1
            else:
                new.append(one)
        found.append(Verdict(mutant, tuple(new)))
    return found


def told(one: Diagnostic) -> tuple[str, str]:
    return one.code, one.message


def table(verdicts: list[Verdict]) -> str:
    rows = ["kind            made  caught  exact"]
    for kind in KINDS:
        same = [one for one in verdicts if one.mutant.kind == kind]
        caught, exact = sum(one.is_caught for one in same), sum(one.is_exact for one in same)
        rows.append(f"{kind:<15} {len(same):>4}  {caught:>6}  {exact:>5}")
    return "\n".join(rows)


def test_each_slip_is_caught_where_it_is(verdicts: list[Verdict]) -> None:
    astray = [one for one in verdicts if not one.is_exact]
    share = 1 - len(astray) / len(verdicts)
    print(table(verdicts), f"exact: {share:.1%}", *astray, sep="\n")
    assert len(verdicts) == 500
    assert len({one.mutant.text for one in verdicts}) == 500
    assert share >= EXACT, "\n".join(map(str, astray))


def test_the_flows_that_are_broken_were_right_before() -> None:
    for file in FLOWS:
        assert [one for one in findings(file.read_text("utf-8"), file.name) if one.is_error] == []


def test_the_program_tells_the_same(verdicts: list[Verdict], tmp_path: Path) -> None:
    sample = verdicts[::25]
    for number, one in enumerate(sample):
        (tmp_path / f"{number:02}.yaml").write_text(one.mutant.text, encoding="utf-8")
    outcome = penstock("validate", "--format", "json", ".", cwd=tmp_path)
    assert outcome.code == 1
    for number, one in enumerate(sample):
        places = {
            (found["code"], found["range"]["start"]["line"], found["range"]["start"]["column"])
            for found in json.loads(outcome.out)["diagnostics"]
            if found["file"] == f"{number:02}.yaml"
        }
        assert {(own.code, own.range.start.line, own.range.start.column) for own in one.new} <= places
