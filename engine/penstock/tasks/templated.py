"""TemplatedTask: a task whose text a template writes, done in the place and under the name of this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic import Field

from penstock.compose import Composer, Fault, event_parser
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Kind, Task
from penstock.flow.words import TASK_PROPERTIES
from penstock.tasks.base import Context, Properties, Result, TaskFailed, TaskLost, TaskType
from penstock.tasks.markers import Dynamic, Text
from penstock.tasks.names import CORE

NAME = CORE + "templating.TemplatedTask"

_NOT_RUNNABLE = "The templated task must be a runnable task"


class TemplatedProperties(Properties):
    """Runs a task whose text a template writes. It is a task that a worker runs, none that holds tasks."""

    spec: Dynamic[Text] = Field(description="The task in YAML, with its `type`")


class TemplatedTask(TaskType):
    """What is written must be a task that a worker runs, and not one of this type again (Kestra core, TemplatedTask).

    What every task may have (`retry`, `timeout`, `runIf` …) is taken from this task, not from the text.
    """

    type = NAME
    properties = TemplatedProperties
    adoptable = True

    def run(self, properties: TemplatedProperties, context: Context) -> Result:
        from penstock.tasks.registry import prepare, task_type

        task = _written(properties.spec, context.task)
        kind = task_type(task.type)
        if kind.changes_execution:
            raise TaskFailed(_NOT_RUNNABLE)
        if context.resumed and not kind.adoptable:
            raise TaskLost("the process that ran it is gone")
        within = context.with_task(task)
        return kind.run(prepare(kind, task, within.render_value), within)


def _written(spec: str, outer: Task) -> Task:
    """The task that the text describes, under the id of the one that it stands in for. Raises TaskFailed."""
    raw = _mapping(spec)
    kind = raw.get("type")
    if not isinstance(kind, str) or not kind:
        raise TaskFailed("The templated task has no `type`")
    name = load_catalog().canonical(kind)
    if name == NAME:
        raise TaskFailed(f"The templated task cannot be of type '{NAME}'")
    info = load_catalog().find(name)
    if info is not None and (info.group != "task" or info.kind not in (None, Kind.INLINE, Kind.WORKER)):
        raise TaskFailed(_NOT_RUNNABLE)
    own = {key: value for key, value in raw.items() if key not in TASK_PROPERTIES and value is not None}
    return replace(outer, type=name, kind=Kind.WORKER, properties=MappingProxyType(own))


def _mapping(spec: str) -> Mapping[str, Any]:
    from yaml import YAMLError

    parser = event_parser(spec)
    try:
        value = Composer(parser.get_event).document()[0]
    except Fault as fault:
        raise TaskFailed(f"The templated task is no YAML: {fault.message}") from fault
    except (YAMLError, UnicodeError) as error:
        raise TaskFailed(f"The templated task is no YAML: {error}") from error
    finally:
        parser.dispose()
    if not isinstance(value, dict):
        raise TaskFailed("The templated task is no mapping")
    return value
