"""Where a task's program runs, as far as the task itself says so. Read from its unrendered properties."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import UserError
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Task
from penstock.tasks.names import CORE, DOCKER_COMMANDS, DOCKER_RUN, DOCKER_RUNNER, SCRIPTS

PROCESS = "process"
CONTAINER = "docker"
"""The kinds of runner."""

PROCESS_RUNNER = CORE + "runner.Process"

WORKING_DIRECTORY = CORE + "flow.WorkingDirectory"

_KINDS = {PROCESS_RUNNER: PROCESS, DOCKER_RUNNER: CONTAINER}
_OLD = {"PROCESS": PROCESS, "DOCKER": CONTAINER}


def runs_program(task: Task) -> bool:
    """Whether the task runs a program of the flow's author."""
    return task.type.startswith(SCRIPTS) or task.type == DOCKER_RUN


def programs_within(task: Task) -> Iterator[Task]:
    """The programs that share the working directory of `task`, in their order: not those of one within it."""
    for child in task.children():
        if child.disabled or child.type == WORKING_DIRECTORY:
            continue
        if runs_program(child):
            yield child
        yield from programs_within(child)


def named_runner(task: Task) -> str | None:
    """The kind of runner that the task names; None when it leaves it open.

    Raises UserError for a runner that this version does not have.
    """
    if task.type in (DOCKER_COMMANDS, DOCKER_RUN):
        return CONTAINER
    given = task.properties.get("taskRunner")
    named = given.get("type") if isinstance(given, dict) else None
    if named is None:
        return _OLD.get(str(task.properties.get("runner") or "").upper())
    kind = _KINDS.get(load_catalog().canonical(str(named)))
    if kind is None:
        raise UserError(
            f"the task runner `{named}` cannot run in this version, and no other takes its place",
            help=f"name `{DOCKER_RUNNER}` or `{PROCESS_RUNNER}`, or no runner at all",
        )
    return kind
