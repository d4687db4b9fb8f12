"""A JSON Schema of other people made one of ours: draft 2020-12, closed in itself, and safe to judge by.

What it cannot do: name another document (nothing is ever fetched), or have a text matched by a pattern that takes more
than linear time. Of `pattern` only what RE2 reads is kept; `patternProperties` are not judged. Kestra writes schemas
from its classes (core/src/main/java/io/kestra/core/docs/JsonSchemaGenerator.java): draft 7 for a whole flow, 2019-09
for one plugin, `$dynamic` for what is rendered, and required what has a default; such are read as Kestra means them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from penstock.flow.catalogue.expressible import accepts_text, or_expression

Schema = dict[str, Any]
Pointer = tuple[str | int, ...]

MOST_DEPTH = 60
MOST_PARTS = 400_000
"""So many schemas within schemas one file may hold."""

ABOUT = ("title", "description", "default", "deprecated", "x-since", "x-until", "x-enterprise")
_ROOTS = re.compile(
    r"io\.kestra\.core\.models\.(?:tasks\.(?:Task|runners\.TaskRunner)|triggers\.AbstractTrigger|conditions\."
    r"(?:Schedule)?Condition|(?:dashboards\.)?.*\.Chart)(?:<.*>)?(?:-\d+)?"
)
"""Kestra's definitions of anything that has a type: the type judges it, where it stands."""

_OF_THE_SAME = ("not", "if", "then", "else")
_OF_PARTS = (
    "items", "additionalProperties", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
_KINDS = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})


def leads_out(ref: Any) -> tuple[str, str]:
    """What is said of a reference to another document, and what to do."""
    return f"`{ref}` leads out of the file", "no schema is ever fetched: put it under `$defs` here"


def leads_to_any_type(ref: str) -> bool:
    """Whether a reference is to Kestra's definition of anything that has a type."""
    return _ROOTS.fullmatch(ref.rsplit("/", 1)[-1]) is not None


