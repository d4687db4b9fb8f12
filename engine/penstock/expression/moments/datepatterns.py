"""Java's DateTimeFormatter patterns: cut into pieces, and written letter by letter. `datereading` reads by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from penstock.expression.errors import ExpressionError
from penstock.expression.moments.locales import Language
from penstock.expression.stringify import print_offset

_LENGTH = 200
_DEPTH = 10
MODIFIED_JULIAN = date(1858, 11, 17).toordinal()


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment (aware), and the nanoseconds (below 1,000) that Python's clock has no room for."""

    at: datetime
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that stands as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter and how often it stands; filled with spaces up to `width` when that is not 0."""

    letter: str
    count: int
    width: int = 0


@dataclass(frozen=True, slots=True)
class Optional:
    """`[...]`: always written, and read where it is there."""

    inner: tuple[Piece, ...]


Piece = Literal | Letter | Optional


@lru_cache(maxsize=256)
def pieces(pattern: str) -> tuple[Piece, ...]:
    """Raises ExpressionError for a pattern that Java would not take."""
    if len(pattern) > _LENGTH:
        raise ExpressionError(f"a date pattern has at most {_LENGTH} characters")
    return _Cutter(pattern).all()


class _Cutter:
    """One walk over a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def all(self) -> tuple[Piece, ...]:
        found = self._until_end(0)
        if self.at < len(self.pattern):
            raise self._wrong("a `]` without its `[`")
        return found

    def _wrong(self, what: str) -> ExpressionError:
        return ExpressionError(f"the date pattern `{self.pattern}` has {what}")

    def _until_end(self, depth: int) -> tuple[Piece, ...]:
        """Up to the end of the pattern, or the `]` that closes this section. Java closes open ones at the end."""
        if depth > _DEPTH:
            raise self._wrong(f"more than {_DEPTH} optional sections within one another")
        found: list[Piece] = []
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "[":
                self.at += 1
                found.append(Optional(self._until_end(depth + 1)))
                self.at += 1
            elif char == "]":
                if depth:
                    break
                return tuple(found)
            elif char == "'":
                found.append(Literal(self._quotation()))
            elif char.isascii() and char.isalpha():
                found.append(self._letter())
            elif char in "{}#":
                raise self._wrong(f"`{char}`, which Java keeps for later")
            else:
                found.append(Literal(char))
                self.at += 1
        return tuple(found)

    def _quotation(self) -> str:
        end = self.pattern.find("'", self.at + 1)
        if end == self.at + 1:
            self.at += 2
            return "'"
        text = ""
        start = self.at + 1
        while end >= 0 and self.pattern[end + 1 : end + 2] == "'":
            text += self.pattern[start : end + 1]
            start = end + 2
            end = self.pattern.find("'", start)
        if end < 0:
            raise self._wrong("a quote that is not closed")
        self.at = end + 1
        return text + self.pattern[start:end]

    def _letter(self) -> Letter:
        letter, count = self._run()
        width = 0
        if letter == "p":
            width = count
            if not self.pattern[self.at : self.at + 1].isalpha():
                raise self._wrong("a `p` without a letter behind it")
            letter, count = self._run()
        if letter not in FIELDS:
            raise self._wrong(f"the letter `{letter}`, which means nothing")
        if count > _MOST.get(letter, 5) or (letter == "V" and count != 2) or (letter in "Ov" and count not in (1, 4)):
            raise self._wrong(f"the letter `{letter}` {count} times, which means nothing")
        return Letter(letter, count, width)

    def _run(self) -> tuple[str, int]:
        rest = self.pattern[self.at :]
        count = len(rest) - len(rest.lstrip(rest[0]))
        self.at += count
        return rest[0], count


def format_pattern(moment: Moment, pattern: str, names: Language) -> str:
    """`moment`, already in its zone, as the pattern says."""
    return _written(moment, pieces(pattern), names)


