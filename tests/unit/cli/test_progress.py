"""What a run shows of the lines of its tasks: as plain lines, and above a live tree."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from penstock.flow.model import Level
from penstock.ports.logs import LogKey, LogLine
from penstock_cli.render.progress import MOST_PRINTED, PlainProgress, TreeProgress, harmless

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
