"""Following an execution that another process holds: by looking at the store and the logs, never by asking it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from penstock.execution.apply import begin, extend
from penstock.execution.event import (
    AttemptEnded,
    Event,
    ExecutionCreated,
    ExecutionReopened,
    IterationBegun,
    TaskRunEnded,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.execution.variables import iso
from penstock.flow.model import Level
from penstock.operations.again import followed_by
from penstock.operations.transcript import said, transcript, untold, with_what_left
from penstock.ports.logs import LogLine
from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.render.progress import PlainProgress, Progress, Silent, TreeProgress, harmless, label
from penstock_cli.render.terminal import console, watches
from penstock_cli.run_course import EXITS, told_again

if TYPE_CHECKING:
    from penstock.wiring import Workplace

LOOK_EVERY = 0.05
"""Seconds between two looks at the store and the logs."""


class Following:
    """An execution as it grows: the events and lines since the last look."""

    def __init__(self, place: Workplace, execution: Execution) -> None:
        self._place = place
        self.execution = execution

    def news(self) -> Sequence[Event]:
        """What has happened, up to where task runs leave: that is told by the next look."""
        events = self._place.store.events(self.execution.id, after=self.execution.seq)
        leaving = (at for at, event in enumerate(events) if isinstance(event, ExecutionReopened | IterationBegun))
        events = events[: next((at for at in leaving if at > 0), len(events))]
        if events:
            self.execution = extend(self.execution, events)
        return events

    def said(self, events: Sequence[Event]) -> Iterator[LogLine]:
        """What inline tasks said in `events`."""
        for event in events:
            if isinstance(event, AttemptEnded) and "said" in event.log:
                run = self.execution.runs[event.run]
                yield from (line for line in said(self.execution.id, run) if line.key.attempt == event.attempt)

    def untold(self, events: Sequence[Event]) -> Iterator[LogLine]:
        """Why task runs have failed in `events` whose attempts could not say it."""
        for event in events:
            if isinstance(event, TaskRunEnded):
                yield from untold(self.execution.id, self.execution.runs[event.run])


def _pause() -> None:
    threading.Event().wait(LOOK_EVERY)


def print_logs(place: Workplace, execution: Execution, task: str | None, least: Level, output: str | None) -> None:
    execution = with_what_left(execution, lambda: place.store.events(execution.id))
    for line in transcript(place.logs, execution, min_level=least):
        _print(execution, line, task, output)


def follow_logs(place: Workplace, execution: Execution, task: str | None, least: Level, output: str | None) -> None:
    """Print what was said, then what is being said, until the execution is over."""
    following = Following(place, execution)
    with place.logs.follow(execution.id) as tail:
        runs = list(execution.in_order())
        earlier = [line for run in runs for line in (*said(execution.id, run), *untold(execution.id, run))]
        lines = sorted([*tail.new(), *earlier], key=lambda line: line.at)
        while True:
            for line in lines:
                if line.level.rank >= least.rank:
                    _print(following.execution, line, task, output)
            if following.execution.is_over and not lines:
                return
            if not following.execution.is_over:
                _pause()
            events = following.news()
            lines = [*tail.new(), *following.said(events), *following.untold(events)]
            lines.sort(key=lambda line: line.at)


def _print(execution: Execution, line: LogLine, task: str | None, output: str | None) -> None:
    run = execution.runs.get(line.key.run)
    name = label(run) if run is not None else line.key.run
    if task is not None and (run is None or run.task != task):
        return
    if output in ("json", "ndjson"):
        fields = {
            "timestamp": iso(line.at),
            "level": line.level.value,
            "stream": line.stream,
            "taskId": run.task if run is not None else None,
            "taskRunId": line.key.run,
            "attempt": line.key.attempt,
            "message": line.text,
        }
        click.echo(json.dumps(fields, ensure_ascii=False))
    else:
        click.echo(f"{iso(line.at)}  {line.level.value:<5}  {name} | {harmless(line.text)}", nl=not line.continued)


def watch_execution(place: Workplace, execution: Execution, globals_: Globals) -> int:
    """Show the execution live, and those that try it again; the exit code that `run` would have had. It ends when
    nobody moves it any more."""
    following = Following(place, execution)

    def names(run: str) -> str:
        found = following.execution.runs.get(run)
        return label(found) if found is not None else run

    progress: Progress
    if globals_.quiet:
        progress = Silent()
    elif watches(sys.stderr):
        progress = TreeProgress(console(globals_.color, stderr=True), names, str(execution.flow))
    else:
        progress = PlainProgress(sys.stderr, names)
    try:
        progress.hear(execution, ())
        while _is_followed_to_its_end(place, following, progress):
            again = followed_by(place.store, following.execution)
            if again is None:
                return EXITS.get(following.execution.state, Exit.FINDINGS)
            if not globals_.quiet:
                with progress.aside():
                    click.echo(told_again(again), err=True)
            following.execution = _at_its_beginning(place, again)
        return Exit.PAUSED
    finally:
        progress.close()


def _is_followed_to_its_end(place: Workplace, following: Following, progress: Progress) -> bool:
    """Show what happens and what is said, up to the end. False when nobody moves it any more."""
    with place.logs.follow(following.execution.id) as tail:
        while True:
            events = following.news()
            if events:
                progress.hear(following.execution, events)
            progress.lines([*tail.new(), *following.said(events)])
            if following.execution.is_over:
                while lines := tail.new():
                    progress.lines(lines)
                return True
            if not _is_held(place, following.execution):
                return False
            _pause()


def _at_its_beginning(place: Workplace, execution: Execution) -> Execution:
    """As it was before anything of it happened, so that all of it is told."""
    created = place.store.events(execution.id)[0]
    assert isinstance(created, ExecutionCreated), "a log begins with the creation"
    return begin(created)


def _is_held(place: Workplace, execution: Execution) -> bool:
    holder = place.store.holder(execution.id)
    if holder is not None and place.presence.is_alive(holder.id):
        return True
    paused = execution.state is State.PAUSED
    why = "it is paused" if paused else "no process holds it"
    click.echo(f"{execution.id}: {why}; penstock run --resume {execution.id} takes it up", err=True)
    return False


def wait_until_over(place: Workplace, execution: str) -> None:
    """Block until the execution is over, or nobody moves it any more."""
    loaded = place.store.load(execution)
    assert loaded is not None
    following = Following(place, loaded)
    while not following.execution.is_over and _is_held(place, following.execution):
        _pause()
        following.news()
