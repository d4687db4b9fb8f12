"""From the properties of a flow's task to its type's model: templates rendered, texts read, faults told in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from penstock.errors import UserError
from penstock.flow.model import Task
from penstock.tasks.base import Properties, TaskType
from penstock.tasks.markers import Rendered, is_template, marks

Render = Callable[[Any], Any]
P = TypeVar("P", bound=Properties)

_MOST_FAULTS = 5


def prepare(task_type: TaskType, task: Task, render_value: Render) -> Properties:
    """The properties of `task` as its type wants them.

    What the type renders itself (`Late`) stays as it is. Raises UserError that names each property that does not
    fit, and what `render_value` raises.
    """
    model = task_type.properties
    return filled(model, rendered(model, task.properties, render_value), task.type)


def rendered(model: type[Properties], given: Mapping[str, Any], render_value: Render) -> dict[str, Any]:
    """What `given` says for `model`, by YAML name, rendered where it is to be and without what is nothing."""
    shapes = _rendered(model, late=False)
    values = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if name in shapes:
            _put(values, name, shapes[name], value, render_value)
    return values


def render_late(properties: P, task: Task, render_value: Render) -> P:
    """The same properties with the late ones rendered too. Raises as `prepare`."""
    values: dict[str, Any] = {}
    model = type(properties)
    shapes = _rendered(model, late=True)
    for attribute, field in model.model_fields.items():
        if attribute not in properties.model_fields_set:
            continue
        name, value = field.alias or attribute, getattr(properties, attribute)
        values[name] = value
        if value is not None and name in shapes:
            _put(values, name, shapes[name], value, render_value)
    return filled(model, values, task.type)


@cache
def _rendered(model: type[Properties], *, late: bool) -> dict[str, frozenset[type]]:
    """The shapes of each field of `model` to render, by YAML name. Kept: a loop fills one model ten thousand times."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return {name: _shapes(field.annotation) for name, field in fields.items() if is_rendered(field, late=late)}


def is_rendered(field: FieldInfo, *, late: bool) -> bool:
    return any(isinstance(mark, Rendered) and mark.late is late for mark in marks(field))


def _put(values: dict[str, Any], name: str, shapes: frozenset[type], value: Any, render_value: Render) -> None:
    """`value` rendered, under its name; nothing there when an expression for what is no text gave nothing."""
    rendered = render_value(value)
    if is_template(value) and isinstance(rendered, str):
        rendered = _read(name, rendered, shapes)
    if rendered is None:
        values.pop(name, None)
    else:
        values[name] = rendered


def filled(model: type[P], values: Mapping[str, Any], what: str) -> P:
    """A model filled with values by their YAML names. Raises UserError."""
    try:
        return model.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        told = [_sentence(fault["loc"], fault["msg"]) for fault in faults[:_MOST_FAULTS]]
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise UserError(f"{what}: {'; '.join(dict.fromkeys(told))}{more}") from error


def _sentence(path: Iterable[int | str], message: str) -> str:
    """`` `env.A`: input should be a valid string ``: where, without the names of pydantic's alternatives."""
    steps = [str(step) for step in path]
    where = ".".join(step for step in steps if not any(mark in step for mark in "[(") and step not in _ALTERNATIVES)
    said = message.removeprefix("Value error, ")
    return f"`{where}`: {said[:1].lower()}{said[1:]}" if where else said


_ALTERNATIVES = frozenset({"str", "int", "float", "bool"})


def _read(name: str, text: str, shapes: frozenset[type]) -> Any:
    """What an expression gave for a property that is no text: JSON is read, nothing is None; else the text itself."""
    if str in shapes or not shapes:
        return text
    stripped = text.strip()
    if not stripped:
        return None
    if not shapes <= {list, dict}:
        return stripped
    wanted = " or ".join(word for shape, word in ((list, "a list"), (dict, "a mapping")) if shape in shapes)
    try:
        found = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        raise UserError(f"`{name}` must be {wanted}, and its expression gave `{_short(stripped)}`") from error
    if not isinstance(found, tuple(shapes)):
        raise UserError(f"`{name}` must be {wanted}, and its expression gave `{_short(stripped)}`")
    return found


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


def _shapes(annotation: Any) -> frozenset[type]:
    """The plain types that a property may have: list, dict (a model is one too), str, and the others."""
    found: set[type] = set()
    ahead = [annotation]
    while ahead:
        part = ahead.pop()
        origin = get_origin(part)
        if origin in (list, dict):
            found.add(origin)
        elif hasattr(part, "__metadata__"):
            ahead.append(part.__origin__)
        elif isinstance(part, type):
            if part is not type(None):
                found.add(dict if issubclass(part, Properties) else part)
        else:
            ahead += get_args(part)
    return frozenset(found)
