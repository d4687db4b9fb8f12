"""Tasks about logs: Fetch, PurgeLogs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import Field

from penstock.errors import UserError
from penstock.expression.budget import Budget, Meter
from penstock.expression.formats import iontext
from penstock.flow.model import Level
from penstock.ports.executions import Purge
from penstock.tasks.base import Context, Result, TaskType
from penstock.tasks.catalogue.shapes import OfAnExecution, Texts, WithinDates
from penstock.tasks.executions import listed, within
from penstock.tasks.markers import Dynamic, Text, told
from penstock.tasks.names import CORE
from penstock.tasks.pieces import as_file


class FetchProperties(OfAnExecution):
    """Fetches the log of an execution into a file."""

    tasks_id: Dynamic[Texts | None] = Field(None, description="Only lines of these tasks")
    level: Dynamic[Level] = Field(Level.INFO, description="Only lines of this level, and more severe ones")


class Fetch(TaskType):
    """Fetches logs into a file: Ion, a line for each (kestra core, plugin/core/log/Fetch.java)."""

    type = CORE + "log.Fetch"
    properties = FetchProperties

    def run(self, properties: FetchProperties, context: Context) -> Result:
        execution = properties.execution_id or context.execution_id
        tasks = listed(properties.tasks_id) or None
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            for entry in context.executions.log(execution, tasks=tasks, least=properties.level):
                count += 1
                yield (iontext.write(entry, Meter(Budget())) + "\n").encode()

        uri = context.uri("logs.ion")
        context.files.name(uri, context.files.put(as_file(lines())))
        return Result({"uri": uri, "size": count})


class PurgeLogsProperties(WithinDates):
    """Deletes old lines of logs."""

    execution_id: Dynamic[Text | None] = Field(None, description="Only those of this execution")
    log_levels: Dynamic[list[Level] | str | None] = Field(None, description="Only lines of these levels")
    purge_execution_logs: Dynamic[bool] = Field(
        True, description="Delete logs of executions", json_schema_extra=told(since="1.2")
    )
    purge_non_execution_logs: Dynamic[bool] = Field(
        True, description="Delete other logs, such as those of triggers", json_schema_extra=told(since="1.2")
    )
    batch_size: Dynamic[int | None] = Field(
        None, ge=1, description="How many lines are deleted at once", json_schema_extra=told(since="1.3")
    )


class PurgeLogs(TaskType):
    """Deletes the logs of executions that are over. The log of an execution goes as a whole, or stays."""

    type = CORE + "log.PurgeLogs"
    properties = PurgeLogsProperties

    def run(self, properties: PurgeLogsProperties, context: Context) -> Result:
        if properties.log_levels:
            raise UserError(
                "the log of an execution is kept as a whole: lines of some levels alone cannot be deleted",
                help="leave out `logLevels`, and say by `endDate` which logs are old enough",
            )
        if not properties.purge_execution_logs:
            return Result({"count": 0})
        purged = context.executions.purge(
            replace(within(properties), execution=properties.execution_id),
            Purge(execution=False, metrics=False, storage=False),
        )
        return Result({"count": purged.logs})
