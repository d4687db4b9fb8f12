"""Sequential and its kin: lanes that are known from the flow alone, one after another or side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import UserError
from penstock.execution.flowable.base import Flowable, Lane, Lanes, enabled, one_lane, templates_of
from penstock.execution.state import State
from penstock.flow.model import Task


class Sequential(Flowable):
    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        return one_lane(task.branches.get("tasks", ()))


class AllowFailure(Sequential):
    """What fails in it is handled by its own `errors`, and then only warns (Kestra core, AllowFailure.resolveState)."""

    def ends(self, task: Task, facts: Mapping[str, Any], children: State) -> State:
        return State.WARNING if children is State.FAILED else children


class WorkingDirectory(Sequential):
    """What its children have left in the directory that they share is taken out of it at the end, also when one of
    them has failed (kestra worker, WorkingDirectory.postExecuteTasks)."""

    @property
    def is_whole(self) -> bool:
        return True

    @property
    def lends_value(self) -> bool:
        return True

    def closes(self, task: Task) -> bool:
        return bool(task.properties.get("outputFiles") or task.properties.get("cache"))


class Parallel(Flowable):
    """Each task is a lane of its own; `concurrent` of them at once, all when it is 0.

    `onChildFailure` says what the others end as once one has failed (Kestra core 2.0, OnChildFailureInterface).
    """

    def asks(self, task: Task) -> tuple[str, ...]:
        return templates_of(task, "concurrent", "onChildFailure")

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        facts: dict[str, Any] = dict(rendered)
        if "concurrent" in rendered:
            facts["concurrent"] = _width(rendered["concurrent"])
        word = rendered.get("onChildFailure")
        if word is not None and str(word).upper() not in _OTHERS:
            raise UserError(f"`onChildFailure` is one of CONTINUE, CANCEL and FAIL, not `{word}`")
        return facts

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        tasks = enabled(task.branches.get("tasks", ()))
        width = facts.get("concurrent", task.properties.get("concurrent"))
        return Lanes(len(tasks), int(width or 0), lambda n: Lane((tasks[n],)))

    def others_end_as(self, task: Task, facts: Mapping[str, Any]) -> State | None:
        word = facts.get("onChildFailure", task.properties.get("onChildFailure"))
        return _OTHERS[str(word or "CONTINUE").upper()]


_OTHERS = {
    "CONTINUE": None,
    "CANCEL": State.CANCELLED,
    "CANCELLED": State.CANCELLED,
    "FAIL": State.FAILED,
    "FAILED": State.FAILED,
}


def _width(rendered: Any) -> int:
    try:
        width = int(str(rendered).strip())
    except ValueError as error:
        raise UserError(f"`concurrent` must be a whole number, and its expression gave `{rendered}`") from error
    if width < 0:
        raise UserError(f"`concurrent` must be 0 or more, and its expression gave `{width}`")
    return width


class Dag(Parallel):
    """Each task is a lane that waits for those it depends on, however they have ended, as long as none has failed.

    A disabled task is not there: who depends on it waits for what it would have waited for (Kestra core, the test flow
    dag-disabled-dependency).
    """

    def followers(self, task: Task, facts: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
        tasks = task.branches.get("tasks", ())
        needs: Mapping[str, list[str]] = task.properties.get("dependsOn") or {}
        place = {each.id: at for at, each in enumerate(enabled(tasks))}
        following: list[list[int]] = [[] for _ in place]
        for name, at in place.items():
            for needed in _enabled_needs(name, needs, place):
                following[place[needed]].append(at)
        return tuple(map(tuple, following)) if any(following) else ()


def _enabled_needs(name: str, needs: Mapping[str, list[str]], place: Mapping[str, int]) -> set[str]:
    """What a task waits for, with what is disabled replaced by what that would have waited for."""
    found: set[str] = set()
    seen: set[str] = set()
    ahead = list(needs.get(name, ()))
    while ahead:
        needed = ahead.pop()
        if needed in place:
            found.add(needed)
        elif needed not in seen:
            seen.add(needed)
            ahead += needs.get(needed, ())
    return found


class ForEachItem(Sequential):
    """The three tasks that it is made of, one after another."""
