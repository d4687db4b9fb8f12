"""What task runs have given and come to, as expressions address it: by task id, then by the loop values around."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import immutables

from penstock.execution.model import Execution, TaskRun
from penstock.execution.sealed import unseal
from penstock.flow.model import nothing

Places = immutables.Map[tuple[str, ...], str]
"""The task runs of one task, by the loop values around each."""


def nobody(execution: str) -> Execution | None:
    del execution
    return None


class _ByTask(Mapping[str, Any]):
    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

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


class _OfTask(Mapping[str, Any]):
    """The task runs of one task below some loop values, `prefix`."""

    __slots__ = ("_at", "_execution", "_prefix")

    def __init__(self, execution: Execution, at: Places, prefix: tuple[str, ...] = ()) -> None:
        self._execution = execution
        self._at = at
        self._prefix = prefix

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _has_below(self, path: tuple[str, ...]) -> bool:
        return path in self._at or any(at[: len(path)] == path for at in self._at)

    def _runs(self) -> list[TaskRun]:
        """All of the task, in the order of their creation."""
        return sorted((self._execution.runs[key] for key in self._at.values()), key=lambda run: run.ordinal)

    def _next_values(self) -> Iterator[str]:
        depth = len(self._prefix)
        paths = (run.path for run in self._runs())
        yield from dict.fromkeys(path[depth] for path in paths if len(path) > depth and path[:depth] == self._prefix)


# ── outputs ──────────────────────────────────────────────────────────────────────────────────────────────────


class _OutputsOfTask(_OfTask):
    """`outputs.t` of a task within loops: `outputs.t[value]`, nested `outputs.t[outer][inner]`."""

    __slots__ = ("_open",)

    def __init__(
        self, execution: Execution, at: Places, open_: Callable[[str], str], prefix: tuple[str, ...] = ()
    ) -> None:
        super().__init__(execution, at, prefix)
        self._open = open_

    def __getitem__(self, key: str) -> Any:
        path = (*self._prefix, key)
        run_id = self._at.get(path)
        if run_id is None:
            if not self._has_below(path):
                raise KeyError(key)
            return _OutputsOfTask(self._execution, self._at, self._open, path)
        outputs = self._execution.runs[run_id].outputs
        if outputs is None:
            raise KeyError(key)
        return unseal(outputs, self._open)

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._next_values() if self._has(key))

    def _has(self, key: str) -> bool:
        run_id = self._at.get((*self._prefix, key))
        return run_id is None or self._execution.runs[run_id].outputs is not None


class Outputs(_ByTask):
    """`outputs`. An iteration of a Loop sees those of the execution it is of, too."""

    __slots__ = ("_load", "_open")

    def __init__(
        self,
        execution: Execution,
        open_: Callable[[str], str] = str,
        load: Callable[[str], Execution | None] = nobody,
    ) -> None:
        super().__init__(execution)
        self._open = open_
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
            return _OutputsOfTask(self._execution, at, self._open)
        outputs = self._execution.runs[own].outputs
        if outputs is None:
            raise KeyError(task)
        return unseal(outputs, self._open)


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────

_STATE = "state"


class _StatesOfTask(_OfTask):
    """`tasks.t` of a task within loops.

    Kestra knows its task runs by their own loop value alone, and by none where they stand deeper than the loop: the
    last of several counts (kestra core/.../RunVariables.java). They are told so, and can be addressed as outputs are,
    too: `tasks.t[outer][inner].state`.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        path = (*self._prefix, key)
        if self._has_below(path):
            return _StatesOfTask(self._execution, self._at, path)
        if key == _STATE and (here := self._here()) is not None:
            return here.state.value
        if not self._prefix and any(run.value == key for run in self._runs()):
            return _StatesOfTask(self._execution, self._at, path)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        if not self._prefix:
            yield from dict.fromkeys(_STATE if run.value is None else run.value for run in self._runs())
        elif self._here() is not None:
            yield _STATE
        else:
            yield from self._next_values()

    def _here(self) -> TaskRun | None:
        own = self._at.get(self._prefix)
        if own is not None or len(self._prefix) > 1:
            return self._execution.runs[own] if own is not None else None
        value = self._prefix[0] if self._prefix else None
        return next((run for run in reversed(self._runs()) if run.value == value), None)


class TaskStates(_ByTask):
    """`tasks`: `tasks.<id>.state`, within loops `tasks.<id>[value].state`."""

    __slots__ = ()

    def __getitem__(self, task: str) -> Any:
        at = self._execution.places[task]
        own = at.get(())
        return _StatesOfTask(self._execution, at) if own is None else {_STATE: self._execution.runs[own].state.value}