def _written(moment: Moment, parts: tuple[Piece, ...], names: Language) -> str:
    texts = []
    for part in parts:
        if isinstance(part, Literal):
            texts.append(part.text)
        elif isinstance(part, Optional):
            texts.append(_written(moment, part.inner, names))
        else:
            texts.append(FIELDS[part.letter](moment, part.count, names).rjust(part.width))
    return "".join(texts)


Field = Callable[[Moment, int, Language], str]


def _number(pick: Callable[[datetime], int]) -> Field:
    return lambda moment, count, _names: f"{pick(moment.at):0{count}d}"


def _year(moment: Moment, count: int, _names: Language) -> str:
    year = moment.at.year
    return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"


def _week_year(moment: Moment, count: int, names: Language) -> str:
    year = _week_of_year(moment.at, names)[0]
    return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"


def first_week(year: int, names: Language) -> int:
    """The ordinal of the day on which the first week of a year begins, as the language counts weeks."""
    start = date(year, 1, 1).toordinal()
    into = (date.fromordinal(start).isoweekday() - names.first_day) % 7
    return start - into + (0 if 7 - into >= names.min_days else 7)


def _week_of_year(at: datetime, names: Language) -> tuple[int, int]:
    """Year and week as the language counts them: where the week begins, and how many days make a first week."""
    day, year = at.date().toordinal(), at.year
    if day < first_week(year, names):
        year -= 1
    elif year < 9999 and day >= first_week(year + 1, names):
        year += 1
    return year, (day - first_week(year, names)) // 7 + 1


def _week_of_month(at: datetime, names: Language) -> int:
    into = (at.replace(day=1).isoweekday() - names.first_day) % 7
    week = (at.day - 1 + into) // 7
    return week + (1 if 7 - into >= names.min_days else 0)


def _month(moment: Moment, count: int, names: Language) -> str:
    month = moment.at.month
    if count <= 2:
        return f"{month:0{count}d}"
    return names.months[count][month - 1]


def _lone_month(moment: Moment, count: int, names: Language) -> str:
    month = moment.at.month
    if count <= 2:
        return f"{month:0{count}d}"
    return names.lone_months[count][month - 1]


def _day_name(moment: Moment, count: int, names: Language) -> str:
    return names.days[max(count, 3)][moment.at.weekday()]


def _local_day(moment: Moment, count: int, names: Language) -> str:
    if count <= 2:
        return f"{(moment.at.isoweekday() - names.first_day) % 7 + 1:0{count}d}"
    return _day_name(moment, count, names)


def _lone_day(moment: Moment, count: int, names: Language) -> str:
    if count <= 2:
        return _local_day(moment, count, names)
    return names.lone_days[count][moment.at.weekday()]


def _quarter(moment: Moment, count: int, names: Language) -> str:
    quarter = (moment.at.month + 2) // 3
    return f"{quarter:0{count}d}" if count <= 2 else names.quarters[count][quarter - 1]


def _era(_moment: Moment, count: int, names: Language) -> str:
    return names.eras[max(count, 3)][1]


def _day_period(moment: Moment, count: int, names: Language) -> str:
    return names.day_period(moment.at, count)


def _nano(moment: Moment) -> int:
    return moment.at.microsecond * 1000 + moment.rest


def _nano_of_day(moment: Moment) -> int:
    at = moment.at
    return (at.hour * 3600 + at.minute * 60 + at.second) * 1_000_000_000 + _nano(moment)


def _fraction(moment: Moment, count: int, _names: Language) -> str:
    return f"{_nano(moment):09d}"[:count]


def _offset_x(zero: str) -> Field:
    def write(moment: Moment, count: int, _names: Language) -> str:
        offset = moment.at.utcoffset() or timedelta(0)
        colon = ":" if count in (3, 5) else ""
        plain = print_offset(offset, zero="", colon=colon)
        if not plain:
            return zero or ("+00" if count == 1 else f"+00{colon}00")
        return plain[:3] if count == 1 and plain.endswith("00") else plain

    return write


