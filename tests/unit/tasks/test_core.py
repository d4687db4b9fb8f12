"""The small tasks of the core: what they return, what they log, how they fail."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import UserError
from penstock.tasks.base import TaskFailed
from unit.tasks.fakes import context, run

CORE = "io.kestra.plugin.core."


def test_log_writes_each_message_with_its_level() -> None:
    world = context(CORE + "log.Log", {"message": ["one {{ n }}", 2], "level": "WARN"}, variables={"n": 1})
    assert run(world).outputs == {}
    assert world.said() == [("WARN", "one 1"), ("WARN", "2")]


def test_log_takes_its_level_from_an_expression() -> None:
    world = context(CORE + "log.Log", {"message": "m", "level": "{{ l }}"}, variables={"l": "ERROR"})
    run(world)
    assert world.said() == [("ERROR", "m")]


def test_an_older_name_is_the_same_type() -> None:
    world = context("io.kestra.core.tasks.log.Log", {"message": True})
    run(world)
    assert world.said() == [("INFO", "true")]


def test_return_gives_the_rendered_text_and_two_metrics() -> None:
    world = context(CORE + "debug.Return", {"format": "{{ a }}b"}, variables={"a": "ä"})
    result = run(world)
    assert result.outputs == {"value": "äb"}
    assert [(metric["name"], metric["type"], metric["tags"]) for metric in result.metrics] == [
        ("length", "counter", {"format": "{{ a }}b"}),
        ("duration", "timer", {"format": "{{ a }}b"}),
    ]
    assert result.metrics[0]["value"] == 2
    assert world.said() == [("DEBUG", "äb")]


def test_return_without_a_format_returns_nothing() -> None:
    assert run(context(CORE + "debug.Return", {})).outputs == {"value": None}


def test_echo_logs() -> None:
    world = context(CORE + "debug.Echo", {"format": "hello", "level": "DEBUG"})
    run(world)
    assert world.said() == [("DEBUG", "hello")]


def test_fail_always_fails_with_its_message() -> None:
    with pytest.raises(TaskFailed, match=r"^because 3$"):
        run(context(CORE + "execution.Fail", {"errorMessage": "because {{ n }}"}, variables={"n": 3}))


@pytest.mark.parametrize("condition", ["false", "0", "-0", "", "{{ n > 5 }}", False])
def test_fail_passes_when_its_condition_is_false(condition: Any) -> None:
    assert run(context(CORE + "execution.Fail", {"condition": condition}, variables={"n": 3})).outputs == {}


@pytest.mark.parametrize("condition", ["true", "no", "{{ n }}", True])
def test_fail_fails_when_its_condition_is_true(condition: Any) -> None:
    world = context(CORE + "execution.Fail", {"condition": condition, "errorMessage": "too many"}, variables={"n": 3})
    with pytest.raises(TaskFailed, match=r"^Fail on a condition$"):
        run(world)
    assert world.said() == [("ERROR", "too many")]


def test_output_values_are_rendered_at_any_depth() -> None:
    values = {"a": "{{ n }}", "b": {"c": ["x{{ n }}", 5]}}
    result = run(context(CORE + "output.OutputValues", {"values": values}, variables={"n": 3}))
    assert result.outputs == {"values": {"a": "3", "b": {"c": ["x3", 5]}}}


def test_output_values_may_come_from_one_expression() -> None:
    world = context(CORE + "output.OutputValues", {"values": "{{ all }}"}, variables={"all": {"a": 1}})
    assert run(world).outputs == {"values": {"a": 1}}


def test_what_does_not_fit_is_told_by_name() -> None:
    with pytest.raises(UserError) as told:
        run(context(CORE + "log.Log", {"message": "m", "level": "{{ l }}", "colour": 1}, variables={"l": "LOUD"}))
    assert told.value.message == (
        "io.kestra.plugin.core.log.Log: `level`: input should be 'TRACE', 'DEBUG', 'INFO', 'WARN' or 'ERROR'; "
        "`colour`: extra inputs are not permitted"
    )


def test_an_expression_that_gives_no_mapping_is_told() -> None:
    with pytest.raises(UserError, match=r"^`values` must be a mapping, and its expression gave `3`$"):
        run(context(CORE + "output.OutputValues", {"values": "{{ n }}"}, variables={"n": 3}))
