"""Typed inputs and outputs: from what was given to the values that expressions see, or to why they are refused.

Types, messages and their envelope are Kestra's (Kestra docs, Inputs; reference chapter 2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from penstock.errors import UserError
from penstock.flow.convert import CONVERTERS, LocalFile, NotOfType
from penstock.flow.judging.validators import broken_rule
from penstock.flow.model import NOTHING, Input, InputType, Output

RESOLVED: frozenset[InputType] = frozenset(CONVERTERS) | {
    InputType.SELECT, InputType.ENUM, InputType.MULTISELECT, InputType.ARRAY,
}  # fmt: skip
"""The types that this version reads. FORM and REUSABLE_INPUTS are not among them."""

HIDDEN = "******"
"""What stands for a secret in a message."""


class Renderer(Protocol):
    def __call__(self, text: str, /, *, seen: Mapping[str, Any]) -> str:
        """What a default says over the inputs that are known."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One input that was refused: `message` is Kestra's whole sentence."""

    id: str
    message: str


class InvalidInputs(UserError):
    """What was given does not fit the flow's inputs. `problems` names every fault, in the order of the inputs."""

    code = "PEN004"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.message for problem in self.problems))


def resolve_inputs(
    inputs: Iterable[Input],
    given: Mapping[str, Any] | None,
    *,
    render: Renderer | None = None,
) -> dict[str, Any]:
    """The value of every input, as expressions see them; a dotted id makes nested mappings.

    `given` holds values by id, dotted or nested; what no input is named after is ignored, null is as good as absent.
    An absent input takes its default, an absent optional one is None. `render` turns a default with an expression
    into text, over the values of the inputs before it; without it such a default stays as it is, and unjudged.
    Raises InvalidInputs with all that is wrong; what a secret was given as is not told.
    """
    given = given or {}
    resolved: dict[str, Any] = {}
    problems: list[Problem] = []
    for declared in inputs:
        value = given_value(given, declared.id)
        if value is None:
            value = declared.defaults
            if _has_expression(value):
                if render is None:
                    put_value(resolved, declared.id, value)
                    continue
                value = _rendered(value, partial(render, seen=resolved))
        try:
            result = _resolve(declared.id, declared.type, value, declared.required, declared.rules)
        except NotOfType as error:
            problems.append(
                Problem(
                    declared.id, f"Invalid input for `{declared.id}`, {error}, but received `{_told(declared, value)}`"
                )
            )
            continue
        put_value(resolved, declared.id, result)
    if problems:
        raise InvalidInputs(problems)
    return resolved


def resolve_output(output: Output, value: Any) -> Any:
    """A rendered output as its type says. Raises InvalidInputs."""
    try:
        return _resolve(output.id, output.type, value, output.required, output.rules, noun="output")
    except NotOfType as error:
        sentence = f"Invalid output for `{output.id}`, {error}, but received `{_told(output, value)}`"
        raise InvalidInputs([Problem(output.id, sentence)]) from error


def check_default(declared: Input) -> str | None:
    """Why the default of an input is no value of its type; None when it is one, or holds an expression."""
    value = declared.defaults
    if value is None or declared.type not in RESOLVED or _has_expression(value):
        return None
    try:
        _resolve(declared.id, declared.type, value, declared.required, declared.rules)
    except NotOfType as error:
        return str(error)
    return None


def _resolve(
    name: str, kind: InputType, value: Any, required: bool, rules: Mapping[str, Any], *, noun: str = "input"
) -> Any:
    if value is None:
        if required:
            raise NotOfType(f"missing required {noun}")
        return None
    if kind not in RESOLVED:
        raise NotOfType(f"{noun}s of type `{kind}` cannot be read by this version")
    result = _convert(name, kind, value, rules)
    fault = broken_rule(kind, result, rules, required)
    if fault is not None:
        raise NotOfType(fault)
    return result


def _convert(name: str, kind: InputType, value: Any, rules: Mapping[str, Any]) -> Any:
    match kind:
        case InputType.SELECT | InputType.ENUM:
            return CONVERTERS[InputType.STRING](value)
        case InputType.MULTISELECT | InputType.ARRAY:
            items = value if isinstance(value, list) else _json_array(kind, value)
            return [_item(name, rules.get("itemType", "STRING"), item) for item in items]
    try:
        return CONVERTERS[kind](value)
    except NotOfType:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise NotOfType(f"Expected `{kind}` but received `{_text(value)}` with errors:\n```\n{error}\n```") from error


def _json_array(kind: InputType, value: Any) -> list[Any]:
    try:
        items = CONVERTERS[InputType.JSON](value)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise NotOfType(f"Expected `{kind}` but received `{_text(value)}`: write a list, or a JSON array as text")
    return items


def _item(name: str, kind: str, item: Any) -> Any:
    try:
        return CONVERTERS[InputType(kind)](item)
    except (ValueError, KeyError, OverflowError) as error:
        raise NotOfType(f"Unable to parse array element as `{kind}` on `{name}`") from error


def given_value(given: Mapping[str, Any], name: str) -> Any:
    """A value by its dotted id, or through nested mappings; None where there is none."""
    if name in given:
        return given[name]
    value: Any = given
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value


def put_value(resolved: dict[str, Any], name: str, value: Any) -> None:
    """Put a value where `given_value` finds it."""
    *outer, last = name.split(".")
    for step in outer:
        inner = resolved.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = resolved[step] = {}
        resolved = inner
    resolved[last] = value


def _has_expression(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_expression, value))
    return isinstance(value, str) and "{{" in value


def _rendered(value: Any, render: Callable[[str], str]) -> Any:
    """A text, or the texts of a list, with their expressions rendered."""
    if isinstance(value, list):
        return [_rendered(each, render) for each in value]
    return render(value) if isinstance(value, str) and "{{" in value else value


def _told(declared: Input | Output, value: Any) -> str:
    return HIDDEN if declared.type is InputType.SECRET and value is not None else _text(value)


def _text(value: Any) -> str:
    """A value as a message shows it: as it would be typed."""
    if value is None:
        return "null"
    if isinstance(value, str | LocalFile):
        return str(value)
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def declared_input(raw: Mapping[str, Any]) -> Input:
    """An input of the mapping that YAML gave, without its place. Raises ValueError for an unknown type."""
    known = ("id", "name", "type", "required", "defaults", "description", "displayName")
    rules = {name: value for name, value in raw.items() if name not in known and value is not None}
    required = raw.get("required")
    return Input(
        id=str(raw.get("id") or raw.get("name") or ""),
        type=InputType(str(raw.get("type"))),
        required=True if required is None else bool(required),
        defaults=raw.get("defaults"),
        description=raw.get("description"),
        display_name=raw.get("displayName"),
        rules=rules or NOTHING,
    )
