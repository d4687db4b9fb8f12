"""Findings as GitLab's Code Quality report (GitLab docs, Code Quality, Import results from a CI/CD job, 2026-06)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from penstock.diagnostic import Diagnostic, Severity
from penstock_cli.render.fingerprint import fingerprints

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def as_gitlab(findings: Sequence[Diagnostic]) -> str:
    """A list of issues as JSON. Paths must be those from the root of the repository."""
    issues = [
        {
            "type": "issue",
            "check_name": found.code,
            "description": f"{found.message}: {found.help}" if found.help else found.message,
            "categories": ["Security"] if found.code.startswith("PEN6") else ["Bug Risk"],
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[found.severity],
            "location": {
                "path": found.file,
                "lines": {"begin": found.range.start.line, "end": found.range.end.line},
            },
        }
        for found, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"
