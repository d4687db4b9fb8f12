"""From a tree to a plan: what is done for each flow, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from penstock.diagnostic import FlowName
from penstock.ports.deployment import Deployed, TreeFile
from penstock.reconcile.desired import Tree
from penstock.reconcile.plan import Action, make_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B = FlowName("team", "a"), FlowName("team", "b")


def file(name: FlowName, *, digest: str | None = "d", path: str | None = None, blob: str = "1") -> TreeFile:
    problem = None if digest is not None else "it is broken"
    return TreeFile(path or f"flows/{name.id}.yaml", blob, name, digest, problem, int(digest is None))


def standing(name: FlowName) -> Deployed:
    return Deployed(name, 1, "d", "s", f"flows/{name.id}.yaml", "1", "c0", NOW)


def actions(tree: Tree, *deployed: Deployed) -> dict[str, str]:
    plan = make_plan(tree, {each.flow: each for each in deployed}, commit="c1")
    return {step.flow.id: step.action.value for step in plan.steps}


def test_new_changed_moved_and_gone_are_told_apart() -> None:
    assert actions(Tree([file(A), file(B)])) == {"a": "create", "b": "create"}
    assert actions(Tree([file(A)]), standing(A)) == {"a": "unchanged"}
    assert actions(Tree([file(A, digest="other")]), standing(A)) == {"a": "update"}
    assert actions(Tree([file(A, blob="2")]), standing(A)) == {"a": "refile"}
    assert actions(Tree([file(A, path="flows/x.yaml")]), standing(A)) == {"a": "refile"}
    assert actions(Tree([file(B)]), standing(A), standing(B)) == {"a": "remove", "b": "unchanged"}
    assert actions(Tree([file(A)]), replace(standing(A), problem="it was broken")) == {"a": "refile"}


def test_what_is_not_valid_is_held_and_its_neighbours_go_on() -> None:
    assert actions(Tree([file(A, digest=None), file(B)]), standing(A)) == {"a": "hold", "b": "create"}
    assert actions(Tree([file(A, digest=None), file(B)])) == {"a": "refuse", "b": "create"}


def test_a_file_that_does_not_even_say_its_name_holds_what_came_from_it() -> None:
    nameless = TreeFile("flows/a.yaml", "2", None, None, "flows/a.yaml:1:1: PEN101 it is no YAML", 1)
    assert actions(Tree([nameless, file(B)]), standing(A), standing(B)) == {"a": "hold", "b": "unchanged"}
    noted = replace(nameless, problem=None)
    assert actions(Tree([noted, file(B)]), standing(A), standing(B)) == {"a": "remove", "b": "unchanged"}


def test_two_files_of_one_name_are_a_problem_of_that_name_alone() -> None:
    twins = Tree([file(A), file(A, path="flows/twin.yaml"), file(B)])
    plan = make_plan(twins, {}, commit="c1")
    assert {step.flow.id: step.action for step in plan.steps} == {"a": Action.REFUSE, "b": Action.CREATE}
    assert "flows/a.yaml and flows/twin.yaml" in plan.steps[0].reason
    twins.update((), ["flows/twin.yaml"])
    assert actions(twins) == {"a": "create", "b": "create"}


def test_a_tree_without_any_flow_removes_nothing() -> None:
    assert actions(Tree(), standing(A)) == {"a": "hold"}


def test_a_tree_knows_whom_a_change_concerns() -> None:
    tree = Tree([file(A), file(B)])
    assert tree.update([replace(file(B), path="flows/a.yaml")], []) == {A, B}
    assert tree.update([], ["flows/a.yaml", "flows/nothing.yaml"]) == {B}
    assert tree.errors == 0
    tree.update([file(B, digest=None)], [])
    assert tree.errors == 1
    tree.update([], ["flows/b.yaml"])
    assert (tree.errors, tree.holds_flows) == (0, False)
