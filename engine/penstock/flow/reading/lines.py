"""Edits of whole lines: tabs that indent, and an entry that stands twice. In offsets of the text, not in places."""

from __future__ import annotations

import re
from typing import Any

from penstock.compose import Composer, Fault, event_parser

Replacement = tuple[int, int, str]
"""From one offset up to another, and the text that takes their place."""

_WIDTHS = (2, 4, 8)
_MOST_READ = 100_000
"""So many characters may be read again to find out how wide a tab was, for each width."""
_LEAD = re.compile(r"[ \t]*")


def without_tabs(text: str) -> Replacement | None:
    """The tabs of the indentation as spaces, where the document is the same whatever number of spaces they were.

    A width with which the document cannot be read was not meant.
    """
    read = [found for found in (_read_with(text, width) for width in _WIDTHS) if found is not None]
    if not read or any(value != read[0][0] for value, _ in read):
        return None
    return _difference(text, read[0][1])


def without_second(text: str, first: tuple[int, int], second: tuple[int, int]) -> Replacement | None:
    """The second of two entries taken away with its lines, where both are the same to the letter."""
    body = text[second[0] : second[1]].rstrip()
    if text[first[0] : first[1]].rstrip() != body or "&" in body:
        return None
    start = _line_start(text, second[0])
    end = second[0] + len(body)
    rest = re.compile(r"[ \t]*(\r\n|\n|\r|\Z)").match(text, end)
    if text[start : second[0]].strip() or rest is None or first[0] >= start:
        return None
    return start, rest.end(), ""


def _read_with(text: str, width: int) -> tuple[Any, str] | None:
    """What the document holds where a tab is so wide, and its text then; None where it cannot be read."""
    import yaml

    for _ in range(max(1, _MOST_READ // max(len(text), 1))):
        parser = event_parser(text)
        try:
            composer = Composer(parser.get_event)
            value, _ = composer.document()
            return (value, text) if not composer.duplicates else None
        except Fault:
            return None
        except yaml.MarkedYAMLError as error:
            mark: Any = error.problem_mark or error.context_mark
            start = _line_start(text, min(mark.index, len(text))) if mark is not None else 0
            lead = _LEAD.match(text, start)
            if lead is None or "\t" not in lead[0]:
                return None
            text = text[:start] + lead[0].expandtabs(width) + text[lead.end() :]
        except (yaml.YAMLError, UnicodeError):
            return None
        finally:
            parser.dispose()
    return None


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _difference(old: str, new: str) -> Replacement:
    """The least part in which two texts differ."""
    start = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - start
    tail = next((n for n in range(most) if old[len(old) - 1 - n] != new[len(new) - 1 - n]), most)
    return start, len(old) - tail, new[start : len(new) - tail]
