"""From the mapping of a sound flow to the Flow: durations read, branches gathered, spellings made one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from penstock.diagnostic import Range
from penstock.duration import parse_duration
from penstock.flow.declaration import declared_input
from penstock.flow.foreach_item import FOR_EACH_ITEM, tasks_of
from penstock.flow.leaves import leaves
from penstock.flow.model import (
    NOTHING,
    Backoff,
    Check,
    CheckBehavior,
    CheckStyle,
    Concurrency,
    Dialect,
    Excess,
    Fallback,
    Flow,
    Input,
    InputType,
    Kind,
    Level,
    Output,
    Retry,
    RetryBehavior,
    Sla,
    SlaBehavior,
    SlaType,
    Task,
    TaskCache,
    Trigger,
    WorkerGroup,
)
from penstock.flow.survey import Path, Site, Survey
from penstock.flow.words import TASK_PROPERTIES

_TRIGGER_PROPERTIES = frozenset({"id", "type", "description", "disabled", "inputs"})
_DAG = "io.kestra.plugin.core.flow.Dag"
_SIDE_BY_SIDE = frozenset({_DAG, "io.kestra.plugin.core.flow.Parallel"})
_PAUSE = "io.kestra.plugin.core.flow.Pause"


def build_flow(survey: Survey, digest: str) -> Flow:
    """The Flow of a survey without errors."""
    raw, document = survey.flow, survey.document
    lists = {name: tuple(_task(survey, site) for site in sites) for name, sites in survey.roots.items()}
    return Flow(
        namespace=raw["namespace"],
        id=raw["id"],
        tasks=lists["tasks"],
        description=raw.get("description"),
        labels=_frozen(labels(raw.get("labels"))),
        variables=_frozen(raw.get("variables") or {}),
        inputs=build_inputs(survey, raw.get("inputs"), ("inputs",)),
        outputs=tuple(
            replace(declared_output(entry), range=document.range_of(("outputs", at)))
            for at, entry in enumerate(raw.get("outputs") or [])
        ),
        errors=lists["errors"],
        finally_=lists["finally"],
        after_execution=lists["afterExecution"],
        triggers=tuple(_trigger(survey, site) for site in survey.triggers),
        retry=build_retry(raw.get("retry")),
        concurrency=_concurrency(raw.get("concurrency")),
        sla=tuple(_sla(entry, document.range_of(("sla", at))) for at, entry in enumerate(raw.get("sla") or [])),
        checks=tuple(
            _check(entry, document.range_of(("checks", at))) for at, entry in enumerate(raw.get("checks") or [])
        ),
        disabled=raw.get("disabled") is True,
        draft=raw.get("draft") is True,
        worker_group=_worker_group(raw.get("workerGroup")),
        dialect=survey.dialect,
        source_digest=digest,
    )


def _concurrency(raw: Any) -> Concurrency | None:
    if not isinstance(raw, Mapping):
        return None
    return Concurrency(int(raw["limit"]), Excess(raw.get("behavior") or Excess.QUEUE))


def _sla(raw: Mapping[str, Any], where: Range) -> Sla:
    return Sla(
        id=raw["id"],
        type=SlaType(raw["type"]),
        behavior=SlaBehavior(raw["behavior"]),
        duration=_length(raw.get("duration")),
        assertion=None if raw.get("assert") is None else _as_text(raw["assert"]),
        labels=_frozen(labels(raw.get("labels"))),
        range=where,
    )


def _check(raw: Mapping[str, Any], where: Range) -> Check:
    condition = raw.get("condition") if raw.get("when") is None else raw["when"]
    return Check(
        when=_as_text(condition),
        message=raw.get("message") or "",
        style=CheckStyle(raw.get("style") or CheckStyle.INFO),
        behavior=CheckBehavior(raw.get("behavior") or CheckBehavior.BLOCK_EXECUTION),
        range=where,
    )


def labels(raw: Any) -> dict[str, str]:
    """Labels from a mapping, or from a list of `{key, value}`."""
    if isinstance(raw, dict):
        pairs = list(raw.items())
    else:
        pairs = [(item["key"], item.get("value")) for item in raw or [] if isinstance(item, dict) and "key" in item]
    return {str(key): _as_text(value) for key, value in pairs}


def build_inputs(survey: Survey, raw: Any, path: Path) -> tuple[Input, ...]:
    """The inputs of a list, each with its place; those within a form like the others."""
    return tuple(
        replace(declared_input(leaf.raw, leaf), range=survey.document.range_of((*path, *leaf.path)))
        for leaf in leaves(raw or [])
    )


def build_retry(raw: Any) -> Retry | None:
    """A retry from its mapping, which rules have judged already."""
    if not isinstance(raw, dict):
        return None
    attempts = raw.get("maxAttempts", raw.get("maxAttempt"))
    maximum = raw.get("maxDuration")
    return Retry(
        backoff=Backoff(raw["type"]),
        interval=_length(raw.get("interval")) or timedelta(0),
        min_interval=_length(raw.get("minInterval")) or timedelta(0),
        max_interval=_length(raw.get("maxInterval")),
        factor=float(raw.get("delayFactor") or 2.0),
        max_attempts=int(attempts) if attempts is not None else None,
        max_duration=_length(maximum),
        warning_on_retry=raw.get("warningOnRetry") is True,
        behavior=RetryBehavior(raw.get("behavior") or RetryBehavior.RETRY_FAILED_TASK),
    )


def _task(survey: Survey, site: Site) -> Task:
    raw, info = site.raw, site.info
    branches = {name: tuple(_task(survey, child) for child in children) for name, children in site.branches.items()}
    names = set(site.branches) | ({"cases"} if "cases" in raw else set())
    properties = {
        name: value
        for name, value in raw.items()
        if name not in TASK_PROPERTIES and name not in names and value is not None
    }
    if isinstance(raw.get("cases"), dict) and any(name.startswith("cases.") for name in site.branches):
        properties["cases"] = tuple(raw["cases"])
    if site.type == _DAG:
        properties["dependsOn"] = _dependencies(raw.get("tasks") or [])
    if site.type in _SIDE_BY_SIDE and survey.dialect is Dialect.V2:
        properties.setdefault("onChildFailure", "FAIL")
    if site.type == _PAUSE and "delay" in properties:
        properties.setdefault("pauseDuration", properties.pop("delay"))
    level = raw.get("logLevel")
    gate = raw.get("when") if raw.get("runIf") is None else raw["runIf"]
    task = Task(
        id=raw["id"],
        type=site.type,
        kind=Kind.WORKER if info is None or info.kind is None else info.kind,
        properties=_frozen(properties),
        branches=_frozen({name: tasks for name, tasks in branches.items() if tasks}),
        description=raw.get("description"),
        retry=build_retry(raw.get("retry")),
        timeout=_timeout(raw.get("timeout")),
        run_if=None if gate is None else _as_text(gate),
        disabled=raw.get("disabled") is True,
        allow_failure=raw.get("allowFailure") is True,
        allow_warning=raw.get("allowWarning") is True,
        log_level=Level(level) if isinstance(level, str) and level in Level.__members__ else None,
        log_to_file=raw.get("logToFile") is True,
        cache=_cache(raw.get("taskCache")),
        worker_group=_worker_group(raw.get("workerGroup")),
        runnable=info is not None and info.runnable,
        range=survey.document.range_of(site.path),
    )
    return replace(task, branches={"tasks": tasks_of(task), **task.branches}) if task.type == FOR_EACH_ITEM else task


def _cache(raw: Any) -> TaskCache | None:
    return TaskCache(raw["enabled"] is True, _length(raw.get("ttl"))) if isinstance(raw, dict) else None


def _worker_group(raw: Any) -> WorkerGroup | None:
    if not isinstance(raw, Mapping):
        return None
    key = raw.get("key")
    return WorkerGroup(None if key is None else _as_text(key), Fallback(raw.get("fallback") or Fallback.WAIT))


def _dependencies(entries: list[Any]) -> dict[str, list[str]]:
    """What each task of a Dag waits for, by id."""
    return {
        entry["task"]["id"]: list(entry.get("dependsOn") or [])
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("task"), dict)
    }


def _trigger(survey: Survey, site: Site) -> Trigger:
    raw = site.raw
    properties = {name: value for name, value in raw.items() if name not in _TRIGGER_PROPERTIES and value is not None}
    given = raw.get("inputs")
    return Trigger(
        id=raw["id"],
        type=site.type,
        properties=_frozen(properties),
        inputs=_frozen(given) if isinstance(given, dict) else NOTHING,
        disabled=raw.get("disabled") is True,
        runnable=site.info is not None and site.info.runnable,
        range=survey.document.range_of(site.path),
    )


def declared_output(raw: Mapping[str, Any]) -> Output:
    """An output of a flow, or of a Loop."""
    known = ("id", "type", "value", "required", "description", "displayName")
    rules = {name: value for name, value in raw.items() if name not in known and value is not None}
    return Output(
        id=raw["id"],
        type=InputType(raw["type"]),
        value=raw.get("value"),
        required=raw.get("required") is not False,
        description=raw.get("description"),
        display_name=raw.get("displayName"),
        rules=_frozen(rules),
    )


def _timeout(raw: Any) -> timedelta | str | None:
    if isinstance(raw, str) and "{{" in raw:
        return raw
    return _length(raw)


def _length(raw: Any) -> timedelta | None:
    return None if raw is None else parse_duration(str(raw))


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _frozen(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(value)) if value else NOTHING
