"""What `penstock backfill` does: begin one, say a word to one, and show how one goes. The agent works it off."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import click

from penstock.errors import UserError
from penstock.execution.variables import iso
from penstock.operations.schedules import (
    BackfillWish,
    begin_backfill,
    cancel_backfill,
    pause_backfill,
    resume_backfill,
    schedule_of,
)
from penstock.ports.deployment import Backfill, BackfillState
from penstock.triggers.backfill import MOST_COUNTED, count_slots
from penstock.triggers.schedule import Schedule
from penstock_cli.agent_folder import AgentFolder, agent_runs, deployed_named, poke_agent_of
from penstock_cli.exits import Exit
from penstock_cli.flow_files import given_inputs, given_labels
from penstock_cli.globals import Globals
from penstock_cli.render.tables import show_rows
from penstock_cli.render.terminal import console, watches

if TYPE_CHECKING:
    from penstock.wiring import Workplace

LOOK_EVERY_S = 0.1
"""Between two looks at the store."""

LINE_EVERY_S = 1.0
"""Where nobody watches, progress is at most one line in so long."""

_TICK = timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}-?W\d{2}-?\d")


@dataclass(frozen=True, slots=True)
class BackfillCall:
    """The arguments of a new backfill, as they were given."""

    flow: str
    trigger: str
    start: str
    end: str
    missing_only: bool
    inputs: tuple[str, ...]
    inputs_file: Path | None
    labels: tuple[str, ...]


def begin(
    place: Workplace, call: BackfillCall, folder: AgentFolder, globals_: Globals, output: str | None, *, wait: bool
) -> int:
    """Begin one, and show how it goes; the exit code."""
    from penstock.wiring import local_zone, new_execution_id

    zone = local_zone(os.environ)
    deployed = deployed_named(place.store, call.flow)
    schedule = schedule_of(deployed, call.trigger, zone)
    wish = BackfillWish(
        trigger=call.trigger,
        start=moment(call.start, schedule.zone, "--start"),
        end=moment(call.end, schedule.zone, "--end", is_end=True),
        missing_only=call.missing_only,
        inputs=given_inputs(call.inputs, call.inputs_file),
        labels=given_labels(call.labels),
    )
    flow = place.deployed_flow(deployed)
    at = place.clock.now()
    backfill = begin_backfill(
        place.store, deployed, flow, wish, id_=new_execution_id(), zone=zone, at=at, intake=place.intake
    )
    poke_agent_of(place)
    if output in (None, "name"):
        click.echo(backfill.id)
    code = _follow(place, backfill, schedule, folder, globals_) if wait else _leave(place)
    if output not in (None, "name"):
        _show([_now(place, backfill) or backfill], output, {})
    return code


def change(place: Workplace, verb: str, prefix: str, folder: AgentFolder, globals_: Globals, *, wait: bool) -> int:
    """`pause`, `resume` or `cancel` the one whose id begins with `prefix`; the exit code."""
    operation = {"pause": pause_backfill, "resume": resume_backfill, "cancel": cancel_backfill}[verb]
    backfill = operation(place.store, prefix)
    poke_agent_of(place)
    word = {"pause": "is paused", "resume": "goes on", "cancel": "is cancelled"}[verb]
    click.echo(f"the backfill {backfill.id} of {backfill.flow} `{backfill.trigger}` {word}", err=True)
    if verb != "resume":
        return Exit.FINE
    if not wait:
        return _leave(place)
    return _follow(place, backfill, _schedule_of(place, backfill), folder, globals_)


def list_backfills(place: Workplace, output: str | None) -> None:
    """All that there ever were, newest first; of open ones with how many slots they have."""
    found = place.store.backfills(open_only=False)[::-1]
    counts = {}
    for each in found:
        if each.state in (BackfillState.RUNNING, BackfillState.PAUSED):
            schedule = _schedule_of(place, each)
            counts[each.id] = count_slots(schedule, each.start, each.end) if schedule is not None else None
    _show(found, output, counts)


def moment(text: str, zone: tzinfo, option: str, *, is_end: bool = False) -> datetime:
    """An ISO-8601 date as an instant in UTC. Without an offset it is meant in `zone`: of a time that comes twice, the
    first is the start and the second the end. A day alone begins with its first moment and ends with its last.

    Raises UserError.
    """
    try:
        if _DAY.fullmatch(text):
            local = datetime.combine(date.fromisoformat(text), time.max if is_end else time.min)
        else:
            local = datetime.fromisoformat(text)
        if local.tzinfo is None:
            local = local.replace(tzinfo=zone, fold=int(is_end))
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{option}: `{text}` is no ISO-8601 date", help="such as 2026-01-31 or 2026-01-31T06:00:00+01:00"
        ) from error


# ── following ──


class Bar(Protocol):
    """How far a backfill has come, for whoever looks on."""

    def show(self, done: int, backfill: Backfill) -> None: ...


def _follow(
    place: Workplace, backfill: Backfill, schedule: Schedule | None, folder: AgentFolder, globals_: Globals
) -> int:
    """Show how it goes until it ends; the exit code. Ctrl-C ends the showing only."""
    if not agent_runs(place):
        click.echo("no agent runs: it begins when one does", err=True)
        return Exit.PAUSED
    id_ = backfill.id
    try:
        with _bar(backfill, schedule, globals_) as bar:
            last = _watch(place, backfill, schedule, bar)
    except KeyboardInterrupt:
        click.echo(f"it goes on without you: penstock backfill --pause {id_}{folder.words} pauses it", err=True)
        return Exit.INTERRUPTED
    return _tell(last, id_, folder, quiet=globals_.quiet)


def _tell(last: Backfill | None, id_: str, folder: AgentFolder, *, quiet: bool) -> int:
    """What came of it, and its exit code; `quiet` where there is nothing to do about it."""
    if last is None:
        click.echo(f"the backfill {id_} went with its flow, which is not deployed any more", err=True)
        return Exit.FINDINGS
    resume = f"penstock backfill --resume {id_}{folder.words}"
    started = f"{last.started} {'execution' if last.started == 1 else 'executions'} started"
    match last.state:
        case BackfillState.DONE:
            if not quiet:
                click.echo(f"done: {started}", err=True)
            return Exit.FINE
        case BackfillState.CANCELLED:
            click.echo(f"cancelled: {started}, which go on", err=True)
            return Exit.CANCELLED
        case BackfillState.PAUSED:
            click.echo(f"it cannot go on: {last.failed}\n  {resume} tries again", err=True)
            return Exit.FINDINGS
        case BackfillState.RUNNING:
            click.echo(f"no agent runs any more, {started}: it goes on when one does", err=True)
            return Exit.PAUSED


def _watch(place: Workplace, backfill: Backfill, schedule: Schedule | None, bar: Bar) -> Backfill | None:
    """Look at it until it is over, cannot go on, or no agent is there; as it is then. None when it is gone."""
    done, counted, now = 0, backfill.start, _now(place, backfill)
    while now is not None:
        if schedule is not None and now.reached is not None and now.reached >= counted:
            done += count_slots(schedule, counted, now.reached)
            counted = now.reached + _TICK
        bar.show(done, now)
        is_open = now.state in (BackfillState.RUNNING, BackfillState.PAUSED)
        if not is_open or now.failed is not None or not agent_runs(place):
            return now
        Event().wait(LOOK_EVERY_S)
        now = _now(place, backfill)
    return None


class Unseen:
    """Nothing at all (`--quiet`)."""

    def show(self, done: int, backfill: Backfill) -> None:
        return


class Lines:
    """A line on stderr when something has changed, at most one in a second but for the last."""

    def __init__(self, total: str) -> None:
        self._total = total
        self._said = ""
        self._at = 0.0

    def show(self, done: int, backfill: Backfill) -> None:
        text = f"{done:,} of {self._total} slots, {backfill.started:,} started, {backfill.state.lower()}"
        is_over = backfill.state not in (BackfillState.RUNNING, BackfillState.PAUSED)
        if text != self._said and (is_over or monotonic() >= self._at + LINE_EVERY_S):
            self._said, self._at = text, monotonic()
            click.echo(f"{datetime.now().astimezone():%H:%M:%S}  {text}", err=True)


class DrawnBar:
    """A bar of rich's on stderr."""

    def __init__(self, progress: Any, task: Any, total: str) -> None:
        self._progress = progress
        self._task = task
        self._total = total

    def show(self, done: int, backfill: Backfill) -> None:
        told = f"{done:,} of {self._total} slots, {backfill.started:,} started, {backfill.state.lower()}"
        self._progress.update(self._task, completed=done, told=told)


