"""Plain words and numbers that surprise, and those that do not; anchors."""

from __future__ import annotations

import pytest
from tests.unit.validation.advice.samples import CORE, LOG, SHELL, advised, flow, mended, places

from penstock.diagnostic import Severity
from penstock.flow.reading.document import read_document
from penstock.validation.advice.anchors import anchors_are_used
from penstock.validation.advice.surprises import no_surprising_scalars

SWITCH = f"tasks:\n  - id: s\n    type: {CORE}.flow.Switch\n    value: x\n    cases:\n      "


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("variables: {go: yes}", (3, 17, 20), "`yes` is `true` to a reader of YAML 1.1, and text here"),
        ("variables:\n  go: Off", (4, 7, 10), "`Off` is `false` to a reader of YAML 1.1, and text here"),
        ("variables: [a, no]", (3, 16, 18), "`no` is `false` to a reader of YAML 1.1, and text here"),
        ("variables: [on]", (3, 13, 15), "`on` is `true` to a reader of YAML 1.1, and text here"),
        ("labels: {a: 0755}", (3, 13, 17), "`0755` is the number 493 to a reader of YAML 1.1, and the number 755 here"),
        ("variables: {a: 010}", (3, 16, 19), "`010` is the number 8 to a reader of YAML 1.1, and the number 10 here"),
        ("variables: {a: 0o17}", (3, 16, 20), "`0o17` is text to a reader of YAML 1.1, and the number 15 here"),
        ("variables: {a: 12:30}", (3, 16, 21), "`12:30` is a number of base 60 to a reader of YAML 1.1, and text here"),
        ("variables: {a: 1_000}", (3, 16, 21), "`1_000` is a number to a reader of YAML 1.1, and text here"),
        ("variables: {a: 2026-01-02}", (3, 16, 26), "`2026-01-02` is a moment to a reader of YAML 1.1, and text here"),
        ("labels: {v: 3.10}", (3, 13, 17), "`3.10` becomes `3.1` where text is meant"),
        ("labels:\n  - {key: v, value: 1e3}", (4, 21, 24), "`1e3` becomes `1000.0` where text is meant"),
        ("labels: {v: .5}", (3, 13, 15), "`.5` becomes `0.5` where text is meant"),
        ("labels: {v: 0x1F}", (3, 13, 17), "`0x1F` becomes `31` where text is meant"),
        ("labels: {v: +5}", (3, 13, 15), "`+5` becomes `5` where text is meant"),
        ("labels: {v: True}", (3, 13, 17), "`True` becomes `true` where text is meant"),
        ("variables: {appVersion: 3.10}", (3, 25, 29), "`3.10` becomes `3.1` where text is meant"),
        ("inputs:\n  - {id: i, type: STRING, defaults: 1.50}", (4, 37, 41), "`1.50` becomes `1.5` where text is meant"),
        (
            "inputs:\n  - {id: i, type: SELECT, values: [yes, maybe]}",
            (4, 36, 39),
            "`yes` is `true` to a reader of YAML 1.1, and text here",
        ),
        (
            "inputs:\n  - {id: i, type: TIME, defaults: 12:30:00}",
            (4, 35, 43),
            "`12:30:00` is a number of base 60 to a reader of YAML 1.1, and text here",
        ),
        (
            f"tasks:\n  - id: t\n    type: {SHELL}\n    commands:\n      - yes",
            (7, 9, 12),
            "`yes` is `true` to a reader of YAML 1.1, and text here",
        ),
        (
            f"tasks:\n  - id: t\n    type: {SHELL}\n    env: {{HOME: ~}}\n    commands: ['true']",
            (6, 17, 18),
            "`~` is nothing where text is meant",
        ),
        (SWITCH + f"no: [{LOG[10:-1]}]", (8, 7, 9), "`no` is `false` to a reader of YAML 1.1, and text here"),
    ],
)
def test_a_scalar_that_surprises(text: str, place: tuple[int, int, int], message: str) -> None:
    found = advised(no_surprising_scalars, flow(text))
    assert places(found) == [place]
    assert [(one.code, one.severity, one.message) for one in found] == [("PEN114", Severity.WARNING, message)]


@pytest.mark.parametrize(
    "text",
    [
        "variables: {a: 'yes', b: \"no\", c: yesterday, d: nothing, e: y, f: n}",
        "variables: {a: 10, b: 0, c: -1, d: 1.5, e: 1.0, f: true, g: null, h: 0.5, i: 1.50, j: 1e3, k: 0x1F, l: ~}",
        "variables: {time: '12:30', date: '2026-01-02', zip: '01234'}",
        "variables:\n  text: |\n    - no\n    on: 010\n  folded: >\n    a: yes",
        "variables: {text: a, b: no more, c: 12:30 or so}  # on: yes",
        "variables: {port: 127.0.0.1, version: 1.2.3, image: python:3.10}",
        "inputs:\n  - {id: d, type: DATE, defaults: 2026-01-02, after: 2025-01-01}",
        "inputs:\n  - {id: d, type: FLOAT, defaults: 0.50}",
        "labels: {version: 12, ratio: 1.5}",
        f"triggers:\n  - {{id: s, type: {CORE}.trigger.ScheduleOnDates, dates: [2026-01-02T10:00:00Z]}}",
    ],
)
def test_a_scalar_that_does_not_surprise(text: str) -> None:
    assert advised(no_surprising_scalars, flow(text)) == []


def test_quotes_are_the_mend_where_text_was_meant() -> None:
    source = flow("labels: {a: 3.10, b: yes, c: 0755}\nvariables: {version: 3.10, count: 010, at: 12:30}")
    found = advised(no_surprising_scalars, source)
    assert mended(source, found) == flow(
        'labels: {a: "3.10", b: yes, c: "0755"}\nvariables: {version: 3.10, count: 010, at: "12:30"}'
    )
    assert mended(source, found, unsafe=True) == flow(
        'labels: {a: "3.10", b: "yes", c: "0755"}\nvariables: {version: "3.10", count: 010, at: "12:30"}'
    )
    assert advised(no_surprising_scalars, mended(source, found, unsafe=True))[0].help == (
        "put it in quotes if it is text, or write the number in another way"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("variables: {a: &left 1}", (3, 16, 21)),
        ("variables:\n  a: &left\n    b: 1", (4, 6, 11)),
        ("variables:\n  a: &left [1]", (4, 6, 11)),
        ("variables:\n  a: !!str &left 1", (4, 12, 17)),
        ("variables:\n  &left a: 1", (4, 3, 8)),
        ("variables: {a: &used 1, b: &left 2, c: *used}", (3, 28, 33)),
    ],
)
def test_an_anchor_that_nothing_refers_to(text: str, place: tuple[int, int, int]) -> None:
    source = flow(text)
    found = advised(anchors_are_used, source)
    assert places(found) == [place]
    assert [(one.code, one.severity, one.message) for one in found] == [
        ("PEN115", Severity.INFO, "nothing refers to the anchor `&left`")
    ]
    assert read_document(mended(source, found), "f").value == read_document(source, "f").value


@pytest.mark.parametrize(
    "text",
    [
        "variables: {a: &used 1, b: *used}",
        "variables:\n  base: &base {a: 1}\n  more: {<<: *base, b: 2}",
        "variables: {a: 'x &y', b: x & y, c: x &y, d: \"&z\"}  # &comment",
        "variables:\n  a: |\n    run &background\n    - &item",
    ],
)
def test_what_is_no_anchor_or_is_used(text: str) -> None:
    assert advised(anchors_are_used, flow(text)) == []
