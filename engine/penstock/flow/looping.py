"""A Loop (Kestra 2.0), one iteration of which is an execution of the loop's own tasks."""

from __future__ import annotations

from dataclasses import replace

from penstock.flow.build import declared_output
from penstock.flow.model import Flow

LOOP = "io.kestra.plugin.core.flow.Loop"


def iteration_of(flow: Flow, loop: str) -> Flow:
    """What an iteration of the task `loop` runs: the tasks in it, with what is around them of the flow."""
    task = flow.by_id[loop]
    return replace(
        flow,
        tasks=task.branches.get("tasks", ()),
        errors=task.branches.get("errors", ()),
        finally_=task.branches.get("finally", ()),
        after_execution=(),
        outputs=tuple(declared_output(raw) for raw in task.properties.get("outputs") or ()),
        triggers=(),
        sla=(),
        checks=(),
        retry=None,
        concurrency=None,
    )
