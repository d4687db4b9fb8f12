"""What is deprecated, what Kestra 2 removed, and what this version reads but does not act upon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import Severity, did_you_mean
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.defaults import PROPERTIES
from penstock.flow.mends import replacing
from penstock.flow.rules.declared import inputs
from penstock.flow.rules.retries import holders
from penstock.flow.survey import WITHOUT_EFFECT, Path, Survey
from penstock.flow.words import Dialect, Kind

_PAUSE = "io.kestra.plugin.core.flow.Pause"


def deprecated_types(survey: Survey) -> None:
    """PEN701: an older name of a type, or a type that has a successor. Kestra 2 does not know older names any more."""
    for site in survey.everything():
        info = site.info
        if info is None:
            continue
        written, path = site.raw["type"], (*site.path, "type")
        known = survey.catalog.find(written)
        if known is not None and known.as_task == info.name:
            continue  # a runner that stands as a task: nothing else does what it does
        if written != info.name:
            removed = survey.dialect is Dialect.V2
            successor = f", or better, for that is deprecated: {info.deprecated}" if info.deprecated else ""
            survey.report(
                "PEN701", f"`{written}` is an older name", path, hint=f"write `{info.name}`{successor}",
                severity=Severity.ERROR if removed else Severity.INFO,
                fix=replacing(survey.document, survey.where(path), written, info.name),
            )  # fmt: skip
        elif info.deprecated is not None:
            survey.report("PEN701", f"`{written}` is deprecated", path, hint=info.deprecated, severity=Severity.INFO)


def deprecated_properties(survey: Survey) -> None:
    """PEN702: an older spelling of a property."""
    for path, raw, old, new in _respelled(survey):
        if raw.get(old) is not None and new not in raw:
            _report_older(survey, (*path, old), new)
    if "listeners" in survey.flow:
        survey.report(
            "PEN702", "`listeners` is deprecated", ("listeners",), at_key=True, severity=Severity.INFO,
            hint="use `afterExecution`, a Flow trigger, `errors` or `finally`",
        )  # fmt: skip


def _respelled(survey: Survey) -> Iterator[tuple[Path, dict[str, Any], str, str]]:
    """Every mapping that may have a property under an older name, with the older and the newer name.

    `id` and `pluginDefaults` are as old as any Kestra that is still run; the others came after 0.21.
    """
    yield (), survey.flow, "taskDefaults", "pluginDefaults"
    for path, raw in inputs(survey):
        yield path, raw, "name", "id"
    if survey.dialect is Dialect.V0_21:
        return
    for path, raw in inputs(survey):
        if raw.get("type") == "MULTISELECT":
            yield path, raw, "options", "values"
    for path, retry in holders(survey):
        yield path, retry, "maxAttempt", "maxAttempts"
    for site in survey.triggers:
        yield site.path, site.raw, "minLogLevel", "logLevel"
    for site in survey.tasks:
        if site.type == _PAUSE:
            yield site.path, site.raw, "delay", "pauseDuration"


def _report_older(survey: Survey, path: Path, new: str) -> None:
    """A note that a property has a newer name. To write it is safe where every Kestra that may be meant knows it."""
    old = str(path[-1])
    noun = f"`{old}` of an input" if old == "name" else f"`{old}`"
    safe = new in ("id", "pluginDefaults") or survey.dialect is not Dialect.AUTO
    survey.report(
        "PEN702", f"{noun} is deprecated", path, at_key=True, hint=f"write `{new}`", severity=Severity.INFO,
        fix=replacing(survey.document, survey.where(path, at_key=True), old, new, safe=safe),
    )  # fmt: skip


def properties_without_effect(survey: Survey) -> None:
    """PEN703: a property that is read and kept, and that this version does not act upon."""
    for name in WITHOUT_EFFECT:
        if survey.flow.get(name):
            survey.report(
                "PEN703", f"`{name}` has no effect in this version", (name,), at_key=True,
                hint="the flow runs as if it were not there", severity=Severity.WARNING,
            )  # fmt: skip
    for site in survey.tasks:
        if site.raw.get("taskCache") and site.info is not None and site.info.kind is Kind.FLOWABLE:
            survey.report(
                "PEN703", "`taskCache` has no effect on a task that holds others", (*site.path, "taskCache"),
                at_key=True, hint="give it to the tasks within", severity=Severity.WARNING,
            )  # fmt: skip


def plugin_defaults_are_whole(survey: Survey) -> None:
    """PEN224: a plugin default names a type and values, and properties that its type has."""
    for name in PROPERTIES:
        entries = survey.flow.get(name)
        if entries is None or survey.is_faulty((name,)):
            continue
        if not isinstance(entries, list):
            survey.report("PEN203", f"`{name}` must be a list", (name,), hint="begin each item with `- type:`")
            continue
        for at, entry in enumerate(entries):
            _judge_default(survey, (name, at), entry)


def _judge_default(survey: Survey, path: Path, entry: Any) -> None:
    kind = entry.get("type") if isinstance(entry, dict) else None
    values = entry.get("values") if isinstance(entry, dict) else None
    if not isinstance(kind, str) or not kind:
        survey.report("PEN224", "Invalid Plugin Default: No 'type' provided", path, at_key=True)
    elif not isinstance(values, dict) or not values:
        survey.report("PEN224", "Invalid Plugin Default: No 'values' provided", path, at_key=True)
    else:
        info = survey.catalog.find(kind)
        if info is None and survey.unknown_types is not None and not _begins_a_name(survey.catalog, kind):
            near = did_you_mean(kind, survey.catalog.names())
            hint = near or "`penstock types` lists them; `--unknown-types warning` lets others pass"
            survey.report("PEN210", f"Invalid type: {kind}", (*path, "type"), severity=survey.unknown_types, hint=hint)
        known = (survey.catalog.schema(kind) or {}).get("properties") if info is not None else None
        for key, value in values.items():
            if value is None:
                survey.report(
                    "PEN224", f"Invalid Plugin Default: No value provided for key '{key}'", (*path, "values", key),
                    at_key=True,
                )  # fmt: skip
            elif known and key not in known and not _is_told(survey, (*path, "values", key)):
                survey.report(
                    "PEN224", f"No property '{key}' exists in plugin '{kind}'", (*path, "values", key), at_key=True
                )


def _is_told(survey: Survey, path: Path) -> bool:
    """Whether a task that takes the default has told of the property already."""
    where = survey.where(path, at_key=True)
    return any(found.range == where and found.is_error for found in survey.found)


def _begins_a_name(catalog: Catalog, text: str) -> bool:
    """A plugin default may name a whole plugin: all types whose names, or older names, begin so."""
    found = (catalog.find(name) for name in catalog.names())
    return any(one.startswith(text) for info in found if info is not None for one in (info.name, *info.aliases))
