"""Expressions by what they give, case by case; and what of the library has no case yet, computed from the registry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.expression_world import GivenWorld
from penstock.compose import Composer
from penstock.errors import PenstockError
from penstock.expression import (
    FILTERS,
    FUNCTIONS,
    TESTS,
    Call,
    ExpressionError,
    Parameter,
    Spec,
    reads,
    render,
)

FOLDER = Path(__file__).with_name("expressions")
KINDS = {"function": FUNCTIONS, "filter": FILTERS, "test": TESTS}
_AFTER_NULL = re.compile(r"\bnull\s*(\||is|is\s+not)\s*$")
VALUE = "value"
"""What stands before a filter or a test, as the cases name it."""

ALWAYS_REFUSED = {"read.version", "read.revision"}
"""Parameters that are known, and refused with the reason whatever they are given."""


@dataclass(frozen=True)
class Case:
    """One item of a data file; its keys are told in the folder's README."""

    file: str
    template: str
    source: str
    context: Mapping[str, Any] = field(default_factory=dict)
    typed: bool = False
    world: Mapping[str, Any] = field(default_factory=dict)
    dialect: str = "auto"
    wrong: str | None = None
    error: str | None = None
    answer: tuple[object, ...] = ()
    """What `expect` says, if there is one: it may be null."""

    def outcome(self) -> object:
        return render(self.template, self.context, typed=self.typed, world=GivenWorld.of(self.world, self.dialect))

    def calls(self) -> tuple[Call, ...]:
        """Nothing where the template does not parse."""
        try:
            return reads(self.template).calls
        except ExpressionError:
            return ()


def _case(file: str, told: Mapping[str, Any]) -> Case:
    parts = dict(told)
    if "expect" in parts:
        parts["answer"] = (parts.pop("expect"),)
    return Case(file, **parts)


def _cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.yaml")):
        parser = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        for told in Composer(parser.get_event).document()[0]:
            yield _case(path.stem, told)


CASES = tuple(_cases())


@pytest.mark.parametrize("case", CASES, ids=[f"{case.file}-{n}" for n, case in enumerate(CASES)])
def test_a_case_gives_what_it_says(case: Case) -> None:
    assert (case.error is None) == bool(case.answer), "a case has either `expect` or `error`"
    assert case.source
    if case.error is not None:
        with pytest.raises(PenstockError) as caught:
            case.outcome()
        assert case.error in caught.value.message
        return
    [wanted] = case.answer
    got = case.outcome()
    assert (type(got), got) == (type(wanted), wanted)


def lacking(kind: str, spec: Spec) -> list[str]:
    """What the cases do not show of one function, filter or test."""
    wanted = [("", "a case that gives something")]
    if kind != "function":
        wanted += [(VALUE, "of a wrong type"), (VALUE, "null")]
    for parameter in spec.parameters:
        ways = ["other than its default", "of a wrong type", "null", "left out"]
        wanted += [(parameter.name, way) for way in ways[f"{spec.name}.{parameter.name}" in ALWAYS_REFUSED :]]
    there = {way for case in CASES for way in _ways(kind, spec, case)}
    return [" ".join((kind, spec.name, *way)) for way in wanted if way not in there]


def _ways(kind: str, spec: Spec, case: Case) -> Iterator[tuple[str, str]]:
    """In which ways a case gives the parameters, and the value, of one name."""
    for parameter in spec.parameters:
        if case.error == f"the {kind} `{spec.name}` expects an argument `{parameter.name}`":
            yield parameter.name, "left out"
    for call in case.calls():
        if (call.kind, call.name) != (kind, spec.name):
            continue
        if case.answer:
            yield "", "a case that gives something"
        if case.wrong == f"{spec.name}.{VALUE}":
            yield VALUE, "of a wrong type"
        if _AFTER_NULL.search(case.template[: call.offset]):
            yield VALUE, "null"
        given = dict(call.arguments)
        for parameter in spec.parameters:
            yield parameter.name, _way(spec, parameter, given, case)


def _way(spec: Spec, parameter: Parameter, given: Mapping[str, object], case: Case) -> str:
    if parameter.name not in given:
        return "left out"
    if case.wrong == f"{spec.name}.{parameter.name}":
        return "of a wrong type"
    value = given[parameter.name]
    if value is None:
        return "null"
    return "other than its default" if case.answer and value != parameter.default else "as it is by default"


def _group(spec: Spec) -> str:
    """The module of the library that a callable stands in."""
    return spec.call.__module__.rpartition(".")[2]


def test_every_group_but_those_listed_has_all_its_cases() -> None:
    lacks: dict[str, list[str]] = {}
    for kind, table in KINDS.items():
        for spec in table.values():
            lacks.setdefault(_group(spec), []).extend(lacking(kind, spec))
    assert {group: found for group, found in lacks.items() if found} == {}


def test_every_wrong_type_is_given_to_a_parameter_that_there_is() -> None:
    known = {
        f"{spec.name}.{name}"
        for table in KINDS.values()
        for spec in table.values()
        for name in (VALUE, *(parameter.name for parameter in spec.parameters))
    }
    assert {case.wrong for case in CASES if case.wrong is not None} <= known


def test_what_no_case_gives_is_told() -> None:
    assert lacking("test", TESTS["even"]) == []
    unshown = Spec("unshown", TESTS["even"].call, (Parameter("one"),))
    assert lacking("filter", unshown) == [
        "filter unshown  a case that gives something",
        "filter unshown value of a wrong type",
        "filter unshown value null",
        "filter unshown one other than its default",
        "filter unshown one of a wrong type",
        "filter unshown one null",
        "filter unshown one left out",
    ]
