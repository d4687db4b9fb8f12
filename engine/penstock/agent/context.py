"""The world of one attempt, and what an attempt says that has no log of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from penstock.agent.sharing import refuse_mixture
from penstock.agent.vault import Vault
from penstock.agent.world import World
from penstock.execution.identity import attempt_name
from penstock.execution.variables import iso
from penstock.expression import render, render_value
from penstock.expression.apart import remote
from penstock.flow.model import Flow, Level, Task
from penstock.ports.clock import Clock
from penstock.ports.executions import Executions
from penstock.ports.files import Files
from penstock.ports.http import Http
from penstock.ports.logs import LogSummary, LogWriter
from penstock.ports.namespace_files import NamespaceFiles
from penstock.ports.runner import Halt, Runner, Runners, Workspace
from penstock.ports.storage import task_file
from penstock.tasks.base import Context, Effect

MOST_SAID = 64 * 1024
"""What an inline task may say within its event (bytes). The rest is cut, counted and told."""


@dataclass(slots=True)
class AttemptContext(Context):
    """The world of one attempt. Text leaves it only through the vault's mask."""

    flow: Flow
    task: Task
    execution_id: str
    run_id: str
    attempt: int
    epoch: int
    agent: str
    idempotency_key: str
    variables: Mapping[str, Any]
    files: Files
    namespace_files: NamespaceFiles
    http: Http
    executions: Executions
    halt: Halt
    log_writer: LogWriter
    resumed: bool
    world: World
    vault: Vault
    runners: Runners
    clock: Clock
    holder: Task | None = None
    workspace: Workspace | None = None
    used: set[str] = field(default_factory=set)
    is_hurried: bool = False
    """Others wait for this thread: it asks no child process."""
    said: Said | None = None
    """What an inline task says, which is kept in the event of its end."""
    effects: tuple[Effect, ...] = ()
    """What it has changed of its execution, when it is over."""

    @property
    def name(self) -> str:
        return attempt_name(self.agent, self.execution_id, self.run_id, self.attempt)

    def now(self) -> datetime:
        return self.clock.now()

    def render(self, template: str) -> str:
        rendered = render if self.is_hurried else remote.render
        return str(rendered(template, self.variables, world=self.world))

    def render_value(self, value: Any) -> Any:
        if self.is_hurried:
            return render_value(value, self.variables, world=self.world)
        return remote.render_value(value, self.variables, world=self.world)

    def with_variables(self, more: Mapping[str, Any]) -> AttemptContext:
        return replace(self, variables={**self.variables, **more})

    def with_task(self, task: Task) -> AttemptContext:
        return replace(self, task=task)

    def mask(self, text: str) -> str:
        return self.vault.mask.text(text)

    def log(self, level: Level, message: str) -> None:
        least = self.task.log_level
        if least is not None and level.rank < least.rank:
            return
        for line in self.mask(message).split("\n"):
            self.log_writer.write("log", level, line.encode())

    def runner(self, kind: str | None) -> Runner:
        chosen = self.runners.kind(kind)
        if self.holder is not None:
            refuse_mixture(self.holder, chosen, self.runners)
        runner = self.runners.get(chosen)
        self.used.add(chosen)
        return runner

    def uri(self, name: str) -> str:
        return task_file(self.flow.name, self.execution_id, self.task.id, self.run_id, name)


class Never(Halt):
    """Inline tasks are over before anybody could stop them."""

    requested = False
    grace = timedelta(0)

    def wait(self, seconds: float) -> bool:
        return False


class Said(LogWriter):
    """What an inline task says: kept in its event, so that it is there exactly when the event is."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._bytes = 0
        self.cut = 0
        self.lines: list[list[str]] = []

    @property
    def offsets(self) -> dict[str, int]:
        return {}

    @property
    def notes(self) -> list[bytes]:
        return []

    def write(
        self, stream: str, level: Level, text: bytes, *, offset: int | None = None, continued: bool = False
    ) -> None:
        del stream, offset, continued
        self._bytes += len(text)
        if self._bytes > MOST_SAID:
            self.cut += len(text)
            return
        self.lines.append([iso(self._now()), level.value, text.decode("utf-8", errors="replace")])

    def note(self, stream: str, payload: bytes, *, offset: int | None = None) -> None:
        raise TypeError("an inline task has no raw output")

    def flush(self) -> None:
        return

    def close(self, *, final: bool) -> LogSummary:
        del final
        return LogSummary(self._bytes, "", len(self.lines), self.cut)

    def text(self) -> Iterator[bytes]:
        """As a log is exported."""
        return (f"{at} {level} {text}\n".encode() for at, level, text in self.lines)

    def as_log(self) -> dict[str, Any]:
        if not self.lines and not self.cut:
            return {}
        return {"said": self.lines, "cut": self.cut} if self.cut else {"said": self.lines}
