"""Sequential, WorkingDirectory and Parallel: lanes that are known from the flow alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.execution.flowable.base import Flowable, Lane, Lanes, enabled, one_lane
from penstock.flow.model import Task


class Sequential(Flowable):
    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        return one_lane(task.branches.get("tasks", ()))


class WorkingDirectory(Sequential):
    """What its children have left in the directory that they share is taken out of it at the end."""

    @property
    def is_whole(self) -> bool:
        return True

    @property
    def lends_value(self) -> bool:
        return True

    def closes(self, task: Task) -> bool:
        return bool(task.properties.get("outputFiles") or task.properties.get("cache"))


class Parallel(Flowable):
    """Each task is a lane of its own; `concurrent` of them at once, all when it is 0."""

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        tasks = enabled(task.branches.get("tasks", ()))
        return Lanes(len(tasks), int(task.properties.get("concurrent") or 0), lambda n: Lane((tasks[n],)))


class ForEachItem(Sequential):
    """The three tasks that it is made of, one after another."""
