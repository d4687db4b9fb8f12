"""The world of one attempt, held in the hand: files, logs, HTTP and programs in memory, expressions for real."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fakes.files import MemoryFiles
from fakes.halt import HandHalt
from fakes.logs import MemoryLogs
from fakes.namespace_files import MemoryNamespaceFiles
from fakes.runner import Program, Running, ScriptedRunner
from penstock.errors import NotFound, UserError
from penstock.expression import render, render_value
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect, Flow, Kind, Level, Task
from penstock.ports.clock import HeldClock
from penstock.ports.executions import Executions, Purge, Purged, Selection
from penstock.ports.http import Http, Incoming, Request, Response
from penstock.ports.logs import LogKey, LogWriter
from penstock.ports.runner import WORKING_DIR_MARK, Runner, Workspace
from penstock.tasks.base import Context, Result
from penstock.tasks.registry import prepare, task_type

KEY = LogKey("e1", "r1", 1)
SHELL = "/bin/sh"


class AskedHttp(Http):
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self, answer: Response | None = None) -> None:
        self.answer = answer or Response("https://example.org/", 200, {}, b"")
        self.asked: list[Request] = []

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer

    @contextmanager
    def stream(self, request: Request) -> Iterator[Incoming]:
        answer = self.send(request)
        length = int(next(iter(answer.headers.get("content-length", ())), -1))
        body = io.BytesIO(answer.content)
        yield Incoming(answer.url, answer.status, answer.headers, length if length >= 0 else None, body)


class NoExecutions(Executions):
    """There are none beside this one."""

    def count(self, wanted: Selection) -> int:
        return 0

    def resume(self, execution: str, values: Mapping[str, Any], *, by: str) -> None:
        raise NotFound(f"there is no execution {execution}")

    def kill(self, execution: str, *, by: str) -> None:
        raise NotFound(f"there is no execution {execution}")

    def log(self, execution: str, *, tasks: Sequence[str] | None, least: Level) -> Iterator[dict[str, Any]]:
        raise NotFound(f"there is no execution {execution}")

    def purge(self, wanted: Selection, what: Purge) -> Purged:
        return Purged()


@dataclass
class HandContext(Context):
    """Secrets are the texts of `secrets`; the runner is whatever it was given, by its kind."""

    flow: Flow
    task: Task
    variables: Mapping[str, Any]
    files: MemoryFiles
    namespace_files: MemoryNamespaceFiles
    http: AskedHttp
    halt: HandHalt
    logs: MemoryLogs
    log_writer: LogWriter
    runners: Mapping[str, Runner]
    executions: NoExecutions = field(default_factory=NoExecutions)
    execution_id: str = "e1"
    run_id: str = "r1"
    attempt: int = 1
    attempt_name: str = "penstock-a-e1-r1-1"
    epoch: int = 1
    idempotency_key: str = "key"
    resumed: bool = False
    secrets: tuple[str, ...] = ()
    workspace: Workspace | None = None
    clock: HeldClock = field(default_factory=HeldClock)

    @property
    def name(self) -> str:
        return self.attempt_name

    def now(self) -> datetime:
        return self.clock.now()

    def render(self, template: str) -> str:
        return str(render(template, self.variables))

    def render_value(self, value: Any) -> Any:
        return render_value(value, self.variables)

    def with_variables(self, more: Mapping[str, Any]) -> HandContext:
        return replace(self, variables={**self.variables, **more})

    def with_task(self, task: Task) -> HandContext:
        return replace(self, task=task)

    def mask(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "******")
        return text

    def log(self, level: Level, message: str) -> None:
        for line in self.mask(message).split("\n"):
            self.log_writer.write("log", level, line.encode())

    def runner(self, kind: str | None) -> Runner:
        kind = kind or "process"
        if kind not in self.runners:
            raise UserError(f"there is no runner `{kind}`")
        return self.runners[kind]

    def uri(self, name: str) -> str:
        return f"kestra:///demo/f/executions/{self.execution_id}/tasks/{self.task.id}/{self.run_id}/{name}"

    def said(self) -> list[tuple[str, str]]:
        """What stands in the log: level and text, pieces of a line put together."""
        self.log_writer.flush()
        found: list[tuple[str, str]] = []
        open_: dict[str, str] = {}
        for line in self.logs.read(self.execution_id):
            text = open_.pop(line.stream, "") + line.text
            if line.continued:
                open_[line.stream] = text
            else:
                found.append((line.level.value, text))
        return found

    def crashed(self) -> HandContext:
        """The same attempt in a process that comes after this one: what was not flushed is gone."""
        writer = self.logs.open(KEY, max_bytes=1 << 30)
        return replace(self, log_writer=writer, halt=HandHalt(), resumed=True)


def context(
    type_name: str,
    properties: Mapping[str, Any],
    *,
    variables: Mapping[str, Any] | None = None,
    program: Program | None = None,
    runner: Runner | None = None,
    dialect: Dialect = Dialect.AUTO,
    namespace_files: Mapping[str, Mapping[str, bytes]] | None = None,
    **more: Any,
) -> HandContext:
    """The world of a task with these properties. `program` is what the shell does, `runner` a whole runner."""
    info = load_catalog().find(type_name)
    name = info.name if info is not None else type_name
    task = Task("t", name, (info.kind if info is not None else None) or Kind.WORKER, properties)
    logs = MemoryLogs()
    runners: dict[str, Runner] = {}
    if runner is not None or program is not None:
        runners["process"] = runner or ScriptedRunner({SHELL: program or silent})
    return HandContext(
        flow=Flow("demo", "f", (task,), dialect=dialect),
        task=task,
        variables=variables or {},
        files=MemoryFiles(),
        namespace_files=MemoryNamespaceFiles(namespace_files),
        http=AskedHttp(),
        halt=HandHalt(),
        logs=logs,
        log_writer=logs.open(KEY, max_bytes=1 << 30),
        runners=runners,
        **more,
    )


def run(context: HandContext) -> Result:
    """The attempt, as the worker makes it."""
    kind = task_type(context.task.type)
    return kind.run(prepare(kind, context.task, context.render_value), context)


def silent(running: Running) -> int:
    del running
    return 0


def saying(*lines: str | bytes, code: int = 0, errors: Iterable[str] = ()) -> Callable[[Running], int]:
    """A program that writes lines to standard output, `errors` to standard error, and ends with `code`."""

    def program(running: Running) -> int:
        for line in lines:
            running.out(line if isinstance(line, bytes) else f"{line}\n".encode())
        for line in errors:
            running.err(f"{line}\n".encode())
        return code

    return program


@dataclass
class Seen:
    """A program that remembers what it was started with."""

    running: list[Running] = field(default_factory=list)

    def __call__(self, running: Running) -> int:
        self.running.append(running)
        return 0

    @property
    def text(self) -> str:
        """What the interpreter was given."""
        return self.running[0].argv[-1]


__all__ = ["KEY", "SHELL", "WORKING_DIR_MARK", "AskedHttp", "HandContext", "Seen", "context", "run", "saying", "silent"]
