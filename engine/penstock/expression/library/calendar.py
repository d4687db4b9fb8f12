"""Functions about days: weekends, public holidays, parts of a date, and how two dates lie to one another.

Dates are the texts that ISO-8601 knows, or values of the kind of a date. A day is the one that is written, in whatever
zone it is written (Kestra core, DateUtils.parseLocalDate); two moments are compared as moments, and one without a zone
counts as UTC. All of it came with Kestra 2.0.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope
from penstock.expression.stringify import kind_of

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_WORKING_DAYS = frozenset(_DAYS[:5])
_POSITIONS = ("FIRST", "SECOND", "THIRD", "FOURTH", "LAST")


@function(
    "isWeekend",
    "date",
    says="Whether a day is a Saturday or a Sunday.",
    example="{{ isWeekend('2024-07-06') }}",
    since="2.0",
)
def _is_weekend(_scope: Scope, day: object) -> bool:
    return _day(day).weekday() >= 5


@function(
    "isPublicHoliday",
    "date",
    "countryCode",
    ("subDivision", None),
    says="Whether a day is a public holiday in a country, or in one of its states.",
    example="{{ isPublicHoliday('2024-07-14', 'FR') }}",
    since="2.0",
)
def _is_public_holiday(scope: Scope, day: object, country: object, division: object) -> bool:
    """Holidays come from the package `holidays`, which knows those of a state beside those of its country."""
    with scope.meter.paused():  # loading it is no work of this expression
        import holidays

    when = _day(day)
    code = arguments.text(country, "the argument `countryCode`").strip().upper()
    state = arguments.optional_text(division, "the argument `subDivision`")
    try:
        days = holidays.country_holidays(code, subdiv=state.strip().upper() if state and state.strip() else None)
        return when in days
    except NotImplementedError as error:
        raise ExpressionError(
            f"public holidays are not known for the country `{code[:20]}`"
            + (f" and its part `{state[:20]}`" if state else ""),
            help="the country is its two letters of ISO 3166-1, such as FR; a part is its own code, such as BY",
        ) from error


@function(
    "isDayWeekInMonth",
    "date",
    "dayOfWeek",
    "position",
    says="Whether a day is the first, second, third, fourth or last such weekday of its month.",
    example="{{ isDayWeekInMonth('2024-07-01', 'MONDAY', 'FIRST') }}",
    since="2.0",
)
def _is_day_week_in_month(_scope: Scope, day: object, weekday: object, position: object) -> bool:
    when = _day(day)
    wanted = _weekday(weekday, "dayOfWeek")
    place = arguments.text(position, "the argument `position`").upper()
    if place not in _POSITIONS:
        raise ExpressionError(f"`{place[:40]}` is no position in a month", help=f"one of {', '.join(_POSITIONS)}")
    if _DAYS[when.weekday()] != wanted:
        return False
    if place == "LAST":
        return when.day > monthrange(when.year, when.month)[1] - 7
    return (when.day - 1) // 7 == _POSITIONS.index(place)


@function(
    "isLastWorkingDay",
    "date",
    ("workingDays", None),
    says="Whether a day is the last working day of its month; working days are Monday to Friday unless said.",
    example="{{ isLastWorkingDay('2024-08-30') }}",
    since="2.0",
)
def _is_last_working_day(_scope: Scope, day: object, working_days: object) -> bool:
    when = _day(day)
    named = arguments.optional_text(working_days, "the argument `workingDays`") or ""
    days = frozenset(_weekday(word, "workingDays") for word in named.replace(",", " ").split()) or _WORKING_DAYS
    if _DAYS[when.weekday()] not in days:
        return False
    later = (when.toordinal() + ahead for ahead in range(1, 7))
    rest_of_month = (date.fromordinal(one) for one in later if one <= date.max.toordinal())
    return not any(one.month == when.month and _DAYS[one.weekday()] in days for one in rest_of_month)


@function(
    "dayOfWeek",
    "date",
    says="The weekday of a date in English capitals.",
    example="{{ dayOfWeek('2024-07-01') }}",
    since="2.0",
)
def _day_of_week(_scope: Scope, day: object) -> str:
    return _DAYS[_day(day).weekday()]


@function(
    "dayOfMonth",
    "date",
    says="The day of a date's month, from 1.",
    example="{{ dayOfMonth('2024-07-01') }}",
    since="2.0",
)
def _day_of_month(_scope: Scope, day: object) -> int:
    return _day(day).day


@function(
    "monthOfYear",
    "date",
    says="The month of a date, from 1.",
    example="{{ monthOfYear('2024-07-01') }}",
    since="2.0",
)
def _month_of_year(_scope: Scope, day: object) -> int:
    return _day(day).month


@function(
    "hourOfDay",
    "date",
    says="The hour of a moment as it is written, from 0 to 23; a date alone has none.",
    example="{{ hourOfDay('2024-07-01T14:30:00+02:00') }}",
    since="2.0",
)
def _hour_of_day(_scope: Scope, day: object) -> int:
    if isinstance(day, str) and "T" not in day:
        raise ExpressionError(f"`{day[:100]}` has no time, and so no hour")
    return _moment(day, "date").hour


@function(
    "isDateBefore",
    "date",
    "reference",
    says="Whether a moment comes before another.",
    example="{{ isDateBefore('2024-07-01', '2024-07-02T00:00:00Z') }}",
    since="2.0",
)
def _is_date_before(_scope: Scope, day: object, reference: object) -> bool:
    return _moment(day, "date") < _moment(reference, "reference")


@function(
    "isDateAfter",
    "date",
    "reference",
    says="Whether a moment comes after another.",
    example="{{ isDateAfter('2024-07-02', '2024-07-01T23:00:00Z') }}",
    since="2.0",
)
def _is_date_after(_scope: Scope, day: object, reference: object) -> bool:
    return _moment(day, "date") > _moment(reference, "reference")


@function(
    "isDateBetween",
    "date",
    "after",
    "before",
    says="Whether a moment comes after one and before another; neither bound counts.",
    example="{{ isDateBetween('2024-07-02T12:00:00Z', '2024-07-01T00:00:00Z', '2024-07-31T23:59:59Z') }}",
    since="2.0",
)
def _is_date_between(_scope: Scope, day: object, after: object, before: object) -> bool:
    return _moment(after, "after") < _moment(day, "date") < _moment(before, "before")


def _moment(value: object, name: str) -> datetime:
    from penstock.expression.moments.dates import read_moment

    if not isinstance(value, str | date):
        raise ExpressionError(f"the argument `{name}` must be a date, not a {kind_of(value)}")
    return read_moment(value, UTC, None).at


def _day(value: object) -> date:
    return _moment(value, "date").date()


def _weekday(value: object, name: str) -> str:
    word = arguments.text(value, f"the argument `{name}`").strip().upper()
    if word not in _DAYS:
        raise ExpressionError(f"`{word[:40]}` is no day of the week", help=f"one of {', '.join(_DAYS)}")
    return word
