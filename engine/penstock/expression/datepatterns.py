"""Java's DateTimeFormatter patterns: written and read letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from penstock.expression.errors import ExpressionError
from penstock.expression.locales import ENGLISH, Language
from penstock.expression.stringify import print_offset

_LENGTH = 200
_LONG_ZONES = {"UTC": "Coordinated Universal Time", "GMT": "Greenwich Mean Time"}
Piece = tuple[str, int]  # a letter and how often it stands; or a literal text and 0


@lru_cache(maxsize=256)
def pieces(pattern: str) -> tuple[Piece, ...]:
    """The letters of a pattern, and its literal texts with count 0. Raises ExpressionError for a wrong one."""
    if len(pattern) > _LENGTH:
        raise ExpressionError(f"a date pattern has at most {_LENGTH} characters")
    return tuple(_pieces(pattern))


def _pieces(pattern: str) -> Iterator[Piece]:
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "'":
            end = pattern.find("'", index + 1)
            if end == index + 1:
                yield "'", 0
                index += 2
                continue
            text = ""
            while end >= 0 and pattern[end + 1 : end + 2] == "'":
                text += pattern[index + 1 : end + 1]
                index = end + 1
                end = pattern.find("'", index + 1)
            if end < 0:
                raise ExpressionError(f"the date pattern `{pattern}` has a quote that is not closed")
            yield text + pattern[index + 1 : end], 0
            index = end + 1
        elif char.isascii() and char.isalpha():
            count = len(pattern[index:]) - len(pattern[index:].lstrip(char))
            if char not in _FIELDS:
                raise ExpressionError(f"the date pattern `{pattern}` has the letter `{char}`, which means nothing")
            yield char, count
            index += count
        else:
            if char in "{}#":
                raise ExpressionError(f"the date pattern `{pattern}` has `{char}`, which Java keeps for later")
            if char not in "[]":  # optional sections: everything in them is there when a moment is written
                yield char, 0
            index += 1


def format_pattern(moment: datetime, pattern: str, names: Language) -> str:
    """`moment` (aware, already in its zone) as the pattern says."""
    return "".join(_FIELDS[text](moment, count, names) if count else text for text, count in pieces(pattern))


def parse_pattern(text: str, pattern: str, where: tzinfo) -> datetime:
    """The moment that `text` says by the pattern. Raises ExpressionError when it does not fit, ValueError when
    there is no such date."""
    found: dict[str, int] = {}
    at = 0
    reading = _Reading(text)
    for letter, count in pieces(pattern):
        at = reading.literal(at, letter) if not count else reading.field(at, letter, count, found)
        if at < 0:
            break
    if at != len(text):
        raise ExpressionError(f"`{text[:100]}` does not fit the date pattern `{pattern}`")
    hour = found.get("H", found.get("h", 0) % 12 + 12 * found.get("a", 0) if "h" in found else 0)
    zone = where if "zone" not in found else timezone(timedelta(minutes=found["zone"]))
    return datetime(
        found.get("y", 1970), found.get("M", 1), found.get("d", 1), hour, found.get("m", 0), found.get("s", 0),
        found.get("S", 0), tzinfo=zone,
    )  # fmt: skip


class _Reading:
    """A text that is read from left to right; -1 stands for "does not fit"."""

    def __init__(self, text: str) -> None:
        self.text = text

    def literal(self, at: int, text: str) -> int:
        return at + len(text) if self.text.startswith(text, at) else -1

    def field(self, at: int, letter: str, count: int, found: dict[str, int]) -> int:
        letter = {"u": "y", "L": "M", "k": "H", "K": "h"}.get(letter, letter)
        if letter in "XxZzVO":
            return self._zone(at, found)
        if letter == "M" and count >= 3:
            return self._name(at, (ENGLISH.months, ENGLISH.short_months), letter, found)
        if letter in "Ee":
            return self._name(at, (ENGLISH.days, ENGLISH.short_days), "E", found)
        if letter == "a":
            end = self._name(at, (ENGLISH.half_days, ("am", "pm")), letter, found)
            found["a"] = found.get("a", 1) - 1
            return end
        if letter not in "yMdHhmsS":
            raise ExpressionError(f"the date pattern letter `{letter}` can be written but not read")
        end = at
        widest = count if count > 1 or letter == "S" else 9 if letter == "y" else 2
        while end < len(self.text) and end - at < widest and self.text[end] in "0123456789":
            end += 1
        if end - at < (max(1, count)):
            return -1
        digits = self.text[at:end]
        value = int(digits)
        if letter == "y" and count == 2:
            value += 2000
        found[letter] = int(digits[:6].ljust(6, "0")) if letter == "S" else value
        return end

    def _name(self, at: int, tables: tuple[tuple[str, ...], ...], letter: str, found: dict[str, int]) -> int:
        for table in tables:
            for index, name in enumerate(table):
                if self.text[at : at + len(name)].casefold() == name.casefold():
                    found[letter] = index + 1
                    return at + len(name)
        return -1

    def _zone(self, at: int, found: dict[str, int]) -> int:
        for name in ("Z", "UTC", "GMT"):
            if self.text.startswith(name, at):
                found["zone"] = 0
                return at + len(name)
        digits = self.text[at + 1 : at + 6].replace(":", "")[:4]
        if self.text[at : at + 1] not in ("+", "-") or not digits.isdecimal() or len(digits) not in (2, 4):
            return -1
        minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
        found["zone"] = -minutes if self.text[at] == "-" else minutes
        return at + 1 + len(digits) + (1 if ":" in self.text[at + 1 : at + 6] else 0)


Field = Callable[[datetime, int, Language], str]


def _number(pick: Callable[[datetime], int]) -> Field:
    return lambda at, count, _names: f"{pick(at):0{count}d}"


def _year(at: datetime, count: int, _names: Language) -> str:
    return f"{at.year % 100:02d}" if count == 2 else f"{at.year:0{count}d}"


def _week_year(at: datetime, count: int, names: Language) -> str:
    year = _week_of_year(at, names)[0]
    return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"


def _week_of_year(at: datetime, names: Language) -> tuple[int, int]:
    """Year and week as the language counts them: where the week begins, and how many days make a first week."""

    def first(year: int) -> int:
        start = date(year, 1, 1).toordinal()
        into = (date.fromordinal(start).isoweekday() - names.first_day) % 7
        return start - into + (0 if 7 - into >= names.min_days else 7)

    day, year = at.date().toordinal(), at.year
    if day < first(year):
        year -= 1
    elif year < 9999 and day >= first(year + 1):
        year += 1
    return year, (day - first(year)) // 7 + 1


def _month(at: datetime, count: int, names: Language) -> str:
    if count <= 2:
        return f"{at.month:0{count}d}"
    table = names.short_months if count == 3 else names.months
    name = table[at.month - 1]
    return name[0].upper() if count == 5 else name


def _day_name(at: datetime, count: int, names: Language) -> str:
    name = (names.days if count == 4 else names.short_days)[at.weekday()]
    return name[0].upper() if count == 5 else name


def _local_day(at: datetime, count: int, names: Language) -> str:
    if count <= 2:
        return f"{(at.isoweekday() - names.first_day) % 7 + 1:0{count}d}"
    return _day_name(at, count, names)


def _fraction(at: datetime, count: int, _names: Language) -> str:
    return f"{at.microsecond:06d}".ljust(count, "0")[:count]


def _offset_x(zero: str) -> Field:
    def write(at: datetime, count: int, _names: Language) -> str:
        offset = at.utcoffset() or timedelta(0)
        colon = ":" if count in (3, 5) else ""
        plain = print_offset(offset, zero="", colon=colon)
        if not plain:
            return zero or ("+00" if count == 1 else f"+00{colon}00")
        return plain[:3] if count == 1 and plain.endswith("00") else plain

    return write


def _offset_z(at: datetime, count: int, names: Language) -> str:
    if count == 4:
        return _offset_o(at, 4, names)
    if count == 5:
        return print_offset(at.utcoffset() or timedelta(0))
    return print_offset(at.utcoffset() or timedelta(0), zero="+0000", colon="")


def _offset_o(at: datetime, count: int, _names: Language) -> str:
    plain = print_offset(at.utcoffset() or timedelta(0), zero="")
    if not plain or count == 4:
        return "GMT" + plain
    short = plain[0] + plain[1:].lstrip("0")
    return "GMT" + short.removesuffix(":00")


def _zone_name(at: datetime, count: int, _names: Language) -> str:
    short = at.tzname() or "UTC"
    return _LONG_ZONES.get(short, short) if count >= 4 else short


def _zone_id(at: datetime, _count: int, _names: Language) -> str:
    return str(at.tzinfo)


_FIELDS: dict[str, Field] = {
    "y": _year,
    "u": _year,
    "Y": _week_year,
    "M": _month,
    "L": _month,
    "d": _number(lambda at: at.day),
    "D": _number(lambda at: at.timetuple().tm_yday),
    "Q": _number(lambda at: (at.month + 2) // 3),
    "q": _number(lambda at: (at.month + 2) // 3),
    "w": lambda at, count, names: f"{_week_of_year(at, names)[1]:0{count}d}",
    "E": _day_name,
    "e": _local_day,
    "c": _local_day,
    "a": lambda at, _count, names: names.half_days[at.hour >= 12],
    "H": _number(lambda at: at.hour),
    "k": _number(lambda at: at.hour or 24),
    "K": _number(lambda at: at.hour % 12),
    "h": _number(lambda at: at.hour % 12 or 12),
    "m": _number(lambda at: at.minute),
    "s": _number(lambda at: at.second),
    "S": _fraction,
    "A": _number(lambda at: (at.hour * 3600 + at.minute * 60 + at.second) * 1000 + at.microsecond // 1000),
    "n": _number(lambda at: at.microsecond * 1000),
    "N": _number(lambda at: ((at.hour * 3600 + at.minute * 60 + at.second) * 1_000_000 + at.microsecond) * 1000),
    "G": lambda _at, _count, names: names.eras[1],
    "X": _offset_x("Z"),
    "x": _offset_x(""),
    "Z": _offset_z,
    "O": _offset_o,
    "z": _zone_name,
    "V": _zone_id,
    "v": _zone_name,
}
