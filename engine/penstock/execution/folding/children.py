"""What events about the children of a task run change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import immutables

from penstock.execution.draft import Draft, changed
from penstock.execution.event import ChildEnded, ChildRefused, ChildrenRequested, ChildStarted
from penstock.execution.family import Family
from penstock.execution.folding.index import put
from penstock.execution.folding.runs import moved
from penstock.execution.model import Attempt, TaskRun
from penstock.execution.state import State

ChildChange = ChildrenRequested | ChildStarted | ChildRefused | ChildEnded

_NOBODY: immutables.Map[int, str] = immutables.Map()


def fold_child(draft: Draft, event: ChildChange) -> None:
    run = draft.runs[event.run]
    match event:
        case ChildrenRequested():
            put(draft, _calling(run, event))
        case ChildStarted():
            if run.family is not None and run.family.waits:
                living = draft.children.get(run.id, _NOBODY).set(event.index, event.child)
                draft.children = draft.children.set(run.id, living)
            put(draft, _told(run, _family(run).with_one_begun(), event.outputs))
        case ChildRefused():
            put(draft, _told(run, _family(run).with_one_refused(event.error), None))
        case ChildEnded():
            living = draft.children[run.id].delete(event.index)
            draft.children = draft.children.set(run.id, living) if living else draft.children.delete(run.id)
            after = _told(
                run, _family(run).with_one_ended(event.state, event.error, is_last=event.is_last), event.outputs
            )
            put(draft, after if living else changed(after, wake_at=None))


def _calling(run: TaskRun, event: ChildrenRequested) -> TaskRun:
    attempt = Attempt(len(run.attempts) + 1, session="", epoch=0, started=event.at)
    family = Family(event.count, event.width, event.waits)
    # What an earlier attempt has called is told of no more.
    return changed(moved(run, event.at, State.RUNNING), attempts=(*run.attempts, attempt), family=family, outputs=None)


def _family(run: TaskRun) -> Family:
    assert run.family is not None
    return run.family


def _told(run: TaskRun, family: Family, outputs: Mapping[str, Any] | None) -> TaskRun:
    if outputs is None:
        return changed(run, family=family)
    return changed(run, family=family, outputs={**(run.outputs or {}), **outputs})
