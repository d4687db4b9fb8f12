"""The catalogue: names, aliases, schemas; what it costs to load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.errors import NotFound, UserError
from penstock.flow.catalogue.catalog import Catalog, load_catalog
from penstock.flow.model import InputType, Kind

CORE = "io.kestra.plugin.core."
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


def test_a_type_is_found_by_name_and_alias(catalog: Catalog) -> None:
    info = catalog.find(CORE + "flow.If")
    assert info is not None
    assert info == catalog.find("io.kestra.core.tasks.flows.If")
    assert (info.group, info.kind, info.runnable, info.has_schema) == ("task", Kind.FLOWABLE, True, True)
    assert info.branches == ("errors", "finally", "then", "else")
    assert catalog.canonical("io.kestra.core.tasks.flows.If") == info.name
    assert catalog.canonical("no.such.Type") == "no.such.Type"
    assert catalog.find("no.such.Type") is None


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("io.kestra.core.tasks.flows.Flow", "flow.Subflow"),
        ("io.kestra.core.tasks.flows.Worker", "flow.WorkingDirectory"),
        ("io.kestra.plugin.core.flow.WaitFor", "flow.LoopUntil"),
        ("io.kestra.plugin.core.storage.Purge", "execution.PurgeExecutions"),
        ("io.kestra.plugin.fs.http.Request", "http.Request"),
        ("io.kestra.core.models.triggers.types.Schedule", "trigger.Schedule"),
        ("io.kestra.core.models.conditions.types.VariableCondition", "condition.Expression"),
        ("io.kestra.plugin.core.condition.DayWeekCondition", "condition.DayWeek"),
    ],
)
def test_older_names(catalog: Catalog, alias: str, name: str) -> None:
    assert catalog.canonical(alias) == CORE + name


def test_a_type_that_cannot_run_has_a_schema_all_the_same(catalog: Catalog) -> None:
    info = catalog.find(CORE + "flow.Template")
    assert info is not None
    assert (info.runnable, info.has_schema, info.kind, info.branches) == (
        False, True, Kind.FLOWABLE, ("errors",),
    )  # fmt: skip
    assert catalog.validator(info.name) is not None


def test_a_type_that_is_known_by_name_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"types": {"a.b.C": {"group": "task", "title": "Does it"}}}')
    catalog = Catalog(tmp_path)
    info = catalog.find("a.b.C")
    assert info is not None
    assert (info.runnable, info.has_schema, info.kind, info.branches) == (False, False, None, ())
    assert catalog.schema("a.b.C") is None
    assert catalog.validator("a.b.C") is None
    assert catalog.property_facts("a.b.C") == {}


def test_names_by_group(catalog: Catalog) -> None:
    groups = {group: len(catalog.names(group)) for group in ("task", "trigger", "runner", "condition", "chart", "data")}
    assert sum(groups.values()) == len(catalog.names())
    assert all(groups.values())
    assert catalog.names() == sorted(catalog.names())


def test_a_schema_holds_what_every_task_may_have(catalog: Catalog) -> None:
    schema = catalog.schema("io.kestra.core.tasks.log.Log")
    assert schema is not None
    assert schema["required"] == ["id", "message", "type"]
    assert {"retry", "timeout", "runIf"} <= schema["properties"].keys()
    validator = catalog.validator(CORE + "log.Log")
    assert validator is catalog.validator("io.kestra.core.tasks.log.Log")
    assert validator.is_valid({"id": "a", "type": CORE + "log.Log", "message": 5, "timeout": "{{ t }}"})
    assert not validator.is_valid({"id": "a", "type": CORE + "log.Log", "message": "m", "timeout": "5m"})


@pytest.mark.parametrize("kind", list(InputType))
def test_every_input_type_has_a_schema(catalog: Catalog, kind: InputType) -> None:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(catalog.input_schema(kind.value))
    own: dict[str, object] = {"inputs": []} if kind is InputType.FORM else {}
    assert validator.is_valid({"id": "a", "type": kind.value} | own)
    assert validator.is_valid({"name": "a", "type": kind.value} | own)
    assert not validator.is_valid({"type": kind.value} | own)
    assert not validator.is_valid({"id": "a", "type": kind.value, "colour": 1} | own)


def test_an_input_type_that_is_none(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="FOO"):
        catalog.input_schema("FOO")


def test_what_a_person_means(catalog: Catalog) -> None:
    assert catalog.named("log.Log").name == CORE + "log.Log"
    assert catalog.within("http.Request.options.auth") == (catalog.named("http.Request"), ["options", "auth"])
    with pytest.raises(UserError, match="`Script` may be one of 18 types"):
        catalog.named("Script")
    with pytest.raises(NotFound) as told:
        catalog.within("log.Logg")
    assert told.value.help == f"did you mean `{CORE}log.Log`?"


def test_the_published_catalogue_is_one() -> None:
    assert load_catalog() is load_catalog()


def test_loading_it_imports_nothing_heavy() -> None:
    program = (
        "import sys, time; import json, pathlib; import penstock.flow.model; start = time.perf_counter()\n"
        "from penstock.flow.catalogue.catalog import load_catalog\n"
        "load_catalog().find('io.kestra.core.tasks.log.Log'); load_catalog().schema('io.kestra.plugin.core.log.Log')\n"
        "took = time.perf_counter() - start\n"
        "print([name for name in ('pydantic', 'jsonschema', 'importlib.metadata', 'importlib.resources') "
        "if name in sys.modules], took < 0.1)"
    )
    path = os.pathsep.join(str(ROOT / part) for part in ("engine", "schemas"))
    told = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "[] True"
