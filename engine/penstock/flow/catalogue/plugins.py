"""Types of other plugins, from JSON Schemas that a team keeps beside its flows: `catalogs:` of penstock.yaml.

A file is one of these:

- a schema of one type, draft 2020-12 or 7: `properties.type` has the type's name as `const`, or the names as `enum`
  (the first counts, the others are older ones); else `$id`, `title` or the file's own name gives it;
- what Kestra's API answers for one plugin (`/api/v1/plugins/TYPE`): `schema.properties` has the schema, and the file's
  name, or the type in its `markdown`, the name;
- Kestra's schema of a whole flow (`/api/v1/plugins/schemas/flow`): every definition whose `type` is a `const`.

`x-group` and `x-aliases` say what else the catalogue wants to know. (Shapes: kestra core/src/main/java/io/kestra/core/
docs/JsonSchemaGenerator.java, Schema.java and AbstractClassDocumentation.java, 2026-06.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from penstock.errors import UserError
from penstock.flow.catalogue.json_places import place_of
from penstock.flow.catalogue.plugin_schema import Adoption, Pointer, Unusable, leads_out, leads_to_any_type
from penstock.flow.codes import UNREADABLE_CATALOG

Schema = dict[str, Any]

MOST_BYTES = 16 * 1024 * 1024
MOST_BYTES_TOGETHER = 48 * 1024 * 1024
MOST_FILES = 2_000

GROUPS = ("task", "trigger", "runner", "condition")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_$-]*)+")
_FOREIGN = re.compile(r'"\$ref"\s*:\s*("([^"#][^"]*)")')
_IN_MARKDOWN = re.compile(r'type:\s*"([^"\n]+)"')
_FAMILIES = (
    ("trigger", re.compile(r"\.triggers?\.|Trigger$")),
    ("condition", re.compile(r"\.conditions?\.|Condition$")),
    ("runner", re.compile(r"\.runners?\.|TaskRunner$")),
)
_KESTRAS_ROOTS = (
    ("task", re.compile(r"io\.kestra\.core\.models\.tasks\.Task(?:-\d+)?")),
    ("trigger", re.compile(r"io\.kestra\.core\.models\.triggers\.AbstractTrigger(?:-\d+)?")),
    ("condition", re.compile(r"io\.kestra\.core\.models\.conditions\.(?:Schedule)?Condition(?:-\d+)?")),
    ("runner", re.compile(r"io\.kestra\.core\.models\.tasks\.runners\.TaskRunner(?:<.*>)?(?:-\d+)?")),
)
_KESTRAS_FLOW = re.compile(r"io\.kestra\.core\.models\.(?:flows\.|tasks\.)")
_BRANCHES = ("tasks", "then", "else", "errors", "finally")


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """One file of a catalogue. `shown` is its path as a person would type it."""

    shown: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PluginType:
    """One type. `make` gives its schema; of a file with many types it is made when it is needed."""

    name: str
    group: str
    title: str
    make: Callable[[], Schema] = field(repr=False)
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    branches: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """2020-12, and closed in itself; it need not say what every task or trigger may have. Raises UserError."""
        return self.make()


@dataclass(frozen=True, slots=True)
class PluginTypes:
    """The types of a repository's catalogues by name. `digest` is of everything that they were read from."""

    types: Mapping[str, PluginType]
    digest: str


def read_plugin_types(files: Sequence[CatalogFile]) -> PluginTypes:
    """The types that `files` describe; of one name the first counts.

    Raises UserError, with the place, for a file that is no JSON, names no type, or has a schema that cannot be used; of
    a file with many types such a schema raises when it is needed.
    """
    told = sha256()
    found: dict[str, PluginType] = {}
    index: dict[str, Mapping[str, Any]] = {}
    refuse_too_large({file.shown: len(file.data) for file in files})
    for file in files:
        told.update(f"{file.shown}\0{len(file.data)}\0".encode() + file.data)
        document = _document(file)
        if _is_index(document):
            index |= {name: entry for name, entry in document["types"].items() if isinstance(entry, dict)}
            continue
        for one in _types_of(file, document):
            found.setdefault(one.name, one)
    return PluginTypes({name: _indexed(one, index.get(name, {})) for name, one in found.items()}, told.hexdigest())


def refuse_too_large(sizes: Mapping[str, int]) -> None:
    """Raises UserError where files, by their sizes in bytes, are more than is read of catalogues."""
    for shown, size in sizes.items():
        if size > MOST_BYTES:
            raise _refusal(shown, f"is larger than {MOST_BYTES // 1024 // 1024} MiB", "split it")
    if len(sizes) > MOST_FILES or sum(sizes.values()) > MOST_BYTES_TOGETHER:
        most = f"{MOST_FILES:,} files, {MOST_BYTES_TOGETHER // 1024 // 1024} MiB"
        raise _refusal(next(iter(sizes)), f"the catalogues are larger than is read: {most}", "keep fewer types")


