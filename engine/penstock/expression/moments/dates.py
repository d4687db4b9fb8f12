"""Moments: read from what a flow holds, moved by a unit, written by a Java pattern or a name for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from penstock.expression.errors import ExpressionError
from penstock.expression.moments.datepatterns import Moment, format_pattern, zone_id
from penstock.expression.moments.datereading import parse_pattern
from penstock.expression.moments.locales import ENGLISH, language
from penstock.expression.stringify import kind_of, print_offset

_PATTERNS = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
    "iso_local_date": "yyyy-MM-dd",
    "iso_date": "yyyy-MM-ddXXX",
}
_READ_PATTERNS = {
    **_PATTERNS,
    **ENGLISH.styles,
    "iso_date": "yyyy-MM-dd[XXX]",
    "iso_ordinal_date": "yyyy-DDD[XXX]",
    "rfc_1123_date_time": "[EEE, ]d MMM yyyy HH:mm[:ss] Z",
}
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?(?:\[([\w/+\-]{1,60})\])?)?"
)
_WEEK_DATE = re.compile(r"(\d{4})-W(\d\d)-([1-7])(?:Z|[+-]\d\d:\d\d)?")
_TEXT_LENGTH = 120
# What must be there of an ISO text, by the groups of `_ISO`: the time, the offset, the region.
_ISO_NEEDS: dict[str, tuple[tuple[int, bool], ...]] = {
    "iso_date_time": ((4, True),),
    "iso_zoned_date_time": ((4, True), (8, True)),
    "iso_instant": ((4, True), (8, True), (9, False)),
    "iso_local_date_time": ((4, True), (8, False), (9, False)),
}
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


def read_moment(value: object, where: tzinfo, existing: str | None) -> Moment:
    """An aware moment from a date, a number (epoch seconds) or a text: ISO-8601, or as the pattern `existing` says.

    A text without a zone is taken in `where`; a bare date text is its midnight, a date value its noon.
    Source: Kestra 0.21 AbstractDate.convert. Raises ExpressionError when it cannot be read.
    """
    try:
        if isinstance(value, datetime):
            return Moment(value if value.tzinfo is not None else value.replace(tzinfo=where))
        if isinstance(value, date):
            return Moment(datetime.combine(value, time(12), where))
        if isinstance(value, int) and not isinstance(value, bool):
            return Moment((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)).astimezone(where))
        if isinstance(value, str):
            moment = _read_iso(value, where) if existing is None else _read_as(value, existing, where)
            return Moment(_on_the_clock(moment.at), moment.rest)
    except (ValueError, OverflowError):
        raise ExpressionError(f"`{str(value)[:100]}` is not a date that exists") from None
    raise ExpressionError(f"a date is a text, a number of seconds or a date, not a {kind_of(value)}")


def write_moment(moment: Moment, form: str, where: tzinfo, locale: str | None) -> str:
    """`moment` in the zone `where`, by the name of a format, a style (`full` … `short`) or a Java pattern."""
    names = language(locale)
    try:
        local = Moment(moment.at.astimezone(where), moment.rest)
    except (ValueError, OverflowError):
        raise ExpressionError("the date lies outside the years 1 to 9999") from None
    writer = _WRITERS.get(form)
    if writer is not None:
        return writer(local)
    return format_pattern(local, names.styles.get(form) or _PATTERNS.get(form, form), names)


def move(moment: Moment, amount: int, unit: str) -> Moment:
    """`moment` plus `amount` of a java.time ChronoUnit: hours on the time line, days and months on the calendar."""
    at = moment.at
    try:
        if unit == "NANOS":
            micros, rest = divmod(moment.rest + amount, 1000)
            return Moment((at.astimezone(UTC) + timedelta(microseconds=micros)).astimezone(at.tzinfo), rest)
        if unit in _UNITS:
            return Moment((at.astimezone(UTC) + _UNITS[unit] * amount).astimezone(at.tzinfo), moment.rest)
        if unit in _DAY_UNITS:
            return Moment(_on_the_clock(at + timedelta(days=amount * _DAY_UNITS[unit])), moment.rest)
        if unit in _MONTH_UNITS:
            return Moment(_on_the_clock(_add_months(at, amount * _MONTH_UNITS[unit])), moment.rest)
    except (ValueError, OverflowError):
        raise ExpressionError("the date lies outside the years 1 to 9999") from None
    raise ExpressionError(
        f"`{unit[:40]}` is not a unit of time",
        help=f"the units are {', '.join([*_UNITS, *_DAY_UNITS, *_MONTH_UNITS])}",
    )


def epoch_nanos(moment: Moment) -> int:
    """Nanoseconds since 1970."""
    return (moment.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000 + moment.rest


def _on_the_clock(at: datetime) -> datetime:
    """A time that the clocks skip in spring is as much later, as java.time has it."""
    return at.astimezone(UTC).astimezone(at.tzinfo)


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


def _read_as(text: str, form: str, where: tzinfo) -> Moment:
    """By the name of a format, a style as Java has it in English, or a pattern."""
    if len(text) > _TEXT_LENGTH:
        raise ExpressionError(f"`{text[:100]}` is longer than any date")
    if form == "iso_week_date":
        found = _WEEK_DATE.fullmatch(text)
        if found is None:
            raise _misfit(text, form)
        day = date.fromisocalendar(int(found[1]), int(found[2]), int(found[3]))
        return Moment(datetime.combine(day, time(0), where))
    needs = _ISO_NEEDS.get(form)
    if needs is None:
        return parse_pattern(text, _READ_PATTERNS.get(form, form), where, zone)
    found = _ISO.fullmatch(text)
    if found is None or any((found[part] is not None) is not wanted for part, wanted in needs):
        raise _misfit(text, form)
    return _read_iso(text, where)


def _misfit(text: str, form: str) -> ExpressionError:
    return ExpressionError(f"`{text[:100]}` does not fit the date format `{form}`")


def _read_iso(text: str, where: tzinfo) -> Moment:
    found = _ISO.fullmatch(text) if len(text) < _TEXT_LENGTH else None
    if found is None:
        raise ExpressionError(
            f"`{text[:100]}` is not an ISO-8601 date",
            help="say its pattern: `date(existingFormat='dd/MM/yyyy')`",
        )
    micros, rest = divmod(int((found[7] or "0").ljust(9, "0")), 1000)
    parts = [int(found[index] or 0) for index in range(1, 7)]
    local = datetime(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], micros, tzinfo=where)
    if found[8]:
        local = local.replace(tzinfo=UTC if found[8] in "Zz" else zone(found[8]))
    if found[9]:
        named = zone(found[9])
        local = local.astimezone(named) if found[8] else local.replace(tzinfo=named)
    return Moment(local, rest)


def _nano(moment: Moment) -> int:
    return moment.at.microsecond * 1000 + moment.rest


def _day(moment: Moment) -> str:
    return f"{moment.at.year:04d}-{moment.at.month:02d}-{moment.at.day:02d}"


def _clock(moment: Moment) -> str:
    """`13:05:06.1234`: as many digits as the fraction has (DateTimeFormatter.ISO_LOCAL_TIME)."""
    fraction = f"{_nano(moment):09d}".rstrip("0")
    return moment.at.strftime("%H:%M:%S") + (f".{fraction}" if fraction else "")


def _instant(moment: Moment) -> str:
    """In UTC, the fraction in groups of three digits (DateTimeFormatter.ISO_INSTANT)."""
    utc = Moment(moment.at.astimezone(UTC), moment.rest)
    fraction = f"{_nano(utc):09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{_day(utc)}T{utc.at.strftime('%H:%M:%S')}{f'.{fraction}' if fraction else ''}Z"


def _offset(moment: Moment) -> str:
    return print_offset(moment.at.utcoffset() or timedelta(0))


def _region(moment: Moment) -> str:
    """`[Europe/Paris]`; nothing when the zone is a bare offset."""
    where = moment.at.tzinfo
    return "" if isinstance(where, timezone) and where is not UTC else f"[{zone_id(where)}]"


def _week(moment: Moment) -> str:
    year, week, day = moment.at.isocalendar()
    return f"{year:04d}-W{week:02d}-{day}"


def _rfc_1123(moment: Moment) -> str:
    offset = print_offset(moment.at.utcoffset() or timedelta(0), zero="GMT", colon="")
    return f"{format_pattern(moment, 'EEE, d MMM yyyy HH:mm:ss', ENGLISH)} {offset}"


def _zoned(moment: Moment) -> str:
    return f"{_day(moment)}T{_clock(moment)}{_offset(moment)}{_region(moment)}"


_WRITERS: dict[str, Callable[[Moment], str]] = {
    "iso_date_time": _zoned,
    "iso_zoned_date_time": _zoned,
    "iso_instant": _instant,
    "iso_local_date_time": lambda moment: f"{_day(moment)}T{_clock(moment)}",
    "iso_local_time": _clock,
    "iso_time": lambda moment: _clock(moment) + _offset(moment),
    "iso_offset_time": lambda moment: _clock(moment) + _offset(moment),
    "iso_ordinal_date": lambda moment: f"{moment.at.year:04d}-{moment.at.timetuple().tm_yday:03d}{_offset(moment)}",
    "iso_week_date": lambda moment: _week(moment) + _offset(moment),
    "rfc_1123_date_time": _rfc_1123,
}
