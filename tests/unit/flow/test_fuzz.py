"""Whatever a file holds, it is judged: no exception, every range in the text, in bounded time, twice the same."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from penstock.diagnostic import Range
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.flow.model import Dialect
from penstock.flow.parse import ParsedFlow, parse_flow
from penstock.validation.check import check_files

WITHIN_S = 2.0
FLOWS = [
    file.read_text(encoding="utf-8")
    for folder in ("examples/flows", "tests/mutation/flows")
    for file in sorted((ROOT / folder).glob("*.yaml"))
]
VALUES = [yaml.safe_load(text) for text in FLOWS]
PIECES = [
    "&a ", "*a", "&a", "<<: *a", "<<: [*a, *a]", "!!binary ", "!!str ", "!x ", "? ", ": ", "- ", "{", "}", "[", "]",
    "\t", "\x85", "\u2028", "\ufeff", "\0", "\x07", "\ud800", "😀", "e\u0301", "\u202e", "'", '"', "|", ">", "|9\n",
    ">-\n", "{{", "}}", "{% if a %}", "{#", "{{ outputs.x.y }}", "{{ inputs.a-b }}", "---", "...", "%YAML 1.2", "#",
    "# penstock: ignore[PEN202]", ",", "\r", "\r\n", "\n", "  ", "0x", "1e999", ".nan", "=", "@", "`", "\\", "~",
]  # fmt: skip
BREAKS = ["\n", "\r\n", "\r", "\x85", "\u2028", "\n\n", "\n\t"]
ANY_CHARACTER = st.characters(exclude_categories=())
_BREAK = re.compile(r"\r\n|\n|\r")


def judged(source: bytes | str, dialect: Dialect = Dialect.AUTO) -> ParsedFlow:
    """Judges a text twice, within the time, and holds what is found to the text."""
    began = process_time()
    parsed = parse_flow(source, "f.yaml", catalog=load_catalog(), dialect=dialect)
    again = parse_flow(source, "f.yaml", catalog=load_catalog(), dialect=dialect)
    assert process_time() - began < 2 * WITHIN_S
    assert parsed.diagnostics == again.diagnostics
    text = parsed.document.text
    if not text and isinstance(source, bytes):  # it is no UTF-8, and the byte where it stops being it is told
        text = source.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = _BREAK.split(text)
    for found in parsed.diagnostics:
        assert lies_within(found.range, lines), found
    assert (parsed.flow is None) == (not parsed.is_valid)
    return parsed


def lies_within(place: Range, lines: list[str]) -> bool:
    """From a character of the text, or its end, to one behind it; a range is one column wide at the least."""
    start, end = place.start, place.end
    return (
        1 <= start.line <= end.line <= len(lines)
        and start < end
        and 1 <= start.column <= len(lines[start.line - 1]) + 1
        and 1 <= end.column <= len(lines[end.line - 1]) + 2
    )


def edited(text: str, dice: random.Random) -> str:
    """A flow after some edits that care for nothing."""
    for _ in range(dice.randint(1, 6)):
        lines = text.split("\n")
        at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
        match dice.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[other])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = dice.choice([" ", "  ", "\t", ""]) + lines[at].removeprefix("  ")
            case 4:
                cut = dice.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + dice.choice(PIECES) + lines[at][cut:]
            case 5:
                lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
            case 6:
                lines[at:at] = lines[min(at, other) : max(at, other)][:40]
            case _:
                return dice.choice(BREAKS).join(lines)
        text = "\n".join(lines)
    return text


@given(st.binary(max_size=300))
@settings(max_examples=150)
def test_any_bytes_are_judged(source: bytes) -> None:
    assert judged(source).digest


@given(st.text(ANY_CHARACTER, max_size=200), st.sampled_from(["", "id: f\nnamespace: n\ntasks:\n", "\ufeff"]))
@settings(max_examples=200)
def test_any_text_is_judged(text: str, head: str) -> None:
    assert judged(head + text).digest


@given(st.lists(st.sampled_from([*PIECES, "a", "id: f\n", "tasks:\n", "  - id: t\n", "    type: x\n"]), max_size=25))
@settings(max_examples=250)
def test_any_pieces_of_yaml_are_judged(pieces: list[str]) -> None:
    assert judged("".join(pieces)).digest


@pytest.mark.parametrize("seed", range(6))
def test_flows_are_judged_after_edits_that_care_for_nothing(seed: int) -> None:
    dice, refused = random.Random(seed), 0
    for _ in range(50):
        refused += not judged(edited(dice.choice(FLOWS), dice), dice.choice(list(Dialect))).is_valid
    assert 25 <= refused <= 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "{{ inputs.x }}", "{{", "PT1S", "io.kestra.plugin.core.log.Log", "a.b", "* * * * *"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["id", "type", "tasks", "inputs", "values", "task", "x", "{{ a }}"]), inner),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(VALUES), st.data())
@settings(max_examples=200)
def test_flows_are_judged_with_any_value_in_any_place(flow: Any, data: st.DataObject) -> None:
    flow = json.loads(json.dumps(flow, default=str))
    for _ in range(data.draw(st.integers(1, 3))):
        holder: Any = flow
        while True:
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            key = data.draw(st.sampled_from(list(keys)))
            inner = holder[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 3)) == 0:
                holder[key] = data.draw(JSON)
                break
            holder = inner
    assert judged(json.dumps(flow)).digest


def test_many_strange_files_are_judged_at_once() -> None:
    dice = random.Random(11)
    files = []
    for number in range(60):
        text = edited(dice.choice(FLOWS), dice)
        files.append(FlowFile(f"{number}.yaml", Path("-"), text.encode("utf-8", "surrogatepass")))
    report = check_files(files, load_catalog(), processes=1)
    assert report.files == 60
    assert {found.file for found in report.diagnostics} <= {file.shown for file in files}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_flows_are_judged_after_very_many_edits(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(400):
        assert judged(edited(dice.choice(FLOWS), dice), dice.choice(list(Dialect))).digest
