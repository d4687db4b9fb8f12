"""Cron expressions in Kestra's dialect, stepped in naive local time and mapped to instants by a rule of our own.

The rule, where a zone changes its offset: a job at fixed times (neither minute nor hour begins with `*`) whose time is
skipped runs once, as much later as the clock was set forward; whose time comes twice, it runs the first time. A job
that repeats (`*` in minute or hour) follows the clock on the wall: what is skipped does not run, what comes twice runs
twice. croniter reads the expression; its zone arithmetic, which runs a daily job twice in autumn, is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from penstock.triggers.walltime import WallTimes

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_NAMES = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SUN MON TUE WED THU FRI SAT L"
_FIELD = re.compile(rf"(?:{'|'.join(_NAMES.split())}|[0-9*/,#?-])+", re.IGNORECASE)
"""croniter knows more than Kestra: random and hashed fields (`R`, `H`), which would differ from run to run."""

_FURTHEST = timedelta(days=366 * 9)
"""What does not come within nine years never does."""
EARLIEST, LATEST = datetime(1972, 1, 1, tzinfo=UTC), datetime(9980, 1, 1, tzinfo=UTC)
"""No instant is looked for outside: a range somebody asks for must not step out of the calendar."""
_NEAR = timedelta(hours=3)
_DAY = timedelta(hours=25)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: `fields` are five, or six with the seconds first."""

    text: str
    fields: tuple[str, ...]
    wall: WallTimes = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, *, with_seconds: bool = False) -> Cron:
        """Raises ValueError with a sentence. A nickname stands for five fields, also `with_seconds`."""
        name = text.strip()
        if name.startswith("@") and name not in NICKNAMES:
            raise ValueError(f"`{text}` is no cron expression: the nicknames are {', '.join(NICKNAMES)}")
        fields = tuple(NICKNAMES.get(name, text).split())
        wanted = 6 if with_seconds and name not in NICKNAMES else 5
        if len(fields) != wanted:
            raise ValueError(f"`{text}` has {len(fields)} fields, and needs {wanted}")
        if not all(map(_FIELD.fullmatch, fields)):
            raise ValueError(f"`{text}` is no cron expression")
        try:
            return cls(text, fields, WallTimes.of(fields))
        except ValueError as error:
            raise ValueError(f"`{text}` is no cron expression") from error

    @property
    def is_fixed(self) -> bool:
        """Whether it names times of the day, rather than repeating through it."""
        minute, hour = self.fields[-5], self.fields[-4]
        return not minute.startswith("*") and not hour.startswith("*")


def next_after(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    """The first instant of `cron` in `zone` later than `after`, in UTC; None when there is none within nine years.

    The wall may show one time twice, and a skipped time comes after later ones: so each offset that is in force near
    `after` is walked from its own local time, and beyond a skipped time as far as it was put off.
    """
    if after >= LATEST:
        return None
    after = max(after, EARLIEST)
    naive = after.astimezone(UTC).replace(tzinfo=None)
    best: datetime | None = None
    for offset in _offsets(zone, after):
        put_off_until: datetime | None = None
        for local in _shown_after(cron, zone, naive + offset):
            if put_off_until is not None and local >= put_off_until:
                break
            if put_off_until is None and best is not None and local - offset >= best.replace(tzinfo=None):
                break
            if local - offset - naive > _FURTHEST:
                break
            coming = [instant for instant in instants(cron, zone, local) if instant > after]
            if not coming:
                continue
            best = coming[0] if best is None else min(best, coming[0])
            gap = _gap(zone, local)
            if not gap:
                break
            put_off_until = put_off_until or local + gap
    return best if best is None or best <= LATEST else None


def previous_before(cron: Cron, zone: tzinfo, before: datetime) -> datetime | None:
    """The last instant of `cron` in `zone` earlier than `before`, in UTC; None when there is none since 1972."""
    if before <= EARLIEST:
        return None
    before = min(before, LATEST)
    naive = before.astimezone(UTC).replace(tzinfo=None)
    best: datetime | None = None
    for offset in _offsets(zone, before):
        local = cron.wall.before(naive + offset)
        while local is not None and naive - (local - offset) <= _FURTHEST:
            if best is not None and local - offset <= best.replace(tzinfo=None):
                break
            past = [instant for instant in instants(cron, zone, local) if EARLIEST < instant < before]
            if past:
                best = past[-1] if best is None else max(best, past[-1])
                break
            local = cron.wall.before(local)
    while best is not None:  # a skipped time may have come after it
        following = next_after(cron, zone, best)
        if following is None or following >= before:
            return best
        best = following
    return None


def count_between(cron: Cron, zone: tzinfo, after: datetime, until: datetime, most: int) -> int:
    """How many instants come after `after` and not after `until`; `most` when there are as many or more. Reckoned day
    by day, and stepped through only where the zone changes its offset."""
    after, until = max(after, EARLIEST), min(until, LATEST)
    count = 0
    while after < until and count < most:
        end = min(after + _DAY, until)
        offset = _offset(zone, end)
        if _offset(zone, after) == offset == _offset(zone, after - _DAY):
            start = after.astimezone(UTC).replace(tzinfo=None)
            found = cron.wall.count(start + offset, start + (end - after) + offset)
        else:
            found = sum(1 for _ in _stepped(cron, zone, after, end))
        count += found
        following = end if found else next_after(cron, zone, end)
        after = until if following is None else max(following - _TICK, end)
    return min(count, most)


def _stepped(cron: Cron, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    at = next_after(cron, zone, after)
    while at is not None and at <= until:
        yield at
        at = next_after(cron, zone, at)


def instants(cron: Cron, zone: tzinfo, local: datetime) -> list[datetime]:
    """The instants at which a naive local time comes, in order: none, one or two, by the rule above."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second or cron.is_fixed:
        return [first]
    return [first, second] if first < second else []


def _shown_after(cron: Cron, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
    """The naive times after `moment`; a job that repeats is taken over a skipped hour in one step, be it of 3,600
    times."""
    local = cron.wall.after(moment)
    while local is not None:
        gap = timedelta(0) if cron.is_fixed else _gap(zone, local)
        if gap:
            local = cron.wall.after(_end_of_gap(zone, local, gap) - timedelta(seconds=1))
            continue
        yield local
        local = cron.wall.after(local)


def _end_of_gap(zone: tzinfo, local: datetime, gap: timedelta) -> datetime:
    """What the wall shows first after skipping `local`."""
    late = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    early, after = late - gap, _offset(zone, late)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        early, late = (early, middle) if _offset(zone, middle) == after else (middle, late)
    return (late + after).replace(microsecond=0, tzinfo=None)


def _gap(zone: tzinfo, local: datetime) -> timedelta:
    """How far the clock was set forward over `local`; zero where the wall shows that time."""
    before = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return max(before - after, timedelta(0))


def _offsets(zone: tzinfo, at: datetime) -> list[timedelta]:
    """The offsets in force around `at`, the present one first. A day is looked around where a zone moves by hours."""
    here = _offset(zone, at)
    found = [here, _offset(zone, at - _NEAR), _offset(zone, at + _NEAR)]
    further = [_offset(zone, at - _DAY), _offset(zone, at + _DAY)]
    if any(abs(offset - here) >= _NEAR for offset in further):
        found += further
    return list(dict.fromkeys(found))


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
