"""Tasks about logs."""

from __future__ import annotations

from pydantic import Field

from penstock.flow.model import Level
from penstock.tasks.catalogue.shapes import OfAnExecution, Texts, WithinDates
from penstock.tasks.markers import Dynamic, Text, told


class Fetch(OfAnExecution):
    """Fetches the log of an execution into a file."""

    tasks_id: Dynamic[Texts | None] = Field(None, description="Only lines of these tasks")
    level: Dynamic[Level] = Field(Level.INFO, description="Only lines of this level, and more severe ones")


class PurgeLogs(WithinDates):
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
