"""Task runs in the order of their creation."""

from __future__ import annotations

from operator import attrgetter

from penstock.execution.model import Execution, TaskRun


def in_order(execution: Execution, keys: list[str]) -> list[TaskRun]:
    runs = [execution.runs[key] for key in keys]
    if len(runs) > 1:
        runs.sort(key=_ordinal)
    return runs


_ordinal = attrgetter("ordinal")