def _offset_z(moment: Moment, count: int, names: Language) -> str:
    if count == 4:
        return _offset_o(moment, 4, names)
    if count == 5:
        return print_offset(moment.at.utcoffset() or timedelta(0))
    return print_offset(moment.at.utcoffset() or timedelta(0), zero="+0000", colon="")


def _offset_o(moment: Moment, count: int, _names: Language) -> str:
    plain = print_offset(moment.at.utcoffset() or timedelta(0), zero="")
    if not plain or count == 4:
        return "GMT" + plain
    short = plain[0] + plain[1:].lstrip("0")
    return "GMT" + short.removesuffix(":00")


def zone_id(where: tzinfo | None) -> str:
    """`Europe/Paris`, `UTC`, or the offset of a zone that is nothing else: `+02:00`."""
    if isinstance(where, timezone):
        offset = where.utcoffset(None)
        return print_offset(offset) if offset else "UTC"
    return str(where)


def _zone_id(moment: Moment, _count: int, _names: Language) -> str:
    return zone_id(moment.at.tzinfo)


def _zone_name(moment: Moment, count: int, names: Language) -> str:
    """`CEST`, and with four letters `Central European Summer Time`."""
    where = moment.at.tzinfo
    if isinstance(where, timezone) and where.utcoffset(None):
        return zone_id(where)
    return names.zone_name(moment.at) if count == 4 else moment.at.tzname() or "UTC"


def _generic_zone_name(moment: Moment, count: int, names: Language) -> str:
    """`Central European Time`, in summer too."""
    where = moment.at.tzinfo
    if isinstance(where, timezone):
        return zone_id(where)
    return names.generic_zone_name(moment.at, is_long=count == 4)


_MOST = {
    "a": 1, "d": 2, "D": 3, "F": 1, "w": 2, "W": 1, "h": 2, "H": 2, "k": 2, "K": 2, "m": 2, "s": 2, "S": 9, "z": 4,
    "y": 19, "u": 19, "Y": 19, "A": 19, "n": 19, "N": 19, "g": 19, "V": 2, "v": 4, "O": 4,
}  # fmt: skip
FIELDS: dict[str, Field] = {
    "y": _year,
    "u": _year,
    "Y": _week_year,
    "M": _month,
    "L": _lone_month,
    "d": _number(lambda at: at.day),
    "D": _number(lambda at: at.timetuple().tm_yday),
    "F": _number(lambda at: (at.day - 1) // 7 + 1),
    "g": _number(lambda at: at.toordinal() - MODIFIED_JULIAN),
    "Q": _quarter,
    "q": _quarter,
    "w": lambda moment, count, names: f"{_week_of_year(moment.at, names)[1]:0{count}d}",
    "W": lambda moment, _count, names: str(_week_of_month(moment.at, names)),
    "E": _day_name,
    "e": _local_day,
    "c": _lone_day,
    "a": lambda moment, _count, names: names.half_days[moment.at.hour >= 12],
    "B": _day_period,
    "H": _number(lambda at: at.hour),
    "k": _number(lambda at: at.hour or 24),
    "K": _number(lambda at: at.hour % 12),
    "h": _number(lambda at: at.hour % 12 or 12),
    "m": _number(lambda at: at.minute),
    "s": _number(lambda at: at.second),
    "S": _fraction,
    "A": lambda moment, count, _names: f"{_nano_of_day(moment) // 1_000_000:0{count}d}",
    "n": lambda moment, count, _names: f"{_nano(moment):0{count}d}",
    "N": lambda moment, count, _names: f"{_nano_of_day(moment):0{count}d}",
    "G": _era,
    "X": _offset_x("Z"),
    "x": _offset_x(""),
    "Z": _offset_z,
    "O": _offset_o,
    "z": _zone_name,
    "V": _zone_id,
    "v": _generic_zone_name,
}
