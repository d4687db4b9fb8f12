"""The expressions in a flow's text: whether each can be parsed, is rendered at all, and is still written so."""

from __future__ import annotations

import re

from penstock.diagnostic import Severity
from penstock.flow.mends import replacing
from penstock.flow.rules.templates import gravity, templates
from penstock.flow.survey import Survey
from penstock.flow.words import Dialect

_TAG = re.compile(r"\{[{%]")
_INCLUDED = re.compile(r"\[\[>([^\]\n]*)\]\]")
_GONE_IN_2 = frozenset({"json", "schedule", "version"})
"""Kestra docs, Migration to 2.0, 2026-06."""


def expressions_parse(survey: Survey) -> None:
    """PEN301, PEN303: an expression that cannot be parsed, or only beyond the bounds, fails when it is rendered."""
    for written in survey.once(templates):
        for start, piece in written.pieces:
            fault = piece.fault
            if fault is None or survey.is_faulty(written.path):
                continue
            survey.report(
                fault.code, fault.message, written.path, hint=fault.help, severity=gravity(survey, written),
                where=written.range(survey.document, start + fault.offset, fault.width),
            )  # fmt: skip


def expressions_are_rendered(survey: Survey) -> None:
    """PEN305: an expression in a property that nothing renders stays the text that it is."""
    for written in survey.once(templates):
        tag = _TAG.search(written.text) if written.rendered is False else None
        if tag is None or survey.is_faulty(written.path):
            continue
        named = "defaults" if written.path[0] == "inputs" else written.path[-1]
        name = written.path[len(written.site.path)] if written.site is not None else named
        survey.report(
            "PEN305", f"`{name}` is not rendered, so the expression stays as it is written", written.path,
            where=written.range(survey.document, tag.start(), 2), severity=Severity.WARNING,
        )  # fmt: skip


def nothing_is_included(survey: Survey) -> None:
    """PEN305: `[[> path]]`, for which the command line of Kestra up to 1.3 put the text of a file (its
    IncludeHelperExpander). Nothing does so any more."""
    document = survey.document
    if "[[>" not in document.text:
        return
    for match in _INCLUDED.finditer(document.text):
        name = match[1].strip()
        survey.report(
            "PEN305", f"`{match[0]}` stays as it is written: no file is included", (),
            where=document.span(match.start(), match.end()), severity=Severity.WARNING,
            hint=f"keep it as a namespace file, and write {{{{ read('{name}') }}}}",
        )  # fmt: skip


def deprecated_names(survey: Survey) -> None:
    """PEN704: a function, filter, argument or variable that has a successor. Kestra 2 knows some of them no more."""
    for written in survey.once(templates):
        for start, piece in written.pieces:
            for old in piece.outdated:
                is_gone = survey.dialect is Dialect.V2 and old.name in _GONE_IN_2
                where = written.range(survey.document, start + old.offset, old.width)
                survey.report(
                    "PEN704", f"the {old.kind} `{old.name}` is deprecated", written.path, hint=old.hint, where=where,
                    severity=gravity(survey, written) if is_gone else Severity.INFO,
                    fix=replacing(survey.document, where, old.name, old.instead.partition("(")[0]),
                )  # fmt: skip
