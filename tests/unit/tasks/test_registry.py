"""Which class does what a type says."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from penstock.errors import UserError
from penstock.execution.flowable import FLOWABLES
from penstock.flow.model import Kind
from penstock.tasks import registry
from penstock.tasks.base import Properties, TaskType
from penstock.tasks.core import Log
from penstock.tasks.names import NAMES
from penstock.tasks.registry import MODELS, TYPES, kind_of, model_of, task_type
from penstock.tasks.sleeping import Sleep
from penstock.tasks.templated import TemplatedTask


def test_every_type_of_the_table_is_what_it_says() -> None:
    for name in TYPES:
        found = task_type(name)
        assert found.type == name
        assert issubclass(found.properties, Properties)


def test_names_and_aliases_are_given_once() -> None:
    counted = Counter(one for name in NAMES for one in (name.name, *name.aliases))
    assert [name for name, times in counted.items() if times > 1] == []
    assert set(TYPES) | set(MODELS) <= {name.name for name in NAMES}


def test_flowables_are_those_that_are_decided() -> None:
    assert {name for name in MODELS if kind_of(name) is Kind.FLOWABLE} == set(FLOWABLES)
    assert all(model_of(name) is not None for name in MODELS)


def test_what_is_adoptable_leaves_something_to_be_found() -> None:
    """Programs do, a Sleep its beginning, and a TemplatedTask what the task that it stands in for does."""
    others = {"io.kestra.plugin.docker.Run", Sleep.type, TemplatedTask.type}
    assert {name for name in TYPES if task_type(name).adoptable} == {
        name for name in TYPES if ".scripts." in name or name in others
    }


def test_an_alias_leads_to_its_type() -> None:
    assert task_type("io.kestra.core.tasks.log.Log") is task_type(Log.type)


@pytest.mark.parametrize(
    ("name", "why", "hint"),
    [
        ("io.kestra.plugin.core.flow.Subflow", "cannot run in this version", "`penstock types --runnable`"),
        ("io.kestra.plugin.core.log.Logg", "is not a known task type", "did you mean `io.kestra.plugin.core.log.Log`?"),
    ],
)
def test_what_cannot_run_is_told_by_name(name: str, why: str, hint: str) -> None:
    with pytest.raises(UserError, match=why) as told:
        task_type(name)
    assert hint in str(told.value.help)


class Installed(TaskType):
    """Stands for a type of another package."""

    type = "io.example.Installed"
    properties = Properties

    def run(self, properties: object, context: object) -> object:  # type: ignore[override]
        raise NotImplementedError


def test_installed_packages_are_asked_for_types_that_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def entry_points(*, group: str, name: str) -> EntryPoints:
        asked.append(name)
        known = {
            "io.example.Installed": "unit.tasks.test_registry:Installed",
            "io.example.Broken": "no_such_module:Thing",
            "io.example.NoType": "collections:Counter",
        }
        value = known.get(name)
        return EntryPoints([EntryPoint(name, value, group)] if value is not None and group == registry.GROUP else [])

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    task_type(Log.type)
    assert type(task_type("io.example.Installed")).__name__ == "Installed"
    with pytest.raises(UserError, match="could not be loaded from `no_such_module:Thing`"):
        task_type("io.example.Broken")
    with pytest.raises(UserError, match="is no task type"):
        task_type("io.example.NoType")
    assert asked == ["io.example.Installed", "io.example.Broken", "io.example.NoType"]
