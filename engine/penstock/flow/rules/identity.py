"""Names: of tasks, triggers, labels, and of the flow itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from unicodedata import category

from penstock.diagnostic import FlowName, Severity
from penstock.flow.survey import Path, Site, Survey
from penstock.flow.words import Dialect

_TASK_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]*")
_RESERVED = frozenset(
    {
        "pause", "resume", "force-run", "change-status", "kill", "executions", "search", "source", "disable",
        "enable",
    }
)  # fmt: skip
_ALLOWED_SYSTEM_LABELS = frozenset({"system.readOnly"})
_LABELS = "io.kestra.plugin.core.execution.Labels"
_ITSELF = re.compile(r"\{\{\s*flow\.(id|namespace)\s*\}\}")
_CALLS = frozenset({"io.kestra.plugin.core.flow.Subflow", "io.kestra.plugin.core.flow.ForEachItem"})


def id_of_every_task(survey: Survey) -> None:
    """PEN201, PEN206: a task or trigger whose type has no schema needs an id all the same."""
    for site in (*survey.tasks, *survey.triggers):
        name = site.raw.get("id")
        if survey.is_faulty((*site.path, "id")) or (site.info is not None and site.info.has_schema):
            continue
        if name is None:
            survey.report("PEN201", "`id` is missing", site.path, at_key=True, hint="add `id:`")
        elif not isinstance(name, str) or (site.group == "task" and not _TASK_ID.fullmatch(name)):
            survey.report(
                "PEN206", f'`{name}` must match "^[a-zA-Z0-9][a-zA-Z0-9_-]*"', (*site.path, "id"),
                hint="an id has letters, digits, `-` and `_`",
            )  # fmt: skip


def unique_task_ids(survey: Survey) -> None:
    """PEN212: every task of a flow, nested ones and error handlers included, has an id of its own."""
    _unique(survey, survey.tasks, "PEN212", "task")


def unique_trigger_ids(survey: Survey) -> None:
    """PEN214: every trigger of a flow has an id of its own."""
    _unique(survey, survey.triggers, "PEN214", "trigger")


def unique_preconditions(survey: Survey) -> None:
    """PEN214: the preconditions of a Flow trigger have an id of their own, for what they wait for is kept under it."""
    first: dict[str, Path] = {}
    for site in survey.triggers:
        conditions = site.raw.get("preconditions")
        name = conditions.get("id") if isinstance(conditions, dict) else None
        path = (*site.path, "preconditions", "id")
        if isinstance(name, str) and first.setdefault(name, path) is not path:
            line = survey.document.range_of(first[name]).start.line
            survey.report(
                "PEN214", f"Duplicate preconditions with id [{name}]", path,
                hint="rename one of them", label=f"the first stand in line {line}",
            )  # fmt: skip


def _unique(survey: Survey, sites: Iterable[Site], code: str, noun: str) -> None:
    first: dict[str, Site] = {}
    for site in sites:
        name = site.id
        if name is None or first.setdefault(name, site) is site:
            continue
        line = survey.document.range_of((*first[name].path, "id")).start.line
        survey.report(
            code, f"Duplicate {noun} id with name [{name}]", (*site.path, "id"),
            hint="rename one of them", label=f"the first stands in line {line}",
        )  # fmt: skip


def reserved_flow_id(survey: Survey) -> None:
    """PEN223: these ids are words of Kestra's API paths, and refused since 1.0."""
    name = survey.flow.get("id")
    if isinstance(name, str) and name in _RESERVED:
        survey.report(
            "PEN223", f"`{name}` is reserved and cannot be the id of a flow", ("id",), hint="choose another",
            severity=Severity.WARNING if survey.dialect is Dialect.V0_21 else Severity.ERROR,
        )  # fmt: skip


def no_system_labels(survey: Survey) -> None:
    """PEN215: labels that begin with `system.` belong to Kestra, `system.readOnly` aside."""
    for path, labels in _label_holders(survey):
        for key, value, at in _labels(labels, path):
            if key.startswith("system.") and key not in _ALLOWED_SYSTEM_LABELS:
                survey.report(
                    "PEN215", f"System labels can only be set by Kestra itself, offending label: {key}={value}", at,
                    at_key=isinstance(labels, Mapping), hint="choose a label that does not begin with `system.`",
                )  # fmt: skip


def labels_of_2(survey: Survey) -> None:
    """PEN242: the key of a label begins with a small letter, and has letters, digits, `.`, `_` and `-` (Kestra 2)."""
    if survey.dialect is not Dialect.V2:
        return
    for path, labels in _label_holders(survey):
        for key, _, at in _labels(labels, path):
            if not _is_key_of_2(key):
                survey.report(
                    "PEN242", f'`{key}` must match "^[\\p{{Ll}}][\\p{{L}}0-9._-]*$"', at,
                    at_key=isinstance(labels, Mapping), hint="begin with a small letter",
                )  # fmt: skip


def _is_key_of_2(key: str) -> bool:
    return category(key[:1] or " ") == "Ll" and all(one.isalpha() or one in "0123456789._-" for one in key)


def _label_holders(survey: Survey) -> Iterator[tuple[Path, Any]]:
    yield ("labels",), survey.flow.get("labels")
    for site in survey.triggers:
        yield (*site.path, "labels"), site.raw.get("labels")
    for site in survey.tasks:
        if site.type == _LABELS:
            yield (*site.path, "labels"), site.raw.get("labels")
    promises = survey.flow.get("sla")
    for number, promise in enumerate(promises if isinstance(promises, list) else []):
        if isinstance(promise, dict):
            yield ("sla", number, "labels"), promise.get("labels")


def _labels(labels: Any, path: Path) -> Iterator[tuple[str, Any, Path]]:
    """Every label with the path of what names it: a mapping's key, or a list item's `key`."""
    if isinstance(labels, dict):
        for key, value in labels.items():
            yield key, value, (*path, key)
    elif isinstance(labels, list):
        for at, item in enumerate(labels):
            if isinstance(item, dict) and isinstance(item.get("key"), str):
                yield item["key"], item.get("value"), (*path, at, "key")


def no_recursion(survey: Survey) -> None:
    """PEN219: a flow that calls itself as a subflow never ends. By expressions it may mean to, under a condition."""
    own = survey.name
    for site in survey.tasks:
        if site.type not in _CALLS or own is None:
            continue
        written = (site.raw.get("namespace"), site.raw.get("flowId"))
        if all(map(_says, written, ("namespace", "id"), (own.namespace, own.id))):
            is_plain = written == (own.namespace, own.id)
            survey.report(
                "PEN219", f"Recursive call to flow [{_dotted(own)}]", (*site.path, "flowId"),
                severity=Severity.ERROR if is_plain else Severity.WARNING,
                hint="call another flow" if is_plain else "it goes no deeper than 20 calls, where no condition ends it",
            )  # fmt: skip


def _says(written: Any, name: str, own: str) -> bool:
    """Whether it is the flow's own id or namespace, as it is or as the expression that is nothing else."""
    match = _ITSELF.fullmatch(written.strip()) if isinstance(written, str) else None
    return written == own or (match is not None and match[1] == name)


def _dotted(name: FlowName) -> str:
    return f"{name.namespace}.{name.id}"
