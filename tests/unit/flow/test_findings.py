"""Findings as text, one line each, JSON and GitHub's annotations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.diagnostic import Diagnostic, Edit, FlowName, Position, Range, Severity
from penstock_cli.render.annotations import as_github
from penstock_cli.render.findings import Summary, as_concise, as_json, as_text, render_text
from penstock_cli.render.findings_frame import clean, frame

FOUND = Diagnostic(
    "PEN204",
    Severity.ERROR,
    "task `load` uses output of `extract`, which runs after it",
    "flows/etl.yaml",
    Range.at(14, 19, 15),
    "move `extract` before `load`, or did you mean `outputs.fetch`?",
    "`extract` is task 3 of 4",
    FlowName("company.team", "etl"),
)
SOURCE = '      script: "{{ outputs.extract.vars.rows }}"'


def summary(**more: Any) -> Summary:
    counts = {"errors": 1, "warnings": 2, "notes": 0, "flows": 12, "elapsed_s": 0.038, "outcome": "failed", **more}
    return Summary(**counts)


def test_the_frame_of_the_contract() -> None:
    assert as_text([FOUND], summary(), lambda _file, _line: SOURCE) == (
        "error[PEN204]: task `load` uses output of `extract`, which runs after it\n"
        "  --> flows/etl.yaml:14:19\n"
        "   |\n"
        '14 |       script: "{{ outputs.extract.vars.rows }}"\n'
        "   |                   ^^^^^^^^^^^^^^^ `extract` is task 3 of 4\n"
        "   = help: move `extract` before `load`, or did you mean `outputs.fetch`?\n"
        "Found 1 error and 2 warnings in 12 flows (checked in 38 ms).\n"
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"errors": 0, "warnings": 0}, "Found no problems in 12 flows (checked in 38 ms)."),
        ({"warnings": 0, "flows": 1}, "Found 1 error in 1 flow (checked in 38 ms)."),
        ({"errors": 2, "notes": 1}, "Found 2 errors, 2 warnings and 1 note in 12 flows (checked in 38 ms)."),
        (
            {"errors": 0, "warnings": 1, "elapsed_s": 2.04, "flows": 1000},
            "Found 1 warning in 1,000 flows (checked in 2.0 s).",
        ),
    ],
)
def test_the_summary_counts(more: dict[str, Any], sentence: str) -> None:
    assert summary(**more).sentence == sentence


def carets(line: str, start: int, end: int) -> tuple[str, str]:
    found = Diagnostic("PEN1", Severity.ERROR, "m", "f", Range(Position(3, start), Position(3, end)))
    rows = frame(found, line).splitlines()
    return rows[3].removeprefix("3 | "), rows[4].removeprefix("  | ")


def test_tabs_and_wide_characters_are_aligned() -> None:
    assert carets("\ta: b", 5, 6) == ("    a: b", "       ^")
    assert carets("名前: x", 5, 6) == ("名前: x", "      ^")
    assert carets("a: 漢字", 4, 6) == ("a: 漢字", "   ^^^^")
    assert carets("e\u0301: x", 5, 6) == ("e\u0301: x", "   ^")


def test_what_a_file_holds_does_not_steer_the_terminal() -> None:
    assert carets("a: \x1b[2J x", 9, 10) == ("a: \ufffd[2J x", "        ^")
    assert clean("a\x1b]0;title\x07b\u202e\n") == "a\ufffd]0;title\ufffdb\ufffd "


def test_a_long_line_is_cut_around_the_carets() -> None:
    shown, marks = carets("x" * 5000 + "HERE" + "y" * 5000, 5001, 5005)
    assert len(shown) < 170
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "HERE"


def test_a_place_behind_the_end_of_its_line_and_one_over_several_lines() -> None:
    assert carets("a:", 3, 4) == ("a:", "  ^")
    found = Diagnostic("PEN1", Severity.ERROR, "m", "f", Range(Position(3, 3), Position(5, 2)))
    assert frame(found, "  - id: x").splitlines()[4] == "  |   ^^^^^^^"


def test_concise() -> None:
    assert as_concise([FOUND], None) == (
        "flows/etl.yaml:14:19: error[PEN204] task `load` uses output of `extract`, which runs after it\n"
    )


def test_json_has_the_published_shape() -> None:
    found = Diagnostic("PEN1", Severity.INFO, "m", "f", Range.at(1, 2), fix=Edit(Range.at(1, 1), "x"))
    data = json.loads(as_json([FOUND, found], summary()))
    assert data["schemaVersion"] == 1
    assert data["outcome"] == "failed"
    assert data["summary"] == {"errors": 1, "warnings": 2, "information": 0, "flows": 12, "elapsedMs": 38}
    assert data["diagnostics"][0] == {
        "code": "PEN204",
        "severity": "error",
        "message": FOUND.message,
        "help": FOUND.help,
        "label": "`extract` is task 3 of 4",
        "file": "flows/etl.yaml",
        "range": {"start": {"line": 14, "column": 19}, "end": {"line": 14, "column": 34}},
        "flow": {"namespace": "company.team", "id": "etl"},
        "fix": None,
    }
    assert data["diagnostics"][1]["fix"]["text"] == "x"
    assert data["diagnostics"][1]["flow"] is None


def test_github_annotations_are_escaped() -> None:
    found = Diagnostic("PEN1", Severity.WARNING, "50% of\nit", "a,b:c.yaml", Range.at(3, 5, 2), "do")
    assert as_github([found], None) == (
        "::warning file=a%2Cb%3Ac.yaml,line=3,endLine=3,col=5,endColumn=7,title=PEN1::50%25 of%0Ait%0Ado\n"
    )


def test_github_shows_ten_errors_and_ten_warnings_the_worst_first() -> None:
    def many(severity: Severity, count: int) -> list[Diagnostic]:
        return [Diagnostic("PEN1", severity, str(n), "f", Range.at(n + 1, 1)) for n in range(count)]

    lines = as_github(
        [*many(Severity.WARNING, 12), *many(Severity.ERROR, 11), *many(Severity.INFO, 5)], None
    ).splitlines()
    assert [line[:8] for line in lines] == ["::error "] * 10 + ["::warnin"] * 10 + ["and 3 mo"]
    assert lines[-1] == "and 3 more in the summary"


def test_text_with_and_without_colour_differ_in_colour_only() -> None:
    import re

    texts = {"flows/etl.yaml": "\n" * 13 + SOURCE}
    coloured = render_text([FOUND], texts, colour=True)
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render_text([FOUND], texts)
