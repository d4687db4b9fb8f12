"""What every task type is: a model of its properties, and one `run` that gets the world handed in."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from penstock.errors import PenstockError
from penstock.execution.state import State
from penstock.flow.model import Flow, Kind, Level, Task
from penstock.ports.executions import Executions
from penstock.ports.files import Files
from penstock.ports.http import Http
from penstock.ports.logs import LogWriter
from penstock.ports.namespace_files import NamespaceFiles
from penstock.ports.runner import Halt, Runner, Workspace


class Properties(BaseModel):
    """A type's own properties, after rendering. Names are camelCase in YAML; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


P = TypeVar("P", bound=Properties)


@dataclass(frozen=True, slots=True)
class SetLabels:
    """The execution gets these labels."""

    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChangeVariables:
    """What expressions see as `vars`: dotted paths that go, then values that are merged in."""

    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exit:
    """The execution ends in `state`."""

    state: State


Effect = SetLabels | ChangeVariables | Exit


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended well: its outputs, and WARNING where the task asks for it."""

    outputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    state: State = State.SUCCESS
    exit_code: int | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()
    effects: tuple[Effect, ...] = ()
    """What it changes of the execution. Inline types alone have any."""


class TaskFailed(PenstockError):
    """The attempt failed, for a reason that belongs to the task. What it put out until then is kept."""

    code = "PEN040"

    def __init__(
        self,
        message: str,
        *,
        outputs: Mapping[str, Any] | None = None,
        exit_code: int | None = None,
        metrics: tuple[Mapping[str, Any], ...] = (),
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message, help=help)
        self.outputs: Mapping[str, Any] = outputs or {}
        self.exit_code = exit_code
        self.metrics = metrics


class TaskStopped(PenstockError):
    """The attempt was asked to stop, and did. What it put out until then is kept."""

    code = "PEN041"

    def __init__(self, *, outputs: Mapping[str, Any] | None = None, exit_code: int | None = None) -> None:
        super().__init__("stopped")
        self.outputs: Mapping[str, Any] = outputs or {}
        self.exit_code = exit_code


class TaskLost(PenstockError):
    """Nobody can say how the attempt ended: what ran it is gone without a trace."""

    code = "PEN042"


class Context(Protocol):
    """The world of one attempt, as far as a task may see it. Used by one thread."""

    flow: Flow
    task: Task
    execution_id: str
    run_id: str
    attempt: int
    epoch: int
    """Of the session that has begun the attempt; 0 where none has."""
    idempotency_key: str
    """Stable over attempts that repeat the same work: execution, task run, iteration."""
    variables: Mapping[str, Any]
    files: Files
    namespace_files: NamespaceFiles
    """Those of the tree that the execution is pinned to."""
    http: Http
    executions: Executions
    """The others, and what is kept of them."""
    halt: Halt
    log_writer: LogWriter
    resumed: bool
    """The attempt began in a process that is gone: find what it left before starting anything."""

    workspace: Workspace | None = None
    """The working directory that the task shares with others; for the flowable that holds them, its own."""

    @property
    def name(self) -> str:
        """The deterministic name of the attempt on its runner."""
        ...

    def now(self) -> datetime:
        """The wall clock."""
        ...

    def render(self, template: str) -> str:
        """The text of a template over `variables`. Raises ExpressionError."""
        ...

    def render_value(self, value: Any) -> Any:
        """Every text within `value` rendered; the rest untouched."""
        ...

    def with_variables(self, more: Mapping[str, Any]) -> Context:
        """The same world, where expressions see `more` too (`workingDir`, `outputDir`)."""
        ...

    def with_task(self, task: Task) -> Context:
        """The same attempt, of another task: what one task does in the name of another."""
        ...

    def mask(self, text: str) -> str:
        """`text` with every secret value that this execution has used replaced by `******`."""
        ...

    def log(self, level: Level, message: str) -> None:
        """One line (or several) into the attempt's log, masked."""
        ...

    def runner(self, kind: str | None) -> Runner:
        """The runner of that kind (`process`, `docker`), or for None the one that takes what names none.

        Raises UserError when it is not allowed or not there."""
        ...

    def uri(self, name: str) -> str:
        """The `kestra:///…` URI of a file of this task run."""
        ...


class TaskType(ABC):
    """One type of task. Stateless; one instance serves all attempts.

    `adoptable` types may be run again under the same attempt after a crash: they find what they had started.
    The attempt of any other type is lost with the process that ran it, and is repeated. What one that
    `changes_execution` does is done to the execution as a whole: it stands in the flow itself.
    """

    properties: ClassVar[builtins.type[Properties]]
    type: ClassVar[str]
    title: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    deprecated: ClassVar[str | None] = None
    kind: ClassVar[Kind] = Kind.WORKER
    adoptable: ClassVar[bool] = False
    changes_execution: ClassVar[bool] = False

    @abstractmethod
    def run(self, properties: Any, context: Context) -> Result:
        """Do the work. Raises TaskFailed, TaskStopped, TaskLost, UserError, Retryable. A bug fails its attempt."""


class Furnishing(TaskType):
    """A flowable whose children share a working directory. Its `run` is what is done when they have ended."""

    @abstractmethod
    def files(self, properties: Any, context: Context) -> Mapping[PurePosixPath, bytes | str]:
        """What lies there when the first program is started in it. Raises UserError, NotFound, Retryable."""
