"""Secrets out of what is shown: a finding may quote one, and the line that it points at may hold one.

A veil lies over one file. Over lines it lies when they are shown, whatever the finding is about: it hides what PEN601
found, wherever it stands, and what looks like a secret by itself, so that a line of a file that could not be read, or
in which nobody looks for secrets, hides them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from penstock.diagnostic import Diagnostic, Range
from penstock.validation.secret_shapes import is_placeholder, is_secret_name
from penstock.validation.secret_texts import secrets_in

SECRET = "PEN601"  # noqa: S105 - a code, no secret
_VEIL = "*"
_LEAST = 6
"""A shorter secret is hidden where it was found only: elsewhere it may be part of any word."""
_MOST = 200
"""So many secrets of a file are looked for elsewhere too."""
_VALUE = (
    r"""(?<![\w.-])([\w.-]{1,80})["']?[ \t]{0,80}:[ \t]{1,80}"""
    r"""(?:["']([^\n]{1,400}?)["'](?=\s{0,9}(?:[,}\]#]|$))|([^\s"'&*|>{\[#][^,}\]#]*))"""
)


class Veil:
    """`line_of` gives the lines of the file by number; `secrets` are the ranges of its secrets, as far as known."""

    def __init__(self, line_of: Callable[[int], str], secrets: Iterable[Range] = ()) -> None:
        self._line_of = line_of
        self._by_line: dict[int, list[Range]] = {}
        words: dict[str, None] = {}
        for where in dict.fromkeys(secrets):
            for number in range(where.start.line, where.end.line + 1):
                self._by_line.setdefault(number, []).append(where)
            if len(words) < _MOST:
                words |= dict.fromkeys(self._told(where))
        self._words = sorted(words, key=len, reverse=True)

    def line(self, number: int) -> str:
        """A line as it may be shown."""
        line = self._line_of(number)
        for where in self._by_line.get(number, ()):
            line = _hidden(line, *_columns(line, number, where))
        for start, end, _ in secrets_in(line):
            line = _hidden(line, start, end)
        for match in re.finditer(_VALUE, line):
            group = 2 if match[2] is not None else 3
            if is_secret_name(match[1]) and not is_placeholder(match[group]):
                line = _hidden(line, match.start(group), match.end(group))
        return self._without(line)

    def over(self, found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
        """Findings that quote no secret. An edit that would write one is left out."""
        return tuple(map(self._over, found)) if self._words else tuple(found)

    def _over(self, one: Diagnostic) -> Diagnostic:
        told = (one.message, one.help or "", one.label, one.fix.text if one.fix is not None else "")
        if not any(word in text for word in self._words for text in told):
            return one
        has_edit = one.fix is not None and self._without(one.fix.text) == one.fix.text
        return replace(
            one,
            message=self._without(one.message),
            help=self._without(one.help) if one.help is not None else None,
            label=self._without(one.label),
            fix=one.fix if has_edit else None,
        )

    def _without(self, text: str) -> str:
        for word in self._words:
            text = text.replace(word, _VEIL * len(word))
        return text

    def _told(self, where: Range) -> Iterator[str]:
        """A secret by its lines, where they are long enough to be told from other words."""
        for number in range(where.start.line, where.end.line + 1):
            line = self._line_of(number)
            first, last = _columns(line, number, where)
            if len(piece := line[first:last].strip()) >= _LEAST:
                yield piece


def veil_over(found: Iterable[Diagnostic], line_of: Callable[[int], str]) -> Veil:
    """The veil over a file in which this was found."""
    return Veil(line_of, (one.range for one in found if one.code == SECRET))


def _hidden(line: str, start: int, end: int) -> str:
    return line[:start] + _VEIL * (end - start) + line[end:]


def _columns(line: str, number: int, where: Range) -> tuple[int, int]:
    first = where.start.column - 1 if number == where.start.line else 0
    last = where.end.column - 1 if number == where.end.line else len(line)
    return first, max(first, min(last, len(line)))
