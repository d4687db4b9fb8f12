"""The facts of one flow, gathered from its survey: what it declares, whom it calls, what it waits for and reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import FlowName
from penstock.flow.leaves import leaves
from penstock.flow.parse import ParsedFlow
from penstock.flow.reading.document import Document
from penstock.flow.rules.templates import is_disabled, mapping_of
from penstock.flow.survey import Path, Site, Survey
from penstock.validation.facts import Awaited, Call, DeclaredInput, Facts, FlowTrigger, Given
from penstock.validation.reads import Readings, readings
from penstock.validation.stores import files_kept, files_read, keys_kept, keys_read

_FLOW = "io.kestra.plugin.core.flow."
_FOR_EACH_ITEM = _FLOW + "ForEachItem"
CALLS = frozenset({_FLOW + "Subflow", _FOR_EACH_ITEM})
_FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
_OTHER_EXECUTION = frozenset(
    {"io.kestra.plugin.core.condition.ExecutionFlow", "io.kestra.plugin.core.condition.FlowCondition"}
)
_NOT = "io.kestra.plugin.core.condition.Not"
_OR = "io.kestra.plugin.core.condition.Or"

_MAYBE = frozenset(_FLOW + name for name in ("If", "Switch", "ForEach", "EachSequential", "EachParallel", "Loop"))
"""Flowables of which nobody knows before whether a task within runs at all."""
_ENDS = frozenset({"io.kestra.plugin.core.execution.Exit", "io.kestra.plugin.core.execution.Fail"})
_ALWAYS = ("tasks", "finally", "afterExecution")
_OWN = re.compile(r"\{\{\s*flow\.(namespace|id)\s*\}\}")
_DEPTH = 4


def facts_of(parsed: ParsedFlow) -> Facts | None:
    """What a file says, as far as it can be read; None when it names no flow."""
    name, document = parsed.name, parsed.document
    if name is None:
        return None
    at = document.range_of(("id",))
    survey = parsed.survey
    if survey is None:
        return Facts(name, at)
    found = readings(survey)
    return Facts(
        name,
        at,
        _inputs(survey),
        _outputs(survey),
        tuple(_calls(survey, name, found)),
        tuple(_flow_triggers(survey, name, found)),
        found.of_trigger if _waits_only(survey) else (),
        tuple(files_read(survey, name.namespace)),
        tuple(files_kept(survey, name.namespace)),
        tuple(keys_read(survey, name.namespace)),
        tuple(keys_kept(survey, name.namespace)),
        tuple(site.id for site in survey.tasks if site.id is not None),
    )


def _inputs(survey: Survey) -> tuple[DeclaredInput, ...] | None:
    """One that depends on another may not be asked for, and so is not needed in every case."""
    entries = survey.flow.get("inputs")
    if entries is not None and not isinstance(entries, list):
        return None
    found = []
    for leaf in leaves(entries or ()):
        if leaf.name is None or leaf.raw.get("type") in ("REUSABLE_INPUTS", "FORM"):
            return None
        found.append(DeclaredInput(leaf.name, leaf.is_needed and not leaf.is_conditional))
    return tuple(found)


def _outputs(survey: Survey) -> tuple[str, ...] | None:
    entries = survey.flow.get("outputs")
    if entries is None:
        return ()
    if not isinstance(entries, list) or not all(isinstance(raw, dict) for raw in entries):
        return None
    return tuple(raw["id"] for raw in entries if isinstance(raw.get("id"), str))


def _calls(survey: Survey, own: FlowName, found: Readings) -> Iterator[Call]:
    may_end = any(site.type in _ENDS for site in survey.tasks)
    for site in survey.tasks:
        if site.type not in CALLS or is_disabled(site):
            continue
        called = _named(site.raw, own)
        if called is None:
            continue
        path, inputs = site.path, site.raw.get("inputs")
        names = mapping_of(inputs)
        has_inputs = "inputs" in site.raw
        revision = site.raw.get("revision")
        is_revision = isinstance(revision, int | str) and not isinstance(revision, bool) and "{" not in str(revision)
        yield Call(
            called,
            survey.where((*path, "namespace")),
            survey.where((*path, "flowId")),
            tuple(_given(survey, names, (*path, "inputs"), _DEPTH))
            if inputs is None or isinstance(inputs, dict)
            else None,
            any("{" in key for key in names),
            survey.where((*path, "inputs") if has_inputs else path, at_key=True),
            may_end or site.type == _FOR_EACH_ITEM or _is_conditional(site),
            str(revision) if is_revision else None,
            survey.where((*path, "revision")) if is_revision else None,
            found.of_task.get(site.id or "", ()) if _hands_outputs(site) else (),
        )


def _hands_outputs(site: Site) -> bool:
    """Whether `outputs.<task>.outputs` is what the called flow declares: a Subflow that waits, and makes no outputs of
    its own (`outputs`, deprecated)."""
    return site.type != _FOR_EACH_ITEM and site.raw.get("wait") is not False and "outputs" not in site.raw


def _given(survey: Survey, values: Any, path: Path, depth: int) -> Iterator[Given]:
    for key, value in values.items():
        if value is None or "{" in key:
            continue  # null is as good as absent
        at = (*path, key)
        below = tuple(_given(survey, value, at, depth - 1)) if isinstance(value, dict) and depth else ()
        yield Given(key, survey.where(at, at_key=True), below)


def _is_conditional(site: Site) -> bool:
    if site.path[0] not in _ALWAYS or "errors" in site.path:
        return True
    around: Site | None = site
    while around is not None:
        if "runIf" in around.raw or (around is not site and around.type in _MAYBE):
            return True
        around = around.parent
    return False


def _named(raw: Any, own: FlowName) -> FlowName | None:
    """The flow that a mapping names; None where only the run knows."""
    namespace, flow = _literal(raw.get("namespace"), own), _literal(raw.get("flowId"), own)
    return FlowName(namespace, flow) if namespace is not None and flow is not None else None


def _literal(value: Any, own: FlowName) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    if "{" not in value:
        return value
    match = _OWN.fullmatch(value.strip())
    return None if match is None else own.namespace if match[1] == "namespace" else own.id


def _flow_triggers(survey: Survey, own: FlowName, found: Readings) -> Iterator[FlowTrigger]:
    for site in survey.triggers:
        if site.type != _FLOW_TRIGGER or is_disabled(site):
            continue
        wanted = list(_wanted(survey, site))
        named = [(path, raw, alone) for path, raw, alone in wanted if raw is not None]
        awaited = []
        for path, raw, alone in named:
            flow = _named(raw, own)
            if flow is not None:
                suffices = alone or len(named) == 1
                at = survey.where((*path, "namespace")), survey.where((*path, "flowId"))
                awaited.append(Awaited(flow, *at, suffices))
        is_open = len(awaited) < len(wanted) or not awaited
        name = site.id or ""
        reads, task_reads = found.of_flow_trigger.get(name, ()), found.of_other_tasks.get(name, ())
        yield FlowTrigger(name, tuple(awaited), is_open, reads, task_reads)


def _wanted(survey: Survey, site: Site) -> Iterator[tuple[Path, Any, bool]]:
    """What a trigger waits for: where it stands, the mapping that names a flow (None for what names none), and whether
    it is one of several of which each is enough."""
    raw = site.raw
    yield from _conditions(survey, raw.get("conditions"), (*site.path, "conditions"), False)
    preconditions = mapping_of(raw.get("preconditions"))
    yield from _listed(preconditions.get("flows"), (*site.path, "preconditions", "flows"), False)
    if preconditions.get("where"):
        yield (*site.path, "preconditions", "where"), None, False
    yield from _listed(raw.get("dependsOn"), (*site.path, "dependsOn"), raw.get("mode") == "ANY")


def _listed(entries: Any, path: Path, alone: bool) -> Iterator[tuple[Path, Any, bool]]:
    for at, raw in enumerate(entries if isinstance(entries, list) else ()):
        names = mapping_of(raw)
        yield (*path, at), raw if "flowId" in names and "namespace" in names else None, alone


def _conditions(survey: Survey, given: Any, path: Path, alone: bool) -> Iterator[tuple[Path, Any, bool]]:
    """A condition that holds for other flows than the one named opens the trigger; one about time or state does not."""
    items: list[tuple[str | int, Any]] = list(given.items()) if isinstance(given, dict) else []
    items += enumerate(given) if isinstance(given, list) else ()
    for key, raw in items:
        kind = survey.catalog.canonical(str(mapping_of(raw).get("type", "")))
        at = (*path, key)
        if kind in _OTHER_EXECUTION:
            yield at, raw, alone
        elif kind == _NOT:
            yield at, None, False
        elif isinstance(mapping_of(raw).get("conditions"), list | dict):
            yield from _conditions(survey, raw["conditions"], (*at, "conditions"), alone or kind == _OR)


def _waits_only(survey: Survey) -> bool:
    """Whether `trigger.outputs` can only be what a flow has left that was waited for."""
    known = {_FLOW_TRIGGER, "io.kestra.plugin.core.trigger.Schedule", "io.kestra.plugin.core.trigger.ScheduleOnDates"}
    kinds = {site.type for site in survey.triggers if not is_disabled(site)}
    return _FLOW_TRIGGER in kinds and kinds <= known


_CLAIM = re.compile(r"^(id|namespace):[ \t]*([\"']?)([A-Za-z0-9._-]+)\2[ \t]*(?:#.*)?$", re.MULTILINE)


def claimed(document: Document) -> Facts | None:
    """What a file that is no YAML says by its lines `id:` and `namespace:`: whoever calls that flow calls one that is
    there, and broken."""
    found = {match[1]: match for match in reversed(list(_CLAIM.finditer(document.text)))}
    if len(found) < 2:
        return None
    where = found["id"]
    return Facts(FlowName(found["namespace"][3], where[3]), document.span(where.start(3), where.end(3)))
