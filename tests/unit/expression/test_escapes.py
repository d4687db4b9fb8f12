"""Attempts to get out: injections in the styles of other engines, reflection, bombs, reads of the host. All stay inert.

They stand in `tests/corpora/escapes`, one file a style; its README tells the form.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.expression_world import GivenWorld
from penstock.errors import PenstockError
from penstock.expression import ExpressionError, render

CORPUS = Path(__file__).parents[2] / "corpora" / "escapes"
LEAST_ATTEMPTS = 300
LONGEST_S = 5.0  # a bound of the test, far above the budget: a machine may be busy
CANARY = "leaked by the environment"
TRACES = ("leaked", "root:", "uid=", "<class", "<built-in", "<bound method", " object at 0x", "Traceback", "/usr/bin")


class Bait:
    """An object that a careless caller hands over: nothing of it may be reached."""

    secret = "leaked"

    def __str__(self) -> str:
        return "leaked"

    __repr__ = __str__

    def __getattr__(self, name: str) -> str:
        return "leaked"

    def __getitem__(self, key: object) -> str:
        return "leaked"

    def __call__(self) -> str:
        return "leaked"


BAIT = Bait()
DATA: dict[str, object] = {
    "s": "text", "n": 5, "f": 1.5, "list": [1], "map": {"a": 1}, "none": None, "b": True,
}  # fmt: skip
# What belongs to others: a function that gives it out has gone too far.
FOREIGN = {
    "secrets": {"other": {"K": "leaked"}},
    "kvs": {"other": {"kept": "leaked"}},
    "files": {"other": {"passwd": "leaked"}},
}


@dataclass(frozen=True)
class Attempt:
    """`gives` is None for an error; `*` for an error or any text without a trace."""

    style: str
    template: str
    gives: str | None


def _attempts() -> Iterator[Attempt]:
    for path in sorted(CORPUS.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("# ") or "\t" in line:
                template, tab, gives = line.partition("\t")
                yield Attempt(path.stem, template, gives if tab else None)


ATTEMPTS = tuple(_attempts())


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[f"{one.style}-{n}" for n, one in enumerate(ATTEMPTS)])
def test_an_attempt_to_get_out_stays_inert(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CANARY", CANARY)
    data = copy.deepcopy(DATA)
    begun = time.monotonic()
    got: object = None
    try:
        got = render(attempt.template, {**data, "bait": BAIT}, world=GivenWorld.of(FOREIGN, "auto"))
        told = str(got)
    except PenstockError as error:
        told = error.message
    assert time.monotonic() - begun < LONGEST_S
    assert data == DATA, "it changed the variables"
    assert not [trace for trace in TRACES if trace in told]
    if attempt.gives != "*":
        assert got == attempt.gives


def test_the_corpus_is_large_and_says_nothing_twice() -> None:
    assert len(ATTEMPTS) >= LEAST_ATTEMPTS
    assert len({attempt.template for attempt in ATTEMPTS}) == len(ATTEMPTS)


def test_a_way_to_an_attribute_over_several_lines_is_none_either() -> None:
    with pytest.raises(ExpressionError):
        render("{{ s\n.\n__class__ }}", DATA)


def test_what_a_value_holds_is_not_rendered_again() -> None:
    assert render("{{ x }}", {"x": "{{ secret('K') }}{% raw %}"}) == "{{ secret('K') }}{% raw %}"
