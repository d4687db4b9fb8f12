"""Secrets out of what is shown: a finding may quote one, and the line that it points at may hold one.

`veiled` goes over the findings of a file when it is judged. `veiled_line` goes over each line when it is shown,
whatever the finding is about: it hides what PEN601 found, and what looks like a secret by itself, so that a line of a
file that could not be read, or in which nobody looks for secrets, hides them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from penstock.diagnostic import Diagnostic, Range
from penstock.flow.document import Document
from penstock.validation.advice.secret_shapes import is_placeholder, is_secret_name
from penstock.validation.advice.secret_texts import secrets_in
from penstock.validation.verdict import SECRET

_VEIL = "*"
_LEAST = 6
"""A shorter secret is hidden where it was found only: elsewhere it may be part of any word."""
_VALUE = re.compile(r"""([\w.-]+)["']?\s*:[ \t]+(?:["'](.+?)["'](?=\s*(?:[,}\]#]|$))|([^\s"'&*|>{\[#][^,}\]#]*))""")


def veiled(document: Document, found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings of a file, none of which quotes a secret that another one found. An edit that would write one is
    left out."""
    secrets = [one.range for one in found if one.code == SECRET]
    words = sorted({word for where in secrets for word in _words(document, where)}, key=len, reverse=True)
    return tuple(_without(one, words) for one in found) if words else tuple(found)


def veiled_line(line: str, number: int, secrets: Iterable[Range] = ()) -> str:
    """A line of a file as it may be shown. `secrets` are the ranges of the file's secrets, as far as they are known."""
    for where in secrets:
        if where.start.line <= number <= where.end.line:
            line = _hidden(line, *_columns(line, number, where))
    for start, end, _ in secrets_in(line):
        line = _hidden(line, start, end)
    for match in _VALUE.finditer(line):
        group = 2 if match[2] is not None else 3
        if is_secret_name(match[1]) and not is_placeholder(match[group]):
            line = _hidden(line, match.start(group), match.end(group))
    return line


def _hidden(line: str, start: int, end: int) -> str:
    return line[:start] + _VEIL * (end - start) + line[end:]


def _words(document: Document, where: Range) -> list[str]:
    """A secret by its lines, where they are long enough to be told from other words."""
    pieces = []
    for number in range(where.start.line, where.end.line + 1):
        line = document.line(number)
        first, last = _columns(line, number, where)
        pieces.append(line[first:last].strip())
    return [piece for piece in pieces if len(piece) >= _LEAST]


def _columns(line: str, number: int, where: Range) -> tuple[int, int]:
    first = where.start.column - 1 if number == where.start.line else 0
    last = where.end.column - 1 if number == where.end.line else len(line)
    return first, max(first, min(last, len(line)))


def _without(one: Diagnostic, words: Sequence[str]) -> Diagnostic:
    told = (one.message, one.help or "", one.label, one.fix.text if one.fix is not None else "")
    if not any(word in text for word in words for text in told):
        return one
    message, hint, label = one.message, one.help, one.label
    for word in words:
        message, label = message.replace(word, _VEIL * len(word)), label.replace(word, _VEIL * len(word))
        hint = hint.replace(word, _VEIL * len(word)) if hint is not None else None
    fix = one.fix if one.fix is not None and not any(word in one.fix.text for word in words) else None
    return replace(one, message=message, help=hint, label=label, fix=fix)
