"""The published schemas, applied: which of their rules a flow, a task, a trigger or an input breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.judging.schema import Check, Unsupported, compile_check

if TYPE_CHECKING:  # it is needed when something is wrong, and costs every start otherwise
    from penstock.flow.judging.violations import Violation

Schema = Mapping[str, Any]


class Judge:
    """Holds values against the schemas of one catalogue. Each schema is compiled once, when first needed.

    The verdict is jsonschema's. As Jackson does, a property that is null counts as absent where null is not allowed.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._checks: dict[tuple[str, str], Check | None] = {}
        self._required: dict[tuple[str, str], tuple[str, ...]] = {}

    def flow(self, raw: dict[str, Any]) -> list[Violation]:
        """The faults of a flow's top level."""
        return self._judge(("flow", ""), self._catalog.flow_schema, None, raw)

    def typed(self, name: str, raw: dict[str, Any]) -> list[Violation]:
        """The faults of a task, trigger, runner or condition; none where its type has no schema."""
        catalog = self._catalog
        return self._judge(("type", name), lambda: catalog.schema(name), lambda: catalog.validator(name), raw)

    def input(self, kind: str, raw: dict[str, Any]) -> list[Violation]:
        """The faults of an input by its type, which must be one of InputType."""
        return self._judge(("input", kind), lambda: self._catalog.input_schema(kind), None, raw)

    def _judge(
        self,
        key: tuple[str, str],
        schema_of: Callable[[], Schema | None],
        validator_of: Callable[[], Any] | None,
        raw: dict[str, Any],
    ) -> list[Violation]:
        if key in self._checks:
            check = self._checks[key]
        else:
            check = self._checks[key] = self._made(key, schema_of)
        if check is None:
            return []
        if check(raw):
            empty = [name for name in self._required.get(key, ()) if name in raw and raw[name] is None]
            return _without_value(empty) if empty else []
        schema = schema_of()
        assert schema is not None
        from penstock.flow.judging.violations import violations

        validator = validator_of() if validator_of is not None else _validator(schema)
        found = violations(validator, raw)
        nulls = [fault.path for fault in found if _at(raw, fault.path) is None and _present(raw, fault.path)]
        if not nulls:
            return found
        return [_at_null(fault, nulls) for fault in violations(validator, _without(raw, nulls))]

    def _made(self, key: tuple[str, str], schema_of: Callable[[], Schema | None]) -> Check | None:
        guard = self._catalog.guard(key[1]) if key[0] == "type" else None
        if guard is not None:
            return guard.check
        schema = schema_of()
        if schema is None:
            return None
        self._required[key] = tuple(schema.get("required", ()))
        return _check(schema)


def _without_value(names: list[str]) -> list[Violation]:
    """Required properties that may be anything, and are nothing."""
    from penstock.flow.judging.violations import Violation

    return [Violation("PEN201", (name,), f"`{name}` has no value", "give it one", at_key=True) for name in names]


def _at_null(fault: Violation, nulls: list[tuple[str | int, ...]]) -> Violation:
    """A required property that is there without a value is told where it stands."""
    for path in nulls:
        if path[:-1] == fault.path and fault.missing == path[-1]:
            return replace(fault, path=path, message=f"`{path[-1]}` has no value", help="give it one", missing=None)
    return fault


def _check(schema: Schema) -> Check:
    try:
        return compile_check(schema)
    except Unsupported:
        validator = _validator(schema)
        return lambda value: bool(validator.is_valid(value))


def _validator(schema: Schema) -> Any:
    from jsonschema.validators import Draft202012Validator

    return Draft202012Validator(schema)


@lru_cache(maxsize=4)
def judge_of(catalog: Catalog) -> Judge:
    """The judge of a catalogue; compiled schemas are kept with it."""
    return Judge(catalog)


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _present(value: Any, path: tuple[str | int, ...]) -> bool:
    """Null under a key; an item of a list cannot be absent."""
    parent = _at(value, path[:-1])
    return bool(path) and isinstance(parent, dict) and path[-1] in parent


def _without(value: Any, paths: list[tuple[str | int, ...]]) -> Any:
    """A copy of `value` without the keys at `paths`; lists keep their length."""
    here = {path[0] for path in paths if len(path) == 1}
    below = {step: [path[1:] for path in paths if len(path) > 1 and path[0] == step] for step in {p[0] for p in paths}}
    if isinstance(value, dict):
        return {
            name: _without(item, below[name]) if below.get(name) else item
            for name, item in value.items()
            if name not in here
        }
    return [_without(item, below[at]) if below.get(at) else item for at, item in enumerate(value)]
