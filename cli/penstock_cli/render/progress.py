"""A running execution on the way by: plain lines where nobody watches, a live tree on a terminal.

Both hear the same events and read the same execution. Everything here goes to stderr.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol, TextIO

from penstock.duration import humane
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    ChildrenRequested,
    Event,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunRetrying,
)
from penstock.execution.model import Execution, TaskRun
from penstock.execution.record import duration_of
from penstock.execution.state import State
from penstock.flow.model import Level
from penstock.ports.logs import LogLine

MARKS = {
    State.CREATED: "·",
    State.QUEUED: "·",
    State.RUNNING: "▶",
    State.PAUSED: "⏸",
    State.BREAKPOINT: "⏸",
    State.RESTARTED: "▶",
    State.RETRYING: "↻",
    State.KILLING: "◼",
    State.SUCCESS: "✔",
    State.WARNING: "!",
    State.FAILED: "✘",
    State.KILLED: "◼",
    State.CANCELLED: "◼",
    State.RETRIED: "↻",
    State.SKIPPED: "↷",
}

COLOURS = {
    State.RUNNING: "cyan",
    State.PAUSED: "magenta",
    State.BREAKPOINT: "magenta",
    State.RETRYING: "yellow",
    State.KILLING: "red",
    State.SUCCESS: "green",
    State.WARNING: "yellow",
    State.FAILED: "red",
    State.KILLED: "red",
    State.CANCELLED: "red",
    State.SKIPPED: "bright_black",
}

LEVEL_COLOURS = {Level.WARN: "yellow", Level.ERROR: "red", Level.DEBUG: "bright_black", Level.TRACE: "bright_black"}

MOST_SHOWN = 30
"""A live tree shows at most so many task runs: those that move or failed first."""


MOST_PRINTED = 100
"""So many lines are printed at once above a live tree, which is drawn anew below each print."""


class Progress(Protocol):
    """What `run` and `executions watch` tell of events and lines. Called from any thread."""

    def hear(self, execution: Execution, events: Sequence[Event]) -> None: ...

    def lines(self, lines: Sequence[LogLine]) -> None: ...

    def aside(self) -> AbstractContextManager[None]:
        """Within it the terminal belongs to somebody else: a question and its answer."""
        ...

    def close(self) -> None:
        """Show the last state. May be called twice."""
        ...


def label(run: TaskRun) -> str:
    """A task run as a person names it: its task, in a loop with its value."""
    return run.task if run.value is None else f"{run.task}[{shortened(run.value, 24)}]"


def where(execution: Execution) -> str:
    """What tells the task runs of an execution that another has called from those of others."""
    return "" if execution.caller is None else f"{harmless(execution.flow.id)} > "


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def harmless(text: str) -> str:
    """`text` with control characters shown instead of obeyed: a task cannot move our cursor or colour our lines."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\t" else f"\\x{ord(each):02x}" for each in text)


class Silent:
    """Nothing at all (`--quiet`, or `-o ndjson`)."""

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        return

    def lines(self, lines: Sequence[LogLine]) -> None:
        return

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        return


class PlainProgress:
    """One line for each start, end and line of log; made for CI and files."""

    def __init__(self, stream: TextIO, names: Callable[[str], str]) -> None:
        self._stream = stream
        self._names = names
        self._lock = threading.Lock()

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        for event in events:
            told = _told(execution, event)
            if told is not None:
                what, text = told
                self._write(f"{_moment(event.at)}  {what:<8}  {where(execution)}{text}\n")

    def lines(self, lines: Sequence[LogLine]) -> None:
        """Written at once: a program's burst comes in thousands of lines."""
        shown = []
        for line in lines:
            level = "" if line.level is Level.INFO else f"{line.level.value} "
            text = f"{self._names(line.key.run)} | {level}{harmless(line.text)}"
            shown.append(f"{_moment(line.at)}  {'log':<8}  {text}\n")
        if shown:
            self._write("".join(shown))

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        return

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write(text)
            self._stream.flush()


@lru_cache(maxsize=64)
def _moment(at: datetime) -> str:
    """The time of day here. Lines that were written at once share theirs."""
    return at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def _told(execution: Execution, event: Event) -> tuple[str, str] | None:
    match event:
        case AttemptStarted():
            run = execution.runs[event.run]
            again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
            return "start", label(run) + again
        case ChildrenRequested():
            return "start", label(execution.runs[event.run])
        case TaskRunRetrying():
            return "retry", f"{label(execution.runs[event.run])} in {humane(event.until - event.at)}"
        case TaskRunPaused():
            return "paused", label(execution.runs[event.run])
        case AttemptEnded(error=str() as error):
            return "error", f"{label(execution.runs[event.run])}: {harmless(error)}"
        case TaskRunEnded():
            run = execution.runs[event.run]
            return event.state.value.lower(), f"{label(run)} {humane(duration_of(run.histories, event.at))}"
        case _:
            return None


