"""Moments: read from what a flow holds, moved by a unit, written by a Java pattern or a name for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from penstock.expression.datepatterns import format_pattern, parse_pattern
from penstock.expression.errors import ExpressionError
from penstock.expression.locales import ENGLISH, language
from penstock.expression.stringify import kind_of, print_moment, print_offset

_PATTERNS = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
    "iso_local_date": "yyyy-MM-dd",
    "iso_date": "yyyy-MM-ddXXX",
    "rfc_1123_date_time": "EEE, d MMM yyyy HH:mm:ss 'GMT'",
}
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?(?:\[([\w/+\-]{1,60})\])?)?"
)
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?")
_UNITS = {
    "NANOS": timedelta(0), "MICROS": timedelta(microseconds=1), "MILLIS": timedelta(milliseconds=1),
    "SECONDS": timedelta(seconds=1), "MINUTES": timedelta(minutes=1), "HOURS": timedelta(hours=1),
    "HALF_DAYS": timedelta(hours=12),
}  # fmt: skip
_DAY_UNITS = {"DAYS": 1, "WEEKS": 7}
_MONTH_UNITS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200, "MILLENNIA": 12000}


def zone(name: str | None) -> tzinfo:
    """A zone by its IANA name or offset; UTC for none. Raises ExpressionError when there is no such zone."""
    if name is None or name in ("UTC", "Z", "GMT", "Etc/UTC"):
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        hours, minutes, seconds = int(offset[2]), int(offset[3] or 0), int(offset[4] or 0)
        if hours <= 18 and minutes < 60 and seconds < 60:
            length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
            return timezone(-length if offset[1] == "-" else length)
    elif len(name) <= 60 and re.fullmatch(r"[A-Za-z][\w+\-]*(/[\w+\-]+)*", name):
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise _no_zone(name) from error
    raise _no_zone(name)


def read_moment(value: object, where: tzinfo, existing: str | None) -> datetime:
    """An aware moment from a date, a number (epoch seconds) or a text: ISO-8601, or as the pattern `existing` says.

    A text without a zone is taken in `where`; a bare date text is its midnight, a date value its noon.
    Source: Kestra 0.21 AbstractDate.convert. Raises ExpressionError when it cannot be read.
    """
    try:
        if isinstance(value, datetime):
            return value if value.tzinfo is not None else value.replace(tzinfo=where)
        if isinstance(value, date):
            return datetime.combine(value, time(12), where)
        if isinstance(value, int) and not isinstance(value, bool):
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)).astimezone(where)
        if isinstance(value, str):
            if existing is not None:
                return parse_pattern(value, _PATTERNS.get(existing, existing), where)
            return _read_iso(value, where)
    except (ValueError, OverflowError):
        raise ExpressionError(f"`{str(value)[:100]}` is not a date that exists") from None
    raise ExpressionError(f"a date is a text, a number of seconds or a date, not a {kind_of(value)}")


def write_moment(moment: datetime, form: str, where: tzinfo, locale: str | None) -> str:
    """`moment` in the zone `where`, by the name of a format, a style (`full` … `short`) or a Java pattern."""
    names = language(locale)
    try:
        local = moment.astimezone(UTC if form == "rfc_1123_date_time" else where)
    except (ValueError, OverflowError):
        raise ExpressionError("the date lies outside the years 1 to 9999") from None
    writer = _WRITERS.get(form)
    if writer is not None:
        return writer(local)
    if form == "rfc_1123_date_time":
        names = ENGLISH
    return format_pattern(local, names.styles.get(form) or _PATTERNS.get(form, form), names)


def move(moment: datetime, amount: int, unit: str) -> datetime:
    """`moment` plus `amount` of a java.time ChronoUnit: hours on the time line, days and months on the calendar."""
    try:
        if unit in _UNITS:
            if unit == "NANOS":
                return moment + timedelta(microseconds=amount // 1000)
            return (moment.astimezone(UTC) + _UNITS[unit] * amount).astimezone(moment.tzinfo)
        if unit in _DAY_UNITS:
            return moment + timedelta(days=amount * _DAY_UNITS[unit])
        if unit in _MONTH_UNITS:
            return _add_months(moment, amount * _MONTH_UNITS[unit])
    except (ValueError, OverflowError):
        raise ExpressionError("the date lies outside the years 1 to 9999") from None
    raise ExpressionError(
        f"`{unit[:40]}` is not a unit of time",
        help=f"the units are {', '.join([*_UNITS, *_DAY_UNITS, *_MONTH_UNITS])}",
    )


def epoch_nanos(moment: datetime) -> int:
    """Nanoseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _no_zone(name: str) -> ExpressionError:
    return ExpressionError(f"`{name[:60]}` is not a time zone", help="such as Europe/Paris, UTC or +02:00")


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError("outside the calendar")
    day = moment.day
    while True:
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            day -= 1


def _read_iso(text: str, where: tzinfo) -> datetime:
    found = _ISO.fullmatch(text) if len(text) < 120 else None
    if found is None:
        raise ExpressionError(
            f"`{text[:100]}` is not an ISO-8601 date",
            help="say its pattern: `date(existingFormat='dd/MM/yyyy')`",
        )
    fraction = int((found[7] or "0").ljust(9, "0")[:6])
    parts = [int(found[index] or 0) for index in range(1, 7)]
    local = datetime(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], fraction, tzinfo=where)
    if found[8]:
        local = local.replace(tzinfo=UTC if found[8] in "Zz" else zone(found[8]))
    if found[9]:
        named = zone(found[9])
        return local.astimezone(named) if found[8] else local.replace(tzinfo=named)
    return local


def _clock(moment: datetime) -> str:
    return print_moment(moment.replace(tzinfo=None)).partition("T")[2]


def _offset(moment: datetime) -> str:
    return print_offset(moment.utcoffset() or timedelta(0))


def _region(moment: datetime) -> str:
    """`[Europe/Paris]`; nothing when the zone is a bare offset."""
    where = moment.tzinfo
    if where is UTC:
        return "[UTC]"
    return "" if isinstance(where, timezone) else f"[{where}]"


def _week(moment: datetime) -> str:
    year, week, day = moment.isocalendar()
    return f"{year:04d}-W{week:02d}-{day}"


_WRITERS: dict[str, Callable[[datetime], str]] = {
    "iso_date_time": lambda at: print_moment(at) + _region(at),
    "iso_zoned_date_time": lambda at: print_moment(at) + _region(at),
    "iso_instant": lambda at: print_moment(at.astimezone(UTC)),
    "iso_local_date_time": lambda at: print_moment(at.replace(tzinfo=None)),
    "iso_local_time": _clock,
    "iso_time": lambda at: _clock(at) + _offset(at),
    "iso_offset_time": lambda at: _clock(at) + _offset(at),
    "iso_ordinal_date": lambda at: f"{at.year:04d}-{at.timetuple().tm_yday:03d}{_offset(at)}",
    "iso_week_date": lambda at: _week(at) + _offset(at),
}
