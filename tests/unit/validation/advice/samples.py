"""What an advice says of a flow, as rows: code, line, column, end column, message."""

from __future__ import annotations

from textwrap import dedent

from penstock.diagnostic import Diagnostic, Edit
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow
from penstock.validation.advice import Advice

CORE = "io.kestra.plugin.core"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
PYTHON = "io.kestra.plugin.scripts.python.Script"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
LOG = f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: x}}\n"
HEAD = "id: f\nnamespace: n\n"
"""What is said of a flow made of it and of a text begins in line 3."""


def flow(text: str) -> str:
    """A whole flow: `text` begins in line 3; a task follows where it names none."""
    body = dedent(text).strip("\n") + "\n"
    return HEAD + body + ("" if "tasks:\n" in body else LOG)


def advised(advice: Advice, source: str, dialect: Dialect = Dialect.AUTO) -> list[Diagnostic]:
    """What `advice` says of a flow that is fit to run."""
    survey = parse_flow(source, "f.yaml", catalog=load_catalog(), dialect=dialect).survey
    assert survey is not None
    survey.found.clear()
    advice(survey)
    return sorted(survey.found, key=lambda one: one.range.start)


def places(found: list[Diagnostic]) -> list[tuple[int, int, int]]:
    """Line, column and end column of each."""
    return [(one.range.start.line, one.range.start.column, one.range.end.column) for one in found]


def mended(source: str, found: list[Diagnostic], *, unsafe: bool = False) -> str:
    """The text with the edits of the findings made."""
    edits = [one.fix for one in found if one.fix is not None and (one.fix.safe or unsafe)]
    lines = source.split("\n")
    for edit in sorted(edits, key=_start, reverse=True):
        line = edit.range.start.line - 1
        old = lines[line]
        lines[line] = old[: edit.range.start.column - 1] + edit.text + old[edit.range.end.column - 1 :]
    return "\n".join(lines)


def _start(edit: Edit) -> tuple[int, int]:
    return edit.range.start.line, edit.range.start.column
