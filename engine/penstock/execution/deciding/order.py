"""Task runs in the order of their creation."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.execution.model import Execution, TaskRun


def in_order(execution: Execution, keys: list[str]) -> Iterator[TaskRun]:
    yield from sorted((execution.runs[key] for key in keys), key=lambda run: run.ordinal)
