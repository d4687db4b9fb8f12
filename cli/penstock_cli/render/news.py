"""What an agent tells, as lines for a person or as one JSON object a line. Several threads may tell at once."""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

import click

from penstock.duration import humane
from penstock.execution.event import TaskRunEnded
from penstock.execution.model import Execution
from penstock.execution.record import duration_of
from penstock.execution.variables import iso
from penstock_cli.render.progress import MARKS, harmless, label
from penstock_cli.render.terminal import wants_colour

if TYPE_CHECKING:
    from datetime import datetime


class Told(Protocol):
    """`penstock.agent.news.News`, as far as it is rendered."""

    @property
    def at(self) -> datetime: ...
    @property
    def topic(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def fields(self) -> Any: ...
    @property
    def is_trouble(self) -> bool: ...
    @property
    def carries(self) -> Any: ...


class JsonNews:
    """One object a line on stderr: `at`, `event`, `message`, `level`, and the fields of the topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, news: Told) -> None:
        line = {
            "at": iso(news.at),
            "level": "WARN" if news.is_trouble else "INFO",
            "event": str(news.topic),
            "message": news.text,
            **news.fields,
        }
        with self._lock:
            click.echo(json.dumps(line, ensure_ascii=False), err=True)


class TextNews:
    """Lines on stderr; with the time of day in front where they stay (`stamped`). A deployment shows its findings."""

    def __init__(self, *, color: str, stamped: bool, quiet: bool) -> None:
        self._lock = threading.Lock()
        self._colour = wants_colour(color, sys.stderr)
        self._stamped = stamped
        self._quiet = quiet

    def __call__(self, news: Told) -> None:
        if self._quiet and not news.is_trouble and not _findings(news):
            return
        text = _sentence(news)
        if text is None and not _findings(news):
            return
        stamp = f"{news.at.astimezone():%H:%M:%S} " if self._stamped else ""
        with self._lock:
            if text is not None and not (self._quiet and not news.is_trouble):
                sign = click.style("! ", fg="yellow") if news.is_trouble and self._colour else "! "
                click.echo(f"{stamp}{sign if news.is_trouble else ''}{text}", err=True, color=self._colour)
            for line in _held(news):
                click.echo(f"{stamp}  {line}", err=True)
            if found := _findings(news):
                from penstock_cli.render.findings import render_text

                click.echo(render_text(found, news.carries.texts, colour=self._colour), err=True, color=self._colour)


def _sentence(news: Told) -> str | None:
    """What is said of it in a line; None where other lines say it."""
    match str(news.topic), news.carries:
        case "trigger.fired", _:
            return None  # its execution is told
        case "execution.started", Execution() as execution:
            return f"▶ {execution.flow}  {_because(execution)}{execution.id}"
        case "task.ended", (Execution() as execution, TaskRunEnded() as event):
            run = execution.runs[event.run]
            depth = "  " * (1 + sum(1 for _ in execution.lineage(run)))
            spent = humane(duration_of(run.histories, event.at))
            error = f"  {harmless(run.error.splitlines()[0])}" if run.error else ""
            return f"{depth}{MARKS[event.state]} {execution.flow.id} > {label(run)}  {spent}{error}"
        case "execution.ended", Execution() as execution:
            spent = humane(duration_of(execution.histories, execution.histories[-1][1]))
            return f"{MARKS[execution.state]} {execution.flow}  {execution.state.value}  {spent}  {execution.id}"
        case _:
            return harmless(news.text)


def _because(execution: Execution) -> str:
    if execution.trigger is None:
        return ""
    slot = f" of {iso(execution.schedule_date)}" if execution.schedule_date is not None else ""
    return f"`{execution.trigger.get('id')}`{slot}  "


def _held(news: Told) -> list[str]:
    if str(news.topic) != "flows.deployed":
        return []
    what = {"hold": "keeps its last good revision", "refuse": "is not deployed"}
    steps = [step for step in news.carries.plan.steps if step.action in what]
    return [harmless(f"{step.flow} {what[step.action]}: {step.reason}") for step in steps]


def _findings(news: Told) -> list[Any]:
    if str(news.topic) != "flows.deployed":
        return []
    return [each for each in news.carries.diagnostics if each.is_error]
