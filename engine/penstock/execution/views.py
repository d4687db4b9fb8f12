"""Inputs, outputs and states of task runs as expressions see them: read-only, opened where they are looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import immutables

from penstock.execution.model import Execution, TaskRun
from penstock.execution.sealed import unseal
from penstock.flow.model import nothing

Load = Callable[[str], Execution | None]
"""Gives the execution that an iteration is of, whose outputs it sees too."""


def nobody(execution: str) -> Execution | None:
    """Where no iterations are."""
    del execution
    return None


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
        load: Load = nobody,
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
