"""Which class does what a type says: one table of our own, then what is installed beside us.

A class is named by `module:attribute` and imported when a task of its type runs.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from penstock.diagnostic import did_you_mean
from penstock.errors import UserError
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.foreach_item import MERGE, SPLIT
from penstock.flow.model import Kind
from penstock.tasks.base import Properties, TaskType
from penstock.tasks.catalogue import KNOWN
from penstock.tasks.filling import prepare
from penstock.tasks.names import DOCKER_COMMANDS, DOCKER_RUN, DOCKER_RUNNER
from penstock.tasks.placement import WORKING_DIRECTORY

__all__ = ["GROUP", "MODELS", "TYPES", "is_runnable", "kind_of", "model_of", "prepare", "task_type"]

GROUP = "penstock.tasks"
"""Entry points of this group name further types: `io.example.Type = package.module:Class`."""

_CORE, _SCRIPTS = "io.kestra.plugin.core.", "io.kestra.plugin.scripts."

TYPES: dict[str, str] = {
    _CORE + "log.Log": "penstock.tasks.core:Log",
    _CORE + "debug.Return": "penstock.tasks.core:Return",
    _CORE + "debug.Echo": "penstock.tasks.core:Echo",
    _CORE + "execution.Fail": "penstock.tasks.core:Fail",
    _CORE + "execution.Count": "penstock.tasks.executions:Count",
    _CORE + "execution.Resume": "penstock.tasks.executions:Resume",
    _CORE + "execution.Kill": "penstock.tasks.executions:Kill",
    _CORE + "execution.PurgeExecutions": "penstock.tasks.executions:PurgeExecutions",
    _CORE + "log.Fetch": "penstock.tasks.logs:Fetch",
    _CORE + "log.PurgeLogs": "penstock.tasks.logs:PurgeLogs",
    _CORE + "execution.Labels": "penstock.tasks.own_execution:Labels",
    _CORE + "execution.SetVariables": "penstock.tasks.own_execution:SetVariables",
    _CORE + "execution.UnsetVariables": "penstock.tasks.own_execution:UnsetVariables",
    _CORE + "execution.Exit": "penstock.tasks.own_execution:Exit",
    _CORE + "output.OutputValues": "penstock.tasks.core:OutputValues",
    _CORE + "execution.Assert": "penstock.tasks.asserting:Assert",
    _CORE + "flow.Sleep": "penstock.tasks.sleeping:Sleep",
    _CORE + "templating.TemplatedTask": "penstock.tasks.templated:TemplatedTask",
    _CORE + "http.Request": "penstock.tasks.http:HttpRequest",
    _CORE + "http.Download": "penstock.tasks.http_download:HttpDownload",
    _SCRIPTS + "python.Script": "penstock.tasks.scripts:PythonScript",
    _SCRIPTS + "python.Commands": "penstock.tasks.scripts:PythonCommands",
    _SCRIPTS + "shell.Script": "penstock.tasks.scripts:ShellScript",
    _SCRIPTS + "shell.Commands": "penstock.tasks.scripts:ShellCommands",
    _SCRIPTS + "node.Script": "penstock.tasks.scripts:NodeScript",
    _SCRIPTS + "node.Commands": "penstock.tasks.scripts:NodeCommands",
    DOCKER_COMMANDS: "penstock.tasks.scripts.docker:DockerCommands",
    DOCKER_RUN: "penstock.tasks.scripts.docker:DockerRun",
}
"""The tasks that run."""

MODELS: dict[str, str] = {
    _CORE + "flow.Sequential": "penstock.tasks.flowables:Sequential",
    WORKING_DIRECTORY: "penstock.tasks.flowables:WorkingDirectory",
    _CORE + "flow.AllowFailure": "penstock.tasks.flowables:AllowFailure",
    _CORE + "flow.Parallel": "penstock.tasks.flowables:Parallel",
    _CORE + "flow.Dag": "penstock.tasks.flowables:Dag",
    _CORE + "flow.If": "penstock.tasks.flowables:If",
    _CORE + "flow.Switch": "penstock.tasks.flowables:Switch",
    _CORE + "flow.ForEach": "penstock.tasks.flowables:ForEach",
    _CORE + "flow.EachSequential": "penstock.tasks.flowables:EachSequential",
    _CORE + "flow.EachParallel": "penstock.tasks.flowables:EachParallel",
    _CORE + "flow.LoopUntil": "penstock.tasks.flowables:LoopUntil",
    _CORE + "flow.Pause": "penstock.tasks.flowables:Pause",
    _CORE + "flow.Approval": "penstock.tasks.flowables:Approval",
    _CORE + "flow.ForEachItem": "penstock.tasks.calls:ForEachItem",
    _CORE + "flow.Subflow": "penstock.tasks.calls:Subflow",
    _CORE + "flow.Loop": "penstock.tasks.calls:Loop",
    _CORE + "trigger.Schedule": "penstock.tasks.triggers:Schedule",
    _CORE + "runner.Process": "penstock.tasks.runners:Process",
    DOCKER_RUNNER: "penstock.tasks.runners:Docker",
}
"""What works without a `run` of its own: flowables, triggers and runners, by the model of their properties."""

KINDS: dict[str, Kind] = {
    _CORE + "flow.ForEachItem": Kind.FLOWABLE,
    _CORE + "flow.Subflow": Kind.EXECUTABLE,
    _CORE + "flow.Loop": Kind.EXECUTABLE,
}
"""What moves the tasks on that call other flows."""

PARTS: dict[str, str] = {
    SPLIT: "penstock.tasks.foreach_item:Split",
    MERGE: "penstock.tasks.foreach_item:MergeOutputs",
}
"""Tasks that nobody writes: the parts of others."""

CLOSING: dict[str, str] = {WORKING_DIRECTORY: "penstock.tasks.scripts.working_directory:WorkingDirectory"}
"""What a worker does for a flowable when its children have ended."""


def task_type(name: str) -> TaskType:
    """The type of that name or alias. Raises UserError when it is not known, or cannot run here."""
    info = load_catalog().find(name)
    return _task_type(info.name if info is not None else name)


@cache
def _task_type(name: str) -> TaskType:
    known = TYPES.get(name) or PARTS.get(name) or CLOSING.get(name)
    found = _load(known) if known is not None else _installed(name)
    if not (isinstance(found, type) and issubclass(found, TaskType)):
        raise UserError(f"`{name}` is no task type: `{found!r}` is not a subclass of TaskType")
    return found()


def _load(reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def _installed(name: str) -> Any:
    """The class that an installed package gives for a type. Looked up only for types that are not ours."""
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"`{name}` could not be loaded from `{point.value}`: {error}",
                help="reinstall the package that provides it",
            ) from error
    known = load_catalog()
    if known.find(name) is not None:
        raise UserError(
            f"`{name}` is known but cannot run in this version", help="`penstock types --runnable` lists what can"
        )
    raise UserError(f"`{name}` is not a known task type", help=did_you_mean(name, known.names("task")))


def model_of(name: str) -> type[Properties] | None:
    """The model of a type's own properties; None when it has none yet. `name` is canonical."""
    if name in TYPES:
        return _task_type(name).properties
    reference = MODELS.get(name) or KNOWN.get(name)
    if reference is None:
        return None
    model: type[Properties] = _load(reference)
    return model


def is_runnable(name: str) -> bool:
    """Whether this version does what the type says. A type that it only knows has a model all the same."""
    return name in TYPES or name in MODELS


def kind_of(name: str) -> Kind | None:
    """What moves tasks of a type on; None when it has no implementation, or is no task."""
    if name in TYPES:
        return _task_type(name).kind
    if MODELS.get(name, "").startswith("penstock.tasks.flowables:"):
        return Kind.FLOWABLE
    return KINDS.get(name)
