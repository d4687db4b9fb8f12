"""The difference of two flows: what counts as one, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.difference.compare import differences
from penstock.difference.leaf import ABSENT
from penstock.difference.normal import Kind
from penstock.difference.operations import Add, Change, Move, Operation, Remove, Rename, apply
from penstock.difference.tree import Key, model_of
from penstock.flow.catalogue.catalog import load_catalog

CORE = "io.kestra.plugin.core."
LOG = CORE + "log.Log"


def flow(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "f", "namespace": "n", "tasks": list(tasks), **more}


def log(id_: str, message: Any = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": LOG, "message": message, **more}


def told(base: dict[str, Any], head: dict[str, Any], *defaulted: str) -> tuple[Operation, ...]:
    catalog, types = load_catalog(), frozenset(defaulted)
    before, after = model_of(base, catalog, types), model_of(head, catalog, types)
    found = differences(before, after)
    assert apply(found, before).is_same(after)
    return found


def task(id_: str, nth: int = 0) -> Key:
    return Key(Kind.TASK, id_, nth)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (log("a", timeout="PT60S"), log("a", timeout="PT1M")),
        (log("a", retry={"interval": "PT90S"}), log("a", retry={"interval": "PT1M30S"})),
        (log("a"), log("a", disabled=False)),
        (log("a"), log("a", description=None)),
        (log("a", labels={"x": 1}), log("a", labels=[{"key": "x", "value": "1"}])),
        ({**log("a"), "type": LOG}, {**log("a"), "type": "io.kestra.core.tasks.log.Log"}),
    ],
)
def test_what_means_the_same_is_no_difference(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert told(flow(old), flow(new)) == ()


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), ("1", 1), ("PT60S", "PT1M"), ("", None), ([], {})])
def test_values_that_only_look_alike_differ(old: Any, new: Any) -> None:
    found = told(flow(log("a"), variables={"x": old}), flow(log("a"), variables={"x": new}))

    assert found == (Change(Key(Kind.FLOW, ""), ("variables", "x"), old, new),)


def test_a_usual_value_is_one_where_plugin_defaults_may_have_set_another() -> None:
    old, new = flow(log("a")), flow(log("a", disabled=False))

    assert told(old, new, CORE + "debug") == ()
    assert told(old, new, CORE + "log") == (Change(task("a"), ("disabled",), ABSENT, False),)


@pytest.mark.parametrize(("old", "new", "is_same"), [("@daily", "0 0 * * *", True), ("0 9 * * MON", "0 9 * * 1", True),
                                                     ("0 0 * * *", "0 */24 * * *", False)])  # fmt: skip
def test_crons_are_compared_by_their_times(old: str, new: str, is_same: bool) -> None:
    """`*/24` is the same hour, but follows the clock on the wall when that is set."""

    def scheduled(cron: str) -> dict[str, Any]:
        return flow(log("a"), triggers=[{"id": "t", "type": CORE + "trigger.Schedule", "cron": cron}])

    assert (told(scheduled(old), scheduled(new)) == ()) is is_same


def test_a_list_item_that_came_is_told_by_its_place_and_no_other_is() -> None:
    found = told(flow(log("a", tags=["x", "y", "z"])), flow(log("a", tags=["x", "new", "y", "z"])))

    assert found == (Change(task("a"), ("tags", 1), ABSENT, "new"),)


def test_of_an_item_that_differs_only_the_end_that_differs_is_told() -> None:
    old, new = [{"p": 1, "q": [1, 2]}, 5], [{"p": 1, "q": [1, 3]}, 5]

    assert told(flow(log("a", tags=old)), flow(log("a", tags=new))) == (Change(task("a"), ("tags", 0, "q", 1), 2, 3),)


def test_a_task_that_moved_into_another_is_still_the_same() -> None:
    group = {"id": "g", "type": CORE + "flow.Sequential", "tasks": [log("x")]}
    wider = {**group, "tasks": [log("x"), log("a", "changed")]}

    found = told(flow(log("a"), group), flow(wider))

    assert [type(one) for one in found] == [Change, Move]
    assert found[0] == Change(task("a"), ("message",), "hello", "changed")


def test_the_fewest_tasks_have_moved() -> None:
    ids = "abcdef"

    found = told(flow(*map(log, ids, ids)), flow(*map(log, "fabcde", "fabcde")))

    assert [one.key.id for one in found if isinstance(one, Move)] == ["f"]


def test_a_task_under_another_id_was_renamed_when_most_of_it_is_the_same() -> None:
    old, new = log("a", "one", timeout="PT1M", logToFile=True), log("b", "one", timeout="PT2M", logToFile=True)

    found = told(flow(old), flow(new))

    assert found[0] == Rename(task("a"), task("b"))
    assert [one.path for one in found[1:] if isinstance(one, Change)] == [("timeout",)]


def test_a_task_of_another_type_or_content_is_another_task() -> None:
    assert [type(one) for one in told(flow(log("a", "one")), flow(log("b", "two")))] == [Add, Remove]
    other = {"id": "b", "type": CORE + "debug.Return", "message": "one"}
    assert [type(one) for one in told(flow(log("a", "one")), flow(other))] == [Add, Remove]


def test_what_a_task_of_a_dag_depends_on_stands_beside_it() -> None:
    def dag(*needed: str) -> dict[str, Any]:
        items = [{"task": log("a")}, {"task": log("b"), "dependsOn": list(needed)}]
        return flow({"id": "d", "type": CORE + "flow.Dag", "tasks": items})

    assert told(dag(), dag("a")) == (Change(task("b"), ("dependsOn",), ABSENT, ["a"], is_beside=True),)


def test_cases_and_the_task_of_a_pause_are_places_of_tasks() -> None:
    switch = {"id": "s", "type": CORE + "flow.Switch", "value": "x", "cases": {"one": [log("a")], "two": [log("b")]}}
    pause = {"id": "p", "type": CORE + "flow.Pause", "onPause": log("c")}
    moved = {**switch, "cases": {"one": [log("a"), log("c")], "two": [log("b")]}}

    found = told(flow(switch, pause), flow(moved, {**pause, "onPause": log("d", "other")}))

    assert {type(one) for one in found} == {Move, Add}


def test_tasks_with_the_same_id_are_told_apart_by_their_order() -> None:
    found = told(flow(log("a", 1), log("a", 2)), flow(log("a", 1), log("a", 3)))

    assert found == (Change(task("a", 1), ("message",), 2, 3),)


@pytest.mark.parametrize("broken", [None, [], "x", {"tasks": "x"}, {"tasks": [None]}, {"inputs": [{"name": "old"}]}])
def test_whatever_a_file_holds_is_compared(broken: Any) -> None:
    head = broken if isinstance(broken, dict) else {"tasks": broken}

    assert (told(flow(log("a")), head) == ()) is False
    assert told(head, head) == ()
