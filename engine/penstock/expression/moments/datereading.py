"""Texts read by Java's DateTimeFormatter patterns, letter by letter.

As Kestra reads: a moment with its zone, else a date with a time, else a date alone, which is its midnight (Kestra
core, AbstractDate.convert). A pattern that leaves the year, the month or the day open says no date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from penstock.expression.errors import ExpressionError
from penstock.expression.moments.datepatterns import (
    MODIFIED_JULIAN,
    Letter,
    Literal,
    Moment,
    Optional,
    Piece,
    first_week,
    pieces,
)
from penstock.expression.moments.locales import ENGLISH

_NUMBERS = frozenset("yuYwdDgHkKhmsAnNM")
_TIME = frozenset("HhkKAN")
_WIDEST = {"y": 19, "u": 19, "Y": 19, "g": 9, "A": 8, "n": 9, "N": 14, "D": 3}
_MONTHS = (ENGLISH.months[4], ENGLISH.months[3])
_DAYS = (ENGLISH.days[4], ENGLISH.days[3])
_ABBREVIATIONS = {
    "EDT": "America/New_York", "CST": "America/Chicago", "CDT": "America/Chicago", "MDT": "America/Denver",
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "CEST": "Europe/Paris", "EEST": "Europe/Helsinki",
    "WEST": "Europe/Lisbon", "BST": "Europe/London", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "MSK": "Europe/Moscow",
    "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland",
}  # fmt: skip

_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d\d))?")

Zone = Callable[[str], tzinfo]


def parse_pattern(text: str, pattern: str, where: tzinfo, zone: Zone) -> Moment:
    """The moment that `text` says, in `where` when it names no zone; `zone` gives a zone for its name.

    Raises ExpressionError when it does not fit, ValueError when there is no such date.
    """
    reading = _Reading(text, zone)
    if not reading.take(pieces(pattern)) or reading.at != len(text):
        raise ExpressionError(f"`{text[:100]}` does not fit the date pattern `{pattern}`")
    moment = reading.moment(where)
    if moment is None:
        raise ExpressionError(f"the date pattern `{pattern}` says no whole date: it needs a year, a month and a day")
    return moment


class _Reading:
    """A text that is read from left to right, and what has been found in it."""

    def __init__(self, text: str, zone: Zone) -> None:
        self.text = text
        self.at = 0
        self.found: dict[str, int] = {}
        self.zone: tzinfo | None = None
        self.named_zone = zone

    def take(self, parts: tuple[Piece, ...]) -> bool:
        """Whether the text goes on as `parts` say; where it does not, nothing promises what was read."""
        for index, part in enumerate(parts):
            if isinstance(part, Literal):
                if not self.text.startswith(part.text, self.at):
                    return False
                self.at += len(part.text)
            elif isinstance(part, Optional):
                before = self.at, dict(self.found), self.zone
                if not self.take(part.inner):
                    self.at, self.found, self.zone = before
            else:
                behind = parts[index + 1] if index + 1 < len(parts) else None
                if not self._field(part, is_adjacent=_is_number(behind)):
                    return False
        return True

    def moment(self, where: tzinfo) -> Moment | None:
        """What was found, put together; None when it is no whole date. Raises ValueError for one that is not."""
        day = self._date()
        if day is None:
            return None
        hour, minute, second, nano = self._time()
        is_bare = self.found.keys().isdisjoint(_TIME)
        zone = where if self.zone is None or is_bare else self.zone  # Java drops the offset of a date alone
        at = datetime(day.year, day.month, day.day, hour, minute, second, nano // 1000, tzinfo=zone)
        return Moment(at, nano % 1000)

    def _date(self) -> date | None:
        found = self.found
        if "g" in found:
            return date.fromordinal(MODIFIED_JULIAN + found["g"])
        if found.keys() >= {"Y", "w", "E"}:
            into_week = (found["E"] - ENGLISH.first_day) % 7
            return date.fromordinal(first_week(found["Y"], ENGLISH) + (found["w"] - 1) * 7 + into_week)
        year = found.get("y", found.get("u"))
        if year is None:
            return None
        if "y" in found and found.get("G", 1) == 0:
            raise ValueError("before the year 1")
        if "M" in found and "d" in found:
            return date(year, found["M"], found["d"])
        if "D" in found:
            day = date(year, 1, 1) + timedelta(days=found["D"] - 1)
            if day.year != year:
                raise ValueError("no such day in this year")
            return day
        return None

    def _time(self) -> tuple[int, int, int, int]:
        found = self.found
        if "N" in found or "A" in found:
            nanos = found.get("N", found.get("A", 0) * 1_000_000)
            seconds, nano = divmod(nanos, 1_000_000_000)
            return seconds // 3600, seconds // 60 % 60, seconds % 60, nano
        hour = found.get("H", 0)
        if "k" in found:
            hour = found["k"] % 24 if found["k"] <= 24 else 25
        elif "h" in found or "K" in found:
            hour = found.get("K", found.get("h", 0) % 12) + 12 * found.get("a", 0)
        return hour, found.get("m", 0), found.get("s", 0), found.get("S", found.get("n", 0))

    def _field(self, part: Letter, *, is_adjacent: bool) -> bool:
        letter, count = {"L": "M"}.get(part.letter, part.letter), part.count
        if part.width:
            while self.text[self.at : self.at + 1] == " ":
                self.at += 1
        if letter in "XxZO":
            return self._offset()
        if letter in "zvV":
            return self._zone()
        if letter == "M" and count >= 3:
            return self._name(_MONTHS, "M", 1)
        if letter == "E" or (letter in "ec" and count >= 3):
            return self._name(_DAYS, "E", 1)
        if letter in "ec":
            return self._local_day(count)
        if letter == "a":
            return self._name((ENGLISH.half_days,), "a", 0)
        if letter == "G":
            return self._name((ENGLISH.eras[4], ENGLISH.eras[3]), "G", 0)
        if letter == "S":
            return self._digits("S", count, count, scale=9)
        if letter not in _NUMBERS:
            raise ExpressionError(f"the date pattern letter `{part.letter}` can be written but not read")
        if letter in "yuY" and count == 2:
            return self._digits(letter, 2, 2, plus=2000)
        widest = count if count > 1 or is_adjacent else _WIDEST.get(letter, 2)
        return self._digits(letter, count, min(widest, 9) if letter in "yuY" else widest)

    def _digits(self, letter: str, least: int, most: int, *, scale: int = 0, plus: int = 0) -> bool:
        end = self.at
        while end < len(self.text) and end - self.at < most and self.text[end] in "0123456789":
            end += 1
        if end - self.at < least:
            return False
        digits = self.text[self.at : end]
        self.found[letter] = int(digits.ljust(scale, "0")) + plus
        self.at = end
        return True

    def _local_day(self, count: int) -> bool:
        """The day of the week by number, the first of the language's week being 1."""
        if not self._digits("E", count, max(count, 1)) or not 1 <= self.found["E"] <= 7:
            return False
        self.found["E"] = (self.found["E"] + ENGLISH.first_day - 2) % 7 + 1
        return True

    def _name(self, tables: tuple[tuple[str, ...], ...], letter: str, first: int) -> bool:
        for table in tables:
            for index, name in enumerate(table):
                if self.text[self.at : self.at + len(name)].casefold() == name.casefold():
                    self.found[letter] = index + first
                    self.at += len(name)
                    return True
        return False

    def _offset(self) -> bool:
        """`Z`, `+02`, `+0200`, `+02:00`, and `GMT` before it or alone."""
        for name in ("GMT", "UTC", "Z"):
            if self.text.startswith(name, self.at):
                self.at += len(name)
                if self.text[self.at : self.at + 1] not in ("+", "-"):
                    self.zone = UTC
                    return True
                break
        found = _OFFSET.match(self.text, self.at)
        if found is None:
            return False
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes > 18 * 60:
            return False
        sign = found[1]
        self.zone = timezone(timedelta(minutes=-minutes if sign == "-" else minutes))
        self.at = found.end()
        return True

    def _zone(self) -> bool:
        """A zone's name as far as its characters go, or an offset."""
        end = self.at
        while end < len(self.text) and (
            (self.text[end].isascii() and self.text[end].isalnum()) or self.text[end] in "/_"
        ):
            end += 1
        name = self.text[self.at : end]
        if not name or name in ("GMT", "UTC", "Z"):
            return self._offset()
        try:
            self.zone = self.named_zone(_ABBREVIATIONS.get(name, name))
        except ExpressionError:
            return False
        self.at = end
        return True


def _is_number(part: Piece | None) -> bool:
    return isinstance(part, Letter) and (part.letter in "yuYwdDgHkKhmsSAnN" or (part.letter in "ML" and part.count < 3))
