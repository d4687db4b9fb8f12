"""How a part of a flow may be written in several ways that mean the same, brought to one.

Left out is what says nothing: null, and a value that is the default anyway. Durations, cron expressions and types are
compared by their meaning and shown as written; labels are a map, however they are written (Kestra docs, Labels, 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from penstock.difference.leaf import Spelled, same
from penstock.duration import parse_duration
from penstock.flow.catalogue.catalog import Catalog


class Kind(StrEnum):
    """What a part of a flow is."""

    FLOW = "flow"
    TASK = "task"
    TRIGGER = "trigger"
    INPUT = "input"
    OUTPUT = "output"


_DURATIONS = frozenset({
    "timeout", "interval", "maxInterval", "minInterval", "maxDuration", "ttl", "killGracePeriod", "connectTimeout",
    "readTimeout", "connectionPoolIdleTimeout", "readIdleTimeout", "lateMaximumDelay", "delay", "pauseDuration",
    "duration", "window", "windowAdvance", "waitForRunning", "waitUntilRunning", "waitUntilCompletion",
    "completionCheckInterval", "pollDuration", "pollInterval",
})  # fmt: skip
_FREE = frozenset({
    "variables", "inputs", "env", "headers", "formData", "body", "values", "data", "labels", "metadata", "params",
    "parameters", "outputs",
})  # fmt: skip
"""Below these a name is the author's own, and says nothing of the value."""

_USUAL: Mapping[Kind, Mapping[str, Any]] = {
    Kind.FLOW: {"disabled": False, "deleted": False, "draft": False},
    Kind.TASK: {"disabled": False, "allowFailure": False, "allowWarning": False, "logToFile": False},
    Kind.TRIGGER: {"disabled": False, "allowConcurrent": False, "recoverMissedSchedules": "ALL"},
    Kind.INPUT: {"required": True},
    Kind.OUTPUT: {"required": True},
}


def normal(kind: Kind, raw: Mapping[str, Any], catalog: Catalog, *, is_defaulted: bool) -> dict[str, Any]:
    """The properties of a part in their one form.

    `is_defaulted` says that plugin defaults may apply to it: then a value that is the usual one says something.
    """
    type_ = raw.get("type")
    name = catalog.canonical(type_) if isinstance(type_, str) and kind in (Kind.TASK, Kind.TRIGGER) else None
    usual = {} if is_defaulted else {**_schema_defaults(catalog, name), **_USUAL[kind]}
    found: dict[str, Any] = {}
    for key, value in raw.items():
        if value is None:
            continue
        brought = _normal(kind, key, value, raw, name)
        if key not in usual or not same(usual[key], brought):
            found[key] = brought
    return found


def _normal(kind: Kind, key: str, value: Any, raw: Mapping[str, Any], type_: str | None) -> Any:
    if key == "type" and type_ is not None:
        return Spelled(("type", type_), str(value))
    if key == "labels":
        return _labels(value)
    if key == "cron" and kind is Kind.TRIGGER and isinstance(value, str):
        return _cron(value, raw.get("withSeconds") is True)
    if kind is Kind.INPUT and raw.get("type") == "DURATION" and key in ("defaults", "min", "max"):
        return _duration(value)
    return value if key in _FREE else _with_durations(key, value)


def _with_durations(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item if name in _FREE else _with_durations(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_durations("", item) for item in value]
    return _duration(value) if key in _DURATIONS else value


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return Spelled(("duration", parse_duration(value)), value)
    except ValueError:
        return value


def _cron(text: str, with_seconds: bool) -> Any:
    from penstock.triggers.cron import Cron

    try:
        cron = Cron.parse(text, with_seconds=with_seconds)
    except ValueError:
        return text
    return Spelled(("cron", cron.wall, cron.is_fixed), text)


def _labels(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, dict) and item.keys() == {"key", "value"} for item in value):
        names = [item["key"] for item in value]
        if len(set(map(str, names))) == len(names):
            value = {str(item["key"]): item["value"] for item in value}
    if not isinstance(value, dict):
        return value
    return {name: _label(item) for name, item in value.items()}


def _label(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


@lru_cache(maxsize=1024)
def _schema_defaults(catalog: Catalog, type_: str | None) -> Mapping[str, Any]:
    """What a type has for properties that are not written."""
    schema = catalog.schema(type_) if type_ is not None else None
    properties = schema.get("properties", {}) if schema is not None else {}
    return {name: told["default"] for name, told in properties.items() if "default" in told}
