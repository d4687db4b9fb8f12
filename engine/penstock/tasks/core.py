"""The small tasks of the core, which the executor does in passing: Log, Return, Echo, Fail, OutputValues."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.flow.model import Kind, Level
from penstock.tasks.base import Context, Properties, Result, TaskFailed, TaskType
from penstock.tasks.markers import Dynamic, Text, text_of
from penstock.tasks.names import CORE
from penstock.truth import is_truthy


class LogProperties(Properties):
    """Writes one or several messages to the log of the execution."""

    message: Dynamic[Text | list[Text]] = Field(description="The message, or a list of them")
    level: Dynamic[Level] = Field(Level.INFO, description="How severe it is")


class Log(TaskType):
    """Writes to the log."""

    type = CORE + "log.Log"
    kind = Kind.INLINE
    properties = LogProperties

    def run(self, properties: LogProperties, context: Context) -> Result:
        messages = properties.message if isinstance(properties.message, list) else [properties.message]
        for message in messages:
            context.log(properties.level, message)
        return Result()


class EchoProperties(Properties):
    """Writes a text to the log. Log does the same."""

    format: Dynamic[Text] = Field(description="The text")
    level: Dynamic[Level] = Field(Level.INFO, description="How severe it is")


class Echo(TaskType):
    """Writes a text to the log."""

    type = CORE + "debug.Echo"
    kind = Kind.INLINE
    properties = EchoProperties

    def run(self, properties: EchoProperties, context: Context) -> Result:
        context.log(properties.level, properties.format)
        return Result()


class ReturnProperties(Properties):
    """Gives back what a template renders to, as the output `value`. Good for looking at values."""

    format: Dynamic[Text | None] = Field(None, description="The template")


class Return(TaskType):
    """Returns a rendered text."""

    type = CORE + "debug.Return"
    kind = Kind.INLINE
    properties = ReturnProperties

    def run(self, properties: ReturnProperties, context: Context) -> Result:
        value = properties.format
        if value is not None:
            context.log(Level.DEBUG, value)
        tags = {"format": text_of(context.task.properties.get("format", ""))}
        return Result(
            outputs={"value": value},
            metrics=(
                {"name": "length", "type": "counter", "value": len(value or ""), "tags": tags},
                {"name": "duration", "type": "timer", "value": 0.0, "tags": tags},
            ),
        )


class FailProperties(Properties):
    """Fails the execution: always, or when a condition is true."""

    condition: Dynamic[Text | None] = Field(
        None, description="An expression: `false`, `0`, `-0` and nothing are false. Without it the task always fails"
    )
    error_message: Dynamic[Text] = Field("Task failure", description="What the log says")


class Fail(TaskType):
    """Fails the execution, always or under a condition."""

    type = CORE + "execution.Fail"
    kind = Kind.INLINE
    properties = FailProperties

    def run(self, properties: FailProperties, context: Context) -> Result:
        if properties.condition is None:
            raise TaskFailed(properties.error_message)
        if not is_truthy(properties.condition):
            return Result()
        context.log(Level.ERROR, properties.error_message)
        raise TaskFailed("Fail on a condition")


class OutputValuesProperties(Properties):
    """Gives back values as the output `values`, every text within them rendered."""

    values: Dynamic[dict[str, Any] | None] = Field(None, description="The values by name")


class OutputValues(TaskType):
    """Returns rendered values."""

    type = CORE + "output.OutputValues"
    kind = Kind.INLINE
    properties = OutputValuesProperties

    def run(self, properties: OutputValuesProperties, context: Context) -> Result:
        return Result(outputs={"values": properties.values or {}})
