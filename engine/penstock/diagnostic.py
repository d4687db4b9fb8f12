"""A finding about a file, as data: a code, a place, a reason and a mend. Many renderers read it, none decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal, TypedDict


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


# ── as JSON ──


class PositionRecord(TypedDict):
    """A place in a text; a column counts characters."""

    line: Annotated[int, "The line, counted from 1"]
    column: Annotated[int, "The column, counted from 1"]


class RangeRecord(TypedDict):
    """From `start` up to, not including, `end`."""

    start: PositionRecord
    end: PositionRecord


class EditRecord(TypedDict):
    """What mends a finding."""

    range: Annotated[RangeRecord, "What is replaced"]
    text: Annotated[str, "What takes its place"]
    safe: Annotated[bool, "Whether nothing else can have been meant"]


class FlowRecord(TypedDict):
    """A flow by name."""

    namespace: str
    id: str


class DiagnosticRecord(TypedDict):
    """One finding about a file."""

    code: Annotated[str, "Its stable code, as PEN204; `penstock explain CODE` tells what it means"]
    severity: Severity
    message: Annotated[str, "The reason, one sentence without a full stop"]
    help: Annotated[str | None, "What to do about it"]
    label: Annotated[str | None, "What stands beside the place in a listing"]
    file: Annotated[str, "The file as the person named it"]
    range: RangeRecord
    flow: Annotated[FlowRecord | None, "The flow that the file holds, where its name can be read"]
    fix: Annotated[EditRecord | None, "The edit that mends it, where there is one right answer"]


class SummaryRecord(TypedDict):
    """What was checked, and how many findings there are of each severity."""

    errors: int
    warnings: int
    information: int
    flows: Annotated[int, "The files that hold a flow"]
    elapsedMs: Annotated[int, "How long it took, in milliseconds"]


class ReportRecord(TypedDict):
    """What `penstock validate -o json` prints."""

    schemaVersion: Literal[1]
    outcome: Annotated[Literal["passed", "failed"], "As `--fail-on` has it"]
    summary: SummaryRecord
    diagnostics: list[DiagnosticRecord]


def diagnostic_record(found: Diagnostic) -> DiagnosticRecord:
    """One finding, in the shape that every surface of Penstock gives it."""
    flow, fix = found.flow, found.fix
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "help": found.help,
        "label": found.label or None,
        "file": found.file,
        "range": _range_record(found.range),
        "flow": {"namespace": flow.namespace, "id": flow.id} if flow is not None else None,
        "fix": {"range": _range_record(fix.range), "text": fix.text, "safe": fix.safe} if fix is not None else None,
    }


def _range_record(where: Range) -> RangeRecord:
    return {"start": _position_record(where.start), "end": _position_record(where.end)}


def _position_record(position: Position) -> PositionRecord:
    return {"line": position.line, "column": position.column}


# ── many ──


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
