"""From a tree to a plan: one bad file never affects another, and nothing is removed by mistake."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fakes.store import MemoryStore
from penstock.diagnostic import FlowName
from penstock.flow.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.reconcile.apply import apply_plan
from penstock.reconcile.desired import Desired, SourceFile, desire
from penstock.reconcile.layout import is_flow_path
from penstock.reconcile.plan import Action, Plan, make_plan
from penstock.reconcile.status import status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B = FlowName("team", "a"), FlowName("team", "b")


def text(name: str, message: str = "hello") -> str:
    return (
        f"id: {name}\nnamespace: team\ntasks:\n"
        f"  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"
    )


def tree(**files: str) -> Desired:
    sources = [SourceFile(f"flows/{name}.yaml", f"{len(body):040x}", body.encode()) for name, body in files.items()]
    return desire(sources, load_catalog(), Dialect.AUTO)


def step(store: MemoryStore, desired: Desired, commit: str = "c1") -> Plan:
    plan = make_plan(desired, store.deployed(), commit=commit, now=NOW)
    apply_plan(plan, store, source="repo", at=NOW)
    return plan


def actions(plan: Plan) -> dict[str, str]:
    return {step.flow.id: step.action.value for step in plan.steps}


def test_new_changed_and_gone_flows_are_told_apart() -> None:
    store = MemoryStore()
    assert actions(step(store, tree(a=text("a"), b=text("b")))) == {"a": "create", "b": "create"}
    assert actions(step(store, tree(a=text("a", "other"), b=text("b")))) == {"a": "update", "b": "unchanged"}
    assert actions(step(store, tree(a=text("a", "other")))) == {"a": "unchanged", "b": "remove"}
    assert list(store.deployed()) == [A]
    assert store.deployed()[A].revision == 2


def test_formatting_does_not_make_a_revision() -> None:
    store = MemoryStore()
    step(store, tree(a=text("a")))
    plan = step(store, tree(a="# a comment\n" + text("a")))
    assert actions(plan) == {"a": "update"}
    assert store.deployed()[A].revision == 1


def test_a_broken_file_keeps_its_last_good_revision_and_its_neighbours_go_on() -> None:
    store = MemoryStore()
    step(store, tree(a=text("a"), b=text("b")))
    plan = step(store, tree(a=text("a").replace("message", "mesage"), b=text("b", "new")), "c2")
    assert actions(plan) == {"a": "hold", "b": "update"}
    assert store.deployed()[A].commit == "c1"
    assert "flows/a.yaml:4:5" in str(store.deployed()[A].problem)
    assert {each.deployed.flow.id: each.health for each in status(store, sink="git", now=NOW).flows} == {
        "a": "degraded",
        "b": "ok",
    }
    assert actions(step(store, tree(a=text("a"), b=text("b", "new")), "c3"))["a"] == "update"
    assert store.deployed()[A].problem is None


def test_two_files_with_one_name_are_a_problem_of_that_name_alone() -> None:
    store = MemoryStore()
    step(store, tree(a=text("a")))
    plan = step(store, tree(a=text("a"), twin=text("a", "other"), b=text("b")))
    assert actions(plan) == {"a": "hold", "b": "create"}
    assert "more than one file" in str(store.deployed()[A].problem)


def test_a_tree_without_any_flow_removes_nothing() -> None:
    store = MemoryStore()
    step(store, tree(a=text("a")))
    plan = step(store, tree())
    assert [each.action for each in plan.steps] == [Action.HOLD]
    assert list(store.deployed()) == [A]


def test_a_flow_that_cannot_run_here_is_deployed_as_blocked() -> None:
    store = MemoryStore()
    step(store, tree(a=text("a").replace("core.log.Log\n    message: hello", "core.kv.Delete\n    key: k")))
    assert store.deployed()[A].blocked == ("io.kestra.plugin.core.kv.Delete",)


@pytest.mark.parametrize(
    ("path", "prefix", "wanted"),
    [
        ("flows/a.yaml", "", True),
        ("flows/team/a.yml", "", True),
        ("_flows/a.yaml", "", True),
        ("company.team/flows/a.yaml", "", True),
        ("a.yaml", "", False),
        ("flows/a.json", "", False),
        (".github/flows/a.yaml", "", False),
        ("a.yaml", "sub", False),
        ("sub/a.yaml", "sub/", True),
        ("subway/a.yaml", "sub", False),
    ],
)
def test_flows_lie_where_kestra_has_them_or_below_a_named_folder(path: str, prefix: str, wanted: bool) -> None:
    assert is_flow_path(path, prefix) is wanted