class TreeProgress:
    """The live tree: task runs as they nest, with state and time; log lines scroll above it."""

    def __init__(self, console: Any, names: Callable[[str], str], title: str) -> None:
        from rich.live import Live

        self._console = console
        self._names = names
        self._title = title
        self._execution: Execution | None = None
        self._called: dict[str, dict[int, Execution]] = {}
        self._closed = False
        self._live = Live(
            console=console, get_renderable=self._draw, refresh_per_second=12, transient=True, redirect_stdout=False
        )
        self._live.start()

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        if execution.caller is None:
            self._execution = execution
        else:
            self._called.setdefault(execution.caller.run, {})[execution.caller.index] = execution

    def lines(self, lines: Sequence[LogLine]) -> None:
        from rich.text import Text

        for start in range(0, len(lines), MOST_PRINTED):
            text = Text(end="")
            for line in lines[start : start + MOST_PRINTED]:
                text.append(f"{self._names(line.key.run)} │ ", style="bright_black")
                text.append(f"{harmless(line.text)}\n", style=LEVEL_COLOURS.get(line.level, ""))
            self._console.print(text, soft_wrap=True, end="")

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._live.stop()
            if self._execution is not None:
                self._console.print(
                    tree(self._execution, self._title, datetime.now(UTC), most=200, called=self._called)
                )

    def _draw(self) -> Any:
        if self._execution is None:
            return self._title
        return tree(self._execution, self._title, datetime.now(UTC), most=MOST_SHOWN, called=self._called)


Called = Mapping[str, Mapping[int, Execution]]
"""Executions that task runs have called, by task run and number."""

MOST_CALLED_SHOWN = 5
"""Of one task run so many executions are shown: those that move or failed, then the latest."""


def tree(execution: Execution, title: str, now: datetime, *, most: int, called: Called | None = None) -> Any:
    """The task runs of an execution as a rich tree: nested as the flowables nest, at most `most` of them, and within
    them the executions that they have called."""
    from rich.text import Text
    from rich.tree import Tree

    shown, left_out = _chosen(execution, most)
    head = _state_text(execution.state)
    head.append(f" {title} ", style="bold")
    head.append(_spent(duration_of(execution.histories, now)), style="bright_black")
    root = Tree(head, guide_style="bright_black")
    nodes: dict[str | None, Any] = {None: root}
    for run in execution.in_order():
        if run.id in shown:
            above = nodes.get(run.parent, root)
            nodes[run.id] = above.add(_run_text(run, now))
            for child in _called_by(run, called or {}):
                nodes[run.id].add(tree(child, str(child.flow), now, most=max(most // 2, 3), called=called))
    if left_out:
        root.add(Text(f"… {left_out} more", style="bright_black"))
    return root


def _called_by(run: TaskRun, called: Called) -> list[Execution]:
    children = sorted(dict(called.get(run.id, {})).items())
    urgent = [at for at, child in children if not child.is_over or child.state is State.FAILED]
    chosen = [*urgent, *(at for at, _ in reversed(children) if at not in urgent)][:MOST_CALLED_SHOWN]
    return [child for at, child in children if at in chosen]


def _chosen(execution: Execution, most: int) -> tuple[set[str], int]:
    """Which task runs are shown when there are too many: what moves or failed, then the latest, with their parents."""
    runs = list(execution.in_order())
    if len(runs) <= most:
        return {run.id for run in runs}, 0
    urgent = [run for run in runs if not run.state.is_terminal or run.state is State.FAILED]
    shown: set[str] = set()
    for run in [*urgent, *reversed(runs)]:
        if len(shown) >= most:
            break
        shown.add(run.id)
        shown.update(above.id for above in execution.lineage(run))
    return shown, len(runs) - len(shown)


def _run_text(run: TaskRun, now: datetime) -> Any:
    text = _state_text(run.state)
    text.append(f" {harmless(label(run))} ")
    if run.state is not State.CREATED:
        text.append(_spent(duration_of(run.histories, now)), style="bright_black")
    if len(run.attempts) > 1:
        text.append(f"  attempt {len(run.attempts)}", style="yellow")
    if run.error:
        text.append(f"  {shortened(harmless(run.error.splitlines()[0]), 90)}", style="red")
    return text


def _state_text(state: State) -> Any:
    from rich.text import Text

    return Text(MARKS[state], style=COLOURS.get(state, ""))


def _spent(length: timedelta) -> str:
    return humane(length)


def state_lines(execution: Execution, now: datetime) -> Iterator[str]:
    """The task runs as indented plain lines, for `executions show` and pipes."""
    for run in execution.in_order():
        depth = sum(1 for _ in execution.lineage(run))
        attempts = f"  attempt {len(run.attempts)}" if len(run.attempts) > 1 else ""
        error = f"  {harmless(run.error.splitlines()[0])}" if run.error else ""
        spent = humane(duration_of(run.histories, now))
        yield f"{'  ' * depth}{MARKS[run.state]} {harmless(label(run))}  {run.state.value}  {spent}{attempts}{error}"
