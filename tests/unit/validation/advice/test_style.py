"""Matters of taste."""

from __future__ import annotations

import pytest
from tests.unit.validation.advice.samples import CORE, HEAD, LOG, PYTHON, advised, flow, places

from penstock.diagnostic import Severity
from penstock.flow.codes import ASKED as OFF
from penstock.validation.advice import ADVICE, ASKED, Advice
from penstock.validation.advice.style import LONGEST_SCRIPT, manner_of

LONG = f"tasks:\n  - id: t\n    type: {PYTHON}\n    script: |\n" + "      x = 1\n" * (LONGEST_SCRIPT + 1)


@pytest.mark.parametrize(
    ("code", "source", "place", "message"),
    [
        ("PEN801", "namespace: n\nid: f\n" + LOG, (2, 1, 3), "`id` usually stands before `namespace`"),
        ("PEN801", HEAD + LOG + "inputs: []\n", (5, 1, 7), "`inputs` usually stands before `tasks`"),
        (
            "PEN801",
            HEAD + f"tasks:\n  - type: {CORE}.log.Log\n    message: x\n    id: t\n",
            (6, 5, 7),
            "`id` usually stands before `message`",
        ),
        (
            "PEN802",
            HEAD + "".join((LOG.replace("id: t", "id: a-b"), *(LOG[7:].replace("id: t", f"id: a_{n}") for n in "bc"))),
            (4, 10, 13),
            "`a-b` is written in kebab-case, and most ids of this flow in snake_case",
        ),
        ("PEN803", HEAD + LOG, (1, 5, 6), "the flow does not say what it is for"),
        ("PEN803", HEAD + "description: ''\n" + LOG, (1, 5, 6), "the flow does not say what it is for"),
        ("PEN804", HEAD + LONG, (6, 5, 11), "the script has 51 lines, and more than 50 belong into a file"),
    ],
)
def test_a_matter_of_taste(code: str, source: str, place: tuple[int, int, int], message: str) -> None:
    found = advised(ASKED[code], source)
    assert places(found) == [place]
    assert [(one.code, one.severity, one.message) for one in found] == [(code, Severity.INFO, message)]


@pytest.mark.parametrize("advice", ASKED.values())
def test_a_flow_in_good_taste(advice: Advice) -> None:
    source = flow(f"""
        description: Says hello
        inputs:
          - {{id: name, type: STRING}}
        tasks:
          - id: say-hello
            type: {CORE}.log.Log
            message: x
          - id: say
            type: {CORE}.log.Log
            disabled: false
            message: x
        triggers:
          - {{id: every-day, type: {CORE}.trigger.Schedule, cron: '@daily'}}
    """)
    assert advised(advice, source) == []


@pytest.mark.parametrize(
    ("name", "manner"),
    [
        ("a-b", "kebab-case"), ("a_b", "snake_case"), ("aB", "camelCase"), ("loadRows2", "camelCase"),
        ("LoadRows", "PascalCase"), ("load", None), ("load2", None), ("A_B", None), ("a-b_c", None),
    ],
)  # fmt: skip
def test_the_manner_of_an_id(name: str, manner: str | None) -> None:
    assert manner_of(name) == manner


def test_what_is_off_until_asked_for_is_not_run_for_all() -> None:
    assert ASKED.keys() < OFF
    assert set(ASKED.values()).isdisjoint(ADVICE)
