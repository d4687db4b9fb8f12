"""What a person means by a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import UserError
from penstock_cli.backfilling import moment

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-06-01T06:00", "2026-06-01T04:00:00+00:00", "2026-06-01T04:00:00+00:00"),
        ("2026-06-01T06:00:00-05:00", "2026-06-01T11:00:00+00:00", "2026-06-01T11:00:00+00:00"),
        ("2026-06-01T06:00Z", "2026-06-01T06:00:00+00:00", "2026-06-01T06:00:00+00:00"),
        ("2026-06-01", "2026-05-31T22:00:00+00:00", "2026-06-01T21:59:59.999999+00:00"),
        ("20260601", "2026-05-31T22:00:00+00:00", "2026-06-01T21:59:59.999999+00:00"),
        # the clock is set back from 3 to 2: half past two comes twice
        ("2026-10-25T02:30", "2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"),
    ],
)
def test_a_date_is_meant_in_the_triggers_zone(text: str, start: str, end: str) -> None:
    assert moment(text, BERLIN, "--start").isoformat() == start
    assert moment(text, BERLIN, "--end", is_end=True).isoformat() == end


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "2026-06-01T25:00", "", "0001-01-01T00:00+09:00", "1780000000"]
)
def test_what_is_no_date_is_refused_by_the_name_of_its_option(text: str) -> None:
    with pytest.raises(UserError, match=r"^--end: .* is no ISO-8601 date$"):
        moment(text, BERLIN, "--end", is_end=True)


@given(st.integers(315_532_800, 2_145_916_800).map(lambda seconds: datetime.fromtimestamp(seconds, BERLIN)))
def test_a_day_alone_holds_each_of_its_moments(at: datetime) -> None:
    day = f"{at:%Y-%m-%d}"
    first, last = moment(day, BERLIN, "--start"), moment(day, BERLIN, "--end", is_end=True)
    assert first <= at.astimezone(UTC) <= last
    assert last - first < timedelta(hours=25)
