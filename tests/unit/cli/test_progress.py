"""What a run shows of the lines of its tasks: as plain lines, and above a live tree."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from penstock.execution.apply import begin, extend
from penstock.execution.event import (
    Caller,
    ChildrenRequested,
    Event,
    ExecutionCreated,
    ExecutionStarted,
    Phase,
    ScopeOpened,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Kind, Level
from penstock.ports.logs import LogKey, LogLine
from penstock_cli.render.progress import MARKS, MOST_PRINTED, PlainProgress, TreeProgress, harmless

AT = datetime(2026, 1, 1, 12, 0, 0, 345_678, tzinfo=UTC)


class Counted(io.StringIO):
    """Counts how often somebody wants what was written to be seen."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def line(text: str, level: Level = Level.INFO, at: datetime = AT) -> LogLine:
    return LogLine(at, "stdout", level, text, LogKey("e", "r1", 1))


def test_plain_lines_say_when_who_and_how_bad_and_are_written_at_once() -> None:
    stream = Counted()
    progress = PlainProgress(stream, {"r1": "task"}.__getitem__)
    later = AT + timedelta(seconds=61)
    progress.lines([line("one"), line("t\two \x1b[2J", Level.WARN, later)])
    progress.lines([])
    first, second = (at.astimezone().strftime("%H:%M:%S") for at in (AT, later))
    assert stream.getvalue().splitlines() == [
        f"{first}.345  log       task | one",
        f"{second}.345  log       task | WARN t\two \\x1b[2J",
    ]
    assert stream.flushes == 1


def test_lines_above_a_tree_are_whole_and_in_order() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=40, color_system=None)
    progress = TreeProgress(console, lambda _: "task", "flow")
    wanted = [f"{number} {'long' * 20} [bold]\x1b[2J" for number in range(2 * MOST_PRINTED + 1)]
    progress.lines([line(text) for text in [*wanted, ""]])
    progress.close()
    shown = [text.split("task │ ", 1)[1] for text in stream.getvalue().split("\n") if "task │ " in text]
    assert shown == [harmless(text) for text in [*wanted, ""]]


def execution(id_: str, flow: str, task: str, caller: Caller | None = None) -> tuple[Execution, list[Event]]:
    """One whose only task run has begun."""
    created = ExecutionCreated(
        at=AT, id=id_, namespace="team", flow_id=flow, revision=1, flow_digest="d", caller=caller
    )
    kind = Kind.EXECUTABLE if caller is None else Kind.WORKER
    events: list[Event] = [
        ExecutionStarted(at=AT),
        ScopeOpened(at=AT, run=None, phase=Phase.MAIN, lanes=1, width=1),
        TaskRunCreated(
            at=AT, run=f"{id_}-run", task=task, kind=kind, parent=None, phase=Phase.MAIN, lane=0, position=0,
            last=True, gated=True,
        ),
    ]  # fmt: skip
    if caller is None:
        events.append(ChildrenRequested(at=AT, run=f"{id_}-run", count=1))
    return extend(begin(created), events), events


def test_what_was_called_stands_in_the_tree_below_the_task_that_called_it() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=60, color_system=None)
    progress = TreeProgress(console, str, "team/parent")
    progress.hear(*execution("e1", "parent", "call"))
    progress.hear(*execution("e2", "child", "inner", Caller("e1", "e1-run", 0, waits=True, depth=1)))
    progress.close()

    last = stream.getvalue().rpartition("team/parent")[2]
    lines = [text.strip(" │└├─") for text in last.splitlines()]
    assert [text.split()[1] for text in lines[1:4]] == ["call", "team/child", "inner"]


def test_plain_lines_say_which_flow_a_called_task_is_of() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, str)
    progress.hear(*execution("e1", "parent", "call"))
    called, _ = execution("e2", "child", "inner", Caller("e1", "e1-run", 0, waits=True, depth=1))
    ended = TaskRunEnded(at=AT, run="e2-run", state=State.SUCCESS)
    progress.hear(extend(called, [ended]), [ended])

    first, second = stream.getvalue().splitlines()
    assert first.endswith("start     call")
    assert "success   child > inner" in second


def test_every_state_has_a_mark() -> None:
    assert set(MARKS) == set(State)
