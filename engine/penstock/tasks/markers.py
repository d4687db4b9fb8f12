"""What the annotation of a property says beside its type: rendered or not, holding tasks, how a text is read.

`Dynamic[X]` is rendered before the model is filled; `Late[X]` is rendered by the type's own `run`, because its
expressions see more than the execution does (`workingDir`). Both accept an expression where X does not: the schema
says so, and the value is read as X once it is rendered. `Within[X]` is no template itself, and the texts in it are:
whoever starts an execution or asks for inputs renders them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, JsonValue, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator
from pydantic.fields import FieldInfo

from penstock.duration import parse_duration

T = TypeVar("T")

ISO_NUMBER = r"[-+]?[0-9]+(?:[.,][0-9]+)?"
ISO_DURATION = (
    rf"^[-+]?[Pp](?=[-+0-9Tt])(?:{ISO_NUMBER}[Ww])?(?:{ISO_NUMBER}[Dd])?"
    rf"(?:[Tt](?=[-+0-9])(?:{ISO_NUMBER}[Hh])?(?:{ISO_NUMBER}[Mm])?(?:{ISO_NUMBER}[Ss])?)?$"
)
"""What `penstock.duration.parse_duration` reads, as a pattern that both Python and ECMAScript understand."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The property is a template. `late`: the type renders it itself when it runs."""

    late: bool = False


@dataclass(frozen=True, slots=True)
class Templates:
    """The texts within the property are templates; the property itself is none."""


@dataclass(frozen=True, slots=True)
class Sees:
    """The expressions of the property see variables that others do not; `*` stands for any name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """The property holds tasks: a list of them, one, or lists by name. Their own types judge them."""

    shape: str = "array"


OLD: dict[str, JsonValue] = {"deprecated": True}
"""Marks a property as deprecated in the schema, and without a warning of pydantic's whenever it is looked at."""


def told(
    *, since: str | None = None, until: str | None = None, enterprise: bool = False, old: bool = False
) -> dict[str, JsonValue]:
    """Marks a property with the versions and the edition of Kestra that have it, and as deprecated with `old`.

    `since` is the first version with it, where that is later than 0.21; `until` the first without it.
    """
    says: dict[str, JsonValue] = {"deprecated": old, "x-since": since, "x-until": until, "x-enterprise": enterprise}
    return {name: value for name, value in says.items() if value}


def is_template(value: Any) -> bool:
    """Whether `value` is text that holds an expression or a tag."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _unless_template(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    return value if is_template(value) else read(value)


Dynamic = Annotated[T, Rendered()]
Late = Annotated[T, Rendered(late=True), WrapValidator(_unless_template)]
Within = Annotated[T, Templates()]


def text_of(value: Any) -> Any:
    """A scalar as Kestra's reader makes text of it: numbers as written, `true` and `false` in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _iso(value: Any) -> Any:
    if isinstance(value, str):
        parse_duration(value)
        return value.strip()
    return value


Text = Annotated[str, BeforeValidator(text_of), WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Text; a number or a boolean is taken as the text that it is written as."""

Duration = Annotated[
    str, BeforeValidator(_iso), WithJsonSchema({"type": "string", "format": "duration", "pattern": ISO_DURATION})
]
"""An ISO-8601 duration, kept as text."""

Tasks = Annotated[list[Any], Branch(), WithJsonSchema({"type": "array"})]
TaskCases = Annotated[
    dict[str, list[Any]],
    Branch("object"),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "array"}}),
]
DagTasks = Annotated[
    list[Any],
    Branch(),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "task": {"type": "object", "description": "The task"},
                    "dependsOn": {
                        "type": "array", "items": {"type": "string"}, "description": "Ids of tasks that must have ended"
                    },
                },
                "additionalProperties": False,
            },
        }
    ),
]  # fmt: skip
"""Tasks with what each depends on. One without its task is told where the tasks of a flow are gathered."""

OneTask = Annotated[dict[str, Any], Branch("task"), WithJsonSchema({"type": "object"})]
Typed = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"type": {"type": "string", "description": "Name of the type"}},
            "required": ["type"],
        }
    ),
]
"""A mapping with a `type` of its own, judged by that type's schema."""

Scalars = dict[str, Text | None]
"""A mapping of texts; one without a value counts as absent."""


def rendered_fields(model: type[BaseModel], *, late: bool | None = None) -> tuple[str, ...]:
    """The YAML names of the properties that are rendered, in their order: all, or those that are (not) late."""
    found = []
    for name, field in model.model_fields.items():
        mark = next((mark for mark in marks(field) if isinstance(mark, Rendered)), None)
        if mark is not None and (late is None or mark.late is late):
            found.append(field.alias or name)
    return tuple(found)


def dynamic_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The YAML names of all properties that are templates, early or late."""
    return rendered_fields(model)


def expression_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The YAML names of all properties in which an expression is rendered by anybody, in their order."""
    return tuple(
        field.alias or name
        for name, field in model.model_fields.items()
        if any(isinstance(mark, Rendered | Templates) for mark in marks(field))
    )


def own_variables(model: type[BaseModel]) -> dict[str, list[str]]:
    """By property, the variables that its expressions alone see."""
    return {
        field.alias or name: list(mark.names)
        for name, field in model.model_fields.items()
        for mark in marks(field)
        if isinstance(mark, Sees)
    }


def branches(model: type[BaseModel]) -> tuple[str, ...]:
    """The YAML names of the properties that hold tasks, in their order."""
    return tuple(
        field.alias or name
        for name, field in model.model_fields.items()
        if any(isinstance(mark, Branch) for mark in marks(field))
    )


def marks(field: FieldInfo) -> Iterator[Any]:
    """What the annotation of a field carries, also within `X | None`."""
    yield from field.metadata
    for part in get_args(field.annotation):
        yield from getattr(part, "__metadata__", ())