class Unusable(Exception):
    """Why a schema cannot be used; `pointer` is where in its document."""

    def __init__(self, pointer: Pointer, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.pointer, self.message, self.hint = pointer, message, hint


@dataclass(frozen=True, slots=True)
class _Definition:
    """`leads` are the definitions that it refers to, and whether for the very value that it judges itself; `asked` is
    who referred to it."""

    schema: Schema
    leads: Mapping[str, bool]
    asked: Pointer


class Adoption:
    """Makes schemas of one document ours. `kestras`: Kestra's own generator wrote it."""

    def __init__(
        self, document: Mapping[str, Any], *, kestras: bool, definitions: Mapping[str, Any] | None = None
    ) -> None:
        """`definitions` are where a reference to a definition leads that the document itself does not hold."""
        self._document = document
        self._kestras = kestras
        self._elsewhere = definitions or {}
        self._base = str(document.get("$id", "")).rstrip("#")
        self._definitions: dict[str, _Definition] = {}
        self._led: dict[str, bool] = {}
        self._ahead: list[tuple[str, list[str], Pointer]] = []
        self._parts = 0
        self._lock = threading.Lock()

    def adopt(self, schema: Any, at: Pointer) -> Schema:
        """The schema at `at`, with those definitions that it needs. Thread-safe. Raises Unusable."""
        with self._lock:
            return self._adopted(schema, at)

    def _adopted(self, schema: Any, at: Pointer) -> Schema:
        self._led = {}
        found, leads = self._schema(schema, at), self._led
        if not isinstance(found, dict):
            raise Unusable(at, "a type has a schema with properties")
        while self._ahead:
            name, steps, asked = self._ahead.pop()
            if name not in self._definitions:
                self._led = {}
                target, where = self._target(steps, asked)
                made = self._schema(target, where)
                plain = made if isinstance(made, dict) else {} if made else {"not": {}}
                self._definitions[name] = _Definition(plain, self._led, asked)
        needed = self._closure(leads)
        if needed:
            found["$defs"] = {name: self._definitions[name].schema for name in sorted(needed)}
        return found

    def _closure(self, leads: Iterable[str]) -> set[str]:
        """What is needed, with what that needs. Raises Unusable for a definition that only leads to itself."""
        needed: set[str] = set()
        ahead = list(leads)
        while ahead:
            name = ahead.pop()
            if name not in needed:
                needed.add(name)
                ahead += self._definitions[name].leads
        self._refuse_circles(needed)
        return needed

    def _refuse_circles(self, names: Iterable[str]) -> None:
        ended: set[str] = set()
        for first in names:
            trail: list[tuple[str, Iterator[str]]] = [(first, self._same(first))]
            while trail and first not in ended:
                name, ahead = trail[-1]
                step = next((each for each in ahead if each not in ended), None)
                if step is None:
                    ended.add(name)
                    trail.pop()
                elif any(step == name for name, _ in trail):
                    raise Unusable(self._definitions[step].asked, f"`{step}` leads to itself, and to nothing else")
                else:
                    trail.append((step, self._same(step)))

    def _same(self, name: str) -> Iterator[str]:
        """The definitions that judge the very value that `name` judges."""
        return (led for led, same in self._definitions[name].leads.items() if same)

    def _schema(self, raw: Any, at: Pointer, *, same: bool = True) -> Any:
        if isinstance(raw, bool):
            return raw
        if not isinstance(raw, dict):
            raise Unusable(at, "a schema is a mapping")
        self._parts += 1
        if self._parts > MOST_PARTS or len(at) > MOST_DEPTH * 2:
            raise Unusable(at, "the schema is nested too deep, or too large")
        for keyword in ("$dynamicRef", "$recursiveRef"):
            if keyword in raw:
                raise Unusable((*at, keyword), f"`{keyword}` is not understood", "write `$ref`")
        found = self._about(raw, at)
        if "$ref" in raw:
            return self._reference(raw["$ref"], (*at, "$ref"), same) | found
        for keyword, fits in _PLAIN.items():
            if keyword in raw:
                if not fits(raw[keyword]):
                    raise Unusable((*at, keyword), f"`{keyword}` has a value that it cannot have")
                found[keyword] = raw[keyword]
        if (
            self._kestras
            and found.get("type") == "string"
            and not found.keys() & {"enum", "const", "pattern", "format"}
        ):
            found["type"] = ["string", "number", "boolean"]  # Jackson takes any scalar as text
        if "pattern" in raw and _is_linear(raw["pattern"], (*at, "pattern")):
            found["pattern"] = raw["pattern"]
        return found | self._parts_of(raw, at, same)

    def _about(self, raw: Mapping[str, Any], at: Pointer) -> Schema:
        found = {key: raw[key] for key in ABOUT if key in raw}
        if "description" not in found and isinstance(raw.get("markdownDescription"), str):
            found["description"] = raw["markdownDescription"]
        if str(raw.get("$deprecated", "")).lower() == "true":
            found["deprecated"] = True
        for key in ("title", "description"):
            if not isinstance(found.get(key, ""), str):
                raise Unusable((*at, key), f"`{key}` is a text")
        return found

    def _parts_of(self, raw: Mapping[str, Any], at: Pointer, same: bool) -> Schema:
        found: Schema = {}
        for keyword in (*_OF_THE_SAME, *_OF_PARTS):
            if isinstance(raw.get(keyword), dict | bool):
                found[keyword] = self._schema(raw[keyword], (*at, keyword), same=same and keyword in _OF_THE_SAME)
                if keyword in ("items", "additionalProperties"):
                    found[keyword] = self._or_expression(raw[keyword], found[keyword])
        for keyword in ("allOf", "anyOf", "oneOf", "prefixItems", "items"):
            if isinstance(raw.get(keyword), list):
                of_value = same and keyword.endswith("Of")
                name = "prefixItems" if keyword == "items" else keyword
                found[name] = [
                    self._schema(part, (*at, keyword, n), same=of_value) for n, part in enumerate(raw[keyword])
                ]
        if "prefixItems" in found and isinstance(raw.get("additionalItems"), dict | bool):
            found["items"] = self._schema(raw["additionalItems"], (*at, "additionalItems"), same=False)
        if "properties" in raw:
            found["properties"] = self._named(raw["properties"], (*at, "properties"))
        for keyword in ("dependentSchemas", "dependencies"):
            if isinstance(raw.get(keyword), dict):
                found |= self._dependencies(raw[keyword], (*at, keyword), same)
        if "patternProperties" in raw and "additionalProperties" in found:
            del found["additionalProperties"]
        if self._kestras:
            if "oneOf" in found:  # its generator writes `oneOf` over alternatives that overlap
                found["anyOf"] = found.pop("oneOf")
            found |= self._as_kestra_means(raw, found)
        return found

    def _named(self, raw: Any, at: Pointer) -> Schema:
        if not isinstance(raw, dict):
            raise Unusable(at, f"`{at[-1]}` is a mapping of schemas")
        found = {}
        for name, part in raw.items():
            schema = self._schema(part, (*at, name), same=False)
            found[name] = schema if name in ("id", "type") else self._or_expression(part, schema)
        return found

    def _or_expression(self, raw: Any, schema: Any) -> Any:
        """`schema`, made of `raw`, that accepts an expression too, where one is rendered."""
        says = raw.get("$dynamic") if isinstance(raw, dict) else None
        rendered = says is True or (self._kestras and says is not False)
        if rendered and isinstance(schema, dict) and not accepts_text(schema, ABOUT):
            return or_expression(schema, ABOUT)
        return schema

    def _as_kestra_means(self, raw: Mapping[str, Any], found: Schema) -> Schema:
        """What has a default need not be there; and Kestra's own marks are no properties."""
        if "required" not in raw or not isinstance(raw.get("properties"), dict):
            return {}
        properties = raw["properties"]
        return {"required": [name for name in raw["required"] if not _has_default(properties.get(name))]}

    def _dependencies(self, raw: Mapping[str, Any], at: Pointer, same: bool) -> Schema:
        names = {name: part for name, part in raw.items() if _are_texts(part)}
        schemas = {name: self._schema(part, (*at, name), same=same) for name, part in raw.items() if name not in names}
        return ({"dependentRequired": names} if names else {}) | ({"dependentSchemas": schemas} if schemas else {})

    # ── references ──

    def _reference(self, ref: Any, at: Pointer, same: bool) -> Schema:
        text = ref.removeprefix(self._base) if isinstance(ref, str) and self._base else ref
        if not isinstance(text, str) or not (text == "#" or text.startswith("#/")):
            raise Unusable(at, *leads_out(ref))
        steps = [_unescaped(step) for step in text.split("/")[1:]]
        name = steps[-1] if len(steps) == 2 and steps[0] in ("definitions", "$defs") else "/".join(["#", *steps])
        if self._kestras and _ROOTS.fullmatch(name):
            return {"type": "object"}
        self._led[name] = self._led.get(name, False) or same
        if name not in self._definitions:
            self._ahead.append((name, steps, at))
        return {"$ref": "#/$defs/" + name.replace("~", "~0").replace("/", "~1")}

    def _target(self, steps: list[str], at: Pointer) -> tuple[Any, Pointer]:
        found: Any = self._document
        where: list[str | int] = []
        for step in steps:
            key: str | int = int(step) if isinstance(found, list) and step.isdecimal() else step
            there = range(len(found)) if isinstance(found, list) else found if isinstance(found, dict) else ()
            if key in there:
                found = found[key]
            elif len(steps) == 2 and steps[-1] in self._elsewhere:
                return self._elsewhere[steps[-1]], at
            else:
                raise Unusable(at, f"there is no `#/{'/'.join(steps)}` in the file")
            where.append(key)
        return found, tuple(where)


def _unescaped(step: str) -> str:
    from urllib.parse import unquote

    return unquote(step).replace("~1", "/").replace("~0", "~")


def _has_default(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    return "default" in schema or any(_has_default(part) for part in schema.get("allOf", ()))


def _is_linear(pattern: Any, at: Pointer) -> bool:
    """Whether RE2 reads the pattern, so that no text can make it take for ever."""
    if not isinstance(pattern, str):
        raise Unusable(at, "a pattern is a text")
    return _read_by_re2(pattern)


@lru_cache(maxsize=512)
def _read_by_re2(pattern: str) -> bool:
    from penstock.flow.judging.validators import compiled

    try:
        compiled(pattern)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_kinds(value: Any) -> bool:
    return (isinstance(value, str) and value in _KINDS) or (_are_texts(value) and set(value) <= _KINDS and bool(value))


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "type": _are_kinds,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "const": lambda _: True,
    "format": lambda value: isinstance(value, str),
    "required": _are_texts,
    "uniqueItems": lambda value: isinstance(value, bool),
    "dependentRequired": lambda value: isinstance(value, dict) and all(map(_are_texts, value.values())),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
         "maxContains"),
        _is_count,
    ),
}  # fmt: skip
"""The keywords without schemas in them, and what each may hold."""
