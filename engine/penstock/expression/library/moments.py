"""Dates: `date`, `dateAdd`, the timestamps, and `now()`. Everything behind them is loaded when one is used."""

from __future__ import annotations

from datetime import tzinfo

from penstock.expression.library import arguments
from penstock.expression.moments.datepatterns import Moment
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope

_FORMS = (("format", "iso"), ("timeZone", None), ("existingFormat", None), ("locale", None))


@filter_(
    "date",
    *_FORMS,
    says="A date written by a Java pattern, or by the name of a format, in a time zone and a language.",
    example="{{ '2024-07-02T13:05:06Z' | date('EEEE d MMMM yyyy HH:mm', timeZone='Europe/Paris', locale='fr') }}",
)
def _date(scope: Scope, value: object, form: object, zone: object, existing: object, locale: object) -> str:
    moment, where = _read(value, zone, existing)
    return _write(scope, moment, where, form, locale)


@filter_(
    "dateAdd",
    "amount",
    "unit",
    *_FORMS,
    says="A date moved by a number of units, such as `DAYS` or `MONTHS`, and written as `date` writes it.",
    example="{{ '2024-01-31T00:00:00Z' | dateAdd(1, 'MONTHS', 'yyyy-MM-dd') }}",
)
def _date_add(
    scope: Scope,
    value: object,
    amount: object,
    unit: object,
    form: object,
    zone: object,
    existing: object,
    locale: object,
) -> str:
    from penstock.expression.moments.dates import move

    moment, where = _read(value, zone, existing)
    step = arguments.whole(amount, "the argument `amount`")
    return _write(scope, move(moment, step, arguments.text(unit, "the argument `unit`")), where, form, locale)


@filter_(
    "timestamp",
    ("timeZone", None),
    ("existingFormat", None),
    says="The seconds from 1970 to a date.",
    example="{{ '2024-07-02T13:05:06Z' | timestamp }}",
)
def _timestamp(_scope: Scope, value: object, zone: object, existing: object) -> int:
    return _nanos(value, zone, existing) // 1_000_000_000


@filter_(
    "timestampMilli",
    ("timeZone", None),
    ("existingFormat", None),
    says="The milliseconds from 1970 to a date, as a text.",
    example="{{ '2024-07-02T13:05:06.123Z' | timestampMilli }}",
)
def _timestamp_milli(_scope: Scope, value: object, zone: object, existing: object) -> str:
    return str(_nanos(value, zone, existing) // 1_000_000)


@filter_(
    "timestampMicro",
    ("timeZone", None),
    ("existingFormat", None),
    says="Kestra's sum for microseconds, as a text: the seconds as nanoseconds, plus the microseconds.",
    example="{{ '2024-07-02T13:05:06Z' | timestampMicro }}",
)
def _timestamp_micro(_scope: Scope, value: object, zone: object, existing: object) -> str:
    """Seconds as nanoseconds plus the microseconds of the second: Kestra's own sum (core, TimestampMicroFilter),
    which flows have learnt to divide."""
    seconds, nanos = divmod(_nanos(value, zone, existing), 1_000_000_000)
    return str(seconds * 1_000_000_000 + nanos // 1000)


@filter_(
    "timestampNano",
    ("timeZone", None),
    ("existingFormat", None),
    says="The nanoseconds from 1970 to a date, as a text.",
    example="{{ '2024-07-02T13:05:06Z' | timestampNano }}",
)
def _timestamp_nano(_scope: Scope, value: object, zone: object, existing: object) -> str:
    return str(_nanos(value, zone, existing))


@function(
    "now",
    *_FORMS,
    impure=True,
    says="The moment of rendering, written as `date` writes it.",
    example="{{ now('yyyy-MM-dd', timeZone='Asia/Tokyo') }}",
)
def _now(scope: Scope, form: object, zone: object, existing: object, locale: object) -> str:
    moment, where = _read(scope.world.now(), zone, existing)
    return _write(scope, moment, where, form, locale)


def _read(value: object, zone_name: object, existing: object) -> tuple[Moment, tzinfo]:
    from penstock.expression.moments.dates import read_moment, zone

    where = zone(arguments.optional_text(zone_name, "the argument `timeZone`"))
    return read_moment(value, where, arguments.optional_text(existing, "the argument `existingFormat`")), where


def _write(scope: Scope, moment: Moment, where: tzinfo, form: object, locale: object) -> str:
    from penstock.expression.moments import locales
    from penstock.expression.moments.dates import write_moment

    pattern = "iso" if form is None else arguments.text(form, "the argument `format`")
    language = arguments.optional_text(locale, "the argument `locale`")
    if locales.needs_data(language, pattern):
        with scope.meter.paused():  # once in the life of a process, and no work of this expression
            locales.load()
    return write_moment(moment, pattern, where, language)


def _nanos(value: object, zone: object, existing: object) -> int:
    from penstock.expression.moments.dates import epoch_nanos

    return epoch_nanos(_read(value, zone, existing)[0])
