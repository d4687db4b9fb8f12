"""An example of a type, made from its schema: what must be there, with values that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.flow.judging.schema import Unsupported, compile_check

Schema = Mapping[str, Any]

_LOG = {"id": "hello", "type": "io.kestra.plugin.core.log.Log", "message": "Hello"}
_WEEKEND = {"type": "io.kestra.plugin.core.condition.Weekend"}
_HINTS: dict[str, Any] = {
    "after": "2026-01-31T00:00:00Z", "before": "2026-12-31T00:00:00Z", "cases": {"a": [_LOG]},
    "commands": ["echo hello"], "condition": "{{ inputs.ready }}", "conditions": [_WEEKEND],
    "containerImage": "python:3.12-slim", "cron": "0 9 * * *", "date": "{{ trigger.date }}",
    "expression": "{{ inputs.ready }}", "flowId": "other-flow", "format": "{{ flow.id }}",
    "from": "{{ outputs.extract.uri }}", "image": "python:3.12-slim", "items": "{{ outputs.extract.uri }}",
    "key": "my-key", "message": "Hello", "method": "GET", "namespace": "company.team", "script": "echo hello",
    "targetNamespace": "company.team", "task": _LOG, "tasks": [_LOG], "then": [_LOG], "timeZone": "Europe/Paris",
    "uri": "https://example.com/data", "value": "{{ inputs.name }}", "values": ["a", "b"],
}  # fmt: skip
"""What people write there, tried before anything else."""

_TEXTS = (
    "my-name", "PT5M", "{{ inputs.name }}", "company.team", "2026-01-31", "09:00:00", "2026-01-31T09:00:00Z", "a", "1",
    "0 9 * * *", "https://example.com/data", "MONDAY",
)  # fmt: skip
_DEEPEST = 6

_CORE = "io.kestra.plugin.core."
_BESIDE: dict[str, dict[str, Any]] = {
    _CORE + "flow.Dag": {"tasks": [{"task": _LOG}, {"task": {**_LOG, "id": "then"}, "dependsOn": ["hello"]}]},
    _CORE + "flow.Switch": {"cases": {"a": [_LOG]}},
    _CORE + "flow.ForEachItem": {"namespace": "company.team", "flowId": "other-flow"},
    _CORE + "trigger.Flow": {
        "preconditions": {"id": "loaded", "flows": [{"namespace": "company.team", "flowId": "load"}]}
    },
}
"""What says more than the least that the schema wants."""


def example_of(name: str, schema: Schema) -> dict[str, Any] | None:
    """A mapping that `schema`, of the type `name`, accepts; None where none was found."""
    made = _Maker(schema)
    kind = {"type": name}
    first: dict[str, Any] = {"id": _id_of(name)} if "id" in schema.get("required", ()) else {}
    example = first | kind | made.mapping(schema, 0, skipped=("id", "type"))
    if made.fits(schema, example | _BESIDE.get(name, {})):
        example |= _BESIDE.get(name, {})
    for more in _alternatives(schema):
        if made.fits(schema, example):
            break
        example = example | made.members(schema, [key for key in more if key not in example], 0)
    return example if made.fits(schema, example) else None


def _id_of(name: str) -> str:
    """`my-table-load` of `com.example.MyTableLoad`."""
    last = name.rsplit(".", 1)[-1]
    dashed = "".join(f"-{char.lower()}" if char.isupper() else char for char in last)
    return dashed.strip("-_") or "one"


def _alternatives(schema: Schema) -> Iterator[list[str]]:
    """The sets of properties of which one must be there."""
    for keyword in ("anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            if isinstance(part, Mapping):
                yield list(part.get("required", ()))


class _Maker:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def fits(self, schema: Schema, value: Any) -> bool:
        try:
            return _checked({**schema, "$defs": self._root.get("$defs", {})})(value)
        except Unsupported:
            return False

    def mapping(self, schema: Schema, depth: int, skipped: tuple[str, ...] = ()) -> dict[str, Any]:
        return self.members(schema, [key for key in schema.get("required", ()) if key not in skipped], depth)

    def members(self, schema: Schema, names: list[str], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        ordered = sorted(names, key=list(properties).index) if set(names) <= properties.keys() else names
        return {name: self._value(name, properties.get(name, {}), depth + 1) for name in ordered}

    def _value(self, name: str, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return "…"
        for candidate in self._candidates(name, schema, depth):
            if self.fits(schema, candidate):
                return candidate
        return "…"

    def _candidates(self, name: str, schema: Schema, depth: int) -> Iterator[Any]:
        if name in _HINTS:
            yield _HINTS[name]
        yield from (schema[key] for key in ("default", "const") if key in schema)
        yield from schema.get("enum", ())[:1]
        if depth > _DEEPEST:
            return
        for part in schema.get("anyOf", schema.get("oneOf", ())):
            if isinstance(part, Mapping):
                yield from self._candidates(name, part, depth)
        if "$ref" in schema:
            yield from self._candidates(name, self._target(schema["$ref"]), depth)
        yield from self._of_kind(name, schema, depth)

    def _of_kind(self, name: str, schema: Schema, depth: int) -> Iterator[Any]:
        kinds = schema.get("type", ())
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            match kind:
                case "string":
                    yield from _TEXTS
                case "integer" | "number":
                    yield from (1, 10, schema.get("minimum", 0), 0.5)
                case "boolean":
                    yield True
                case "array":
                    yield [self._value(name.removesuffix("s"), schema.get("items", {}), depth + 1)]
                    yield []
                case "object":
                    yield self.mapping(schema, depth)
                    if isinstance(schema.get("additionalProperties"), Mapping):
                        yield {"name": self._value(name, schema["additionalProperties"], depth + 1)}

    def _target(self, ref: str) -> Schema:
        name = ref.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
        found = self._root.get("$defs", {}).get(name, {})
        return found if isinstance(found, Mapping) else {}


def _checked(schema: Schema) -> Callable[[Any], bool]:
    return compile_check({key: value for key, value in schema.items() if key != "$schema"})
