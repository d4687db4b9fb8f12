"""Tasks that change the execution that they are part of: its labels, its variables, its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.execution.overlay import has
from penstock.execution.state import State
from penstock.flow.model import Kind
from penstock.tasks import base
from penstock.tasks.base import ChangeVariables, Context, Result, SetLabels, TaskFailed, TaskType
from penstock.tasks.catalogue import executions as models
from penstock.tasks.markers import text_of
from penstock.tasks.names import CORE

_SYSTEM = "system."


class Labels(TaskType):
    """Adds labels to the execution; those of the same keys are overwritten."""

    type = CORE + "execution.Labels"
    kind = Kind.INLINE
    changes_execution = True
    properties = models.Labels

    def run(self, properties: models.Labels, context: Context) -> Result:
        labels = {str(key): _label(value) for key, value in _pairs(properties.labels).items()}
        for key, value in labels.items():
            if key.startswith(_SYSTEM):
                raise TaskFailed(f"System labels can only be set by Kestra itself, offending label: {key}={value}")
        return Result(effects=(SetLabels(labels),))


def _pairs(given: Mapping[str, Any] | list[models.GivenLabel] | str) -> Mapping[str, Any]:
    if isinstance(given, list):
        return {label.key: label.value for label in given}
    return _mapping("labels", given)


def _mapping(name: str, given: Mapping[str, Any] | str) -> Mapping[str, Any]:
    """A mapping, which may be written as JSON."""
    if not isinstance(given, str):
        return given
    try:
        read = json.loads(given)
    except ValueError as error:
        raise TaskFailed(f"`{name}` is not JSON: {error}", help="write a mapping, or a JSON object") from error
    if not isinstance(read, dict):
        raise TaskFailed(f"`{name}` is no JSON object", help='write it as {"key": "value"}')
    return read


def _label(value: Any) -> str:
    """The text of a value; a mapping becomes JSON."""
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "" if value is None else str(text_of(value))


class SetVariables(TaskType):
    """Sets variables, which later tasks see as `vars`."""

    type = CORE + "execution.SetVariables"
    kind = Kind.INLINE
    changes_execution = True
    properties = models.SetVariables

    def run(self, properties: models.SetVariables, context: Context) -> Result:
        values = _mapping("variables", properties.variables)
        if not properties.overwrite:
            seen = context.variables.get("vars", {})
            there = [name for name in values if name in seen]
            if there:
                raise TaskFailed(
                    f"`overwrite` is false and these variables exist already: {', '.join(there)}",
                    help="name them differently, or leave `overwrite` out",
                )
        return Result(effects=(ChangeVariables(values=values),))


class UnsetVariables(TaskType):
    """Removes variables; a name with dots leads into a mapping."""

    type = CORE + "execution.UnsetVariables"
    kind = Kind.INLINE
    changes_execution = True
    properties = models.UnsetVariables

    def run(self, properties: models.UnsetVariables, context: Context) -> Result:
        seen = context.variables.get("vars", {})
        missing = [name for name in properties.variables if not has(seen, name)]
        if missing and not properties.ignore_missing:
            raise TaskFailed(
                f"there is no variable {', '.join(f'`{name}`' for name in missing)}",
                help="set `ignoreMissing: true` where it may be missing",
            )
        return Result(effects=(ChangeVariables(removed=tuple(properties.variables)),))


class Exit(TaskType):
    """Ends the execution in a state of one's choice."""

    type = CORE + "execution.Exit"
    kind = Kind.INLINE
    changes_execution = True
    properties = models.Exit

    def run(self, properties: models.Exit, context: Context) -> Result:
        chosen = properties.state
        state = State.CANCELLED if chosen is models.ExitState.CANCELED else State(chosen.value)
        return Result(state=state, effects=(base.Exit(state),))
