"""Which files of the storage a task may read: those of its own execution, of the first that this tries again, and of
the one that has called it."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.diagnostic import FlowName
from penstock.errors import UserError
from penstock.ports.storage import belongs, execution_files
from penstock.tasks.base import Context


def own_file(uri: str, context: Context) -> str:
    """`uri`, where the task may read it. Raises UserError."""
    if belongs(uri, context.execution_id) or _is_of_original(uri, context) or _is_of_caller(uri, context):
        return uri
    raise UserError(f"Unable to read the file '{uri}' as it didn't belong to the current execution")


def _is_of_original(uri: str, context: Context) -> bool:
    """An execution that tries an earlier one again has that one's inputs."""
    told = context.variables.get("execution")
    original = told.get("originalId") if isinstance(told, Mapping) else None
    return isinstance(original, str) and belongs(uri, original)


def _is_of_caller(uri: str, context: Context) -> bool:
    """By the variables that a trigger gives of the execution that it comes of (Kestra core, AbstractFileFunction)."""
    told = context.variables.get("trigger")
    named = [told.get(name) for name in ("namespace", "flowId", "executionId")] if isinstance(told, Mapping) else []
    if not named or not all(isinstance(each, str) for each in named):
        return False
    namespace, flow, execution = map(str, named)
    return uri.startswith(execution_files(FlowName(namespace, flow), execution))
