"""TemplatedTask stands in for the task that it writes; Assert holds conditions; Sleep waits from its start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from penstock.errors import UserError
from penstock.execution.instants import iso
from penstock.tasks.base import TaskFailed, TaskLost, TaskStopped
from unit.tasks.fakes import HandContext, context, run

CORE = "io.kestra.plugin.core."
TEMPLATED = CORE + "templating.TemplatedTask"


def templated(spec: str, **variables: Any) -> HandContext:
    return context(TEMPLATED, {"spec": spec}, variables=variables)


# ── TemplatedTask ──


def test_the_task_that_is_written_is_done_in_the_place_of_the_one_that_writes() -> None:
    spec = "id: any\ntype: {{ type }}\nformat: '{{ n + 1 }} {% raw %}{{ n }}{% endraw %}'\nretry: {type: constant}\n"
    assert run(templated(spec, type=CORE + "debug.Return", n=1)).outputs == {"value": "2 1"}


def test_an_older_name_may_be_written() -> None:
    assert run(templated("type: io.kestra.core.tasks.debugs.Return\nformat: a")).outputs == {"value": "a"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (f"type: {CORE}flow.Sequential\ntasks: []", "The templated task must be a runnable task"),
        (f"type: {CORE}trigger.Schedule\ncron: '* * * * *'", "The templated task must be a runnable task"),
        (f"type: {TEMPLATED}\nspec: x", f"The templated task cannot be of type '{TEMPLATED}'"),
        ("type: io.kestra.core.tasks.templating.TemplatedTask\nspec: x", "The templated task cannot be of type"),
        ("format: a", "The templated task has no `type`"),
        ("- a", "The templated task is no mapping"),
        ("a: [", "The templated task is no YAML"),
    ],
)
def test_what_cannot_stand_there_is_told(spec: str, why: str) -> None:
    with pytest.raises(TaskFailed) as told:
        run(templated(spec))
    assert told.value.message.startswith(why)


def test_properties_that_the_written_type_lacks_are_told() -> None:
    with pytest.raises(UserError, match="`colour`"):
        run(templated(f"type: {CORE}debug.Return\ncolour: red"))


def test_a_written_task_that_cannot_be_taken_up_is_lost_with_its_process() -> None:
    world = templated(f"type: {CORE}http.Request\nuri: https://example.org").crashed()
    with pytest.raises(TaskLost):
        run(world)


# ── Assert ──


def test_conditions_that_all_hold_are_counted() -> None:
    result = run(context(CORE + "execution.Assert", {"conditions": ["{{ n == 3 }}", True, "x"]}, variables={"n": 3}))
    assert result.outputs == {}
    assert [(metric["name"], metric["value"]) for metric in result.metrics] == [("success", 3), ("failed", 0)]


def test_every_condition_is_looked_at_and_those_that_fail_are_told() -> None:
    conditions = ["{{ n == 4 }}", "{{ missing }}", "{{ n == 3 }}", "0"]
    properties = {"conditions": conditions, "errorMessage": "not {{ n }}"}
    world = context(CORE + "execution.Assert", properties, variables={"n": 3})

    with pytest.raises(TaskFailed) as told:
        run(world)

    assert told.value.message == "3 assertions failed!\nnot 3"
    assert [(metric["name"], metric["value"]) for metric in told.value.metrics] == [("success", 1), ("failed", 3)]
    said = [text for level, text in world.said() if level == "ERROR"]
    assert said[0] == "Assertion `{{ n == 4 }}` failed!"
    assert said[1].startswith("Assertion `{{ missing }}` failed, failed to render `")
    assert said[2] == "Assertion `0` failed!"


def test_one_failure_is_told_in_the_singular() -> None:
    with pytest.raises(TaskFailed, match=r"^1 assertion failed!$"):
        run(context(CORE + "execution.Assert", {"conditions": ["false"]}))


# ── Sleep ──


def asleep(duration: str, *, since: timedelta = timedelta(0)) -> HandContext:
    world = context(CORE + "flow.Sleep", {"duration": duration})
    world.variables = {"taskrun": {"startDate": iso(world.clock.now() - since)}}
    return world


def test_a_sleep_that_is_over_ends() -> None:
    world = asleep("PT2S", since=timedelta(seconds=2))
    assert run(world).outputs == {}
    assert world.said() == [("INFO", "Waiting for PT2S")]


def test_a_sleep_that_is_stopped_stops() -> None:
    world = asleep("PT1H")
    world.halt.throw()
    with pytest.raises(TaskStopped):
        run(world)
