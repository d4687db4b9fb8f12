"""Tasks that hold tasks: what each must and may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.survey import Path, Site, Survey
from penstock.flow.words import Kind

_FLOW = "io.kestra.plugin.core.flow."
_SWITCH, _DAG, _WORKING_DIRECTORY = _FLOW + "Switch", _FLOW + "Dag", _FLOW + "WorkingDirectory"
_OPTIONAL_TASKS = frozenset({_FLOW + "Pause", _SWITCH, _DAG})
_LOOPS = {_FLOW + "ForEach": "values", _FLOW + "EachSequential": "value", _FLOW + "EachParallel": "value"}
_EXECUTABLE = frozenset({_FLOW + "Subflow", _FLOW + "ForEachItem"})


def no_empty_task_list(survey: Survey) -> None:
    """PEN216: a flow has tasks, and so has every flowable that is made of them."""
    if "tasks" in survey.flow and not survey.flow["tasks"] and not survey.is_faulty(("tasks",)):
        survey.report("PEN216", "must not be empty", ("tasks",), at_key=True, hint="add a task")
    for site in survey.tasks:
        info = site.info
        if info is None or "tasks" not in info.branches or site.type in _OPTIONAL_TASKS:
            continue
        path = (*site.path, "tasks")
        if not site.raw.get("tasks") and not survey.is_faulty(path) and not _misses(survey, site, "tasks"):
            where = path if "tasks" in site.raw else site.path
            survey.report("PEN216", "`tasks` must not be empty", where, at_key=True, hint="add a task")


def _misses(survey: Survey, site: Site, name: str) -> bool:
    """The schema has told already that the property is missing."""
    said = f"`{name}` is missing"
    first, whole = survey.where(site.path, at_key=True), survey.where(site.path)
    return any(
        found.message == said and (found.range == first or whole.start <= found.range.start < whole.end)
        for found in survey.found
    )


def switch_has_a_case(survey: Survey) -> None:
    """PEN217: a Switch without cases and defaults can do nothing."""
    for site in survey.tasks:
        if site.type == _SWITCH and not _any_tasks(site.raw.get("cases")) and not site.raw.get("defaults"):
            survey.report(
                "PEN217", "No task defined, neither cases or default have any tasks", site.path, at_key=True,
                hint="add `cases:` or `defaults:` with tasks",
            )  # fmt: skip
        elif site.type == _SWITCH:
            for path in _empty_branches(site):
                survey.report(
                    "PEN217", "no task is defined for this case, which newer versions of Kestra refuse",
                    (*site.path, *path), at_key=True, severity=Severity.WARNING, hint="add a task, or leave it out",
                )  # fmt: skip


def _empty_branches(site: Site) -> Iterator[Path]:
    """The cases and defaults that are lists without a task (kestra core, flows/invalids/switch-empty-case-invalid)."""
    cases = site.raw.get("cases")
    for key, tasks in cases.items() if isinstance(cases, dict) else ():
        if tasks == []:
            yield "cases", key
    if site.raw.get("defaults") == []:
        yield ("defaults",)


def _any_tasks(cases: Any) -> bool:
    return isinstance(cases, dict) and any(cases.values())


def loops_have_values(survey: Survey) -> None:
    """PEN203: what a loop goes over is a list, a mapping, an expression, or text that is one of them in JSON."""
    for site in survey.tasks:
        name = _LOOPS.get(site.type)
        value = site.raw.get(name) if name is not None else None
        path = (*site.path, str(name))
        if value is None or survey.is_faulty(path):
            continue
        if isinstance(value, list):
            empty = [at for at, one in enumerate(value) if one is None]
            if empty:
                survey.report("PEN203", "a loop cannot go over nothing", (*path, empty[0]), hint="give it a value")
        elif not isinstance(value, dict) and not _may_be_a_list(str(value)):
            from penstock.flow.judging.violations import shown

            survey.report(
                "PEN203", f"a loop goes over a list, and {shown(value)} is none", path, hint="begin each item with `- `"
            )


def _may_be_a_list(text: str) -> bool:
    if "{{" in text or "{%" in text:
        return True
    try:
        return isinstance(json.loads(text), list | dict)
    except ValueError:
        return False


def working_directory_runs_only_tasks(survey: Survey) -> None:
    """PEN218: the children of a WorkingDirectory share a worker, so each must be a task that a worker can run."""
    for site in survey.tasks:
        parent = site.parent
        if parent is None or parent.type != _WORKING_DIRECTORY or site.info is None:
            continue
        if site.path[len(parent.path)] == "tasks" and (site.info.kind is Kind.FLOWABLE or site.type in _EXECUTABLE):
            survey.report(
                "PEN218", "Only runnable tasks are allowed as children of a WorkingDirectory task",
                (*site.path, "type"), hint=f"move `{site.id}` out of `{parent.id}`",
            )  # fmt: skip


def dag_is_ordered(survey: Survey) -> None:
    """PEN225: what a Dag's task depends on exists, and nothing depends on itself by a detour."""
    for site in survey.tasks:
        if site.type != _DAG:
            continue
        entries = site.raw.get("tasks")
        if not isinstance(entries, list) or not entries:
            if not _misses(survey, site, "tasks"):
                survey.report("PEN225", "No task defined", site.path, at_key=True, hint="add `tasks:`")
            continue
        _judge_dag(survey, site, entries)


def _judge_dag(survey: Survey, site: Site, entries: list[Any]) -> None:
    edges: dict[str, list[str]] = {}
    for entry in entries:
        task = entry.get("task") if isinstance(entry, dict) else None
        name = task.get("id") if isinstance(task, dict) else None
        needed = entry.get("dependsOn") if isinstance(entry, dict) else None
        if isinstance(name, str):
            edges[name] = [one for one in needed if isinstance(one, str)] if isinstance(needed, list) else []
    for at, entry in enumerate(entries):
        needed = entry.get("dependsOn") if isinstance(entry, dict) else None
        for index, one in enumerate(needed if isinstance(needed, list) else []):
            if not isinstance(one, str) or one not in edges:
                path = (*site.path, "tasks", at, "dependsOn", index)
                survey.report("PEN225", f"Not existing task id in dependency: {one}", path)
    cyclic = _in_cycles(edges)
    if cyclic:
        survey.report("PEN225", f"Cyclic dependency detected: {', '.join(cyclic)}", (*site.path, "tasks"), at_key=True)


def _in_cycles(edges: dict[str, list[str]]) -> list[str]:
    """What is left when everything whose needs are met has been taken away, again and again."""
    left = {name: {one for one in needed if one in edges} for name, needed in edges.items()}
    while True:
        ready = [name for name, needed in left.items() if not needed & left.keys()]
        if not ready:
            return list(left)
        for name in ready:
            del left[name]
