"""Dates: `date`, `dateAdd`, the timestamps, and `now()`. Everything behind them is loaded when one is used."""

from __future__ import annotations

from datetime import tzinfo

from penstock.expression.datepatterns import Moment
from penstock.expression.library import arguments
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope

_FORMS = (("format", "iso"), ("timeZone", None), ("existingFormat", None), ("locale", None))


@filter_("date", *_FORMS)
def _date(_scope: Scope, value: object, form: object, zone: object, existing: object, locale: object) -> str:
    moment, where = _read(value, zone, existing)
    return _write(moment, where, form, locale)


@filter_("dateAdd", "amount", "unit", *_FORMS)
def _date_add(
    _scope: Scope,
    value: object,
    amount: object,
    unit: object,
    form: object,
    zone: object,
    existing: object,
    locale: object,
) -> str:
    from penstock.expression.dates import move

    moment, where = _read(value, zone, existing)
    step = arguments.whole(amount, "the argument `amount`")
    return _write(move(moment, step, arguments.text(unit, "the argument `unit`")), where, form, locale)


@filter_("timestamp", ("timeZone", None), ("existingFormat", None))
def _timestamp(_scope: Scope, value: object, zone: object, existing: object) -> int:
    return _nanos(value, zone, existing) // 1_000_000_000


@filter_("timestampMilli", ("timeZone", None), ("existingFormat", None))
def _timestamp_milli(_scope: Scope, value: object, zone: object, existing: object) -> str:
    return str(_nanos(value, zone, existing) // 1_000_000)


@filter_("timestampMicro", ("timeZone", None), ("existingFormat", None))
def _timestamp_micro(_scope: Scope, value: object, zone: object, existing: object) -> str:
    """Seconds as nanoseconds plus the microseconds of the second: Kestra's own sum (core, TimestampMicroFilter),
    which flows have learnt to divide."""
    seconds, nanos = divmod(_nanos(value, zone, existing), 1_000_000_000)
    return str(seconds * 1_000_000_000 + nanos // 1000)


@filter_("timestampNano", ("timeZone", None), ("existingFormat", None))
def _timestamp_nano(_scope: Scope, value: object, zone: object, existing: object) -> str:
    return str(_nanos(value, zone, existing))


@function("now", *_FORMS, impure=True)
def _now(scope: Scope, form: object, zone: object, existing: object, locale: object) -> str:
    moment, where = _read(scope.world.now(), zone, existing)
    return _write(moment, where, form, locale)


def _read(value: object, zone_name: object, existing: object) -> tuple[Moment, tzinfo]:
    from penstock.expression.dates import read_moment, zone

    where = zone(arguments.optional_text(zone_name, "the argument `timeZone`"))
    return read_moment(value, where, arguments.optional_text(existing, "the argument `existingFormat`")), where


def _write(moment: Moment, where: tzinfo, form: object, locale: object) -> str:
    from penstock.expression.dates import write_moment

    pattern = "iso" if form is None else arguments.text(form, "the argument `format`")
    return write_moment(moment, pattern, where, arguments.optional_text(locale, "the argument `locale`"))


def _nanos(value: object, zone: object, existing: object) -> int:
    from penstock.expression.dates import epoch_nanos

    return epoch_nanos(_read(value, zone, existing)[0])
