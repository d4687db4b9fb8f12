"""What expressions see of an execution, as read-only views that are built where they are looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import immutables

from penstock.execution.event import Phase, StopCause
from penstock.execution.flowable import FLOWABLES
from penstock.execution.instants import iso as iso
from penstock.execution.model import Execution, TaskRun
from penstock.execution.outcome import why
from penstock.execution.overlay import merged, without
from penstock.execution.sealed import unseal
from penstock.flow.inputs import given_value, literal_value, put_value
from penstock.flow.model import Dialect, Flow, InputType, nothing

TENANT = "main"
"""Kestra's name for the one tenant of an installation without tenants."""

_SCHEDULES = frozenset({"io.kestra.plugin.core.trigger.Schedule", "io.kestra.core.models.triggers.types.Schedule"})
"""What gave its variables as `schedule` too, before 2.0."""


def _nobody(execution: str) -> Execution | None:
    del execution
    return None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What expressions see beside the execution: `envs`, `globals`, `kestra`; and how to open a sealed value."""

    envs: Mapping[str, Any] = field(default_factory=nothing)
    globals: Mapping[str, Any] = field(default_factory=nothing)
    kestra: Mapping[str, Any] = field(default_factory=nothing)
    open: Callable[[str], str] = str
    load: Callable[[str], Execution | None] = _nobody
    """Gives the execution that an iteration is of, whose outputs it sees too."""


def variables(
    flow: Flow, execution: Execution, run: TaskRun | None = None, around: Surroundings | None = None
) -> dict[str, Any]:
    """The variables of `run`, or, without one, of the execution itself (Kestra 1.x, chapter Expressions)."""
    around = around or Surroundings()
    seen: dict[str, Any] = {
        "flow": {"id": flow.id, "namespace": flow.namespace, "revision": execution.revision, "tenantId": TENANT},
        "execution": _of_execution(execution, around),
        "inputs": _inputs(flow, execution, around),
        "outputs": Outputs(execution, around.open, around.load),
        "tasks": TaskStates(execution, around.open),
        "vars": seen_variables(flow, execution, around),
        "labels": nested_labels(execution.labels),
        "envs": around.envs,
        "globals": around.globals,
        "kestra": around.kestra,
        "namespace": {},
    }
    if "item" in execution.source:
        seen["item"] = _of_item(execution.source["item"])
    if execution.trigger is not None:
        told = seen["trigger"] = execution.trigger.get("variables", {})
        if execution.trigger.get("type") in _SCHEDULES and flow.dialect is not Dialect.V2:
            seen["schedule"] = told
    if run is not None:
        seen |= _of_run(flow, execution, run, around)
    return seen


def _of_item(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value of an iteration, and of those around it: the outermost first (Kestra 2.0, LoopCaseTest)."""
    parents = item["parents"]
    return {**item, "parent": parents[-1]} if parents else item


def seen_variables(flow: Flow, execution: Execution, around: Surroundings | None = None) -> Mapping[str, Any]:
    """Those of the flow, with what tasks have changed of them."""
    if not execution.variables and not execution.unset:
        return flow.variables
    changed = unseal(execution.variables, around.open) if around is not None else execution.variables
    return merged(without(flow.variables, execution.unset), changed)


def _of_execution(execution: Execution, around: Surroundings) -> dict[str, Any]:
    """An iteration of a Loop sees the execution that it belongs to (kestra core 2.0, LoopCaseTest)."""
    seen: dict[str, Any] = {
        "id": execution.id,
        "startDate": iso(execution.created),
        "originalId": execution.original_id or execution.id,
        "state": execution.state.value,
    }
    if execution.is_iteration:
        seen |= execution.source.get("of", {})
    if execution.state.is_terminal:
        seen["endDate"] = iso(execution.histories[-1][1])
    if execution.outputs is not None:
        seen["outputs"] = unseal(execution.outputs, around.open)
    return seen


