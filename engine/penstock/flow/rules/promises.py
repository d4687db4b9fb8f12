"""What a flow promises of its executions (`sla`), and what it asks before it lets one begin (`checks`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.survey import Path, Survey

_EXIT = "io.kestra.plugin.core.execution.Exit"
_NEEDS = {"MAX_DURATION": "duration", "EXECUTION_ASSERTION": "assert"}
_OTHER = {"duration": "assert", "assert": "duration"}


def promises_are_whole(survey: Survey) -> None:
    """PEN240: a promise has what its type speaks of, and an id of its own."""
    first: dict[str, Path] = {}
    for path, promise in _mappings(survey, "sla"):
        kind, name = promise.get("type"), promise.get("id")
        needed = _NEEDS.get(kind) if isinstance(kind, str) else None
        if needed is not None and promise.get(needed) in (None, "") and not survey.is_faulty((*path, needed)):
            survey.report(
                "PEN240", f"`{kind}` needs `{needed}`", path, at_key=True,
                hint="add `duration: PT1H`" if needed == "duration" else "add `assert:` with an expression",
            )  # fmt: skip
        other = _OTHER.get(needed or "", "")
        if promise.get(other) is not None and not survey.is_faulty((*path, other)):
            survey.report(
                "PEN240", f"`{kind}` has no `{other}`", (*path, other), at_key=True,
                hint=f"leave it out, or promise it by a second entry of `sla`, of type {_type_with(other)}",
            )  # fmt: skip
        if isinstance(name, str) and first.setdefault(name, path) is not path:
            line = survey.document.range_of(first[name]).start.line
            survey.report(
                "PEN240", f"Duplicate SLA with id [{name}]", (*path, "id"),
                hint="rename one of them", label=f"the first stands in line {line}",
            )  # fmt: skip


def _type_with(needed: str) -> str:
    return next(kind for kind, name in _NEEDS.items() if name == needed)


def checks_are_whole(survey: Survey) -> None:
    """PEN241: a check has a condition, and a message that says what does not hold."""
    for path, check in _mappings(survey, "checks"):
        if check.get("when") in (None, "") and check.get("condition") in (None, ""):
            survey.report(
                "PEN241", "a check needs a condition", path, at_key=True, hint="add `condition:` with an expression"
            )
        if check.get("message") in (None, "") and not survey.is_faulty((*path, "message")):
            survey.report("PEN241", "a check needs a `message`", path, at_key=True, hint="say what does not hold")


def exits_come_in_time(survey: Survey) -> None:
    """PEN255: in `afterExecution` the execution has its state already, and an Exit changes nothing."""
    for site in survey.tasks:
        if site.type == _EXIT and site.path[0] == "afterExecution":
            survey.report(
                "PEN255", "an Exit in `afterExecution` does not change the state", (*site.path, "type"),
                severity=Severity.WARNING,
            )  # fmt: skip


def _mappings(survey: Survey, name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    entries = survey.flow.get(name)
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield (name, at), entry
