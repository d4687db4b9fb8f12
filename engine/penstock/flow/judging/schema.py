"""JSON Schema as closures: the verdict of `jsonschema`, some forty times as fast and without its import.

`compile_check` knows the keywords that our generator emits and more; a schema with a keyword that it does not know
is judged by jsonschema itself. What is wrong is always told from jsonschema's errors (`judging.violations`).
A test holds both verdicts equal over random schemas and documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Check = Callable[[Any], bool]
Schema = Mapping[str, Any] | bool

_UNSUPPORTED = frozenset(
    {
        "$dynamicRef", "$recursiveRef", "contains", "minContains", "maxContains", "dependentSchemas", "dependencies",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip


class Unsupported(Exception):
    """The schema uses a keyword that is not compiled; jsonschema is to judge."""


def _python_search(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).search


def compile_check(
    schema: Schema,
    *,
    search: Callable[[str], Callable[[str], object]] = _python_search,
    follow: Callable[[], None] | None = None,
) -> Check:
    """A predicate for plain values (dict with text keys, list, str, int, float, bool, None). Raises Unsupported.

    `search` makes of a pattern what looks for it. `follow` is called whenever a reference is followed, and may raise.
    """
    return _Compiler(schema, search, follow).compile(schema)


class _Compiler:
    def __init__(
        self, root: Schema, search: Callable[[str], Callable[[str], object]], follow: Callable[[], None] | None
    ) -> None:
        self._root = root
        self._search = search
        self._follow = follow
        self._by_ref: dict[str, Check] = {}

    def compile(self, schema: Schema) -> Check:
        if schema is True or schema == {}:
            return _always
        if schema is False:
            return _never
        if not isinstance(schema, Mapping):
            raise Unsupported(repr(schema))
        if any(keyword in _UNSUPPORTED for keyword in schema):
            raise Unsupported(", ".join(schema))
        checks: list[Check] = []
        if "$ref" in schema:
            checks.append(self._reference(schema["$ref"]))
        if "type" in schema:
            checks.append(_of_type(schema["type"]))
        if "enum" in schema:
            checks.append(_one_of(schema["enum"]))
        if "const" in schema:
            checks.append(_one_of([schema["const"]]))
        checks += self._text(schema) + _number(schema) + self._list(schema) + self._object(schema)
        checks += self._logic(schema)
        return _all(checks)

    def _reference(self, ref: str) -> Check:
        if not ref.startswith("#/") and ref != "#":
            raise Unsupported(ref)
        if ref not in self._by_ref:
            target: Any = self._root
            for step in ref.split("/")[1:]:
                target = target[step.replace("~1", "/").replace("~0", "~")]
            # Recursive schemas: whoever asks meanwhile gets a check that looks up the finished one.
            self._by_ref[ref] = lambda value: self._by_ref[ref](value)
            self._by_ref[ref] = self._followed(self.compile(target))
        return self._by_ref[ref]

    def _followed(self, check: Check) -> Check:
        follow = self._follow
        if follow is None:
            return check

        def followed(value: Any) -> bool:
            follow()
            return check(value)

        return followed

    def _text(self, schema: Mapping[str, Any]) -> list[Check]:
        checks: list[Check] = []
        if "pattern" in schema:
            search = self._search(schema["pattern"])
            checks.append(lambda value: type(value) is not str or search(value) is not None)
        least, most = schema.get("minLength"), schema.get("maxLength")
        if least is not None or most is not None:
            checks.append(_sized(str, least, most))
        return checks

    def _list(self, schema: Mapping[str, Any]) -> list[Check]:
        checks: list[Check] = []
        least, most = schema.get("minItems"), schema.get("maxItems")
        if least is not None or most is not None:
            checks.append(_sized(list, least, most))
        if schema.get("uniqueItems"):
            checks.append(lambda value: type(value) is not list or _all_differ(value))
        first = [self.compile(item) for item in schema.get("prefixItems", ())]
        rest = self.compile(schema["items"]) if "items" in schema else None
        if first:
            checks.append(_prefixed(first, rest))
        elif rest is not None and rest is not _always:
            checks.append(lambda value: type(value) is not list or all(map(rest, value)))
        return checks

    def _object(self, schema: Mapping[str, Any]) -> list[Check]:
        checks: list[Check] = []
        least, most = schema.get("minProperties"), schema.get("maxProperties")
        if least is not None or most is not None:
            checks.append(_sized(dict, least, most))
        required = tuple(schema.get("required", ()))
        if required:
            checks.append(_required(required))
        for name, needed in schema.get("dependentRequired", {}).items():
            checks.append(_dependent(name, tuple(needed)))
        if "propertyNames" in schema:
            named = self.compile(schema["propertyNames"])
            checks.append(lambda value: type(value) is not dict or all(map(named, value)))
        if any(keyword in schema for keyword in ("properties", "patternProperties", "additionalProperties")):
            known = {name: self.compile(part) for name, part in schema.get("properties", {}).items()}
            patterns = [
                (re.compile(pattern), self.compile(part))
                for pattern, part in schema.get("patternProperties", {}).items()
            ]
            others = self.compile(schema.get("additionalProperties", True))
            checks.append(_members(known, others) if not patterns else _members_by_pattern(known, patterns, others))
        return checks

    def _logic(self, schema: Mapping[str, Any]) -> list[Check]:
        checks: list[Check] = []
        if "allOf" in schema:
            checks += [self.compile(part) for part in schema["allOf"]]
        if "anyOf" in schema:
            parts = [self.compile(part) for part in schema["anyOf"]]
            checks.append(_any(parts))
        if "oneOf" in schema:
            exclusive = [self.compile(part) for part in schema["oneOf"]]
            checks.append(lambda value: sum(check(value) for check in exclusive) == 1)
        if "not" in schema:
            negated = self.compile(schema["not"])
            checks.append(lambda value: not negated(value))
        if "if" in schema:
            condition = self.compile(schema["if"])
            yes, no = self.compile(schema.get("then", True)), self.compile(schema.get("else", True))
            checks.append(lambda value: yes(value) if condition(value) else no(value))
        return checks


def _always(_: Any) -> bool:
    return True


def _never(_: Any) -> bool:
    return False


def _all(checks: list[Check]) -> Check:
    checks = [check for check in checks if check is not _always]
    match checks:
        case []:
            return _always
        case [only]:
            return only
        case [one, two]:
            return lambda value: one(value) and two(value)
        case [one, two, three]:
            return lambda value: one(value) and two(value) and three(value)

    def every(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - the hot loop
            if not check(value):
                return False
        return True

    return every


def _any(checks: list[Check]) -> Check:
    if len(checks) == 2:
        one, two = checks
        return lambda value: one(value) or two(value)
    return lambda value: any(check(value) for check in checks)


def _is_integer(value: Any) -> bool:
    kind = type(value)
    return kind is int or (kind is float and value.is_integer())


_TYPES: dict[str, Check] = {
    "string": lambda value: type(value) is str,
    "integer": _is_integer,
    "number": lambda value: type(value) is int or type(value) is float,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
}


_KINDS: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
"""Types that a value's class alone tells: all but integers, which may be written 1.0."""


