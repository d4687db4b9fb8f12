"""Catalogues of one's own: what is read of them, as whose type, and how they are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import UserError
from penstock.flow.catalogue.catalog import Catalog, load_catalog
from penstock.flow.catalogue.plugins import CatalogFile, PluginType, read_plugin_types

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
LOAD: dict[str, Any] = {
    "$schema": DRAFT_7,
    "title": "Loads a table.",
    "required": ["table"],
    "additionalProperties": False,
    "definitions": {"mode": {"enum": ["APPEND", "REPLACE"]}},
    "properties": {
        "type": {"enum": ["com.acme.Load", "com.acme.OldLoad"]},
        "table": {"type": "string", "pattern": "^[a-z_]+$"},
        "mode": {"$ref": "#/definitions/mode", "default": "APPEND", "$deprecated": True},
    },
}

# What Kestra's API answers for one plugin, and its schema of a whole flow, in small.
ANSWER: dict[str, Any] = {
    "markdown": '---\ntitle: FileTrigger\n---\n\n```yaml\ntype: "com.acme.FileTrigger"\n```\n',
    "schema": {
        "properties": {
            "title": "Waits for a file",
            "required": ["uri", "interval"],
            "properties": {
                "uri": {"type": "string", "$dynamic": True, "$required": True},
                "interval": {"type": "string", "format": "duration", "default": "PT1M", "$dynamic": False},
                "most": {"type": "integer", "$dynamic": False},
                "least": {"type": "integer"},
                "sizes": {"type": "array", "items": {"type": "integer"}},
                "more": {"$ref": "#/$defs/com.acme.More"},
            },
        },
        "outputs": {},
        "definitions": {"com.acme.More": {"type": "object", "properties": {"deep": {"type": "boolean"}}}},
    },
}
TASKS = "io.kestra.core.models.tasks.Task-2"
WHOLE: dict[str, Any] = {
    "$schema": DRAFT_7,
    "$ref": "#/definitions/io.kestra.core.models.flows.Flow",
    "definitions": {
        "io.kestra.core.models.flows.Flow": {"properties": {"tasks": {"items": {"$ref": f"#/definitions/{TASKS}"}}}},
        TASKS: {"oneOf": [{"$ref": "#/definitions/com.big.Wrap-2"}]},
        "io.kestra.core.models.tasks.runners.TaskRunner-2": {"oneOf": [{"$ref": "#/definitions/com.big.Cloud-2"}]},
        "com.big.Wrap-1": {
            "title": "Wraps tasks",
            "required": ["tasks", "times"],
            "properties": {
                "type": {"const": "com.big.Wrap"},
                "times": {"oneOf": [{"type": "integer"}, {"type": "number"}], "default": 3},
                "tasks": {"type": "array", "items": {"$ref": f"#/definitions/{TASKS}"}},
            },
        },
        "com.big.Wrap-2": {"allOf": [{"$ref": "#/definitions/com.big.Wrap-1"}]},
        "com.big.Cloud-1": {"properties": {"type": {"const": "com.big.Cloud"}, "region": {"type": "string"}}},
        "com.big.Cloud-2": {"allOf": [{"$ref": "#/definitions/com.big.Cloud-1"}]},
        "com.big.Retry": {"properties": {"type": {"const": "constant"}}},
    },
}


def file(name: str, data: Any) -> CatalogFile:
    return CatalogFile(name, data if isinstance(data, bytes) else json.dumps(data, indent=1).encode())


def read(*files: CatalogFile) -> dict[str, PluginType]:
    return dict(read_plugin_types(files).types)


def knowing(*files: CatalogFile) -> Catalog:
    return load_catalog().with_plugins(read_plugin_types(files))


def faults(catalog: Catalog, name: str, value: dict[str, Any]) -> list[str]:
    guard = catalog.guard(name)
    assert guard is not None
    errors = [".".join(map(str, error.absolute_path)) or error.validator for error in guard.iter_errors(value)]
    assert guard.check(value) is (not errors)
    return sorted(errors)


def test_a_schema_of_one_type() -> None:
    found = read(file("load.json", LOAD))["com.acme.Load"]
    assert (found.name, found.group, found.title, found.aliases) == (
        "com.acme.Load", "task", "Loads a table", ("com.acme.OldLoad",),
    )  # fmt: skip
    assert found.schema["$defs"] == {"mode": {"enum": ["APPEND", "REPLACE"]}}
    assert found.schema["properties"]["mode"] == {"$ref": "#/$defs/mode", "default": "APPEND", "deprecated": True}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("any.json", {"$id": "https://acme.com/schemas/com.acme.Say.json"}),
        ("any.json", {"title": "com.acme.Say"}),
        ("dir/com.acme.Say.json", {}),
        ("dir/com.acme.Say.schema.json", {"title": "Says it"}),
    ],
)
def test_the_name_may_stand_elsewhere(name: str, more: dict[str, Any]) -> None:
    assert list(read(file(name, {"properties": {"a": {}}} | more))) == ["com.acme.Say"]


@pytest.mark.parametrize(
    ("name", "more", "group"),
    [
        ("com.acme.Load", {}, "task"),
        ("com.acme.FileTrigger", {}, "trigger"),
        ("com.acme.trigger.File", {}, "trigger"),
        ("com.acme.condition.Moon", {}, "condition"),
        ("com.acme.runner.Cloud", {}, "runner"),
        ("com.acme.Listener", {"x-group": "trigger"}, "trigger"),
    ],
)
def test_where_a_type_may_stand(name: str, more: dict[str, Any], group: str) -> None:
    assert read(file("a.json", {"properties": {"type": {"const": name}}} | more))[name].group == group


def test_what_the_api_answers_for_a_plugin() -> None:
    catalog = knowing(file("answer.json", ANSWER))
    info = catalog.find("com.acme.FileTrigger")
    assert info is not None
    assert (info.group, info.title, info.runnable, info.rendered) == ("trigger", "Waits for a file", False, None)
    good = {"id": "t", "type": info.name, "uri": "{{ a }}", "anything": "goes"}
    assert faults(catalog, info.name, good) == []
    assert faults(catalog, info.name, good | {"least": "{{ n }}", "more": {"deep": "{{ d }}"}}) == []
    assert faults(catalog, info.name, good | {"sizes": [1, "{{ n }}"]}) == []
    assert faults(catalog, info.name, good | {"sizes": [1, "n"]}) == ["sizes"]
    assert faults(catalog, info.name, good | {"most": "{{ n }}"}) == ["most"]
    assert faults(catalog, info.name, good | {"uri": 5, "more": {"deep": "x"}}) == ["more"]
    assert faults(catalog, info.name, {"type": info.name}) == ["required", "required"]


def test_a_schema_of_a_whole_flow() -> None:
    catalog = knowing(file("flow.json", WHOLE))
    wrap, cloud = catalog.find("com.big.Wrap"), catalog.find("com.big.Cloud")
    assert wrap is not None
    assert cloud is not None
    assert (wrap.group, wrap.branches, cloud.group) == ("task", ("tasks",), "runner")
    assert catalog.find("constant") is None
    assert faults(catalog, "com.big.Wrap", {"id": "w", "type": "com.big.Wrap", "tasks": [{"id": 5}], "times": 3}) == []
    assert faults(catalog, "com.big.Wrap", {"id": "w", "type": "com.big.Wrap", "times": 3}) == ["required"]


def test_a_folder_as_penstock_publishes_them() -> None:
    index = {
        "schemaVersion": 1,
        "types": {"com.acme.Load": {"group": "trigger", "title": "Said here", "aliases": ["a.B"]}},
    }
    found = read(file("c/catalog.json", index), file("c/types/com.acme.Load.json", LOAD))["com.acme.Load"]
    assert (found.group, found.title, found.aliases) == ("trigger", "Said here", ("a.B",))


def test_every_published_type_can_be_read_as_somebody_elses() -> None:
    catalog = load_catalog()
    for name in catalog.names():
        schema = catalog.schema(name)
        if schema is not None:
            adopted = read(file("a.json", schema))[name].schema
            wanted = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
            assert plain(adopted) == plain(wanted)


def plain(schema: Any) -> Any:
    """Without patterns: those of durations are none for RE2."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    return {k: plain(v) for k, v in schema.items() if k != "pattern"} if isinstance(schema, dict) else schema


