"""When schedules fire, seen from one moment: which meet, which never fire again, which meet a change of the clocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from penstock.diagnostic import Diagnostic, Severity
from penstock.flow.codes import help_for
from penstock.triggers.cron import Cron, instants, next_after
from penstock.triggers.schedule import zone_of
from penstock.triggers.walltime import WallTimes
from penstock.validation.schedule_facts import ScheduleFacts

_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_MOST_STEPS = 500
"""Schedules of two zones are walked side by side so far: those that meet at all, meet early."""


class _Change(NamedTuple):
    """A change of the clocks: what the wall showed before and after, and how far it went."""

    before: datetime
    after: datetime

    @property
    def is_gap(self) -> bool:
        return self.after > self.before


def judge_schedules(
    schedules: Sequence[ScheduleFacts], now: datetime, *, next_fires: bool = False
) -> Iterator[Diagnostic]:
    """PEN404, PEN405 and PEN406, and with `next_fires` PEN407, of all schedules of a repository, as of `now`.

    A schedule that is disabled is left out.
    """
    by_file: dict[str, list[ScheduleFacts]] = {}
    for one in schedules:
        if not one.disabled:
            by_file.setdefault(one.file, []).append(one)
    for same in by_file.values():
        for at, one in enumerate(same):
            yield from _is_over(one, now)
            yield from _meets_another(one, same[:at], now)
            yield from _meets_a_change_of_clocks(one, now)
            if next_fires:
                yield from _fires_next(one, now)


def _is_over(one: ScheduleFacts, now: datetime) -> Iterator[Diagnostic]:
    """PEN405: what has only dates that have passed, or lets nothing through any more."""
    moments = [_moment(text, one) for text in one.dates]
    known = [moment for moment in moments if moment is not None]
    if moments and len(known) == len(moments) and max(known) <= now:
        count = (
            f"all {len(known)} dates of `{one.trigger}` have" if len(known) > 1 else f"the date of `{one.trigger}` has"
        )
        yield _finding(
            one,
            "PEN405",
            Severity.WARNING,
            f"{count} passed, the last on {_shown(max(known), one)}: it never fires again",
        )
        return
    until = _moment(one.until, one) if one.until is not None else None
    if until is not None and until <= now:
        yield _finding(
            one, "PEN405", Severity.WARNING,
            f"`{one.trigger}` never fires again: its conditions let nothing through since {_shown(until, one)}",
        )  # fmt: skip


def _meets_another(one: ScheduleFacts, others: Sequence[ScheduleFacts], now: datetime) -> Iterator[Diagnostic]:
    """PEN404: of two schedules that give an execution the same, both start one at the same moment."""
    if one.wall is None:
        return
    for other in others:
        if other.wall is None or other.given != one.given or (one.zone is None) != (other.zone is None):
            continue
        moment = _meeting(one, other, now)
        if moment is not None:
            yield _finding(
                one, "PEN404", Severity.WARNING,
                f"`{one.trigger}` and `{other.trigger}` both start the flow at {_shown(moment, one)}",
                label=f"`{other.trigger}` stands in line {other.range.start.line}; {_next(one, now)}",
            )  # fmt: skip
            return


def _meets_a_change_of_clocks(one: ScheduleFacts, now: datetime) -> Iterator[Diagnostic]:
    """PEN406: a time of the day that a zone skips, or shows twice, within the coming year."""
    if one.wall is None or one.zone is None:
        return
    changes = _changes(one.zone, now.date())
    if not changes:
        return
    cron = _cron(one)
    if not cron.is_fixed:
        return  # it follows the clock on the wall, as everybody expects
    told = set[bool]()
    for change in changes:
        first, last = sorted((change.before, change.after))
        local = cron.wall.after(first - _TICK)
        if local is None or local >= last or change.is_gap in told:
            continue
        told.add(change.is_gap)
        if change.is_gap:
            instead = (local + (change.after - change.before)).time().isoformat("minutes")
            what = (
                f"{local:%H:%M} does not come on {local:%Y-%m-%d}: it runs at {instead}, or not at all in some versions"
            )
        else:
            what = f"{local:%H:%M} comes twice on {local:%Y-%m-%d}: it runs the first time, in some versions both times"
        yield _finding(
            one, "PEN406", Severity.INFO, f"the clocks of {one.zone} change, and {what}", label=_next(one, now)
        )


def _fires_next(one: ScheduleFacts, now: datetime) -> Iterator[Diagnostic]:
    """PEN407: the next moment of a schedule."""
    moment = _next_moment(one, now)
    if moment is not None:
        yield _finding(one, "PEN407", Severity.INFO, f"`{one.trigger}` fires next at {_shown(moment, one)}")


def _finding(one: ScheduleFacts, code: str, severity: Severity, message: str, label: str = "") -> Diagnostic:
    return Diagnostic(code, severity, message, one.file, one.range, help_for(code), label, one.flow)


def _next(one: ScheduleFacts, now: datetime) -> str:
    moment = _next_moment(one, now)
    return f"next: {_shown(moment, one)}" if moment is not None else "never"


def _next_moment(one: ScheduleFacts, now: datetime) -> datetime | None:
    if one.wall is not None:
        return next_after(_cron(one), _zone(one), now)
    moments = [moment for text in one.dates if (moment := _moment(text, one)) is not None]
    return min((moment for moment in moments if moment > now), default=None)


def _shown(moment: datetime, one: ScheduleFacts) -> str:
    """In its zone; where the server decides about that, in UTC."""
    local = moment.astimezone(_zone(one))
    precision = "seconds" if local.second else "minutes"
    return f"{local:%a} {local.date()} {local.time().isoformat(precision)} ({one.zone or 'UTC'})"


def _meeting(one: ScheduleFacts, other: ScheduleFacts, now: datetime) -> datetime | None:
    if one.zone != other.zone:
        return _meeting_of_zones(one, other, now)
    left, right, zone = _cron(one), _cron(other), _zone(one)
    common = _common_times(left.wall, right.wall)
    if common is None:
        return None
    local = now.astimezone(zone).replace(tzinfo=None)
    last = local + _YEAR
    while (found := common.after(local)) is not None and found <= last:
        local = found
        if not right.wall.names(local.date()):
            local = local.replace(hour=23, minute=59, second=59)
            continue
        both = set(instants(left, zone, local)) & set(instants(right, zone, local))
        coming = [moment for moment in both if moment > now]
        if coming:
            return min(coming)
    return None


def _common_times(left: WallTimes, right: WallTimes) -> WallTimes | None:
    """The days of `left` in months of both, with the times that both name; None when there are none."""
    seconds, minutes, hours = (
        tuple(sorted(set(mine) & set(theirs)))
        for mine, theirs in (
            (left.seconds, right.seconds), (left.minutes, right.minutes), (left.hours, right.hours)
        )
    )  # fmt: skip
    months = left.months & right.months
    if not (seconds and minutes and hours and months):
        return None
    return WallTimes(seconds, minutes, hours, months, left.days, left.ends_month, left.weekdays, left.nth)


def _meeting_of_zones(one: ScheduleFacts, other: ScheduleFacts, now: datetime) -> datetime | None:
    left, right = (_cron(one), _zone(one)), (_cron(other), _zone(other))
    at = next_after(*left, now)
    for _ in range(_MOST_STEPS):
        if at is None or at > now + _YEAR:
            return None
        there = next_after(*right, at - _TICK)
        if there == at:
            return at
        at, left, right = there, right, left
    return None


def _cron(one: ScheduleFacts) -> Cron:
    assert one.wall is not None
    seconds, minutes, hours, months, days, ends_month, weekdays, nth = one.wall
    wall = WallTimes(
        seconds, minutes, hours, frozenset(months), frozenset(days) if days is not None else None, ends_month,
        frozenset(weekdays) if weekdays is not None else None, frozenset((day, which) for day, which in nth),
    )  # fmt: skip
    return Cron(one.cron, one.fields, wall)


def _zone(one: ScheduleFacts) -> tzinfo:
    try:
        return zone_of(one.zone) if one.zone is not None else UTC
    except ValueError:  # a rule tells of it
        return UTC


def _moment(text: str, one: ScheduleFacts) -> datetime | None:
    """A date with its time, in the zone of the schedule where it names none."""
    try:
        moment = datetime.fromisoformat(text.partition("[")[0])
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=_zone(one))


@lru_cache(maxsize=256)
def _changes(name: str, today: date) -> tuple[_Change, ...]:
    """The changes of the clocks of a zone within the year that begins with `today`."""
    try:
        zone = zone_of(name)
    except ValueError:
        return ()
    found: list[_Change] = []
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    before = start.astimezone(zone).utcoffset()
    for day in range(1, _YEAR.days + 1):
        end = start + _DAY * day
        after = end.astimezone(zone).utcoffset()
        if after != before and after is not None and before is not None:
            moment = _moment_of_change(zone, end - _DAY, end, after).replace(tzinfo=None)
            found.append(_Change(moment + before, moment + after))
        before = after
    return tuple(found)


def _moment_of_change(zone: tzinfo, early: datetime, late: datetime, after: timedelta) -> datetime:
    """The first second between both at which the offset is `after`."""
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) // 2).replace(microsecond=0)
        early, late = (early, middle) if middle.astimezone(zone).utcoffset() == after else (middle, late)
    return late
