"""Laws of dates: what is written is read again, and time goes on."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.expression import ExpressionError
from penstock.expression.moments.datepatterns import Moment, format_pattern, pieces
from penstock.expression.moments.dates import epoch_nanos, move, read_moment, write_moment, zone
from penstock.expression.moments.locales import ENGLISH, language

FEW = settings(max_examples=200, deadline=None)
ZONES: list[tzinfo] = [
    UTC,
    ZoneInfo("Europe/Paris"),
    ZoneInfo("America/New_York"),
    timezone(timedelta(hours=5, minutes=30)),
]
MOMENTS = st.builds(
    Moment,
    st.datetimes(datetime(2001, 1, 1), datetime(2098, 12, 31)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.integers(0, 999),
)
WHOLE = [
    "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSSXXX", "yyyyMMddHHmmssSSSSSSSSSZ", "EEEE, d MMMM yyyy h:mm:ss a n xxx",
    "yy-M-d k:m:s.SSSSSSSSS O", "yyyy-DDD N x", "'on' dd/MM/uuuu 'at' K:mm:ss.SSSSSSSSS a XX",
    "YYYY-'W'ww-e HH:mm:ss.SSSSSSSSSXXX", "g N Z", "yyyy-MM-dd[ HH:mm[:ss[.SSSSSSSSS]]] VV",
]  # fmt: skip
NAMES = ["iso_date_time", "iso_zoned_date_time", "iso_instant"]


@pytest.mark.parametrize("form", [*WHOLE, *NAMES])
@settings(max_examples=60, deadline=None)
@given(moment=MOMENTS, where=st.sampled_from(ZONES))
def test_what_is_written_is_read_again(form: str, where: tzinfo, moment: Moment) -> None:
    if "VV" in form and changes_its_clocks(where, moment.at):
        return  # an hour that comes twice does not say which one it is
    text = write_moment(moment, form, where, None)
    assert epoch_nanos(read_moment(text, UTC, form)) == epoch_nanos(moment), text


def changes_its_clocks(where: tzinfo, at: datetime) -> bool:
    around = [(at + timedelta(hours=hours)).astimezone(where).utcoffset() for hours in (-2, 0, 2)]
    return len(set(around)) > 1


@FEW
@given(MOMENTS, st.integers(-(10**6), 10**6), st.sampled_from(["NANOS", "MICROS", "SECONDS", "HOURS", "DAYS", "WEEKS"]))
def test_there_and_back_is_where_it_began(moment: Moment, amount: int, unit: str) -> None:
    try:
        there = move(moment, amount, unit)
    except ExpressionError:
        return  # outside the calendar
    assert epoch_nanos(move(there, -amount, unit)) == epoch_nanos(moment)
    assert (epoch_nanos(there) > epoch_nanos(moment)) is (amount > 0)


@FEW
@given(st.text(alphabet="yMdHhmsSEaVXz'[]p- {", max_size=12), MOMENTS)
def test_any_pattern_is_written_or_refused(pattern: str, moment: Moment) -> None:
    try:
        shown = format_pattern(moment, pattern, ENGLISH)
    except ExpressionError:
        return
    assert pieces(pattern) or shown == ""


@FEW
@given(st.text(max_size=12))
def test_any_name_of_a_zone_or_language_is_known_or_refused(name: str) -> None:
    for ask in (zone, language):
        with suppress(ExpressionError):
            assert ask(name) is not None
