"""The times that a cron expression names, as the wall shows them: naive, to the second, stepped in both directions.

croniter reads the expression; it is not asked to step, which takes it ten times as long.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

_YEARS = 9
"""29 February of a leap year may be eight years away; what does not come within nine never does."""

_EQUAL_RANGE = re.compile(r"(?<!\w)(\w+)-\1(?:/\d+)?(?!\w)", re.IGNORECASE)
"""`5-5` is 5; croniter 7 reads it as the whole field."""

_ONE_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_LAST = -1
_WEEK = 7


@dataclass(frozen=True, slots=True)
class WallTimes:
    """Numbers as cron has them, ascending; Sunday is 0. None is any day. `nth` are weekdays of a month, each with its
    number, -1 for the last one. Where days of the month and weekdays are both restricted, either is enough."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    days: frozenset[int] | None
    ends_month: bool
    weekdays: frozenset[int] | None
    nth: frozenset[tuple[int, int]]

    @classmethod
    @lru_cache(maxsize=1024)
    def of(cls, fields: tuple[str, ...]) -> WallTimes:
        """Five fields, or six with the seconds first. Raises ValueError for what is no cron expression."""
        from croniter import croniter

        text = _EQUAL_RANGE.sub(r"\1", " ".join(fields))
        expanded, numbered = croniter.expand(text, second_at_beginning=True)
        minutes, hours, days, months, weekdays = expanded[:5]
        is_any_weekday = weekdays[0] == "*" or bool(numbered)
        return cls(
            seconds=_numbers(expanded[5], range(60)) if len(expanded) > 5 else (0,),
            minutes=_numbers(minutes, range(60)),
            hours=_numbers(hours, range(24)),
            months=frozenset(_numbers(months, range(1, 13))),
            days=None if days[0] == "*" else frozenset(day for day in days if isinstance(day, int)),
            ends_month="l" in days,
            weekdays=None if is_any_weekday else frozenset(_numbers(weekdays, range(_WEEK))),
            nth=frozenset(
                (int(weekday), _LAST if str(which) == "l" else int(which))
                for weekday, found in numbered.items()
                for which in found
            ),
        )

    def after(self, moment: datetime) -> datetime | None:
        """The first of them later than `moment`; None when none comes within nine years."""
        today = moment.date()
        if self.names(today):
            time = self._time_after(moment.hour, moment.minute, moment.second)
            if time is not None:
                return _at(today, time)
        for day in self._days_after(today):
            return _at(day, (self.hours[0], self.minutes[0], self.seconds[0]))
        return None

    def before(self, moment: datetime) -> datetime | None:
        """The last of them earlier than `moment`; None when there is none within nine years."""
        moment -= _TICK
        today = moment.date()
        if self.names(today):
            time = self._time_until(moment.hour, moment.minute, moment.second)
            if time is not None:
                return _at(today, time)
        for day in self._days_before(today):
            return _at(day, (self.hours[-1], self.minutes[-1], self.seconds[-1]))
        return None

    def count(self, after: datetime, until: datetime) -> int:
        """How many of them come after `after` and not after `until`. Costs a look at each day."""
        first, last = after.date(), until.date()
        days = sum(self.names(first + _ONE_DAY * n) for n in range((last - first).days + 1))
        in_a_day = len(self.hours) * len(self.minutes) * len(self.seconds)
        before = self._count_until(after) if self.names(first) else 0
        beyond = in_a_day - self._count_until(until) if self.names(last) else 0
        return max(days * in_a_day - before - beyond, 0)

    def names(self, day: date) -> bool:
        """Whether it is a day of them."""
        if day.month not in self.months:
            return False
        is_day = self.days is None or day.day in self.days or (self.ends_month and day.day == _length(day))
        if self.weekdays is None and not self.nth:
            return is_day
        is_weekday = self._is_weekday(day)
        return is_weekday if self.days is None else is_day or is_weekday

    def _is_weekday(self, day: date) -> bool:
        weekday = day.isoweekday() % _WEEK
        if self.weekdays is not None:
            return weekday in self.weekdays
        number = (day.day - 1) // _WEEK + 1
        return (weekday, number) in self.nth or ((weekday, _LAST) in self.nth and day.day + _WEEK > _length(day))

    def _days_after(self, day: date) -> Iterator[date]:
        last_year = day.year + _YEARS
        day += _ONE_DAY
        while day.year <= last_year:
            if day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
                continue
            if self.names(day):
                yield day
            day += _ONE_DAY

    def _days_before(self, day: date) -> Iterator[date]:
        first_year = day.year - _YEARS
        day -= _ONE_DAY
        while day.year >= first_year:
            if day.month not in self.months:
                day = day.replace(day=1) - _ONE_DAY
                continue
            if self.names(day):
                yield day
            day -= _ONE_DAY

    def _time_after(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        if _has(self.hours, hour):
            if _has(self.minutes, minute) and second < self.seconds[-1]:
                return hour, minute, self.seconds[bisect_right(self.seconds, second)]
            if minute < self.minutes[-1]:
                return hour, self.minutes[bisect_right(self.minutes, minute)], self.seconds[0]
        if hour < self.hours[-1]:
            return self.hours[bisect_right(self.hours, hour)], self.minutes[0], self.seconds[0]
        return None

    def _time_until(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        if _has(self.hours, hour):
            if _has(self.minutes, minute) and second >= self.seconds[0]:
                return hour, minute, self.seconds[bisect_right(self.seconds, second) - 1]
            if minute > self.minutes[0]:
                return hour, self.minutes[bisect_left(self.minutes, minute) - 1], self.seconds[-1]
        if hour > self.hours[0]:
            return self.hours[bisect_left(self.hours, hour) - 1], self.minutes[-1], self.seconds[-1]
        return None

    def _count_until(self, moment: datetime) -> int:
        """Of the times of its day, those that are not later."""
        count = bisect_left(self.hours, moment.hour) * len(self.minutes) * len(self.seconds)
        if _has(self.hours, moment.hour):
            count += bisect_left(self.minutes, moment.minute) * len(self.seconds)
            if _has(self.minutes, moment.minute):
                count += bisect_right(self.seconds, moment.second)
        return count


def _numbers(found: Collection[int | str], every: range) -> tuple[int, ...]:
    if "*" in found:
        return tuple(every)
    return tuple(sorted(number for number in found if isinstance(number, int)))


def _has(numbers: Sequence[int], wanted: int) -> bool:
    at = bisect_left(numbers, wanted)
    return at < len(numbers) and numbers[at] == wanted


def _length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _at(day: date, time: tuple[int, int, int]) -> datetime:
    return datetime(day.year, day.month, day.day, *time)  # noqa: DTZ001 - naive local time
