"""Regular expressions: Java's language, translated by `javaregex` and run by RE2 in linear time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from heapq import merge
from typing import Protocol

from penstock.expression.budget import Meter
from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.regex.javaregex import Translation, translate

Change = Callable[[str], str]

_PATTERN_LENGTH = 1_000
_RE2_MEMORY = 8 << 20
_META = frozenset("\\[](){}.*+?^$|")
_LINE_END = re.compile("(?:\r\n|[\n\r\x85\u2028\u2029])\\Z")
_OTHER_LINE_END = re.compile("[\r\x85\u2028\u2029]")


def split(text: str, pattern: str, limit: int, meter: Meter) -> list[object]:
    """As String.split: `limit` pieces at most when positive; with 0 the empty pieces at the end fall away."""
    if len(pattern) == 1 and pattern not in _META:
        meter.made_items(min(text.count(pattern) + 1, limit) if limit > 0 else text.count(pattern) + 1)
        pieces = text.split(pattern, limit - 1) if limit > 0 else text.split(pattern)
    else:
        pieces, start = [], 0
        for found in compiled(pattern).finditer(text):
            if limit > 0 and len(pieces) == limit - 1:
                break
            if found.end() == 0 or (found.end() == found.start() == len(text)):
                continue  # Java gives no empty piece for an empty match at either end
            meter.tick()
            pieces.append(text[start : found.start()])
            start = found.end()
        pieces.append(text[start:])
        meter.made_items(len(pieces))
    if limit == 0 and len(pieces) > 1:
        while pieces and not pieces[-1]:
            pieces.pop()
    return list(pieces)


def matches_whole(text: str, pattern: str) -> bool:
    """As String.matches: the pattern takes the whole text."""
    translate(pattern)  # what is wrong with it is told with the places of the pattern as it was written
    return compiled(rf"\A(?:{pattern})\z").search(text) is not None


def replace_all(text: str, pattern: str, replacement: str, meter: Meter) -> str:
    """As String.replaceAll; in `replacement` `$1` and `${name}` are groups, a backslash takes the next as it is."""
    regex = compiled(pattern)
    parts = _replacement(replacement, regex.groups, regex.names)
    pieces: list[str] = []
    size = start = 0
    for found in regex.finditer(text):
        meter.tick()
        pieces.append(text[start : found.start()])
        for part in parts:
            pieces.append(part if isinstance(part, str) else _group(found, part))
            size += len(pieces[-1])
        size += found.start() - start
        start = found.end()
        if size > meter.budget.output:
            meter.made_text(size)
    pieces.append(text[start:])
    return "".join(pieces)


class Found(Protocol):
    """One match."""

    def start(self) -> int: ...

    def end(self) -> int: ...

    def group(self, group: int | str, /) -> str | None: ...


class _Regex(Protocol):
    """What is used of re2's compiled patterns."""

    groups: int
    groupindex: Mapping[str, int]

    def finditer(self, text: str) -> Iterator[Found]: ...


class Program:
    """A pattern that can be searched for, with Java's meaning of the ends of lines and of the text."""

    __slots__ = ("_regex", "_translation", "groups", "names")

    def __init__(self, regex: _Regex, translation: Translation) -> None:
        self._regex = regex
        self._translation = translation
        self.groups = regex.groups
        self.names = frozenset(regex.groupindex)

    def search(self, text: str) -> Found | None:
        """The first match."""
        return next(self.finditer(text), None)

    def finditer(self, text: str) -> Iterator[Found]:
        """Every match, from left to right, none over another. Raises ExpressionError for line ends within `(?m)`
        that RE2 does not know."""
        how = self._translation
        if how.lines and _OTHER_LINE_END.search(text):
            raise ExpressionError(
                "a regular expression with `(?m)` reads texts whose lines end in a line feed only",
                help=r"turn the others into line feeds first: `regexReplace('\r\n?', '\n')`",
            )
        line_end = _LINE_END.search(text) if how.ends else None
        if line_end is not None:
            return self._before_and_after(text, line_end.start())
        found = self._each_once(text)
        if how.line_start and not how.ends and (not text or text[-1] == "\n"):
            end = len(text)  # where `^` of lines never stands in Java
            return (one for one in found if not one.start() == one.end() == end)
        return found

    def _each_once(self, text: str) -> Iterator[Found]:
        """google-re2 1.1 tells an empty match twice when it did not stand where the search began."""
        empty_at = -1
        for one in self._regex.finditer(text):
            if one.start() == one.end() == empty_at:
                continue
            empty_at = one.end() if one.start() == one.end() else -1
            yield one

    def _before_and_after(self, text: str, line_end: int) -> Iterator[Found]:
        """The matches that end the text before its last line end, and those that end it behind. Of two that begin
        together the longer wins, unless the pattern asks for as little as it can get."""
        both = merge(
            self._each_once(text[:line_end]),
            self._each_once(text),
            key=lambda one: (one.start(), one.end() if self._translation.is_lazy else -one.end()),
        )
        reached = last_start = -1
        for one in both:
            if one.start() >= reached and one.start() > last_start:
                yield one
                reached, last_start = one.end(), one.start()


def _group(found: Found, part: tuple[int | str]) -> str:
    value = found.group(part[0])
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Program:
    """The program for a Java pattern. Raises ExpressionError with the place of what it cannot take."""
    import re2

    if len(pattern) > _PATTERN_LENGTH:
        raise BudgetExceeded(f"a regular expression is longer than the pattern bound of {_PATTERN_LENGTH:,} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _RE2_MEMORY
    translation = translate(pattern)
    try:
        return Program(re2.compile(translation.text, options), translation)
    except re2.error as error:
        reason = error.args[0] if error.args else "it is not accepted"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ExpressionError(f"the regular expression `{pattern}` is wrong: {text}") from None


def _replacement(text: str, groups: int, names: frozenset[str]) -> list[str | tuple[int | str]]:
    parts: list[str | tuple[int | str]] = []
    literal, index = "", 0
    while index < len(text):
        char = text[index]
        index += 1
        if char == "\\":
            if index == len(text):
                raise ExpressionError("the replacement of a regular expression ends in a backslash")
            literal += text[index]
            index += 1
            continue
        if char != "$":
            literal += char
            continue
        group: int | str
        if text[index : index + 1] == "{":
            end = text.find("}", index)
            group = text[index + 1 : end] if end > 0 else ""
            if group not in names:
                raise ExpressionError(f"the replacement `{text}` names a group that the pattern does not have")
            index = end + 1
        else:
            if not text[index : index + 1].isdecimal() or int(text[index]) > groups:
                raise ExpressionError(
                    f"the replacement `{text}` names a group that the pattern does not have",
                    help="a dollar sign itself is written `\\$`",
                )
            group = int(text[index])
            index += 1
            while text[index : index + 1].isdecimal() and group * 10 + int(text[index]) <= groups:
                group = group * 10 + int(text[index])
                index += 1
        parts += [literal, (group,)]
        literal = ""
    return [*parts, literal]
