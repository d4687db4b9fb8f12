"""The loops: a lane for each value, or, in EachParallel, for each value and task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.errors import UserError
from penstock.execution.flowable.base import Flowable, Lane, Lanes, enabled
from penstock.flow.model import Task

MOST_VALUES = 50_000
"""As many task runs as one execution may have."""


class _Each(Flowable):
    name = "value"

    def asks(self, task: Task) -> tuple[str, ...]:
        return (self.name,)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"values": loop_values(rendered[self.name])}


class ForEach(_Each):
    """The tasks of one value follow one another; `concurrencyLimit` values at once (default 1; 0: all)."""

    name = "values"
    default_width = 1

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        values, tasks = facts["values"], enabled(task.branches.get("tasks", ()))
        limit = task.properties.get("concurrencyLimit")
        width = self.default_width if limit is None else int(limit)
        return Lanes(len(values) if tasks else 0, width, lambda n: Lane(tasks, values[n], n))


class EachSequential(ForEach):
    name = "value"


class EachParallel(_Each):
    """Every task of every value at once, or `concurrent` of them (Kestra: not grouped by value)."""

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        values, tasks = facts["values"], enabled(task.branches.get("tasks", ()))
        width = int(task.properties.get("concurrent") or 0)

        def lane(n: int) -> Lane:
            value, which = divmod(n, len(tasks))
            return Lane((tasks[which],), values[value], value)

        return Lanes(len(values) * len(tasks), width, lane)


def loop_values(rendered: Any) -> list[str]:
    """The values of a loop as text, in order, each once.

    A list is taken as it is; text is read as a JSON array. What is not text becomes compact JSON. A null among them
    is refused with Kestra's words.
    """
    values = rendered
    if isinstance(values, str):
        try:
            values = json.loads(values)
        except ValueError as error:
            raise UserError(f"the values of a loop must be a list or a JSON array, not `{_short(values)}`") from error
    if isinstance(values, Mapping):
        values = [{"key": key, "value": value} for key, value in values.items()]
    if not isinstance(values, list | tuple):
        raise UserError(f"the values of a loop must be a list or a JSON array, not `{_short(values)}`")
    if None in values:  # counted once, as every value is
        raise UserError(f"Found '1' null values on Each, with values={_short(json.dumps(list(values)))}")
    texts = dict.fromkeys(value if isinstance(value, str) else _json(value) for value in values)
    if len(texts) > MOST_VALUES:
        raise UserError(f"a loop over {len(texts)} values: an execution may have {MOST_VALUES} task runs")
    return list(texts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"