def _of_type(names: str | Sequence[str]) -> Check:
    if isinstance(names, str):
        if names not in _TYPES:
            raise Unsupported(names)
        return _TYPES[names]
    if all(name in _KINDS for name in names):
        kinds = frozenset().union(*(_KINDS[name] for name in names))
        return lambda value: type(value) in kinds
    return _any([_of_type(name) for name in names])


def same(one: Any, two: Any) -> bool:
    """Equality of JSON: 1 is 1.0, but never true."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    return bool(one == two)


def _one_of(values: Sequence[Any]) -> Check:
    if all(isinstance(value, str) for value in values):
        known = frozenset(values)
        return lambda value: type(value) is str and value in known
    return lambda value: any(same(value, one) for one in values)


def _all_differ(values: list[Any]) -> bool:
    return not any(same(one, two) for at, one in enumerate(values) for two in values[at + 1 :])


def _sized(kind: type[str | list[Any] | dict[str, Any]], least: int | None, most: int | None) -> Check:
    low, high = least or 0, float("inf") if most is None else most
    return lambda value: type(value) is not kind or low <= len(value) <= high


def _number(schema: Mapping[str, Any]) -> list[Check]:
    checks: list[Check] = []

    def add(keyword: str, holds: Callable[[Any, Any], bool]) -> None:
        if keyword in schema:
            bound = schema[keyword]
            checks.append(lambda value: (type(value) is not int and type(value) is not float) or holds(value, bound))

    add("minimum", lambda value, bound: value >= bound)
    add("maximum", lambda value, bound: value <= bound)
    add("exclusiveMinimum", lambda value, bound: value > bound)
    add("exclusiveMaximum", lambda value, bound: value < bound)
    if "multipleOf" in schema:
        raise Unsupported("multipleOf")  # its meaning for floats is jsonschema's own affair
    return checks


def _required(names: tuple[str, ...]) -> Check:
    wanted = frozenset(names)
    return lambda value: type(value) is not dict or wanted <= value.keys()


def _dependent(name: str, needed: tuple[str, ...]) -> Check:
    return lambda value: type(value) is not dict or name not in value or all(key in value for key in needed)


def _prefixed(first: list[Check], rest: Check | None) -> Check:
    def check(value: Any) -> bool:
        if type(value) is not list:
            return True
        if not all(one(item) for one, item in zip(first, value, strict=False)):
            return False
        return rest is None or all(map(rest, value[len(first) :]))

    return check


def _members(known: dict[str, Check], others: Check) -> Check:
    get = known.get

    def check(value: Any) -> bool:
        if type(value) is dict:
            for name, item in value.items():
                if not get(name, others)(item):
                    return False
        return True

    return check


def _members_by_pattern(known: dict[str, Check], patterns: list[tuple[re.Pattern[str], Check]], others: Check) -> Check:
    def check(value: Any) -> bool:
        if type(value) is not dict:
            return True
        for name, item in value.items():
            matching = [one for pattern, one in patterns if pattern.search(name)]
            if name in known:
                matching.append(known[name])
            if not all(one(item) for one in matching or [others]):
                return False
        return True

    return check
