"""A run inside a GitHub workflow: each task a group of its log, the failing task annotated at its line, a summary.

A task's output stands between stop-commands of a random token, so that what it prints cannot command the workflow.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

from penstock.duration import humane
from penstock.execution.event import Event, TaskRunEnded
from penstock.execution.model import Execution
from penstock.execution.record import duration_of
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.ports.logs import LogLine
from penstock_cli.render.progress import MARKS, harmless, label, where
from penstock_cli.render.workflow import cell, escaped

MOST_ANNOTATED = 10
"""GitHub shows so many errors of a step."""


class GithubProgress:
    """Lines wait for the end of their task run, so that each group is whole. `path` is the flow's file."""

    def __init__(self, stream: TextIO, flow: Flow, path: str, summary: Path | None) -> None:
        self._stream = stream
        self._flow = flow
        self._path = path
        self._summary = summary
        self._lock = threading.Lock()
        self._waiting: dict[str, list[str]] = {}
        self._ended: dict[str, str] = {}
        self._annotated = 0
        self._execution: Execution | None = None
        self._token = secrets.token_hex(16)

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        with self._lock:
            is_called = execution.caller is not None
            self._execution = self._execution if is_called else execution
            for event in events:
                if isinstance(event, TaskRunEnded):
                    run = execution.runs[event.run]
                    spent = humane(duration_of(run.histories, event.at))
                    self._ended[run.id] = (
                        f"{MARKS[event.state]} {where(execution)}{harmless(label(run))} {event.state.value} {spent}"
                    )
                    if event.state is State.FAILED and run.error and run.attempts and not is_called:
                        self._annotate(run.task, run.error)

    def lines(self, lines: Sequence[LogLine]) -> None:
        with self._lock:
            for line in lines:
                self._waiting.setdefault(line.key.run, []).append(harmless(line.text))
            if not lines:
                self._flush()

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        with self._lock:
            self._flush()
            if self._execution is not None and self._summary is not None:
                with self._summary.open("a", encoding="utf-8") as file:
                    file.write(summary_of(self._execution))
                self._summary = None

    def _flush(self) -> None:
        """Write the groups of the task runs that have ended."""
        for run, title in self._ended.items():
            lines = self._waiting.pop(run, [])
            self._stream.write(f"::group::{escaped(title)}\n::stop-commands::{self._token}\n")
            self._stream.writelines(f"{line}\n" for line in lines)
            self._stream.write(f"::{self._token}::\n::endgroup::\n")
        self._ended.clear()
        self._stream.flush()

    def _annotate(self, task: str, error: str) -> None:
        self._annotated += 1
        if self._annotated > MOST_ANNOTATED:
            return
        line = self._flow.by_id[task].range.start.line
        where = f"file={escaped(self._path, in_property=True)},line={line}"
        title = escaped(f"task {task} failed", in_property=True)
        self._stream.write(f"::error {where},title={title}::{escaped(harmless(error))}\n")


def summary_of(execution: Execution) -> str:
    """The job summary: what ran and how it ended, in Markdown."""
    spent = humane(duration_of(execution.histories, execution.histories[-1][1]))
    rows = [
        f"| {MARKS[run.state]} | {cell(label(run))} | {run.state.value} "
        f"| {humane(duration_of(run.histories, run.histories[-1][1]))} | {cell(run.error or '')} |"
        for run in list(execution.in_order())[:200]
    ]
    head = f"### {MARKS[execution.state]} {cell(str(execution.flow))}: {execution.state.value} in {spent}\n\n"
    return head + "\n".join(["| | task | state | time | error |", "| --- | --- | --- | --- | --- |", *rows]) + "\n\n"
