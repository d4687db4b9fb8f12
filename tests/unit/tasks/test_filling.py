"""From what a flow says to what a type gets: what is rendered when, and how a fault is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from penstock.errors import UserError
from penstock.expression import render_value
from penstock.flow.model import Kind, Task
from penstock.tasks.base import Context, Properties, Result, TaskType
from penstock.tasks.filling import prepare, render_late
from penstock.tasks.markers import Duration, Dynamic, Late, OneTask, Tasks, Text, branches, dynamic_fields


class Inner(Properties):
    n: Dynamic[int] = 1


class Everything(Properties):
    fixed: str | None = None
    text: Dynamic[Text | None] = None
    size: Dynamic[int] = Field(3, ge=1)
    flag: Dynamic[bool] = False
    names: Dynamic[list[str] | None] = None
    inner: Dynamic[Inner | None] = None
    wait: Dynamic[Duration | None] = None
    lines: Late[list[Text] | None] = None
    then_: Tasks | None = Field(None, alias="then")
    on_pause: OneTask | None = None


class Thing(TaskType):
    type = "io.example.Thing"
    properties = Everything

    def run(self, properties: Everything, context: Context) -> Result:
        return Result()


def filled(variables: dict[str, Any] | None = None, **properties: Any) -> Any:
    return prepare(Thing(), task(properties), lambda value: render_value(value, variables or {}))


def task(properties: dict[str, Any]) -> Task:
    return Task("t", Thing.type, Kind.WORKER, properties)


def test_only_what_is_rendered_is_rendered() -> None:
    made = filled({"n": 1}, fixed="{{ n }}", text="{{ n }}")
    assert (made.fixed, made.text) == ("{{ n }}", "1")


def test_what_an_expression_gave_is_read_as_what_the_property_is() -> None:
    made = filled(
        {"n": 7, "yes": True, "all": ["a", "b"], "one": {"n": 4}},
        size=" {{ n }} ", flag="{{ yes }}", names="{{ all }}", inner="{{ one }}", wait="PT{{ n }}S",
    )  # fmt: skip
    assert (made.size, made.flag, made.names, made.inner, made.wait) == (7, True, ["a", "b"], Inner(n=4), "PT7S")


def test_what_lies_within_is_rendered_too() -> None:
    made = filled({"n": 7}, names=["{{ n }}", "b"], inner={"n": "{{ n }}"})
    assert (made.names, made.inner) == (["7", "b"], Inner(n=7))


def test_an_expression_that_gives_nothing_leaves_the_default() -> None:
    made = filled({"none": ""}, size="{{ none }}", names="{{ none }}", text="{{ none }}")
    assert (made.size, made.names, made.text) == (3, None, "")


def test_null_counts_as_absent() -> None:
    assert filled(size=None, inner=None).size == 3


def test_late_properties_wait() -> None:
    made = filled(lines=["{{ later }}", 2])
    assert made.lines == ["{{ later }}", "2"]
    waiting = filled(lines="{{ all }}")
    done = render_late(waiting, task({}), lambda value: render_value(value, {"all": ["a", "b"]}))
    assert done.lines == ["a", "b"]


def test_a_late_text_that_still_looks_like_an_expression_is_refused() -> None:
    with pytest.raises(UserError, match="`lines` must be a list"):
        render_late(filled(lines="{{ x }}"), task({}), lambda value: render_value(value, {"x": "{{ y }}"}))


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"size": 0}, "`size`: input should be greater than or equal to 1"),
        ({"size": "{{ 'x' }}"}, "`size`: input should be a valid integer, unable to parse string as an integer"),
        ({"inner": {"n": []}}, "`inner.n`: input should be a valid integer"),
        ({"wait": "5 minutes"}, "`wait`: `5 minutes` is not an ISO-8601 duration such as PT30S, PT5M or P1D"),
        ({"then_": []}, "`then_`: extra inputs are not permitted"),
        ({"names": "{{ 5 }}"}, "`names` must be a list, and its expression gave `5`"),
    ],
)
def test_faults_name_the_property(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as told:
        filled(**properties)
    assert told.value.message.removeprefix("io.example.Thing: ") == message


def test_many_faults_are_counted() -> None:
    with pytest.raises(UserError, match=r"; and 2 more$"):
        filled(**{f"x{n}": 1 for n in range(7)})


def test_what_is_marked_can_be_listed() -> None:
    assert dynamic_fields(Everything) == ("text", "size", "flag", "names", "inner", "wait", "lines")
    assert branches(Everything) == ("then", "onPause")
