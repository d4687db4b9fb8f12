"""Typed inputs and outputs: from what was given to the values that expressions see, or to why they are refused.

Types, messages and their envelope are Kestra's (Kestra docs, Inputs; core/src/.../runners/FlowInputOutput.java;
reference chapter 2.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from penstock.diagnostic import START, Range
from penstock.errors import PenstockError, Retryable, Stalled, UserError
from penstock.flow.convert import CONVERTERS, LocalFile, NotOfType
from penstock.flow.judging.validators import broken_rule
from penstock.flow.model import Input, InputType, Output

RESOLVED: frozenset[InputType] = frozenset(CONVERTERS) | {
    InputType.SELECT, InputType.ENUM, InputType.MULTISELECT, InputType.ARRAY,
}  # fmt: skip
"""The types of values. A FORM has none: it is made of inputs. REUSABLE_INPUTS belong to the Enterprise Edition."""

HIDDEN = "******"
"""What stands for a secret in a message."""


class Renderer(Protocol):
    def __call__(self, text: str, /, *, seen: Mapping[str, Any], typed: bool = False) -> Any:
        """What an expression of an input says over the inputs that are known: a text, with `typed` the value."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One input that was refused: `message` is Kestra's whole sentence."""

    id: str
    message: str
    range: Range | None = None
    """Where the input is declared, in the file of its flow."""


class InvalidInputs(UserError):
    """What was given does not fit the flow's inputs. `problems` names every fault, in the order of the inputs."""

    code = "PEN004"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.message for problem in self.problems))

    def within(self, path: str) -> InvalidInputs:
        """The same, each told with the place of its input in the file of the flow."""
        return InvalidInputs(
            one if one.range is None
            else replace(one, message=f"{path}:{one.range.start.line}:{one.range.start.column}: {one.message}")
            for one in self.problems
        )  # fmt: skip


def resolve_inputs(
    inputs: Sequence[Input],
    given: Mapping[str, Any] | None,
    *,
    render: Renderer | None = None,
    literal: bool = False,
) -> dict[str, Any]:
    """The value of every input that is there, as expressions see them; a dotted id makes nested mappings.

    `given` holds values by id, dotted or nested; what no input is named after is ignored, null is as good as absent.
    An absent input takes its default, an absent optional one is None. An input whose `dependsOn` does not hold is left
    out, whatever it was given. `render` renders expressions (conditions, choices, defaults) over the inputs that are
    resolved by then, those that it depends on among them; without it what takes one stays as it is, and unjudged.
    `literal`: defaults are values as they are written, as before Kestra 0.22.
    Raises InvalidInputs with all that is wrong; what a secret was given as is not told.
    """
    return _Resolution(inputs, given or {}, render, literal).result()


def is_asked(declared: Input, inputs: Sequence[Input], given: Mapping[str, Any], render: Renderer) -> bool:
    """Whether `declared`, one of `inputs`, is there, as far as `given` answers those that it depends on."""
    resolution = _Resolution(inputs, given, render, literal=False)
    return next(value is not _ABSENT for one, value in resolution.values() if one.id == declared.id)


_ABSENT = object()
_BROKEN = object()
"""An input that was refused, or depends on one that was: nothing follows from it."""


