"""The published schemas: committed as they are generated, well-formed, and of few keywords."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from penstock.flow.build import TASK_PROPERTIES
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.judging.schema import compile_check
from penstock.tasks import publish
from penstock.tasks.common_models import TaskBase
from penstock.tasks.names import NAMES

FILES = publish.published()
OTHERS = ("deployment.json", "diagnostics.json", "execution.json", "penstock.json", "plan.json")
COMMON = ("task.json", "trigger.json")
SCHEMAS = sorted(FILES.keys() - {"catalog.json"})
JUDGED = sorted(set(SCHEMAS) - {"flow.schema.json", *OTHERS})
KEYWORDS = {
    "$schema", "$id", "title", "description", "default", "deprecated", "format", "type", "enum", "const", "pattern",
    "minLength", "maxLength", "minimum", "maximum", "items", "minItems", "properties", "required",
    "additionalProperties", "anyOf", "x-since", "x-until", "x-enterprise",
}  # fmt: skip


def test_the_committed_files_are_the_generated_ones() -> None:
    assert publish.differences(publish.folder()) == [], "python -m penstock.tasks.publish writes them anew"


def test_a_difference_is_found_and_mended(tmp_path: Path) -> None:
    assert publish.write(tmp_path) == sorted(FILES)
    (tmp_path / "flow.json").write_text("{}")
    (tmp_path / "types" / "old.json").write_text("{}")
    (tmp_path / "policy.json").write_text("of somebody else")
    assert publish.differences(tmp_path) == ["flow.json", "types/old.json"]
    publish.write(tmp_path)
    assert publish.differences(tmp_path) == []
    assert (tmp_path / "policy.json").exists()


@pytest.mark.parametrize("path", SCHEMAS)
def test_each_is_a_schema(path: str) -> None:
    schema = json.loads(FILES[path])
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"https://penstock.dev/schemas/v1/{path}"
    assert schema["title"]
    assert schema.get("additionalProperties", True) is (path in COMMON)


@pytest.mark.parametrize("path", JUDGED)
def test_each_is_small_regular_and_described(path: str) -> None:
    schema = json.loads(FILES[path])
    assert {keyword for part in parts(schema) for keyword in part} <= KEYWORDS
    compile_check(schema)
    for below in parts(schema):
        for name, part in below.get("properties", {}).items():
            assert part.get("description"), f"{path}: {name} is not described"


def test_a_task_has_what_every_task_may_have() -> None:
    catalog = load_catalog()
    for name in (known.name for known in NAMES):
        schema = catalog.schema(name)
        assert schema is not None
        info = catalog.find(name)
        if info is not None and info.group == "task":
            assert set(schema["properties"]) >= TASK_PROPERTIES
    assert {field.alias for field in TaskBase.model_fields.values()} == TASK_PROPERTIES - {"type"}


FLOW = {
    "id": "f",
    "namespace": "a.b",
    "inputs": [{"id": "n", "type": "INT", "min": 1}],
    "tasks": [
        {
            "id": "a",
            "type": "io.kestra.plugin.core.flow.If",
            "condition": "{{ true }}",
            "then": [{"id": "b", "type": "io.kestra.core.tasks.log.Log", "message": "m"}],
        },
        {"id": "c", "type": "io.example.Unknown", "key": "k", "whatever": 1},
        {
            "id": "s",
            "type": "io.kestra.plugin.core.flow.Switch",
            "value": "x",
            "cases": {"x": [{"id": "d", "type": "io.kestra.plugin.core.debug.Return", "format": 1}]},
        },
    ],
    "triggers": [{"id": "t", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "@daily"}],
}


def test_the_schema_for_editors_reaches_every_task() -> None:
    validator = Draft202012Validator(json.loads(FILES["flow.schema.json"]))
    assert validator.is_valid(FLOW)
    for path, value in (
        (("tasks", 0, "then", 0, "level"), "LOUD"),
        (("tasks", 2, "cases", "x", 0, "colour"), 1),
        (("triggers", 0, "cron"), 5),
        (("inputs", 0, "min"), "x"),
        (("color",), 1),
    ):
        broken: Any = json.loads(json.dumps(FLOW))
        at = broken
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        assert not validator.is_valid(broken), path


def test_the_program_that_writes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main(["--check"]) == 0
    assert publish.main(["--what"]) == 2
    assert "usage" in capsys.readouterr().err


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema."""
    if not isinstance(schema, dict):
        return
    yield schema
    for below in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        yield from parts(below)
    yield from parts(schema.get("items"))
    yield from parts(schema.get("additionalProperties"))
