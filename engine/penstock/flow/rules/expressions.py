"""The expressions in a flow's text: whether each can be parsed, and if not, at which character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.model import Dialect
from penstock.flow.survey import Path, Survey

_NEVER_RENDERED = frozenset({"id", "namespace", "type", "revision", "description", "displayName", "dependsOn"})
_LATER = frozenset({"variables", "labels"})
"""Rendered only where something asks for them; text with braces may be meant literally."""


def expressions_parse(survey: Survey) -> None:
    """PEN301, PEN303: an expression that cannot be parsed, or only beyond the bounds, fails when it is rendered.

    Kestra 0.21 lets such a flow in and its task fail, so under that dialect it warns.
    """
    text = survey.document.text
    if "{{" not in text and "{%" not in text and "{#" not in text and "\\" not in text:
        return
    for path, value in _texts(survey.flow, ()):
        fault = fault_in(value)
        if fault is None or survey.is_faulty(path):
            continue
        lenient = survey.dialect is Dialect.V0_21 or path[0] in _LATER
        place = survey.document.find(path)
        where = survey.document.within(place, value, fault.offset, fault.width) if place is not None else None
        survey.report(
            fault.code, fault.message, path, hint=fault.help, where=where,
            severity=Severity.WARNING if lenient else Severity.ERROR,
        )  # fmt: skip


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text that may hold an expression, with its path."""
    if type(value) is dict:
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                if "{" in item and key not in _NEVER_RENDERED and _has_tags(item):
                    yield (*path, key), item
            elif (kind is dict or kind is list) and key != "dependsOn":
                yield from _texts(item, (*path, key))
    else:
        for at, item in enumerate(value):
            kind = type(item)
            if kind is str:
                if "{" in item and _has_tags(item):
                    yield (*path, at), item
            elif kind is dict or kind is list:
                yield from _texts(item, (*path, at))


def _has_tags(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


_SIMPLE = re.compile(r"""(?<!\{)\{\{(?:[^{}'"]|'[^'{}\\]*'|"[^"{}\\]*")*\}\}(?!\})""")
"""A print tag without braces or escapes inside: it ends at its `}}`, and nothing around it changes its meaning."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a template cannot be parsed; `offset` and `width` are characters in it."""

    code: str
    message: str
    offset: int
    width: int
    help: str | None


def fault_in(text: str) -> Fault | None:
    """The first fault of a template, or None.

    The same few tags recur in many texts, so texts that are made of simple tags are judged tag by tag, each once.
    """
    rest, tags = _SIMPLE.sub("", text), _SIMPLE.findall(text)
    if not _has_tags(rest) and all(_fault(tag) is None for tag in tags):
        return None
    return _fault(text)


@lru_cache(maxsize=4096)
def _fault(text: str) -> Fault | None:
    from penstock.expression import ExpressionError, parse

    try:
        parse(text)
    except ExpressionError as error:
        return Fault(error.code, error.message, error.offset or 0, error.width, error.help)
    return None