@dataclass(slots=True)
class _Resolution:
    """One go at the inputs of a flow."""

    inputs: Sequence[Input]
    given: Mapping[str, Any]
    render: Renderer | None
    literal: bool
    seen: dict[str, Any] = field(default_factory=dict)
    """What expressions of the next input see."""
    found: dict[str, Any] = field(default_factory=dict)
    """By id: a value, `_ABSENT`, or `_BROKEN`."""
    problems: dict[str, Problem] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    """Those of which nobody can say whether they are there, for want of a renderer."""

    def result(self) -> dict[str, Any]:
        for _ in self.values():
            pass
        if self.problems:
            raise InvalidInputs(self.problems[one.id] for one in self.inputs if one.id in self.problems)
        resolved: dict[str, Any] = {}
        for declared in self.inputs:
            if self.found[declared.id] is not _ABSENT:
                put_value(resolved, declared.id, self.found[declared.id])
        return resolved

    def values(self) -> Iterator[tuple[Input, Any]]:
        """Each input with its value, `_ABSENT`, or `_BROKEN`, as it is found."""
        for declared in in_order(self.inputs):
            value = self._settled(declared)
            self.found[declared.id] = value
            if value is not _ABSENT and value is not _BROKEN:
                put_value(self.seen, declared.id, value)
            yield declared, value

    def _settled(self, declared: Input) -> Any:
        value, is_secret = given_value(self.given, declared.id), declared.type is InputType.SECRET
        try:
            for depends in declared.depends_on:
                needed = [self.found.get(one) for one in depends.inputs if one not in self.open]
                if _ABSENT in needed:
                    return _ABSENT
                if _BROKEN in needed:
                    return _BROKEN
                if self.render is None and (depends.condition is not None or self.open & set(depends.inputs)):
                    self.open.add(declared.id)
                    return value if value is not None else _ABSENT
                if depends.condition is not None and not self._holds(depends.condition):
                    return _ABSENT
            rules = self._rules(declared)
            if value is None:
                value = declared.defaults if declared.defaults is not None else _first_choice(rules, declared.type)
                if not self.literal and _has_expression(value):
                    if self.render is None:
                        return value
                    is_secret = is_secret or _reads_secret(value)
                    value = self._rendered(value)
            return _resolve(declared.type, value, declared.required, rules)
        except NotOfType as error:
            fault, told = str(error), _text(value)
            if is_secret and value is not None:
                fault, told = fault.replace(told, HIDDEN) if told else fault, HIDDEN
            sentence = f"Invalid input for `{declared.id}`, {fault}, but received `{told}`"
            self.problems[declared.id] = Problem(declared.id, sentence, _place(declared))
            return _BROKEN

    def _holds(self, condition: str) -> bool:
        """Nothing but the value true is true; a condition that cannot be rendered does not hold (FlowInputOutput)."""
        try:
            return self._rendering(condition, typed=True) is True
        except NotOfType:
            return False

    def _rules(self, declared: Input) -> Mapping[str, Any]:
        """The rules of an input, with the choices that its `expression` gives."""
        expression = declared.rules.get("expression")
        if expression is None or self.render is None or declared.type not in _CHOICES:
            return declared.rules
        try:
            choices = self._rendering(str(expression).strip(), typed=True)
        except NotOfType as error:
            raise NotOfType(f"Cannot render 'expression'. Cause: {error}") from error
        if not isinstance(choices, Sequence) or isinstance(choices, str):
            raise NotOfType(f"Invalid expression result. Expected a list of strings, but received {_java(choices)}")
        known = [one.get("value") if isinstance(one, Mapping) else one for one in choices]
        return {**declared.rules, "values": [one for one in known if one is not None]}

    def _rendered(self, value: Any) -> Any:
        """A default with its texts rendered, in lists and mappings too."""
        if isinstance(value, Mapping):
            return {key: self._rendered(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rendered(item) for item in value]
        return self._rendering(value) if _has_expression(value) else value

    def _rendering(self, text: str, *, typed: bool = False) -> Any:
        """Raises NotOfType for what the expression itself is at fault for."""
        assert self.render is not None
        try:
            return self.render(text, seen=self.seen, typed=typed)
        except (Retryable, Stalled):
            raise
        except PenstockError as error:
            raise NotOfType(error.message) from error


_CHOICES = frozenset({InputType.SELECT, InputType.MULTISELECT})


def in_order(inputs: Sequence[Input]) -> Iterable[Input]:
    """Each after those that it depends on. What validation refuses, a circle, is broken where it is met."""
    if not any(declared.depends_on for declared in inputs):
        return inputs
    by_id = {declared.id: declared for declared in inputs}
    ordered: dict[str, Input] = {}
    for declared in inputs:
        ahead: list[tuple[Input, Iterator[str]]] = [(declared, _needs(declared))]
        under_way = {declared.id}
        while ahead:
            current, needed = ahead[-1]
            following = next((by_id[one] for one in needed if one in by_id and one not in under_way), None)
            if following is None:
                ordered.setdefault(current.id, current)
                ahead.pop()
            elif following.id not in ordered:
                under_way.add(following.id)
                ahead.append((following, _needs(following)))
    return ordered.values()


def _needs(declared: Input) -> Iterator[str]:
    return (one for depends in declared.depends_on for one in depends.inputs)


def _first_choice(rules: Mapping[str, Any], kind: InputType) -> Any:
    """What `autoSelectFirst` makes of an input without a default."""
    values = rules.get("values") or rules.get("options")
    if rules.get("autoSelectFirst") is not True or not isinstance(values, list) or kind not in _CHOICES:
        return None
    return values[0] if kind is InputType.SELECT else [values[0]]


def _java(value: Any) -> str:
    """The simple name of the Java class of a value, as a message of Kestra has it."""
    from penstock.expression.stringify import class_name

    return (class_name(value) or "<null>").rpartition(".")[2]


def resolve_output(output: Output, value: Any) -> Any:
    """A rendered output as its type says. Raises InvalidInputs."""
    try:
        return _resolve(output.type, value, output.required, output.rules, noun="output")
    except NotOfType as error:
        told = HIDDEN if output.type is InputType.SECRET and value is not None else _text(value)
        sentence = f"Invalid output for `{output.id}`, {error}, but received `{told}`"
        raise InvalidInputs([Problem(output.id, sentence, _place(output))]) from error


def literal_value(declared: Input) -> Any:
    """The default of an input as a value, where it holds no expression and is one; None otherwise."""
    if declared.defaults is None or _has_expression(declared.defaults):
        return None
    try:
        return _resolve(declared.type, declared.defaults, False, declared.rules)
    except NotOfType:
        return None


def check_default(declared: Input) -> str | None:
    """Why the default of an input is no value of its type; None when it is one, or holds an expression."""
    return fault_of(declared, declared.defaults)


def fault_of(declared: Input, value: Any) -> str | None:
    """Why `value` is refused for an input; None where it is not, is nothing, or holds an expression."""
    if value is None or declared.type not in RESOLVED or _has_expression(value):
        return None
    try:
        _resolve(declared.type, value, declared.required, declared.rules)
    except NotOfType as error:
        return str(error)
    return None


def _resolve(kind: InputType, value: Any, required: bool, rules: Mapping[str, Any], *, noun: str = "input") -> Any:
    if value is None:
        if required:
            raise NotOfType(f"missing required {noun}")
        return None
    if kind not in RESOLVED:
        raise NotOfType(f"{noun}s of type `{kind}` cannot be read by this version")
    result = _convert(kind, value, rules, items="STRING" if noun == "input" else None)
    fault = broken_rule(kind, result, rules, required)
    if fault is not None:
        raise NotOfType(fault)
    return result


def _convert(kind: InputType, value: Any, rules: Mapping[str, Any], *, items: str | None = "STRING") -> Any:
    """`items` is what those of a list are read as that says nothing of them; None: they stay as they are."""
    match kind:
        case InputType.SELECT | InputType.ENUM:
            return CONVERTERS[InputType.STRING](value)
        case InputType.MULTISELECT | InputType.ARRAY:
            given = value if isinstance(value, list) else _json_array(kind, value)
            item_type = rules.get("itemType", items)
            return given if item_type is None else [_item(item_type, item) for item in given]
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


def _item(kind: str, item: Any) -> Any:
    try:
        return _convert(InputType(kind), item, {})
    except (ValueError, KeyError, OverflowError) as error:
        raise NotOfType(f"Unable to parse array element as `{kind}` on `{_text(item)}`") from error


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
    if isinstance(value, Mapping):
        return any(map(_has_expression, value.values()))
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _reads_secret(value: Any) -> bool:
    """Whether a default may come to a secret."""
    return "secret" in _text(value)


def _place(declared: Input | Output) -> Range | None:
    """None for one whose place nobody has kept."""
    return declared.range if declared.range is not START else None


def _text(value: Any) -> str:
    """A value as a message shows it: as it would be typed."""
    if value is None:
        return "null"
    if isinstance(value, str | LocalFile):
        return str(value)
    import json

    return json.dumps(value, ensure_ascii=False, default=str)