def test_the_catalogue_knows_them_beside_its_own() -> None:
    catalog = knowing(file("load.json", LOAD), file("log.json", {"title": "io.kestra.plugin.core.log.Log"}))
    assert catalog.canonical("com.acme.OldLoad") == "com.acme.Load"
    assert "com.acme.Load" in catalog.names("task")
    assert "com.acme.Load" not in catalog.names("trigger")
    log = catalog.schema("log.Log") or catalog.schema("io.kestra.plugin.core.log.Log")
    assert log is not None
    assert log["title"] == "Writes to the log", "the published type counts"
    schema = catalog.schema("com.acme.Load")
    assert schema is not None
    assert schema["required"] == ["id", "table", "type"]
    assert "retry" in schema["properties"]
    assert "com.acme.Load" in catalog.editor_schema()["$defs"]
    assert "com.acme.Load" not in load_catalog().names()


def test_the_fingerprint_is_of_all_that_judges() -> None:
    plain, one = load_catalog(), knowing(file("load.json", LOAD))
    assert plain.fingerprint() == Catalog().fingerprint()
    assert one.fingerprint() == knowing(file("load.json", LOAD)).fingerprint()
    other = knowing(file("load.json", LOAD | {"title": "Another"}))
    assert len({plain.fingerprint(), one.fingerprint(), other.fingerprint()}) == 3


