"""Schedules: cron, time zone, and whether a trigger can start the flow at all."""

from __future__ import annotations

import re
from typing import Any

from penstock.diagnostic import Severity, did_you_mean
from penstock.flow.model import Dialect
from penstock.flow.survey import Path, Survey

_TRIGGER = "io.kestra.plugin.core.trigger."
_SCHEDULE = _TRIGGER + "Schedule"
_BY_ITSELF = (_SCHEDULE, _TRIGGER + "ScheduleOnDates")
_NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
MAX_CRON = 500
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?[+-]\d{1,2}(?::?\d{2}){0,2}|Z")
_WORDS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SUN MON TUE WED THU FRI SAT L"
_SAFE_FIELD = re.compile(rf"(?:{'|'.join(_WORDS.split())}|[0-9*/,#?-])+", re.IGNORECASE)
"""croniter knows more than Kestra: random and hashed fields (`R`, `H`), which would differ from run to run."""


def cron_can_be_read(survey: Survey) -> None:
    """PEN401: five fields, or six with the seconds first when `withSeconds` is set; or a nickname."""
    for site in survey.triggers:
        cron, path = site.raw.get("cron"), (*site.path, "cron")
        if site.type != _SCHEDULE or not isinstance(cron, str) or "{{" in cron or survey.is_faulty(path):
            continue
        fault = cron_fault(cron, with_seconds=site.raw.get("withSeconds") is True)
        if fault is not None:
            why, offset, width, hint = fault
            _report_within(
                survey, "PEN401", f"invalid cron expression '{cron[:MAX_CRON]}': {why}", path, cron, offset, width, hint
            )


def cron_fault(cron: str, *, with_seconds: bool = False) -> tuple[str, int, int, str | None] | None:
    """Why a cron expression cannot be read, at which characters, and what to do; None when it can.

    Kestra's dialect: day of the week 0–7 or SUN–SAT with `1#1` and `L`; seconds, where there are any, come first.
    """
    if len(cron) > MAX_CRON:
        return f"it has {len(cron)} characters", 0, 1, f"write it with {MAX_CRON} at most"
    text = cron.strip()
    if text.startswith("@"):
        if text in _NICKNAMES:
            return None
        return "unknown nickname", 0, len(cron), did_you_mean(text, _NICKNAMES) or ", ".join(_NICKNAMES)
    spans = [(match.start(), match[0]) for match in re.finditer(r"\S+", cron)]
    names = ("second", *_FIELDS) if with_seconds else _FIELDS
    if len(spans) != len(names):
        hint = "set `withSeconds: true` for six fields" if len(spans) == 6 else f"write {len(names)} fields"
        return f"it has {len(spans)} fields, and needs {len(names)} ({', '.join(names)})", 0, max(len(cron), 1), hint
    from croniter import croniter

    def readable(fields: list[str]) -> bool:
        return bool(croniter.is_valid(" ".join(fields), second_at_beginning=True))

    fields = [field for _, field in spans]
    if readable(fields) and all(map(_SAFE_FIELD.fullmatch, fields)):
        return None
    for at, (start, field) in enumerate(spans):
        alone = ["*"] * len(fields)
        alone[at] = field
        if not readable(alone) or not _SAFE_FIELD.fullmatch(field):
            return f"`{field}` is no {names[at]}", start, len(field), None
    return "it can never fire", 0, len(cron), None


def time_zone_exists(survey: Survey) -> None:
    """PEN402: the time zone of a schedule is one of the IANA database, or an offset."""
    for site in survey.triggers:
        name, path = site.raw.get("timezone"), (*site.path, "timezone")
        if not isinstance(name, str) or "{{" in name or survey.is_faulty(path) or _zone_exists(name):
            continue
        from zoneinfo import available_timezones

        near = did_you_mean(name, available_timezones()) or "write a name such as Europe/Paris, or an offset"
        survey.report("PEN402", f"timezone '({name[:100]})' is not a valid time-zone ID", path, hint=near)


def _zone_exists(name: str) -> bool:
    if _OFFSET.fullmatch(name):
        return True
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def triggers_give_required_inputs(survey: Survey) -> None:
    """PEN403: a schedule gives every required input that has no default. Kestra 2 refuses the flow, 1 the execution."""
    declared = survey.flow.get("inputs")
    required = [
        name
        for raw in (declared if isinstance(declared, list) else [])
        if isinstance(raw, dict) and raw.get("required") is not False and raw.get("defaults") is None
        if isinstance(name := raw.get("id", raw.get("name")), str) and not isinstance(raw.get("dependsOn"), dict)
    ]
    for site in survey.triggers:
        if site.type not in _BY_ITSELF or site.raw.get("disabled") is True:
            continue
        given = site.raw.get("inputs")
        missing = [name for name in required if not _has(given, name)]
        if missing:
            names = ", ".join(f"'{name}'" for name in missing)
            survey.report(
                "PEN403", f"Missing inputs for Schedule Trigger '{site.id}', missing inputs: {names}", site.path,
                at_key=True, severity=Severity.ERROR if survey.dialect is Dialect.V2 else Severity.WARNING,
                hint="give them under `inputs:` of the trigger, or give them `defaults`",
            )  # fmt: skip


def _has(given: Any, name: str) -> bool:
    if not isinstance(given, dict):
        return False
    if name in given:
        return True
    first, _, rest = name.partition(".")
    return bool(rest) and _has(given.get(first), rest)


def _report_within(
    survey: Survey, code: str, message: str, path: Path, value: str, offset: int, width: int, hint: str | None
) -> None:
    place = survey.document.find(path)
    where = survey.document.within(place, value, offset, width) if place is not None and width else None
    survey.report(code, message, path, hint=hint, where=where)
