"""Calls of other flows, and tasks about other executions: what must hold before they run."""

from __future__ import annotations

from typing import Any

from penstock.flow.foreach_item import FOR_EACH_ITEM, PARTS
from penstock.flow.survey import Path, Survey

_CORE = "io.kestra.plugin.core."
_COUNT, _PURGE_LOGS, _PURGE_EXECUTIONS = (
    _CORE + "execution.Count",
    _CORE + "log.PurgeLogs",
    _CORE + "execution.PurgeExecutions",
)
_STORAGE = "kestra://"


def parts_have_names_of_their_own(survey: Survey) -> None:
    """PEN260: the three tasks that a ForEachItem is made of have the ids that no other task has."""
    ids: dict[str, Path] = {}
    for site in survey.tasks:
        if site.id is not None:
            ids.setdefault(site.id, (*site.path, "id"))
    for site in survey.tasks:
        if site.type != FOR_EACH_ITEM or site.id is None:
            continue
        for part in PARTS:
            taken = ids.get(site.id + part)
            if taken is not None:
                survey.report(
                    "PEN260", f"`{site.id}{part}` is the id of a part of the ForEachItem `{site.id}`", taken,
                    hint="choose another id",
                )  # fmt: skip


def items_are_a_file(survey: Survey) -> None:
    """PEN261: what a ForEachItem cuts lies in the internal storage."""
    for site in survey.tasks:
        if site.type != FOR_EACH_ITEM:
            continue
        items, path = site.raw.get("items"), (*site.path, "items")
        if _is_plain(items) and not str(items).startswith(_STORAGE) and not survey.is_faulty(path):
            survey.report(
                "PEN261", f"Unable to split the items from {items}, this is not an internal storage URI!", path,
                hint="write an expression such as `{{ inputs.file }}` or `{{ outputs.task.uri }}`",
            )  # fmt: skip


def counts_say_of_what(survey: Survey) -> None:
    """PEN262: a Count is of flows or of namespaces."""
    for site in survey.tasks:
        if site.type == _COUNT and not site.raw.get("flows") and not site.raw.get("namespaces"):
            survey.report(
                "PEN262", "neither `flows` nor `namespaces` says what is to be counted", site.path, at_key=True,
                hint="add one of them",
            )  # fmt: skip


def purges_say_of_what(survey: Survey) -> None:
    """PEN263: a flow has no name without its namespace."""
    for site in survey.tasks:
        if site.type not in (_PURGE_EXECUTIONS, _PURGE_LOGS):
            continue
        if site.raw.get("flowId") is not None and site.raw.get("namespace") is None:
            survey.report(
                "PEN263", "`flowId` says nothing without `namespace`", (*site.path, "flowId"), at_key=True,
                hint="add `namespace:`",
            )  # fmt: skip


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "{{" not in value and "{%" not in value