def holding(part: Any) -> dict[str, Any]:
    return {"properties": {"type": {"const": "a.B"}, "x": part}}


@pytest.mark.parametrize(
    ("data", "at", "message"),
    [
        (b'{\n "a": }', "}", "is not JSON: Expecting value"),
        (b"\xff", None, "is not UTF-8"),
        (b"[" * 100_000, None, "is nested too deep, or holds a number that is too long"),
        (b"[]", "[", "a catalogue's file is one JSON Schema, a mapping"),
        ({"properties": {}}, "{", "it names no type"),
        (holding({"$ref": "http://a/b#"}), '"http://a/b#"', "`http://a/b#` leads out of the file"),
        (holding({"$ref": "#/$defs/no"}), '"#/$defs/no"', "there is no `#/$defs/no` in the file"),
        (holding({"items": {"type": "strin"}}), '"strin"', "`type` has a value that it cannot have"),
        (holding({"anyOf": [{}, 5]}), "5", "a schema is a mapping"),
        ({"$id": "a.B", "required": "x"}, '"x"', "`required` has a value that it cannot have"),
        ({"$id": "a.B", "x-group": "tusk"}, '"tusk"', "`x-group` is none of task, trigger, runner, condition"),
        ({"$id": "a.B", "allOf": [{"$ref": "#/$defs/n"}], "$defs": {"n": {"not": {"$ref": "#/$defs/n"}}}},
         '"#/$defs/n"', "`n` leads to itself, and to nothing else"),
        ({"$id": "a.B", "$dynamicRef": "#x"}, '"#x"', "`$dynamicRef` is not understood"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_where_it_stands(data: Any, at: str | None, message: str) -> None:
    one = file("dir/it.json", data)
    with pytest.raises(UserError) as told:
        read(one)
    place = ""
    if at is not None:
        before = one.data.decode().partition(at)[0]
        place = f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    assert told.value.message == f"dir/it.json{place}: {message}"
    assert told.value.code == "PEN295"


def test_of_a_file_with_many_types_a_schema_is_made_when_it_is_needed() -> None:
    def several(part: Any) -> CatalogFile:
        return file("many.json", {"$defs": {"a": {"properties": {"type": {"const": "a.A"}}}, "b": holding(part)}})

    found = read(several({"type": "strin"}))
    assert found["a.A"].schema["properties"] == {"type": {"const": "a.A"}}
    with pytest.raises(UserError, match=r"many\.json:\d+:\d+: `type` has a value that it cannot have"):
        _ = found["a.B"].schema
    with pytest.raises(UserError, match=r"many\.json:\d+:\d+: `other\.json` leads out of the file"):
        read(several({"$ref": "other.json"}))


def test_a_schema_may_refer_to_itself_through_its_parts() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}, "type": {"const": "a.B"}}}
    catalog = knowing(file("a.json", node | {"$id": "https://acme.com/a.json"}))
    good = {"id": "x", "type": "a.B", "next": {"next": {"n": 1}}}
    assert faults(catalog, "a.B", good) == []
    assert faults(catalog, "a.B", good | {"next": {"next": {"n": "x"}}}) == ["next.next.n"]


def test_a_pattern_that_could_take_for_ever_is_left_out() -> None:
    slow, ahead = {"pattern": "^(a+)+$"}, {"pattern": "^(?=x)"}
    found = read(file("a.json", {"$id": "a.B", "properties": {"s": slow, "t": ahead, "type": {}}}))["a.B"]
    assert found.schema["properties"]["s"] == slow, "RE2 reads it, and takes linear time"
    assert found.schema["properties"]["t"] == {}


def test_what_is_too_large_is_not_read() -> None:
    with pytest.raises(UserError, match=r"big\.json: is larger than 16 MiB"):
        read(CatalogFile("big.json", b" " * (16 * 1024 * 1024 + 1)))
    with pytest.raises(UserError, match="the catalogues are larger than is read"):
        read(*(CatalogFile(f"{n}.json", b"") for n in range(2_001)))
