"""An expression by itself: what it has without an execution, and how it is told what it has not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from penstock.expression import ExpressionError, WebCall, render, render_value
from penstock.expression.solitary import SOLITARY


def test_the_clock_is_the_machines() -> None:
    told = datetime.fromisoformat(str(render("{{ now() }}", {})))
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("uuid()", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("id()", r"[0-9a-z]{22}"),
        ("ksuid()", r"[0-9A-Za-z]{27}"),
        ("randomInt(1, 10)", r"[1-9]"),
    ],
)
def test_chance_is_its_own(expression: str, shape: str) -> None:
    assert re.fullmatch(shape, str(render("{{ " + expression + " }}", {})))


def test_two_ids_differ() -> None:
    first, second = str(render("{{ id() }} {{ id() }}", {})).split()
    assert first != second


@pytest.mark.parametrize(
    ("expression", "function"), [("secret('X')", "secret"), ("read('a')", "read"), ("errorLogs()", "errorLogs")]
)
def test_what_needs_an_execution_is_refused_by_name_and_place(expression: str, function: str) -> None:
    with pytest.raises(ExpressionError, match=f"the function `{function}` is not available here") as caught:
        render_value(["{{ " + expression + " }}"], {})
    assert (caught.value.offset, caught.value.source) == (3, "{{ " + expression + " }}")
    assert caught.value.help is not None


def test_every_other_door_is_closed_too() -> None:
    for name, knock in {
        "kv": lambda: SOLITARY.kv("k", None, None),
        "fileSize": lambda: SOLITARY.file_size("a", None),
        "fileExists": lambda: SOLITARY.file_exists("a", None),
        "isFileEmpty": lambda: SOLITARY.file_is_empty("a", None),
        "http": lambda: SOLITARY.call(WebCall("https://example.org")),
    }.items():
        with pytest.raises(ExpressionError, match=f"`{name}` is not available here"):
            knock()
