"""What comments of a flow ask to be passed over: `# penstock: ignore[PEN601]`, `# penstock: ignore-file[PEN602]`.

A comment at the end of a line speaks of that line, one that is alone on its line of the next; one line that begins
a block scalar stands for the whole of it. `ignore-file` stands above everything else and speaks of the file. Behind
`--` a person may say why. Lines are looked at as they are, not as YAML has them: within a script the comment is part
of the script, and this is where whoever writes the script expects it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from sys import maxsize

from penstock.diagnostic import Position, Range

MAX_COMMENTS = 1_000
"""So many of a file are heeded."""
_MARK = "penstock:"
_COMMENT = re.compile(r"#[^#\n]*?\bpenstock:\s*(ignore(?:-file)?)\[([A-Za-z0-9,\s]*)\](?:\s*--\s*(.*\S))?")
_CODE = re.compile(r"[^,\s]+")
_BREAK = re.compile(r"\r\n|\n|\r")
_BEFORE = re.compile(r" *(?:- +)*")
_BLOCK = re.compile(r"(?:^|[:\s-])[|>][-+0-9]{0,2}[ \t]*(?:[ \t]#.*)?$")


@dataclass(frozen=True, slots=True)
class Named:
    """A code as a comment names it, and where."""

    code: str
    range: Range


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. It speaks of the lines from `first` to `last`; of none where it is not heeded at its place.

    `range` is the comment itself, from its `#` on. `whole` is what goes with it when it is taken away: the space
    before it, or its line; None where the comment says other things too. `is_within` says that it is part of a block
    scalar, as of a script.
    """

    range: Range
    named: tuple[Named, ...]
    first: int
    last: int
    reason: str = ""
    whole: Range | None = None
    is_within: bool = False

    @property
    def line(self) -> int:
        return self.range.start.line

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(one.code for one in self.named)

    def covers(self, code: str, line: int) -> bool:
        """Whether it passes over a finding with this code that begins in this line."""
        return self.first <= line <= self.last and any(one.code == code for one in self.named)


def ignored(text: str) -> tuple[Comment, ...]:
    """The comments of a file, in their order."""
    return tuple(islice(_comments(_BREAK.split(text)), MAX_COMMENTS)) if _MARK in text else ()


def _comments(lines: list[str]) -> Iterator[Comment]:
    blocks = _blocks(lines)
    above = next((at for at, line in enumerate(lines, 1) if not _is_preamble(line)), len(lines) + 1)
    for number, line in enumerate(lines, 1):
        match = _COMMENT.search(line) if _MARK in line else None
        if match is None:
            continue
        alone = line.lstrip().startswith("#")
        if match[1] == "ignore-file":
            first, last = (1, maxsize) if number < above else (1, 0)
        else:
            first = _next(lines, number) if alone else number
            last = blocks.get(first, first)
            first = min(first, number)
        yield Comment(
            Range(Position(number, match.start() + 1), Position(number, match.end() + 1)),
            tuple(_named(match, number)), first, last, match[3] or "", _whole(lines, number, match),
            any(begin < number <= end for begin, end in blocks.items()),
        )  # fmt: skip


def _named(match: re.Match[str], number: int) -> Iterator[Named]:
    for code in _CODE.finditer(match[2]):
        yield Named(code[0], Range.at(number, match.start(2) + code.start() + 1, len(code[0])))


def _whole(lines: list[str], number: int, match: re.Match[str]) -> Range | None:
    line = lines[number - 1]
    if line[match.end() :].strip() or not match[0][1:].lstrip().startswith(_MARK):
        return None
    before = line[: match.start()].rstrip()
    if not before and number < len(lines):
        return Range(Position(number, 1), Position(number + 1, 1))
    return Range(Position(number, len(before) + 1), Position(number, len(line) + 1))


def _is_preamble(line: str) -> bool:
    """Nothing of the document itself: empty, a comment, or the mark of its beginning."""
    stripped = line.strip("\ufeff \t")
    return not stripped or stripped.startswith(("#", "---", "%"))


def _next(lines: list[str], number: int) -> int:
    """The line that a comment alone on its line speaks of: the first below that is no such comment itself."""
    while number < len(lines) and lines[number].lstrip().startswith("#") and _COMMENT.search(lines[number]):
        number += 1
    return number + 1


def _blocks(lines: list[str]) -> dict[int, int]:
    """The lines that begin a block scalar, each with the last line of it."""
    found: dict[int, int] = {}
    begin, depth = 0, 0
    for number, line in enumerate(lines, 1):
        if begin and (not line.strip() or len(line) - len(line.lstrip(" ")) > depth):
            found[begin] = number if line.strip() else found[begin]
            continue
        begin = 0
        if _BLOCK.search(line) and not line.lstrip().startswith("#"):
            begin, depth = number, _depth(line)
            found[begin] = number
    return found


def _depth(line: str) -> int:
    """How far what a block scalar belongs to is indented: the key, or where there is none the dash."""
    before = _BEFORE.match(line)
    lead = before[0] if before is not None else ""
    return lead.rindex("-") if line[len(lead) :].startswith(("|", ">")) and "-" in lead else len(lead)