def _inputs(flow: Flow, execution: Execution, around: Surroundings) -> Mapping[str, Any]:
    """A secret among them is opened at once, so that it is hidden wherever it turns up.

    One that was left out, because what it depends on does not hold, shows its default (Kestra, RunVariables).
    """
    inputs = Inputs(execution.inputs, around.open)
    left_out: dict[str, Any] = {}
    for declared in flow.inputs:
        if declared.type is InputType.SECRET:
            given_value(inputs, declared.id)
        if declared.depends_on and given_value(execution.inputs, declared.id) is None:
            default = literal_value(declared)
            if default is not None:
                put_value(left_out, declared.id, default)
    return _over(left_out, inputs) if left_out else inputs


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, groups within one another."""
    merged = dict(below)
    for name, value in above.items():
        under = below.get(name)
        merged[name] = _over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _of_run(flow: Flow, execution: Execution, run: TaskRun, around: Surroundings) -> dict[str, Any]:
    earlier = len(run.attempts) - 1 if run.is_running else len(run.attempts)
    taskrun: dict[str, Any] = {
        "id": run.id,
        "startDate": iso(run.attempt.started if run.attempt else run.histories[0][1]),
        "attemptsCount": earlier,
    }
    if run.parent is not None:
        taskrun["parentId"] = run.parent
    value = _value(flow, execution, run)
    if value is not None:
        taskrun["value"] = value
    if run.iteration is not None:
        taskrun["iteration"] = run.iteration
    parents = [
        _parent(flow, above, around) for above in execution.lineage(run) if above.value is not None or above.outputs
    ]
    seen: dict[str, Any] = {"task": {"id": run.task, "type": flow.by_id[run.task].type}, "taskrun": taskrun}
    if parents:
        seen |= {"parent": parents[0], "parents": parents}
    error = _error(flow, execution, run)
    if error is not None:
        seen["error"] = error
    return seen


def _value(flow: Flow, execution: Execution, run: TaskRun) -> str | None:
    """Its own loop value; the tasks of a WorkingDirectory go by the value of that one, as one task would."""
    if run.value is not None or run.parent is None:
        return run.value
    above = execution.runs[run.parent]
    return above.value if FLOWABLES[flow.by_id[above.task].type].lends_value else None


def _parent(flow: Flow, run: TaskRun, around: Surroundings) -> dict[str, Any]:
    taskrun: dict[str, Any] = {} if run.value is None else {"value": run.value}
    if run.iteration is not None:
        taskrun["iteration"] = run.iteration
    task = {"id": run.task, "type": flow.by_id[run.task].type}
    return {"task": task, "taskrun": taskrun, "outputs": unseal(run.outputs or {}, around.open)}


def _error(flow: Flow, execution: Execution, run: TaskRun) -> dict[str, Any] | None:
    """In an errors branch: the task run that failed last in what the branch belongs to, and its message; of a flowable
    whose time is over that. There is no stack to trace: that is the message again."""
    handler = next((each for each in (run, *execution.lineage(run)) if each.phase is Phase.ERRORS), None)
    if handler is None:
        return None
    owner = execution.runs[handler.parent] if handler.parent is not None else None
    failed = [each for each in execution.runs.values() if each.error is not None and _is_of(execution, each, owner)]
    if owner is not None and owner.stop is StopCause.TIMEOUT:
        task, message = owner.task, why(flow.by_id[owner.task], owner, None)
    elif failed:
        last = max(failed, key=lambda each: each.ordinal)
        task, message = last.task, last.error
    else:
        return None
    return {"taskId": task, "message": message, "stackTrace": message}


def _is_of(execution: Execution, failed: TaskRun, owner: TaskRun | None) -> bool:
    """Whether a task run has failed in the main list of `owner` (None: the execution), at any depth."""
    key = owner.id if owner is not None else None
    while failed.parent != key and failed.parent is not None:
        failed = execution.runs[failed.parent]
    return failed.parent == key and failed.phase is not Phase.ERRORS


def nested_labels(labels: Mapping[str, str]) -> dict[str, Any]:
    """Labels by key; dotted keys also as nested maps, so that `labels.system.correlationId` works."""
    nested: dict[str, Any] = dict(labels)
    for key, value in labels.items():
        first, *rest = key.split(".")
        if not rest:
            continue
        at = nested.setdefault(first, {})
        for part in rest[:-1]:
            at = at.setdefault(part, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at[rest[-1]] = value
    return nested


class Inputs(Mapping[str, Any]):
    """`inputs`, opened where they are looked at."""

    __slots__ = ("_inputs", "_open")

    def __init__(self, inputs: Mapping[str, Any], open_: Callable[[str], str]) -> None:
        self._inputs = inputs
        self._open = open_

    def __getitem__(self, key: str) -> Any:
        return unseal(self._inputs[key], self._open)

    def __contains__(self, key: object) -> bool:
        return key in self._inputs

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)


class _AtTask(Mapping[str, Any]):
    """What task runs of one task give, addressed by the loop values around them, outermost first.

    `outputs.t` of a task outside loops is its own; within loops `outputs.t[value]`, nested `outputs.t[outer][inner]`.
    """

    __slots__ = ("_at", "_execution", "_open", "_prefix")

    def __init__(
        self,
        execution: Execution,
        at: immutables.Map[tuple[str, ...], str],
        prefix: tuple[str, ...],
        open_: Callable[[str], str],
    ) -> None:
        self._execution = execution
        self._open = open_
        self._at = at
        self._prefix = prefix

    def _given(self, run: TaskRun) -> Any:
        raise NotImplementedError

    def _below(self, key: str) -> Any:
        path = (*self._prefix, key)
        run_id = self._at.get(path)
        if run_id is not None:
            return self._given(self._execution.runs[run_id])
        if any(at[: len(path)] == path for at in self._at):
            return type(self)(self._execution, self._at, path, self._open)
        raise KeyError(key)

    def __getitem__(self, key: str) -> Any:
        if not isinstance(key, str):
            raise KeyError(key)
        return self._below(key)

    def __iter__(self) -> Iterator[str]:
        depth = len(self._prefix)
        ordered = sorted(self._at.items(), key=lambda item: self._execution.runs[item[1]].ordinal)
        yield from dict.fromkeys(
            path[depth] for path, _ in ordered if len(path) > depth and path[:depth] == self._prefix
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _OutputsOfTask(_AtTask):
    def _given(self, run: TaskRun) -> Any:
        if run.outputs is None:
            raise KeyError(run.value)
        return unseal(run.outputs, self._open)

    def __iter__(self) -> Iterator[str]:
        return (key for key in super().__iter__() if self._has(key))

    def _has(self, key: str) -> bool:
        run_id = self._at.get((*self._prefix, key))
        return run_id is None or self._execution.runs[run_id].outputs is not None


class _StatesOfTask(_AtTask):
    def _given(self, run: TaskRun) -> Any:
        return {"state": run.state.value}


class _ByTask(Mapping[str, Any]):
    __slots__ = ("_execution", "_open")

    def __init__(self, execution: Execution, open_: Callable[[str], str] = str) -> None:
        self._execution = execution
        self._open = open_

    def __iter__(self) -> Iterator[str]:
        places = self._execution.places
        yield from sorted(task for task in places if task in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, task: object) -> bool:
        try:
            self[task]  # type: ignore[index]
        except KeyError:
            return False
        return True


class Outputs(_ByTask):
    """`outputs`: by task id, then by loop values. An iteration of a Loop sees those of the execution it is of, too."""

    __slots__ = ("_load",)

    def __init__(
        self,
        execution: Execution,
        open_: Callable[[str], str] = str,
        load: Callable[[str], Execution | None] = _nobody,
    ) -> None:
        super().__init__(execution, open_)
        self._load = load

    def _outer(self) -> Mapping[str, Any]:
        caller = self._execution.caller
        found = self._load(caller.execution) if caller is not None and self._execution.is_iteration else None
        return nothing() if found is None else Outputs(found, self._open, self._load)

    def __iter__(self) -> Iterator[str]:
        yield from sorted({*super().__iter__(), *self._outer()})

    def __getitem__(self, task: str) -> Any:
        if task not in self._execution.places:
            return self._outer()[task]
        at = self._execution.places[task]
        own = at.get(())
        if own is None:
            return _OutputsOfTask(self._execution, at, (), self._open)
        outputs = self._execution.runs[own].outputs
        if outputs is None:
            raise KeyError(task)
        return unseal(outputs, self._open)


class TaskStates(_ByTask):
    """`tasks`: `tasks.<id>.state`, within loops `tasks.<id>[value].state`."""

    def __getitem__(self, task: str) -> Any:
        at = self._execution.places[task]
        own = at.get(())
        if own is None:
            return _StatesOfTask(self._execution, at, (), self._open)
        return {"state": self._execution.runs[own].state.value}