def _is_index(document: Any) -> bool:
    """A `catalog.json` of Penstock's own: what types are there, beside a folder with their schemas."""
    return isinstance(document, dict) and "schemaVersion" in document and isinstance(document.get("types"), dict)


def _indexed(one: PluginType, entry: Mapping[str, Any]) -> PluginType:
    said = {key: entry[key] for key in ("group", "title", "deprecated") if isinstance(entry.get(key), str)}
    if said.get("group", "task") not in GROUPS:
        del said["group"]
    for key in ("aliases", "branches"):
        if _are_names(entry.get(key)):
            said[key] = tuple(entry[key])
    return replace(one, **said)


def _refusal(place: str, message: str, hint: str | None = None) -> UserError:
    return UserError(f"{place}: {message}", help=hint, code=UNREADABLE_CATALOG)


def _document(file: CatalogFile) -> Any:
    import json

    try:
        return json.loads(_text(file))
    except json.JSONDecodeError as error:
        place = f"{file.shown}:{error.lineno}:{error.colno}"
        raise _refusal(place, f"is not JSON: {error.msg}", "a catalogue holds JSON Schemas") from error
    except (RecursionError, ValueError) as error:
        raise _refusal(file.shown, "is nested too deep, or holds a number that is too long") from error


def _text(file: CatalogFile) -> str:
    try:
        return file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal(file.shown, "is not UTF-8", "save it as UTF-8") from error


def _types_of(file: CatalogFile, document: Any) -> Iterator[PluginType]:
    try:
        found = list(_types_in(document, PurePosixPath(file.shown).name))
    except Unusable as fault:
        raise _misread(file, fault) from fault
    for one in found:
        known = replace(one, make=cache(partial(_made, file, one.make)))
        if len(found) == 1:
            _ = known.schema  # a person wrote it: what is wrong with it is told whether or not a flow uses it
        yield known
    if len(found) > 1:
        _refuse_foreign_references(file, document)


def _made(file: CatalogFile, make: Callable[[], Schema]) -> Schema:
    try:
        return make()
    except Unusable as fault:
        raise _misread(file, fault) from fault


def _misread(file: CatalogFile, fault: Unusable) -> UserError:
    line, column = place_of(_text(file), fault.pointer)
    return _refusal(f"{file.shown}:{line}:{column}", fault.message, fault.hint)


def _refuse_foreign_references(file: CatalogFile, document: Schema) -> None:
    text, base = _text(file), str(document.get("$id") or "#")
    for foreign in _FOREIGN.finditer(text):
        if not foreign[2].startswith(base):
            start = foreign.start(1)
            line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
            raise _refusal(f"{file.shown}:{line}:{column}", *leads_out(foreign[2]))


def _types_in(document: Any, file_name: str) -> Iterator[PluginType]:
    if not isinstance(document, dict):
        raise Unusable((), "a catalogue's file is one JSON Schema, a mapping")
    answer = document.get("schema")
    if isinstance(answer, dict) and isinstance(answer.get("properties"), dict):
        yield _of_answer(document, answer, file_name)
        return
    if names := _declared(document):
        yield _type(names, document, (), Adoption(document, kestras=_is_kestras(document)))
        return
    key = "definitions" if isinstance(document.get("definitions"), dict) else "$defs"
    several = list(_of_definitions(document, key)) if isinstance(document.get(key), dict) else []
    if several:
        yield from several
        return
    name = _named_elsewhere(document, file_name)
    if name is None:
        raise Unusable(
            (), "it names no type", 'write `"properties": {"type": {"const": "the.type"}}`, or name the file after it'
        )
    yield _type([name], document, (), Adoption(document, kestras=_is_kestras(document)))


def _of_answer(document: Schema, answer: Schema, file_name: str) -> PluginType:
    """What the API says of one plugin: the definitions stand beside the schema that refers to them."""
    schema = answer["properties"]
    stem = _stem(file_name)
    written = _IN_MARKDOWN.search(document["markdown"]) if isinstance(document.get("markdown"), str) else None
    names = _declared(schema) or [name for name in (stem, written[1] if written is not None else None) if name]
    if not names:
        raise Unusable((), "it names no type", "name the file after the type, as `io.example.Task.json`")
    beside = answer.get("definitions")
    adoption = Adoption(schema, kestras=True, definitions=beside if isinstance(beside, dict) else None)
    return _type(names[:1], schema, ("schema", "properties"), adoption)


