"""An execution that goes on from where another one stood, under an id of its own, on the same flow or another revision.

Task runs keep their histories, attempts and outputs, and find their places anew in the flow that they go on in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.errors import Refused
from penstock.execution.codec import run_data
from penstock.execution.deciding.lists import lanes_of
from penstock.execution.event import ExecutionInherited, ExecutionReopened, Instant
from penstock.execution.identity import derive_id
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.execution.sealed import over_texts
from penstock.execution.snapshot import restore
from penstock.flow.model import Flow, Kind

UNPLACED = "PEN044"
"""The code of a revision that has no place for a task run that it is to go on from."""


def moved_to(flow: Flow, execution: Execution) -> Execution:
    """`execution` with its task runs at their places in `flow`, another revision of its own. Raises Refused where a
    task run has none."""
    placed: dict[str, TaskRun] = {}
    for run in execution.in_order():
        task = flow.by_id.get(run.task)
        if task is None or (task.kind is Kind.FLOWABLE) != (run.kind is Kind.FLOWABLE):
            raise _unplaced(flow, run)
        placed[run.id] = replace(run, kind=task.kind)
    moved = restore(execution, placed.values())
    places: dict[tuple[str, str], Mapping[tuple[str, str | None], tuple[int, int, bool]]] = {}
    for run in moved.in_order():
        key = (run.scope_key, run.phase.value)
        if key not in places:
            places[key] = _places(flow, moved, run)
        place = places[key].get((run.task, run.value))
        if place is None:
            raise _unplaced(flow, run)
        lane, position, last = place
        placed[run.id] = replace(placed[run.id], lane=lane, position=position, last=last)
    return restore(execution, placed.values())


def _places(flow: Flow, execution: Execution, run: TaskRun) -> Mapping[tuple[str, str | None], tuple[int, int, bool]]:
    """Lane, position, and whether it is the last of its lane, of every task in the list that `run` stands in."""
    owner = execution.runs.get(run.scope_key)
    if owner is not None and owner.opened is None:
        return {}
    lanes = lanes_of(flow, execution, run.scope_key, run.phase)
    found: dict[tuple[str, str | None], tuple[int, int, bool]] = {}
    for number in range(lanes.count):
        lane = lanes.lane(number)
        for position, task in enumerate(lane.tasks):
            found[task.id, lane.value] = (number, position, position == len(lane.tasks) - 1)
    return found


def _unplaced(flow: Flow, run: TaskRun) -> Refused:
    return Refused(
        f"the task `{run.task}` has no place in the other revision of {flow.name}",
        help="go on with the revision that it began with, or replay the whole execution",
        code=UNPLACED,
    )


def inherit(
    old: Execution, opened: ExecutionReopened, new: str, *, at: Instant
) -> tuple[ExecutionInherited, ExecutionReopened]:
    """What begins `new` as `old` would go on by `opened`: what stays of it, under ids of its own."""
    dropped = set(opened.dropped)
    kept = [run for run in old.in_order() if run.ordinal not in dropped]
    ids = {run.id: derive_id(new, None, run.id, None) for run in kept}
    ids[ROOT] = ROOT
    runs = tuple(renamed_files(data, old.id, new) for data in _renamed(kept, ids))
    inherited = ExecutionInherited(at=at, histories=old.histories, runs=runs)
    return inherited, replace(
        opened,
        dropped=(),
        runs=tuple((ids[run], again) for run, again in opened.runs),
        marked=tuple((ids[run], state) for run, state in opened.marked),
        lists=tuple((ids[opening[0]], *opening[1:]) for opening in opened.lists),
    )


def renamed_files(value: Any, old: str, new: str) -> Any:
    """`value` with the files of `old` in it as those of `new`: an execution reads its own alone."""
    return over_texts(value, lambda text: text.replace(f"/executions/{old}/", f"/executions/{new}/"))


def _renamed(kept: Sequence[TaskRun], ids: Mapping[str, str]) -> tuple[Mapping[str, object], ...]:
    return tuple(
        run_data(
            replace(run, id=ids[run.id], ordinal=ordinal, parent=ids[run.parent] if run.parent is not None else None)
        )
        for ordinal, run in enumerate(kept)
    )
