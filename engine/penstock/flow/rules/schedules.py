"""Schedules: cron, time zone, and whether a trigger can start the flow at all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from penstock.diagnostic import Severity, did_you_mean
from penstock.flow.leaves import leaves
from penstock.flow.mends import meant, replacing
from penstock.flow.survey import Path, Survey
from penstock.flow.words import Dialect

_TRIGGER = "io.kestra.plugin.core.trigger."
_SCHEDULE = _TRIGGER + "Schedule"
_BY_ITSELF = (_SCHEDULE, _TRIGGER + "ScheduleOnDates")
_NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
MAX_CRON = 500
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LATE_DAY = re.compile(r"3[01]")
_SPACED = re.compile(r"\s*([,/-])\s*")
_WORD = re.compile(r"[A-Za-z]{4,}")
_FULL = (
    "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY JANUARY FEBRUARY MARCH APRIL JUNE JULY AUGUST "
    "SEPTEMBER OCTOBER NOVEMBER DECEMBER TUES THUR THURS SEPT"
)
_LONG_NAMES = {name: name[:3] for name in _FULL.split()}
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
        with_seconds = site.raw.get("withSeconds") is True
        fault = cron_fault(cron, with_seconds=with_seconds)
        if fault is not None:
            why, offset, width, hint = fault
            better = mended_cron(cron, with_seconds=with_seconds)
            _report_within(
                survey,
                "PEN401",
                f"invalid cron expression '{cron[:MAX_CRON]}': {why}",
                path,
                cron,
                offset,
                width,
                hint,
                better,
            )


def cron_comes(survey: Survey) -> None:
    """PEN405: a cron expression names a day that the calendar has, not 30 February."""
    for site in survey.triggers:
        cron, path = site.raw.get("cron"), (*site.path, "cron")
        if site.type == _SCHEDULE and isinstance(cron, str) and "{{" not in cron and not survey.is_faulty(path):
            days, months = _day_that_never_comes(cron)
            if days:
                survey.report(
                    "PEN405", f"`{cron}` never fires: no month of `{months}` has a day `{days}`", path,
                    hint="`L` is the last day of a month",
                )  # fmt: skip


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
    return "its fields do not go together", 0, len(cron), None


def mended_cron(cron: str, *, with_seconds: bool = False) -> str | None:
    """What a cron expression that cannot be read must have meant; None where that is not clear."""
    if len(cron) > MAX_CRON:
        return None
    text = _SPACED.sub(r"\1", cron.strip())
    fields = _WORD.sub(lambda match: _LONG_NAMES.get(match[0].upper(), match[0]), text).split()
    usual = len(_FIELDS)
    if with_seconds and len(fields) == usual:
        fields = ["0", *fields]
    elif not with_seconds and "?" in fields and fields[0] == "0" and fields[usual + 1 :] in ([], ["*"]):
        fields = fields[1 : usual + 1]  # as Quartz writes it: seconds first, and years last
    if len(fields) == usual + with_seconds:
        for at, end in ((-5, "60"), (-4, "24")):
            if fields[at] == end:
                fields[at] = "0"
    better = " ".join(fields)
    return better if better != cron and cron_fault(better, with_seconds=with_seconds) is None else None


def _day_that_never_comes(cron: str) -> tuple[str, str]:
    """The day of the month and the month, as written, if no year has them together; else empty."""
    fields = cron.split()[-5:]
    if len(fields) < len(_FIELDS) or fields[3] in "*?" or fields[4] not in "*?" or not _LATE_DAY.search(fields[2]):
        return "", ""
    from croniter import croniter

    days, months = croniter.expand(" ".join(fields))[0][2:4]
    lengths = [_LENGTHS[month - 1] for month in months if isinstance(month, int)]
    numbers = [day for day in days if isinstance(day, int)]
    if len(numbers) < len(days) or not lengths or min(numbers) <= max(lengths):
        return "", ""
    return fields[2], fields[3]


def time_zone_exists(survey: Survey) -> None:
    """PEN402: the time zone of a schedule is one of the IANA database, or an offset."""
    for site in survey.triggers:
        name, path = site.raw.get("timezone"), (*site.path, "timezone")
        if not isinstance(name, str) or "{{" in name or survey.is_faulty(path) or _zone_exists(name):
            continue
        from zoneinfo import available_timezones

        zones = available_timezones()
        near = did_you_mean(name, zones) or "write a name such as Europe/Paris, or an offset"
        likely = meant(name, zones)
        fix = replacing(survey.document, survey.where(path), name, likely, safe=False) if likely else None
        survey.report("PEN402", f"timezone '({name[:100]})' is not a valid time-zone ID", path, hint=near, fix=fix)


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
        leaf.name
        for leaf in leaves(declared if isinstance(declared, list) else [])
        if leaf.name is not None and leaf.is_needed and (not leaf.is_conditional or survey.dialect is Dialect.V2)
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
    survey: Survey,
    code: str,
    message: str,
    path: Path,
    value: str,
    offset: int,
    width: int,
    hint: str | None,
    better: str | None,
) -> None:
    """At the characters of `value` that are meant; `better` is what the whole of it should be."""
    document = survey.document
    place = document.find(path)
    where = document.within(place, value, offset, width) if place is not None and width else None
    fix = None
    if better is not None:
        hint = f"write `{better}`"
        edit = replacing(document, document.range_of(path), value, better, safe=False)
        fix = replace(edit, text=f'"{better}"') if edit is not None else None  # `*` alone would be an alias
    survey.report(code, message, path, hint=hint, where=where, fix=fix)
