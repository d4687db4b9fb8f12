"""Cron expressions in Kestra's dialect, stepped in naive local time and mapped to instants by a rule of our own.

The rule, where a zone changes its offset: a job at fixed times (neither minute nor hour begins with `*`) whose time is
skipped runs once, as much later as the clock was set forward; whose time comes twice, it runs the first time. A job
that repeats (`*` in minute or hour) follows the clock on the wall: what is skipped does not run, what comes twice runs
twice. croniter parses and steps; its own zone arithmetic, which runs a daily job twice in autumn, is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_NEAR = timedelta(hours=4)
_FURTHEST = timedelta(days=366 * 9)
"""29 February of a leap year may be eight years away; what does not come within nine never does."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: `fields` are five, or six with the seconds first."""

    text: str
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, with_seconds: bool = False) -> Cron:
        """Raises ValueError with a sentence."""
        from croniter import croniter

        fields = tuple(NICKNAMES.get(text.strip(), text).split())
        wanted = 6 if with_seconds and not text.strip().startswith("@") else 5
        if len(fields) != wanted:
            raise ValueError(f"`{text}` has {len(fields)} fields, and needs {wanted}")
        if not croniter.is_valid(" ".join(fields), second_at_beginning=True):
            raise ValueError(f"`{text}` is no cron expression")
        return cls(text, fields)

    @property
    def is_fixed(self) -> bool:
        """Whether it names times of the day, rather than repeating through it."""
        minute, hour = self.fields[-5], self.fields[-4]
        return not minute.startswith("*") and not hour.startswith("*")

    def naive_after(self, moment: datetime) -> Iterator[datetime]:
        """The naive times of the expression after `moment`, in order; they end where none comes for nine years."""
        from croniter import CroniterBadDateError, croniter

        steps = croniter(" ".join(self.fields), moment, second_at_beginning=True, max_years_between_matches=9)
        while True:
            try:
                step: datetime = steps.get_next(datetime)
            except CroniterBadDateError:
                return
            yield step


def next_after(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    """The first instant of `cron` in `zone` later than `after`, in UTC; None when there is none."""
    offsets = {(after + shift).astimezone(zone).utcoffset() or timedelta(0) for shift in (-_NEAR, timedelta(0), _NEAR)}
    lowest, highest = min(offsets), max(offsets)
    naive = after.replace(tzinfo=None)
    best: datetime | None = None
    for local in cron.naive_after(naive + lowest - timedelta(microseconds=1)):
        if best is not None and local - highest > best.replace(tzinfo=None):
            return best
        if local - naive > _FURTHEST:
            return best
        for instant in instants(cron, zone, local):
            if instant > after and (best is None or instant < best):
                best = instant
        if best is not None and lowest == highest and local - lowest - naive < _NEAR:
            return best
        if best is not None and local - naive > 2 * _NEAR:
            return best
    return best


def instants(cron: Cron, zone: tzinfo, local: datetime) -> list[datetime]:
    """The instants at which a naive local time comes: none, one or two, by the rule above."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return [first]
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return [first] if cron.is_fixed else [first, second]
    return [first] if cron.is_fixed else []
