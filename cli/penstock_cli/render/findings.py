"""Findings as a person, an editor or a workflow reads them: pure functions from data to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penstock.diagnostic import Diagnostic
from penstock_cli.render.findings_frame import Style, ansi, clean, frame, plain

LineOf = Callable[[str, int], str]
"""The text of a line of a file: `line_of("flows/etl.yaml", 14)`."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was checked. `outcome` is `passed` or `failed`, as `--fail-on` has it.

    `safe` and `unsafe` count the findings that bring an edit, by whether it could have been meant otherwise.
    """

    errors: int
    warnings: int
    notes: int
    flows: int
    elapsed_s: float
    outcome: str
    safe: int = 0
    unsafe: int = 0

    @property
    def offer(self) -> str:
        """`2 of them can be mended with --fix, 1 more with --unsafe-fixes.`; empty where none can be."""
        if self.safe and self.unsafe:
            return f"{self.safe:,} of them can be mended with --fix, {self.unsafe:,} more with --unsafe-fixes."
        if self.safe:
            return f"{self.safe:,} of them can be mended with --fix."
        return f"{self.unsafe:,} of them can be mended with --fix --unsafe-fixes." if self.unsafe else ""

    @property
    def sentence(self) -> str:
        """`Found 1 error and 2 warnings in 12 flows (checked in 38 ms).`"""
        counts = ((self.errors, "error"), (self.warnings, "warning"), (self.notes, "note"))
        parts = [_counted(count, noun) for count, noun in counts if count]
        found = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        return f"Found {found or 'no problems'} in {_counted(self.flows, 'flow')} (checked in {self._elapsed})."

    @property
    def _elapsed(self) -> str:
        return f"{self.elapsed_s * 1000:.0f} ms" if self.elapsed_s < 1 else f"{self.elapsed_s:.1f} s"


def as_text(findings: Sequence[Diagnostic], summary: Summary | None, line_of: LineOf, style: Style = plain) -> str:
    """Frames in the manner of rustc, an empty line between two, then the summary's sentence."""
    frames = "\n".join(frame(found, line_of(found.file, found.range.start.line), style) for found in findings)
    return frames + _ending(summary, style)


def render_text(findings: Sequence[Diagnostic], texts: Mapping[str, str], *, colour: bool = False) -> str:
    """The frames of findings about files whose whole text is at hand, without a summary."""

    def line_of(file: str, number: int) -> str:
        lines = texts.get(file, "").splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""

    return as_text(findings, None, line_of, ansi if colour else plain).rstrip("\n")


def as_concise(findings: Sequence[Diagnostic], summary: Summary | None, style: Style = plain) -> str:
    """One line a finding: `flows/etl.yaml:14:18: error[PEN204] message`."""
    lines = []
    for found in findings:
        start = found.range.start
        place = style(f"{clean(found.file)}:{start.line}:{start.column}:", "bold")
        code = style(f"{found.severity}[{found.code}]", found.severity)
        lines.append(f"{place} {code} {clean(found.message)}\n")
    return "".join(lines) + _ending(summary, style)


def _ending(summary: Summary | None, style: Style) -> str:
    if summary is None:
        return ""
    role = "bold" if summary.outcome == "passed" else "error"
    return style(summary.sentence, role) + "\n" + (f"{summary.offer}\n" if summary.offer else "")


def as_json(findings: Sequence[Diagnostic], summary: Summary) -> str:
    """The shape of diagnostics.json, `schemaVersion` 1; one document, indented, ending with a line break."""
    import json  # neither this nor the records is needed for text, and every start would pay for them

    from penstock.diagnostic_record import ReportRecord, diagnostic_record

    data: ReportRecord = {
        "schemaVersion": 1,
        "outcome": "passed" if summary.outcome == "passed" else "failed",
        "summary": {
            "errors": summary.errors,
            "warnings": summary.warnings,
            "information": summary.notes,
            "flows": summary.flows,
            "elapsedMs": round(summary.elapsed_s * 1000),
        },
        "diagnostics": [diagnostic_record(found) for found in findings],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
