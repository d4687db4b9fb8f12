"""Tasks about other executions: Count, Resume, Kill, PurgeExecutions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from penstock.errors import UserError
from penstock.execution.state import State
from penstock.flow.convert import instant
from penstock.ports.executions import Purge, Selection
from penstock.tasks.base import Context, Properties, Result, TaskType
from penstock.tasks.catalogue.shapes import Mapping, OfAnExecution, States, Texts, WithinDates
from penstock.tasks.markers import Dynamic, Late, Sees, Text
from penstock.tasks.names import CORE


class CountedFlow(Properties):
    """A flow whose executions are counted."""

    namespace: Text = Field(description="Namespace of the flow")
    flow_id: Text = Field(description="Name of the flow")


class CountProperties(Properties):
    """Counts executions of flows or namespaces, and keeps the counts that fulfil an expression."""

    flows: Dynamic[list[CountedFlow] | None] = Field(None, description="The flows; they or `namespaces` are given")
    namespaces: Dynamic[Texts | None] = Field(None, description="The namespaces")
    states: Dynamic[States | None] = Field(None, description="Only executions in these states")
    start_date: Dynamic[Text] = Field(description="Only executions from after this moment")
    end_date: Dynamic[Text | None] = Field(None, description="Only executions from before this moment")
    expression: Annotated[Late[Text], Sees(("count",))] = Field(
        description="What must be true of `count`, such as `{{ count == 0 }}`"
    )


class Count(TaskType):
    """Counts executions (kestra core, plugin/core/execution/Count.java)."""

    type = CORE + "execution.Count"
    properties = CountProperties

    def run(self, properties: CountProperties, context: Context) -> Result:
        wanted = [Selection(each.namespace, each.flow_id) for each in properties.flows or ()]
        wanted += [Selection(namespace) for namespace in listed(properties.namespaces)]
        if not wanted:
            raise UserError("neither `flows` nor `namespaces` says what is to be counted")
        after, before = moment(properties.start_date), moment(properties.end_date)
        states = states_of(properties.states)
        results = []
        for each in wanted:
            count = context.executions.count(Selection(each.namespace, each.flow_id, states, after, before))
            if context.with_variables({"count": count}).render(properties.expression) == "true":
                results.append({"namespace": each.namespace, "flowId": each.flow_id, "count": count})
        return Result({"results": results, "total": sum(int(each["count"] or 0) for each in results)})


class ResumeProperties(OfAnExecution):
    """Resumes an execution that is paused."""

    inputs: Dynamic[Mapping | None] = Field(None, description="What `onResume` asks for")


class Resume(TaskType):
    """Resumes a paused execution."""

    type = CORE + "execution.Resume"
    properties = ResumeProperties

    def run(self, properties: ResumeProperties, context: Context) -> Result:
        values = properties.inputs
        given: Any = json.loads(values) if isinstance(values, str) else values
        context.executions.resume(properties.execution_id or context.execution_id, given or {}, by=whose(context))
        return Result()


class KillProperties(Properties):
    """Kills the execution that it is part of."""

    propagate_kill: Dynamic[bool] = Field(False, description="Kill the executions that it has started, too")


class Kill(TaskType):
    """Kills its own execution, and what that has called where it says so (kestra core, Kill)."""

    type = CORE + "execution.Kill"
    properties = KillProperties

    def run(self, properties: KillProperties, context: Context) -> Result:
        context.executions.kill(context.execution_id, by=whose(context), cascade=properties.propagate_kill)
        return Result(state=State.KILLED)


class PurgeProperties(WithinDates):
    """Deletes old executions with their logs, metrics and files."""

    states: Dynamic[States | None] = Field(None, description="Only executions in these states")
    purge_execution: Dynamic[bool] = Field(True, description="Delete the executions")
    purge_log: Dynamic[bool] = Field(True, description="Delete their logs")
    purge_metric: Dynamic[bool] = Field(True, description="Delete their metrics")
    purge_storage: Dynamic[bool] = Field(True, description="Delete their files")
    batch_size: Dynamic[int | None] = Field(None, ge=1, description="How many are deleted at once; 100 by default")


class PurgeExecutions(TaskType):
    """Deletes old executions that are over."""

    type = CORE + "execution.PurgeExecutions"
    properties = PurgeProperties

    def run(self, properties: PurgeProperties, context: Context) -> Result:
        what = Purge(
            properties.purge_execution, properties.purge_log, properties.purge_metric, properties.purge_storage
        )
        purged = context.executions.purge(within(properties, states_of(properties.states)), what)
        return Result(
            {
                "executionsCount": purged.executions,
                "logsCount": purged.logs,
                "metricsCount": purged.metrics,
                "storagesCount": purged.storage,
            }
        )


# ── what these tasks share ──


def whose(context: Context) -> str:
    """Who asks, as the log of the other execution tells it."""
    return f"task {context.task.id} of execution {context.execution_id}"


def moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return instant(text)
    except ValueError as error:
        raise UserError(str(error)) from error


def listed(given: list[str] | str | None) -> list[str]:
    """A list, or text that is one."""
    if not given:
        return []
    if isinstance(given, list):
        return given
    try:
        read = json.loads(given)
    except ValueError:
        return [given]
    return [str(each) for each in read] if isinstance(read, list) else [given]


def states_of(given: Iterable[State] | str | None) -> tuple[State, ...]:
    names = listed(given) if isinstance(given, str) else list(given or ())
    try:
        return tuple(State(name) for name in names)
    except ValueError as error:
        raise UserError(str(error)) from error


def within(properties: WithinDates, states: tuple[State, ...] = ()) -> Selection:
    """Raises UserError for a flow without its namespace."""
    if properties.flow_id is not None and properties.namespace is None:
        raise UserError("`flowId` says nothing without `namespace`", help="name the namespace of the flow, too")
    return Selection(
        properties.namespace, properties.flow_id, states, moment(properties.start_date), moment(properties.end_date)
    )
