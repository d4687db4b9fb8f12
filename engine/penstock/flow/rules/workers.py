"""Which workers may take a task. Kestra's Enterprise Edition has groups of them; here one agent runs everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.survey import Path, Survey

PROPERTIES = ("workerGroup", "workerSelector")
"""How Kestra up to 1, and since 2, say it: on a flow, on a task, on a trigger."""
_WORKING_DIRECTORY = "io.kestra.plugin.core.flow.WorkingDirectory"
_NEVER = {
    "FAIL": "`fallback: FAIL` never fails anything",
    "CANCEL": "`fallback: CANCEL` never cancels anything",
}
"""What does not happen by a fallback, for there is always a worker."""


def workers_are_not_chosen(survey: Survey) -> None:
    """PEN703: what chooses among workers is read and kept, and this agent runs the task all the same."""
    for path, chosen, work in _choices(survey):
        fallback = chosen.get("fallback") if isinstance(chosen, dict) else None
        told = _NEVER.get(fallback, "nothing waits for one") if isinstance(fallback, str) else "nothing waits for one"
        survey.report(
            "PEN703", f"`{path[-1]}` has no effect in this version", path, at_key=True, severity=Severity.WARNING,
            hint=f"there are no groups of workers: this agent runs {work}, and {told}",
        )  # fmt: skip


def working_directory_has_the_group(survey: Survey) -> None:
    """PEN218: the children of a WorkingDirectory share a worker, so it is chosen once, for all of them."""
    for site in survey.tasks:
        parent = site.parent
        if parent is None or parent.type != _WORKING_DIRECTORY or site.path[len(parent.path)] != "tasks":
            continue
        if site.raw.get("workerGroup") is not None:
            survey.report(
                "PEN218",
                "Cannot set a Worker Group in any WorkingDirectory sub-tasks, it is only supported at the "
                "WorkingDirectory level",
                (*site.path, "workerGroup"), at_key=True, hint=f"move it to `{parent.id}`",
            )  # fmt: skip


def _choices(survey: Survey) -> Iterator[tuple[Path, Any, str]]:
    """Where a worker is chosen, how, and for what."""
    holders: list[tuple[Path, dict[str, Any], str]] = [((), survey.flow, "every task")]
    holders += [(site.path, site.raw, "the task") for site in survey.tasks]
    holders += [(site.path, site.raw, "the trigger") for site in survey.triggers]
    for path, raw, work in holders:
        for name in PROPERTIES:
            if raw.get(name):
                yield (*path, name), raw[name], work
