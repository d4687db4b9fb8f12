"""A finding as JSON: the shape that every surface of Penstock gives it."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from penstock.diagnostic import Diagnostic, Position, Range, Severity


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
