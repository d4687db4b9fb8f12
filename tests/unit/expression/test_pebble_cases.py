"""What Pebble 3.2.2 with Kestra's classes gave when it was run, and the few answers of Java we do not repeat."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from penstock.errors import PenstockError
from penstock.expression import ExpressionSyntaxError, UndefinedVariable, render
from penstock.expression.solitary import Solitary

LEAST_CASES = 300
MOST_ACCIDENTS = 12

# template → (what we answer, why Java's answer is not repeated)
JAVA_ACCIDENTS: dict[str, tuple[str, str]] = {
    "{{ list contains 2 }}": (
        "true",
        "Java finds no Long 2 in a list of Integers; a width that YAML cannot show must not decide",
    ),
    "{{ list contains [1,2] }}": (
        "true",
        "the same of several items: Long 1 and 2 in a list of Integers",
    ),
    "{{ fromJson('[1,2]') contains 1 }}": (
        "true",
        "the same for what `fromJson` reads: Integers there, a Long in the template",
    ),
    "{{ list == [1,2,3] }}": (
        "true",
        "Java's lists of Integers and of Longs are never equal, though `n == 5` holds for each item",
    ),
    "{{ 5 | className }}": (
        "java.lang.Integer",
        "an integer has no width here; its class follows from its size, which is right for every input value",
    ),
    "{{ list.get(1) }}": (
        "2",
        "Java finds no `get(long)`: in Kestra the method exists and cannot be called with a number from a template",
    ),
    "{{ s.substring(1,3) }}": (
        "el",
        "the same for `substring(long, long)`",
    ),
    "{{ randomInt(1, 2) }}": (
        "1",
        "Kestra 0.21 refuses every integer that stands in a template, so the function takes variables only",
    ),
}


class Dice(Solitary):
    """The doors that the cases knock at: a held clock, and chance that is none."""

    def now(self) -> datetime:
        return datetime(2024, 1, 2, tzinfo=UTC)

    def random(self) -> random.Random:
        return random.Random(1)


def outcome(template: str, context: dict[str, object], *, typed: bool) -> object:
    try:
        return render(template, context, typed=typed, world=Dice())
    except PenstockError as error:
        return error


def text_differs(case: dict[str, object], got: object) -> bool:
    if "string" in case:
        return got != case["string"]
    wanted = str(case["error"])
    if wanted.startswith("UNDEFINED "):
        name = wanted.removeprefix("UNDEFINED ")
        message = f"Unable to find `{name}` used in the expression `{case['template']}` at line 1"
        return not (isinstance(got, UndefinedVariable) and got.message == message)
    if wanted.startswith("ParserException"):
        return not isinstance(got, ExpressionSyntaxError)
    return not isinstance(got, PenstockError) or isinstance(got, UndefinedVariable)


def typed_differs(case: dict[str, object], got: object) -> bool:
    if case.get("typed_error"):
        return not isinstance(got, PenstockError)
    return type(got) is not type(case["typed"]) or json.dumps(got) != json.dumps(case["typed"])


def test_every_case_renders_as_pebble_does_but_for_the_reviewed_accidents(
    conformance: Path, record_property: Callable[[str, object], None]
) -> None:
    golden = json.loads((conformance / "pebble.json").read_text("utf-8"))
    differing: dict[str, object] = {}
    for case in golden["cases"]:
        text = outcome(case["template"], golden["context"], typed=False)
        value = outcome(case["template"], golden["context"], typed=True)
        if text_differs(case, text) or typed_differs(case, value):
            differing[case["template"]] = text
    total = len(golden["cases"])
    record_property("conformance", ["expressions", total - len(differing), total])
    assert differing == {template: ours for template, (ours, _) in JAVA_ACCIDENTS.items()}
    assert len(golden["cases"]) >= LEAST_CASES
    assert len(JAVA_ACCIDENTS) <= MOST_ACCIDENTS


def test_the_context_of_the_cases_is_never_changed(conformance: Path) -> None:
    golden = json.loads((conformance / "pebble.json").read_text("utf-8"))
    before = json.dumps(golden["context"])
    for case in golden["cases"]:
        outcome(case["template"], golden["context"], typed=True)
    assert json.dumps(golden["context"]) == before
