"""Sixty small pull requests: what a reviewer must learn of each, a sentence by hand, and then all that is said.

`PYTHONPATH=tests python tests/unit/cli/test_difference_golden.py` writes the expected texts anew. The sentences are
written first, by hand: what stands in them in code must be said by the first lines.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from comparing import files_below, report_of
from penstock_cli.render.difference_json import as_json
from penstock_cli.render.difference_markdown import as_markdown
from penstock_cli.render.difference_text import as_text

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(folder.name for folder in GOLDEN.iterdir())


def rendered(name: str) -> dict[str, str]:
    folder = GOLDEN / name
    report = report_of(files_below(folder / "base"), files_below(folder / "head"))
    return {
        "expected.txt": as_text(report),
        "expected.md": as_markdown(report),
        "expected.json": as_json(report),
    }


def must_be_learnt(name: str) -> list[str]:
    """What stands in code in the sentence of a case."""
    said = (GOLDEN / name / "says.txt").read_text(encoding="utf-8")
    return re.findall(r"`([^`]+)`", said)


def test_there_are_sixty_of_them() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_the_first_lines_say_what_a_reviewer_must_learn(name: str) -> None:
    folder = GOLDEN / name
    report = report_of(files_below(folder / "base"), files_below(folder / "head"))

    said = as_text(report, names_only=True)

    wanted = must_be_learnt(name)
    assert wanted
    assert [one for one in wanted if one not in said] == [], said


@pytest.mark.parametrize("name", CASES)
def test_a_pull_request_is_told_as_expected(name: str) -> None:
    found = rendered(name)

    for file, text in found.items():
        assert text == (GOLDEN / name / file).read_text(encoding="utf-8"), file


if __name__ == "__main__":
    for each in CASES:
        for file, text in rendered(each).items():
            (GOLDEN / each / file).write_text(text, encoding="utf-8")
