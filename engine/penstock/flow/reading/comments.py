"""What comments of a flow ask to be passed over: `# penstock: ignore[PEN601]`, `# penstock: ignore-file[PEN602]`.

A comment at the end of a line speaks of that line, one that is alone on its line of the next; one line that begins
a block scalar stands for the whole of it. `ignore-file` stands above everything else and speaks of the file. Behind
`--` a person may say why. Lines are looked at as they are, not as YAML has them: within a script the comment is part
of the script, and this is where whoever writes the script expects it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
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
_FEW = 16
MAX_COMMENTS = 5_000
"""So many of a file are heeded: no person writes more."""
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


class Heeded:
    """The comments of a file, ordered so that those that speak of a finding are found at once."""

    def __init__(self, comments: Iterable[Comment]) -> None:
        self._of_file: dict[str, list[Comment]] = {}
        self._of_line: dict[tuple[str, int], list[Comment]] = {}
        self._of_lines: dict[str, list[Comment]] = {}
        for comment in comments:
            for code in dict.fromkeys(comment.codes):
                if comment.last == maxsize:
                    self._of_file.setdefault(code, []).append(comment)
                elif comment.last - comment.first < _FEW:
                    for line in range(comment.first, comment.last + 1):
                        self._of_line.setdefault((code, line), []).append(comment)
                else:
                    self._of_lines.setdefault(code, []).append(comment)
        for long in self._of_lines.values():
            long.sort(key=_span)

    def covering(self, code: str, line: int) -> Iterator[Comment]:
        """The comments that pass over a finding with this code that begins in this line."""
        yield from self._of_file.get(code, ())
        yield from self._of_line.get((code, line), ())
        long = self._of_lines.get(code, ())
        for at in range(bisect_left(long, line, key=_last), len(long)):  # block scalars do not lie within one another
            if long[at].first > line:
                break
            yield long[at]

    def covers(self, code: str, line: int) -> bool:
        return next(self.covering(code, line), None) is not None


def _span(comment: Comment) -> tuple[int, int]:
    return comment.last, comment.first


def _last(comment: Comment) -> int:
    return comment.last


def ignored(text: str) -> tuple[Comment, ...]:
    """The comments of a file, in their order."""
    return tuple(islice(_comments(_BREAK.split(text)), MAX_COMMENTS)) if _MARK in text else ()


def _comments(lines: list[str]) -> Iterator[Comment]:
    blocks = _blocks(lines)
    within = {number for begin, end in blocks.items() for number in range(begin + 1, end + 1)}
    above = next((at for at, line in enumerate(lines, 1) if not _is_preamble(line)), len(lines) + 1)
    marked = [(number, line) for number, line in enumerate(lines, 1) if _MARK in line][:MAX_COMMENTS]
    found = [(number, match) for number, line in marked if (match := _COMMENT.search(line)) is not None]
    alone = {number for number, _ in found if lines[number - 1].lstrip().startswith("#")}
    spoken_of: dict[int, int] = {}
    for number in sorted(alone, reverse=True):  # of several, one above the other, all speak of the line below them
        spoken_of[number] = spoken_of.get(number + 1, number + 1)
    for number, match in found:
        if match[1] == "ignore-file":
            first, last = (1, maxsize) if number < above else (1, 0)
        else:
            first = spoken_of.get(number, number)
            last = blocks.get(first, first)
            first = min(first, number)
        yield Comment(
            Range(Position(number, match.start() + 1), Position(number, match.end() + 1)),
            tuple(_named(match, number)), first, last, match[3] or "", _whole(lines, number, match), number in within,
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


def _blocks(lines: list[str]) -> dict[int, int]:
    """The lines that begin a block scalar, each with the last line of it."""
    found: dict[int, int] = {}
    begin, depth = 0, 0
    for number, line in enumerate(lines, 1):
        if begin and (not line.strip() or len(line) - len(line.lstrip(" ")) > depth):
            found[begin] = number if line.strip() else found[begin]
            continue
        begin = 0
        if ("|" in line or ">" in line) and _BLOCK.search(line) and not line.lstrip().startswith("#"):
            begin, depth = number, _depth(line)
            found[begin] = number
    return found


def _depth(line: str) -> int:
    """How far what a block scalar belongs to is indented: the key, or where there is none the dash."""
    before = _BEFORE.match(line)
    lead = before[0] if before is not None else ""
    return lead.rindex("-") if line[len(lead) :].startswith(("|", ">")) and "-" in lead else len(lead)
