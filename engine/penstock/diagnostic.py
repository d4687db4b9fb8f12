"""A finding about a file, as data: a code, a place, a reason and a mend. Many renderers read it, none decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "information"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: line and column count from 1; a column counts characters, not bytes."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` up to, not including, `end`."""

    start: Position
    end: Position

    @classmethod
    def at(cls, line: int, column: int, width: int = 1) -> Range:
        return cls(Position(line, column), Position(line, column + max(width, 1)))


MAX_WORD = 300
"""Nothing longer is taken for a slip."""

MAX_KNOWN = 1_000
"""Among more words any is near to some other."""

START = Range.at(1, 1)


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement that mends the finding: the text within `range` becomes `text`.

    `safe` says that it cannot be anything but what was meant; one that is not is applied only where a person asks.
    """

    range: Range
    text: str
    safe: bool = True


@dataclass(frozen=True, slots=True)
class FlowName:
    """What Kestra names a flow by. Written `namespace/id` wherever a person reads or types it."""

    namespace: str
    id: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.id}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `code` is stable (PEN1xx YAML, 2xx structure, 3xx expressions, 4xx triggers, 5xx cross-flow, 6xx security,
    7xx portability). `message` is the reason as one sentence without a full stop; `label` stands under the
    carets and may be empty; `help` is what to do. `file` is the path as the person gave it.
    """

    code: str
    severity: Severity
    message: str
    file: str
    range: Range
    help: str | None = None
    label: str = ""
    flow: FlowName | None = None
    fix: Edit | None = field(default=None, compare=False)

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """In reading order: by file, then by place, then by code."""
    return sorted(diagnostics, key=lambda d: (d.file, d.range.start, d.code, d.message))


def suggest(word: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The known words that `word` may be a slip of, best first. Case does not count, nor does a dotted prefix."""
    if len(word) > MAX_WORD:
        return []
    from difflib import get_close_matches

    by_fold = {name.casefold(): name for name in known}
    if len(by_fold) > MAX_KNOWN:
        return []
    wanted = word.casefold()
    close = get_close_matches(wanted, by_fold, n=most, cutoff=0.7)
    if not close and "." in wanted:
        last = {fold.rsplit(".", 1)[-1]: fold for fold in by_fold}
        close = [last[tail] for tail in get_close_matches(wanted.rsplit(".", 1)[-1], last, n=most, cutoff=0.75)]
    return [by_fold[fold] for fold in close]


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean `x`?`, or None when nothing is near."""
    close = suggest(word, known, most=1)
    return f"did you mean `{close[0]}`?" if close else None
