"""Anchors: whether anything refers to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.compose import Place
from penstock.diagnostic import Edit, Severity
from penstock.flow.survey import Survey

_ALIAS = r"\*([^\s,\[\]{}*&]+)"
_ANCHOR = r"&([^\s,\[\]{}*&]+)[ \t]*"


def anchors_are_used(survey: Survey) -> None:
    """PEN115: an anchor that no alias names is left over, or its alias has a slip."""
    document = survey.document
    text = document.text
    if "&" not in text:
        return
    used = {alias.rstrip(":\"')") for alias in re.findall(_ALIAS, text)}
    marks = [mark for mark in re.finditer(_ANCHOR, text) if mark[1] not in used]
    if not marks:
        return
    starts = set(_starts(document.place))
    for mark in marks:
        at = mark.start()
        if at not in starts and not _follows_a_tag(text, at, starts):
            continue
        bare = mark.end() if mark.end() < len(text) and text[mark.end()] not in "\r\n" else mark.end(1)
        where = document.span(at, mark.end(1))
        survey.report(
            "PEN115", f"nothing refers to the anchor `&{mark[1]}`", (), where=where, severity=Severity.INFO,
            fix=Edit(document.span(at, bare), ""),
        )  # fmt: skip


def _follows_a_tag(text: str, at: int, starts: set[int]) -> bool:
    """`!!str &name value`: the place begins at the tag."""
    tag = re.search(r"!\S*[ \t]+$", text[max(0, at - 80) : at])
    return tag is not None and at - len(tag[0]) in starts


def _starts(place: Place) -> Iterator[int]:
    """Where keys and values begin."""
    yield place[0]
    inner = place[2] if len(place) > 2 else ()
    if isinstance(inner, dict):
        for start, _, at in inner.values():
            yield start
            yield from _starts(at)
    else:
        for at in inner:
            yield from _starts(at)
