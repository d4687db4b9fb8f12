"""What a pull request is told, as data: made where the flows are, written where there is a token that may write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.errors import UserError

FILE = "report.json"
SCHEMA_VERSION = 1
MOST_FINDINGS = 200
MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """`validation` and `difference` are what `validate` and `diff` said as JSON, `text` is the difference in Markdown.

    Findings are as many as are shown; `validation["summary"]` counts all of them.
    """

    pull: int
    base: str
    head: str
    validation: Mapping[str, Any] | None = None
    difference: Mapping[str, Any] | None = None
    text: str = ""

    def as_json(self) -> str:
        return json.dumps(
            {
                "schemaVersion": SCHEMA_VERSION,
                "pull": self.pull,
                "base": self.base,
                "head": self.head,
                "validation": self.validation,
                "difference": self.difference,
                "text": self.text,
            },
            ensure_ascii=False,
        )

    def with_validation(self, said: Mapping[str, Any]) -> Report:
        return replace(self, validation={**said, "diagnostics": list(said.get("diagnostics", ()))[:MOST_FINDINGS]})


def read_report(path: Path) -> Report:
    """A report that may come from a stranger's run: of the right shape, or refused. Raises UserError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path.name} is larger than any report")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"there is no report at {path}") from error
    except ValueError as error:
        raise UserError(f"{path.name} is no JSON") from error
    if not isinstance(data, dict) or data.get("schemaVersion") != SCHEMA_VERSION:
        raise UserError(f"{path.name} is no report that this version can read")
    pull, base, head, text = data.get("pull"), data.get("base"), data.get("head"), data.get("text")
    validation, difference = data.get("validation"), data.get("difference")
    if not (isinstance(pull, int) and isinstance(base, str) and isinstance(head, str) and isinstance(text, str)):
        raise UserError(f"{path.name} has another shape than a report")
    if not (validation is None or _is_validation(validation)):
        raise UserError(f"{path.name} has another validation than a report")
    if not (difference is None or _is_difference(difference)):
        raise UserError(f"{path.name} has another difference than a report")
    return Report(pull, base, head, validation, difference, text)


def _is_difference(value: object) -> bool:
    summary = value.get("summary") if isinstance(value, dict) else None
    counted = isinstance(summary, dict) and all(isinstance(count, int) for count in summary.values())
    return counted and isinstance(value, dict) and isinstance(value.get("outcome"), str)


def _is_validation(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("summary"), dict):
        return False
    counts = all(isinstance(value["summary"].get(name), int) for name in ("errors", "warnings", "flows"))
    found = value.get("diagnostics")
    return counts and isinstance(found, list) and all(_is_finding(each) for each in found)


def _is_finding(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    texts = all(isinstance(value.get(name), str) for name in ("code", "severity", "message", "file"))
    where = value.get("range")
    start = where.get("start") if isinstance(where, dict) else None
    return texts and isinstance(start, dict) and isinstance(start.get("line"), int)