def _of_definitions(document: Schema, key: str) -> Iterator[PluginType]:
    """The types among the definitions; of what Kestra writes twice (`X-1`, `X-2`) the one that has properties."""
    definitions = document[key]
    kestras = _is_kestras(document) or any(_KESTRAS_FLOW.match(name) for name in definitions)
    adoption = Adoption(document, kestras=kestras)
    groups = _groups_of(definitions)
    met: set[str] = set()
    for name, schema in definitions.items():
        names = _declared(schema) if isinstance(schema, dict) else []
        if names and names[0] not in met:
            met.add(names[0])
            yield _type(names, schema, (key, name), adoption, groups.get(name))


def _groups_of(definitions: Mapping[str, Any]) -> dict[str, str]:
    """What may stand where, of each definition that one of Kestra's roots lists."""
    found: dict[str, str] = {}
    for name, schema in definitions.items():
        group = next((group for group, root in _KESTRAS_ROOTS if root.fullmatch(name)), None)
        if group is None or not isinstance(schema, dict):
            continue
        for part in (*_listed(schema, "oneOf"), *_listed(schema, "anyOf")):
            ref = part.get("$ref") if isinstance(part, dict) else None
            if isinstance(ref, str):
                one = ref.rsplit("/", 1)[-1]
                found[one] = group
                found[re.sub(r"-2$", "-1", one)] = group
    return found


def _listed(schema: Schema, keyword: str) -> list[Any]:
    parts = schema.get(keyword)
    return parts if isinstance(parts, list) else []


def _is_kestras(document: Mapping[str, Any]) -> bool:
    """Whether Kestra's generator wrote a schema: its own marks are on it."""
    properties = document.get("properties")
    inner = properties.values() if isinstance(properties, dict) else ()
    return any("$dynamic" in part or "$required" in part for part in inner if isinstance(part, dict))


def _declared(schema: Mapping[str, Any]) -> list[str]:
    """The names that the schema itself wants as `type`."""
    properties = schema.get("properties")
    kind = properties.get("type") if isinstance(properties, dict) else None
    if not isinstance(kind, dict):
        return []
    if isinstance(kind.get("const"), str):
        names = [kind["const"]]
    else:
        names = kind["enum"] if isinstance(kind.get("enum"), list) else []
    return names if names and all(isinstance(name, str) and _NAME.fullmatch(name) for name in names) else []


def _named_elsewhere(document: Schema, file_name: str) -> str | None:
    identity = document.get("$id")
    ends = _stem(identity.rstrip("#").rsplit("/", 1)[-1]) if isinstance(identity, str) else None
    title = document.get("title")
    named = title if isinstance(title, str) and _NAME.fullmatch(title) else None
    return ends or named or _stem(file_name)


def _stem(file_name: str) -> str | None:
    stem = file_name.removesuffix(".json").removesuffix(".schema")
    return stem if _NAME.fullmatch(stem) else None


def _type(names: list[str], schema: Schema, at: Pointer, adoption: Adoption, group: str | None = None) -> PluginType:
    name, *older = names
    said = schema.get("x-group")
    if said is not None and said not in GROUPS:
        raise Unusable((*at, "x-group"), f"`x-group` is none of {', '.join(GROUPS)}")
    more = schema.get("x-aliases", [])
    if not _are_names(more):
        raise Unusable((*at, "x-aliases"), "`x-aliases` is a list of names")
    where = said or group or _family(name)
    title, properties = schema.get("title"), schema.get("properties")
    inner = properties if isinstance(properties, dict) else {}
    old = "deprecated" if schema.get("deprecated") is True else str(schema.get("$deprecated", "")).lower()
    return PluginType(
        name=name,
        group=where,
        title=_first_line(title) if isinstance(title, str) and title != name else name.rsplit(".", 1)[-1],
        make=partial(adoption.adopt, schema, at),
        aliases=tuple(dict.fromkeys([*older, *more])),
        deprecated="see its documentation" if old in ("deprecated", "true") else None,
        branches=tuple(each for each in _BRANCHES if where == "task" and _holds_tasks(inner.get(each))),
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _family(name: str) -> str:
    """Where a type may stand, as far as its name tells."""
    return next((group for group, family in _FAMILIES if family.search(name)), "task")


def _holds_tasks(schema: Any) -> bool:
    """A list whose items are left to their own types."""
    if not isinstance(schema, dict):
        return False
    if schema.get("type") != "array":
        return any(_holds_tasks(part) for part in _listed(schema, "anyOf"))
    items = schema.get("items", {})
    if not isinstance(items, dict):
        return items is True
    if isinstance(items.get("$ref"), str):
        return leads_to_any_type(items["$ref"])
    inner = items.get("properties")
    return items.get("type", "object") == "object" and set(inner if isinstance(inner, dict) else ()) <= {"id", "type"}


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else ""