@contextmanager
def _bar(backfill: Backfill, schedule: Schedule | None, globals_: Globals) -> Iterator[Bar]:
    count = count_slots(schedule, backfill.start, backfill.end) if schedule is not None else 0
    total = f"{count:,}" if count < MOST_COUNTED else f"{count:,} or more"
    if globals_.quiet:
        yield Unseen()
    elif not watches(sys.stderr):
        yield Lines(total)
    else:
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
        with Progress(*columns, console=console(globals_.color, stderr=True)) as progress:
            name = f"{backfill.flow} {backfill.trigger}"
            yield DrawnBar(progress, progress.add_task(name, total=count or None, told=""), total)


def _leave(place: Workplace) -> int:
    if not agent_runs(place):
        click.echo("no agent runs: it begins when one does", err=True)
    return Exit.FINE


def _now(place: Workplace, backfill: Backfill) -> Backfill | None:
    return next((each for each in place.store.backfills(open_only=False) if each.id == backfill.id), None)


def _schedule_of(place: Workplace, backfill: Backfill) -> Schedule | None:
    """Its trigger's; None where that is not deployed any more."""
    from penstock.wiring import local_zone

    deployed = place.store.deployed_flow(backfill.flow)
    if deployed is None:
        return None
    try:
        return schedule_of(deployed, backfill.trigger, local_zone(os.environ))
    except UserError:
        return None


def _show(backfills: list[Backfill], output: str | None, counts: dict[str, int | None]) -> None:
    rows = [
        {
            "id": each.id,
            "flow": str(each.flow),
            "trigger": each.trigger,
            "state": each.state.value,
            "start": iso(each.start),
            "end": iso(each.end),
            "reached": iso(each.reached) if each.reached is not None else None,
            "started": each.started,
            "slots": counts.get(each.id),
            "missingOnly": each.missing_only,
            "created": iso(each.created),
            "failed": each.failed,
        }
        for each in backfills
    ]
    columns = ("id", "flow", "trigger", "state", "start", "end", "reached", "started", "slots", "failed")
    show_rows(rows, output, columns=columns, name="id")
