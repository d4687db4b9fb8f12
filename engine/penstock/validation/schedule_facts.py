"""What the schedules of one flow say about when they fire: plain data, the same whenever it is read.

What follows from it at a given moment is said by `penstock.validation.across.firing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.diagnostic import FlowName, Position, Range
from penstock.flow.survey import Path, Site, Survey

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
ON_DATES = "io.kestra.plugin.core.trigger.ScheduleOnDates"
_BETWEEN = "io.kestra.plugin.core.condition.DateTimeBetween"
_OF_THE_SLOT = frozenset({"{{trigger.date}}", "{{schedule.date}}"})

Numbers = tuple[int, ...]
Wall = tuple[Numbers, Numbers, Numbers, Numbers, Numbers | None, bool, Numbers | None, tuple[Numbers, ...]]
"""The fields of `penstock.triggers.walltime.WallTimes`, in their order: reading them again needs no croniter."""


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """One trigger that fires at given times, and at which place of its file (`range` covers its times).

    `wall` is None for one with dates. `zone` is None where the server decides. `given` is what its executions are
    given and on what it depends: of two schedules with the same, one is enough. `until` is when the last of its
    slots is let through. `file` is not part of `to_data`: the same text may stand in several files.
    """

    file: str
    flow: FlowName | None
    trigger: str
    range: Range
    cron: str = ""
    fields: tuple[str, ...] = ()
    wall: Wall | None = None
    zone: str | None = None
    dates: tuple[str, ...] = ()
    until: str | None = None
    disabled: bool = False
    given: str = ""

    def to_data(self) -> list[Any]:
        """Itself as JSON has it."""
        flow, start, end = self.flow, self.range.start, self.range.end
        return [
            [flow.namespace, flow.id] if flow is not None else None, self.trigger,
            [start.line, start.column, end.line, end.column], self.cron, self.fields, self.wall, self.zone, self.dates,
            self.until, self.disabled, self.given,
        ]  # fmt: skip

    @classmethod
    def from_data(cls, data: Sequence[Any], file: str) -> ScheduleFacts:
        """The inverse of `to_data`."""
        flow, trigger, at, cron, fields, wall, zone, dates, until, disabled, given = data
        return cls(
            file, FlowName(*flow) if flow is not None else None, trigger,
            Range(Position(at[0], at[1]), Position(at[2], at[3])), cron, tuple(fields),
            _frozen(wall) if wall is not None else None, zone, tuple(dates), until, disabled, given,
        )  # fmt: skip


def schedules_of(survey: Survey) -> tuple[ScheduleFacts, ...]:
    """Every schedule of a flow whose times can be read; those with expressions in them are left out."""
    return tuple(_facts(survey))


def _facts(survey: Survey) -> Iterator[ScheduleFacts]:
    for site in survey.triggers:
        if site.type not in (SCHEDULE, ON_DATES):
            continue
        zone, name = site.raw.get("timezone"), site.id
        if name is None or survey.is_faulty((*site.path, "timezone")) or not _is_zone(zone):
            continue
        facts = _of_cron(survey, site, name, zone) if site.type == SCHEDULE else _of_dates(survey, site, name, zone)
        if facts is not None:
            yield facts


def _of_cron(survey: Survey, site: Site, name: str, zone: str | None) -> ScheduleFacts | None:
    cron, path = site.raw.get("cron"), (*site.path, "cron")
    if not isinstance(cron, str) or "{{" in cron or survey.is_faulty(path):
        return None
    from penstock.triggers.cron import Cron

    try:
        read = Cron.parse(cron, with_seconds=site.raw.get("withSeconds") is True)
    except ValueError:
        return None
    wall = read.wall
    numbers = (
        wall.seconds, wall.minutes, wall.hours, _ascending(wall.months), _ascending(wall.days), wall.ends_month,
        _ascending(wall.weekdays), tuple(sorted(wall.nth)),
    )  # fmt: skip
    return ScheduleFacts(
        survey.document.path, survey.name, name, survey.where(path), cron.strip(), read.fields, _frozen(numbers), zone,
        until=_until(site), disabled=site.raw.get("disabled") is True, given=_given(site),
    )  # fmt: skip


def _of_dates(survey: Survey, site: Site, name: str, zone: str | None) -> ScheduleFacts | None:
    dates, path = site.raw.get("dates"), (*site.path, "dates")
    if not isinstance(dates, list) or survey.is_faulty(path):
        return None
    texts = [date for date in dates if isinstance(date, str) and "{{" not in date]
    if not texts or len(texts) != len(dates):
        return None
    return ScheduleFacts(
        survey.document.path, survey.name, name, _key_of(survey, path), zone=zone, dates=tuple(texts),
        until=_until(site), disabled=site.raw.get("disabled") is True, given=_given(site),
    )  # fmt: skip


def _key_of(survey: Survey, path: Path) -> Range:
    return survey.where(path, at_key=True)


def _is_zone(zone: Any) -> bool:
    return zone is None or (isinstance(zone, str) and "{{" not in zone)


def _given(site: Site) -> str:
    raw = site.raw
    told = {name: raw[name] for name in ("inputs", "conditions", "when") if raw.get(name)}
    return json.dumps(told, sort_keys=True, default=str) if told else ""


def _until(site: Site) -> str | None:
    """The earliest end of the conditions that let nothing through after a moment."""
    conditions = site.raw.get("conditions")
    ends = [
        end
        for one in (conditions if isinstance(conditions, list) else [])
        if isinstance(one, dict) and str(one.get("type", "")).removesuffix("Condition") in _SPELLINGS
        if isinstance(end := one.get("before"), str) and "{{" not in end
        if str(one.get("date", "{{trigger.date}}")).replace(" ", "") in _OF_THE_SLOT
    ]
    return min(ends, default=None)


_SPELLINGS = frozenset({_BETWEEN, "io.kestra.core.models.conditions.types.DateTimeBetween"})


def _ascending(numbers: frozenset[int] | None) -> Numbers | None:
    return tuple(sorted(numbers)) if numbers is not None else None


def _frozen(wall: Any) -> Wall:
    """Lists, as JSON has them, to tuples."""
    seconds, minutes, hours, months, days, ends_month, weekdays, nth = wall
    return (
        tuple(seconds), tuple(minutes), tuple(hours), tuple(months), tuple(days) if days is not None else None,
        bool(ends_month), tuple(weekdays) if weekdays is not None else None, tuple(tuple(one) for one in nth),
    )  # fmt: skip
