"""Findings as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format, 2020-03): rules, places, fixes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from penstock import __version__
from penstock.diagnostic import Diagnostic, Edit, Range, Severity
from penstock.flow.codes import CODES, Code
from penstock.validation.guide import GUIDES
from penstock.validation.guide.entry import Example, Made
from penstock_cli.render.fingerprint import fingerprints

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def as_sarif(findings: Sequence[Diagnostic]) -> str:
    """One log with one run. Paths must be those from the root of the repository; columns count characters."""
    codes = sorted({found.code for found in findings})
    rules = {code: at for at, code in enumerate(codes)}
    results = [
        _result(found, rules[found.code], fingerprint)
        for found, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]
    driver = {
        "name": "Penstock",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code, CODES.get(code)) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository"}}},
        "invocations": [{"executionSuccessful": True}],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str, known: Code | None) -> dict[str, Any]:
    if known is None:
        return {"id": code}
    guide = GUIDES.get(code)
    why = guide.why if guide is not None else known.title
    markdown = [f"{why}\n\nMend: {known.help}."]
    if guide is not None:
        markdown += [f"{word}:\n\n{_example(part)}" for word, part in (("Wrong", guide.wrong), ("Right", guide.right))]
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": why},
        "help": {"text": f"{why}\n\nMend: {known.help}.", "markdown": "\n\n".join(markdown)},
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
        "properties": {"tags": list(_tags(code)), **_security(code)},
    }


def _tags(code: str) -> Iterator[str]:
    yield "workflow"
    if code.startswith("PEN6"):
        yield "security"


def _security(code: str) -> dict[str, str]:
    """How grave GitHub shows a finding of security to be; what lies open is worse than what could be misused."""
    if not code.startswith("PEN6"):
        return {}
    return {"security-severity": "8.0" if code == "PEN601" else "5.0"}


def _example(example: Example) -> str:
    match example:
        case str():
            return f"```yaml\n{example.rstrip()}\n```"
        case Made():
            return example.told
    return "\n\n".join(f"`{path}`\n\n```yaml\n{text.rstrip()}\n```" for path, text in example.items())


def _result(found: Diagnostic, rule: int, fingerprint: str) -> dict[str, Any]:
    message = f"{found.message}. {found.help}" if found.help else found.message
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _LEVELS[found.severity],
        "message": {"text": message},
        "locations": [_location(found)],
        "partialFingerprints": {"penstock/v1": fingerprint},
    }
    if found.fix is not None:
        result["fixes"] = [_fix(found, found.fix)]
    return result


def _location(found: Diagnostic) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(found.file), "region": _region(found.range)}
    }
    if found.flow is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": str(found.flow), "kind": "module"}]
    return location


def _artifact(file: str) -> dict[str, str]:
    """Where a file is: from the root of the repository on, or by itself where it lies outside."""
    if file.startswith(("/", "../")):
        return {"uri": f"file://{quote(file)}" if file.startswith("/") else quote(file)}
    return {"uri": quote(file), "uriBaseId": _ROOT}


def _region(where: Range) -> dict[str, int]:
    return {
        "startLine": where.start.line,
        "startColumn": where.start.column,
        "endLine": where.end.line,
        "endColumn": where.end.column,
    }


def _fix(found: Diagnostic, fix: Edit) -> dict[str, Any]:
    replacement = {"deletedRegion": _region(fix.range), "insertedContent": {"text": fix.text}}
    return {
        "description": {"text": found.help or found.message},
        "artifactChanges": [{"artifactLocation": _artifact(found.file), "replacements": [replacement]}],
    }
