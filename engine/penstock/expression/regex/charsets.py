"""Sets of characters: what a class of a regular expression means, to be united, cut and turned round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

LAST = 0x10FFFF
Range = tuple[int, int]  # the first and the last code point, both within


@dataclass(frozen=True, slots=True)
class CharSet:
    """Ranges in order that do not touch, and properties that only the engine knows (`\\p{L}`), all united."""

    ranges: tuple[Range, ...] = ()
    properties: tuple[str, ...] = ()

    def __or__(self, other: CharSet) -> CharSet:
        return CharSet(_joined([*self.ranges, *other.ranges]), (*self.properties, *other.properties))

    @property
    def is_plain(self) -> bool:
        """Whether every member is known here, so that the set can be cut and turned round."""
        return not self.properties

    def inverted(self) -> CharSet:
        """All that is not within. For plain sets only."""
        assert self.is_plain
        edges, at = [], 0
        for first, last in self.ranges:
            if first > at:
                edges.append((at, first - 1))
            at = last + 1
        if at <= LAST:
            edges.append((at, LAST))
        return CharSet(tuple(edges))

    def __and__(self, other: CharSet) -> CharSet:
        """What is in both. For plain sets only."""
        return (self.inverted() | other.inverted()).inverted()

    def without_case(self) -> CharSet:
        """With the other case of every ASCII letter in it."""
        more = [*self.ranges]
        for first, last in self.ranges:
            for low, high, step in ((0x41, 0x5A, 32), (0x61, 0x7A, -32)):
                start, end = max(first, low), min(last, high)
                if start <= end:
                    more.append((start + step, end + step))
        return CharSet(_joined(more), self.properties)

    def written(self, *, negated: bool = False) -> str:
        """As RE2 writes it."""
        if not self.ranges and not self.properties:
            return rf"[\x{{0}}-\x{{{LAST:x}}}]" if negated else rf"[^\x{{0}}-\x{{{LAST:x}}}]"
        inner = "".join(
            _point(first) if first == last else f"{_point(first)}-{_point(last)}" for first, last in self.ranges
        )
        return f"[{'^' if negated else ''}{inner}{''.join(self.properties)}]"


def of(text: str) -> CharSet:
    """The characters of `text`."""
    return CharSet(_joined([(ord(char), ord(char)) for char in text]))


def spans(*pairs: str) -> CharSet:
    """`spans("az", "09")`: from the first to the last of each pair."""
    return CharSet(_joined([(ord(pair[0]), ord(pair[1])) for pair in pairs]))


def union(sets: Iterable[CharSet]) -> CharSet:
    return reduce(CharSet.__or__, sets, CharSet())


def _joined(ranges: list[Range]) -> tuple[Range, ...]:
    made: list[Range] = []
    for first, last in sorted(ranges):
        if made and first <= made[-1][1] + 1:
            made[-1] = (made[-1][0], max(made[-1][1], last))
        else:
            made.append((first, last))
    return tuple(made)


def _point(value: int) -> str:
    char = chr(value)
    return char if char.isascii() and char.isalnum() else rf"\x{{{value:x}}}"


DIGIT = spans("09")
SPACE = of(" \t\n\x0b\f\r")
WORD = spans("az", "AZ", "09") | of("_")
HORIZONTAL = of(" \t\xa0\u1680\u180e\u202f\u205f\u3000") | spans("\u2000\u200a")
VERTICAL = of("\n\x0b\f\r\x85\u2028\u2029")
LINE_ENDS = of("\n\r\x85\u2028\u2029")
_UPPER, _LOWER = spans("AZ"), spans("az")
_PUNCT = spans("!/", ":@", "[`", "{~")
POSIX = {
    "Lower": _LOWER, "Upper": _UPPER, "ASCII": spans("\x00\x7f"), "Alpha": _UPPER | _LOWER, "Digit": DIGIT,
    "Alnum": _UPPER | _LOWER | DIGIT, "Punct": _PUNCT, "Graph": spans("!~"), "Print": spans(" ~"), "Blank": of(" \t"),
    "Cntrl": spans("\x00\x1f") | of("\x7f"), "XDigit": DIGIT | spans("af", "AF"), "Space": SPACE,
}  # fmt: skip
# Other_Uppercase and Other_Lowercase of the Unicode Character Database: what counts as such without being Lu or Ll
OTHER_UPPER = spans("\u2160\u216f", "\u24b6\u24cf", "\U0001f130\U0001f149", "\U0001f150\U0001f169",
                    "\U0001f170\U0001f189")  # fmt: skip
OTHER_LOWER = of("\xaa\xba\u0345\u037a\u1d78\u2071\u207f\ua770") | spans(
    "\u02b0\u02b8", "\u02c0\u02c1", "\u02e0\u02e4", "\u1d2c\u1d6a", "\u1d9b\u1dbf", "\u2090\u209c", "\u2170\u217f",
    "\u24d0\u24e9", "\u2c7c\u2c7d", "\ua69c\ua69d", "\ua7f8\ua7f9", "\uab5c\uab5f"
)  # fmt: skip
