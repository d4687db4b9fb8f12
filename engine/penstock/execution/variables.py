"""The variables of expressions: what they see of an execution, each made where it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.execution.addressing import Outputs, TaskStates, nobody
from penstock.execution.instants import iso as iso
from penstock.execution.model import Execution, TaskRun
from penstock.execution.overlay import merged, without
from penstock.execution.sealed import unseal
from penstock.execution.standpoint import around_run, failure, taskrun
from penstock.flow.inputs import given_value, literal_value, put_value
from penstock.flow.model import Dialect, Flow, InputType, nothing

TENANT = "main"
"""Kestra's name for the one tenant of an installation without tenants."""

_SCHEDULES = frozenset({"io.kestra.plugin.core.trigger.Schedule", "io.kestra.core.models.triggers.types.Schedule"})
"""What gave its variables as `schedule` too, before 2.0."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What expressions see beside the execution: `envs`, `globals`, `kestra`; and how to open a sealed value."""

    envs: Mapping[str, Any] = field(default_factory=nothing)
    globals: Mapping[str, Any] = field(default_factory=nothing)
    kestra: Mapping[str, Any] = field(default_factory=nothing)
    open: Callable[[str], str] = str
    load: Callable[[str], Execution | None] = nobody
    """Gives the execution that an iteration is of, whose outputs it sees too."""


def variables(
    flow: Flow,
    execution: Execution,
    run: TaskRun | None = None,
    around: Surroundings | None = None,
    more: Mapping[str, Any] = nothing(),
) -> Mapping[str, Any]:
    """The variables of `run`, or, without one, of the execution itself (Kestra 1.x, chapter Expressions), and
    `more`."""
    return Seen(flow, execution, run, around or Surroundings(), more)


class Seen(Mapping[str, Any]):
    """Each variable is made when it is first looked at: an attempt pays for what its expressions name."""

    __slots__ = ("_made", "around", "execution", "flow", "run")

    def __init__(
        self, flow: Flow, execution: Execution, run: TaskRun | None, around: Surroundings, more: Mapping[str, Any]
    ) -> None:
        self.flow = flow
        self.execution = execution
        self.run = run
        self.around = around
        self._made = dict(more)
        if flow.inputs:
            self._made.setdefault("inputs", _inputs(self))  # its secrets are hidden from here on

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            made = _MADE[name](self)
            if made is _ABSENT:
                raise KeyError(name)
            self._made[name] = made
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        if name in self._made:
            return True
        return isinstance(name, str) and name in _MADE and self.get(name, _ABSENT) is not _ABSENT

    def __iter__(self) -> Iterator[str]:
        own = [name for name in _MADE if name in self]
        return iter((*own, *(name for name in self._made if name not in _MADE)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Seen({dict(self)!r})"


_ABSENT = object()


def _flow(seen: Seen) -> Mapping[str, Any]:
    flow, revision = seen.flow, seen.execution.revision
    return {"id": flow.id, "namespace": flow.namespace, "revision": revision, "tenantId": TENANT}


def _namespace(seen: Seen) -> Mapping[str, Any]:
    """Kestra's has the variables of the namespace, which are settings of a server."""
    del seen
    return {}


def _item(seen: Seen) -> Any:
    """The value of an iteration, and of those around it: the outermost first (Kestra 2.0, LoopCaseTest)."""
    if "item" not in seen.execution.source:
        return _ABSENT
    item: Mapping[str, Any] = seen.execution.source["item"]
    parents = item["parents"]
    return {**item, "parent": parents[-1]} if parents else item


def _trigger(seen: Seen) -> Any:
    trigger = seen.execution.trigger
    return _ABSENT if trigger is None else trigger.get("variables", {})


def _schedule(seen: Seen) -> Any:
    trigger = seen.execution.trigger
    is_told = trigger is not None and trigger.get("type") in _SCHEDULES and seen.flow.dialect is not Dialect.V2
    return seen["trigger"] if is_told else _ABSENT


def seen_variables(flow: Flow, execution: Execution, around: Surroundings | None = None) -> Mapping[str, Any]:
    """Those of the flow, with what tasks have changed of them."""
    if not execution.variables and not execution.unset:
        return flow.variables
    changed = unseal(execution.variables, around.open) if around is not None else execution.variables
    return merged(without(flow.variables, execution.unset), changed)


def _execution(seen: Seen) -> Mapping[str, Any]:
    """An iteration of a Loop sees the execution that it belongs to (kestra core 2.0, LoopCaseTest)."""
    execution = seen.execution
    told: dict[str, Any] = {
        "id": execution.id,
        "startDate": iso(execution.created),
        "originalId": execution.original_id or execution.id,
        "state": execution.state.value,
    }
    if execution.is_iteration:
        told |= execution.source.get("of", {})
    if execution.state.is_terminal:
        told["endDate"] = iso(execution.histories[-1][1])
    if execution.outputs is not None:
        told["outputs"] = unseal(execution.outputs, seen.around.open)
    return told


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


def _inputs(seen: Seen) -> Mapping[str, Any]:
    """A secret among them is opened at once, so that it is hidden wherever it turns up.

    One that was left out, because what it depends on does not hold, shows its default (Kestra, RunVariables).
    """
    given = seen.execution.inputs
    inputs = Inputs(given, seen.around.open)
    left_out: dict[str, Any] = {}
    for declared in seen.flow.inputs:
        if declared.type is InputType.SECRET:
            given_value(inputs, declared.id)
        if declared.depends_on and given_value(given, declared.id) is None:
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


def _of_run(tell: Callable[[Flow, Execution, TaskRun], Any]) -> Callable[[Seen], Any]:
    """A variable that only a task run has, and not each one."""

    def told(seen: Seen) -> Any:
        found = None if seen.run is None else tell(seen.flow, seen.execution, seen.run)
        return _ABSENT if found is None else found

    return told


def _parents(seen: Seen) -> Any:
    return _ABSENT if seen.run is None else around_run(seen.flow, seen.execution, seen.run, seen.around.open)


def _parent(seen: Seen) -> Any:
    return seen["parents"][0] if seen.get("parents") else _ABSENT


_MADE: Mapping[str, Callable[[Seen], Any]] = {
    "flow": _flow,
    "execution": _execution,
    "inputs": _inputs,
    "outputs": lambda seen: Outputs(seen.execution, seen.around.open, seen.around.load),
    "tasks": lambda seen: TaskStates(seen.execution),
    "vars": lambda seen: seen_variables(seen.flow, seen.execution, seen.around),
    "labels": lambda seen: nested_labels(seen.execution.labels),
    "envs": lambda seen: seen.around.envs,
    "globals": lambda seen: seen.around.globals,
    "kestra": lambda seen: seen.around.kestra,
    "namespace": _namespace,
    "item": _item,
    "trigger": _trigger,
    "schedule": _schedule,
    "task": _of_run(lambda flow, _, run: {"id": run.task, "type": flow.by_id[run.task].type}),
    "taskrun": _of_run(taskrun),
    "parent": _parent,
    "parents": _parents,
    "error": _of_run(failure),
}
"""Every variable, and what makes it."""
