"""Names of months, days, half days, eras and zones, and the four date styles, by language (CLDR).

English is written here, for it is what nearly every flow uses; all others come from the package `babel`, which is
loaded when one is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from penstock.expression.errors import ExpressionError

if TYPE_CHECKING:  # only for speed: `babel` costs 20 ms to import, and most flows write English dates
    from babel import Locale

_STYLES = ("full", "long", "medium", "short")
_WIDTHS = {3: "abbreviated", 4: "wide", 5: "narrow"}
# How date and time are joined in the long styles by Java 21 (CLDR 42); newer data has a comma for all of them.
_JOINED = {"en": "{1} 'at' {0}", "fr": "{1} 'à' {0}", "de": "{1} 'um' {0}", "pt": "{1} 'às' {0}", "nl": "{1} 'om' {0}"}

Names = Mapping[int, tuple[str, ...]]  # by the count of a pattern's letter: 3 short, 4 full, 5 narrow


@dataclass(frozen=True, slots=True)
class Language:
    """Months from January, days from Monday; `first_day` is 1 for Monday; styles are Java patterns."""

    code: str
    months: Names
    lone_months: Names
    days: Names
    lone_days: Names
    quarters: Names
    eras: Names
    half_days: tuple[str, str]
    first_day: int
    min_days: int
    styles: Mapping[str, str]

    def day_period(self, at: datetime, count: int) -> str:
        """`in the morning`, as this language parts the day."""
        from babel.dates import get_period_id

        locale = _babel(self.code)
        period = get_period_id(at.replace(tzinfo=None), tzinfo=UTC, locale=locale)
        named = locale.day_periods["format"][_WIDTHS.get(count, "abbreviated")]
        return str(named.get(period) or named["pm" if at.hour >= 12 else "am"])

    def zone_name(self, at: datetime) -> str:
        """`Central European Summer Time`."""
        from babel.dates import get_timezone_name

        return get_timezone_name(_with_region(at), width="long", locale=_babel(self.code))

    def generic_zone_name(self, at: datetime, *, is_long: bool) -> str:
        """`Central European Time`, without its season. The short form is `ET` where CLDR has one, else the
        abbreviation of winter, `CET`."""
        from babel.dates import get_timezone_name

        where, locale = _with_region(at).tzinfo, _babel(self.code)
        name = get_timezone_name(where, width="long" if is_long else "short", locale=locale)
        if is_long or " " not in name:
            return name
        winter = next((one for one in (at.replace(month=1, day=1), at.replace(month=7, day=1)) if not one.dst()), at)
        return winter.tzname() or name


def _with_region(at: datetime) -> datetime:
    from zoneinfo import ZoneInfo

    return at.replace(tzinfo=ZoneInfo("Etc/UTC")) if str(at.tzinfo) == "UTC" else at


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ENGLISH_MONTHS = {
    3: _names("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
    4: _names("January February March April May June July August September October November December"),
    5: _names("J F M A M J J A S O N D"),
}
_ENGLISH_DAYS = {
    3: _names("Mon Tue Wed Thu Fri Sat Sun"),
    4: _names("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    5: _names("M T W T F S S"),
}
ENGLISH = Language(
    code="en_US",
    months=_ENGLISH_MONTHS,
    lone_months=_ENGLISH_MONTHS,
    days=_ENGLISH_DAYS,
    lone_days=_ENGLISH_DAYS,
    quarters={
        3: _names("Q1 Q2 Q3 Q4"),
        4: ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter"),
        5: _names("1 2 3 4"),
    },
    eras={3: ("BC", "AD"), 4: ("Before Christ", "Anno Domini"), 5: ("B", "A")},
    half_days=("AM", "PM"),
    first_day=7,
    min_days=1,
    styles={  # the space before AM and PM is the narrow one that does not break, as in Java since 20
        "full": "EEEE, MMMM d, y 'at' h:mm:ss\u202fa zzzz",
        "long": "MMMM d, y 'at' h:mm:ss\u202fa z",
        "medium": "MMM d, y, h:mm:ss\u202fa",
        "short": "M/d/yy, h:mm\u202fa",
    },
)


def needs_data(locale: str | None, pattern: str) -> bool:
    """Whether writing by a pattern in a language asks `babel`; a zone's long name does so in English too."""
    return not _is_english(locale) or pattern == "full" or any(mark in pattern for mark in ("zzzz", "v", "B"))


def load() -> None:
    """Load `babel` now, so that no later call has to."""
    import babel.dates  # noqa: F401


def _is_english(locale: str | None) -> bool:
    return not locale or locale in ("en", "en_US", "en-US")


def language(locale: str | None) -> Language:
    """The names for `fr`, `fr_CA` or `fr-CA`; English for none. Raises ExpressionError for one that nobody knows."""
    if locale is None or _is_english(locale):
        return ENGLISH
    return _language(locale.replace("-", "_"))


@lru_cache(maxsize=64)
def _babel(code: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(code)
    except (UnknownLocaleError, ValueError, TypeError):
        raise ExpressionError(
            f"dates cannot be written in the locale `{code[:20]}`", help="such as en, fr_CA or pt_BR"
        ) from None


@lru_cache(maxsize=64)
def _language(code: str) -> Language:
    if len(code) > 40 or not code.replace("_", "").isalnum() or not code.isascii():
        raise ExpressionError(f"`{code[:20]}` is not a locale", help="such as en, fr_CA or pt_BR")
    locale = _babel(code)
    periods = locale.day_periods["format"]["abbreviated"]
    weeks = _of_a_country(locale)
    return Language(
        code=code,
        months=_widths(locale.months["format"], range(1, 13)),
        lone_months=_widths(locale.months["stand-alone"], range(1, 13)),
        days=_widths(locale.days["format"], range(7)),
        lone_days=_widths(locale.days["stand-alone"], range(7)),
        quarters=_widths(locale.quarters["format"], range(1, 5)),
        eras={count: tuple(str(locale.eras[width][era]) for era in (0, 1)) for count, width in _WIDTHS.items()},
        half_days=(str(periods["am"]), str(periods["pm"])),
        first_day=weeks.first_week_day + 1,
        min_days=weeks.min_week_days,
        styles={style: _style(locale, style) for style in _STYLES},
    )


def _widths(by_width: Mapping[str, Mapping[int, str]], keys: Iterable[int]) -> Names:
    return {count: tuple(str(by_width[width][key]) for key in keys) for count, width in _WIDTHS.items()}


def _style(locale: Locale, style: str) -> str:
    joined = str(locale.datetime_formats[style])
    if style in ("full", "long"):
        joined = _JOINED.get(locale.language, joined)
    day, time = locale.date_formats[style].pattern, locale.time_formats[style].pattern
    return joined.replace("{1}", str(day)).replace("{0}", str(time))


def _of_a_country(locale: Locale) -> Locale:
    """The same language in the country where most of its speakers live, for weeks belong to countries."""
    from babel import Locale, UnknownLocaleError
    from babel.core import get_global

    if locale.territory:
        return locale
    likely = str(get_global("likely_subtags").get(locale.language, "")).rpartition("_")[2]
    try:
        return Locale(locale.language, territory=likely) if likely.isupper() else locale
    except UnknownLocaleError:
        return locale
