"""What expressions see of an execution, from its beginning to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.execution.model import Execution
from penstock.execution.sealed import PREFIX
from penstock.execution.state import State
from penstock.execution.variables import Inputs, Surroundings, variables
from penstock.flow.declaration import declared_input
from penstock.flow.model import Dialect, Flow, InputType, Output
from unit.execution.course import Course
from unit.execution.test_decide import SECOND, course_of, flowable, work

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"


def seen(course: Course, task: str | None = None, around: Surroundings | None = None) -> dict[str, Any]:
    run = course.run(task) if task is not None else None
    return variables(course.flow, course.execution, run, around)


def test_a_flow_and_its_execution_are_seen_by_name() -> None:
    course = course_of(work("a"), variables={"v": 1}, labels={"owner": "ada"})
    told = seen(course, "a")
    assert told["flow"] == {"id": "story", "namespace": "stories", "revision": 1, "tenantId": "main"}
    assert told["execution"] == {
        "id": "e1", "startDate": "2026-01-01T00:00:00Z", "originalId": "e1", "state": "RUNNING",
    }  # fmt: skip
    assert told["task"] == {"id": "a", "type": "io.kestra.plugin.core.http.Request"}
    assert told["taskrun"] == {"id": course.run("a").id, "startDate": "2026-01-01T00:00:00Z", "attemptsCount": 0}
    assert (told["vars"], told["namespace"]) == ({"v": 1}, {})
    assert told["parents"] == []
    assert told.keys().isdisjoint({"trigger", "schedule", "parent", "error"})


def test_what_surrounds_it_is_seen_as_it_is_told() -> None:
    around = Surroundings(envs={"a": "1"}, globals={"b": 2}, kestra={"environment": "test", "url": "https://x"})
    told = seen(course_of(work("a")), "a", around)
    assert (told["envs"], told["globals"], told["kestra"]) == (
        {"a": "1"}, {"b": 2}, {"environment": "test", "url": "https://x"},
    )  # fmt: skip


def test_an_execution_that_is_over_is_seen_with_its_end_and_its_outputs() -> None:
    course = course_of(work("a"), outputs=(Output("o", InputType.STRING, "{{ 1 }}"),))
    course.do("a")
    assert "endDate" not in seen(course)["execution"]
    course.answer(None, outputs={"o": f"{PREFIX}x"})
    told = seen(course, around=Surroundings(open=lambda sealed: f"opened {sealed}"))["execution"]
    assert (told["state"], told["endDate"], told["outputs"]) == ("SUCCESS", "2026-01-01T00:00:00Z", {"o": "opened x"})


def test_loops_around_a_task_are_seen_from_the_inside_out() -> None:
    course = course_of(flowable("ForEach", "outer", flowable("ForEach", "inner", work("a"), values="[]"), values="[]"))
    course.answer("outer", values=["o"])
    course.answer("inner", values=["i"])
    told = seen(course, "a")
    assert (told["taskrun"]["value"], told["taskrun"]["iteration"]) == ("i", 0)
    assert [above["task"]["id"] for above in told["parents"] if "value" in above["taskrun"]] == ["inner"]
    assert told["parent"] == told["parents"][0]
    assert told["parent"]["task"] == {"id": "inner", "type": "io.kestra.plugin.core.flow.ForEach"}
    assert told["parent"]["taskrun"]["value"] == "o"


@pytest.mark.parametrize(
    ("dialect", "has_schedule"), [(Dialect.AUTO, True), (Dialect.V0_21, True), (Dialect.V2, False)]
)
def test_a_schedule_is_seen_by_its_old_name_before_2_0(dialect: Dialect, has_schedule: bool) -> None:
    course = course_of(work("a"), dialect=dialect)
    fired = replace(course.execution, trigger={"id": "t", "type": SCHEDULE, "variables": {"date": "d"}})
    told = variables(course.flow, fired)
    assert told["trigger"] == {"date": "d"}
    assert told.get("schedule") == ({"date": "d"} if has_schedule else None)
    by_hand = replace(course.execution, trigger={"id": "t", "type": "io.kestra.plugin.core.trigger.Webhook"})
    assert "schedule" not in variables(course.flow, by_hand)


def test_an_error_is_seen_where_it_is_dealt_with() -> None:
    course = course_of(work("a"), errors=(work("mend"),))
    course.start("a")
    course.end("a", state=State.FAILED, error="it broke")
    assert seen(course, "mend")["error"] == {"taskId": "a", "message": "it broke", "stackTrace": "it broke"}


def test_a_secret_input_is_opened_at_once_and_other_inputs_when_they_are_looked_at() -> None:
    opened: list[str] = []

    def open_(sealed: str) -> str:
        opened.append(sealed)
        return f"clear {sealed}"

    flow = Flow("stories", "story", (work("a"),), inputs=(declared_input({"id": "s.deep", "type": "SECRET"}),))
    execution = given(flow, {"s": {"deep": f"{PREFIX}1"}, "url": f"{PREFIX}2", "plain": "3"})
    inputs = variables(flow, execution, None, Surroundings(open=open_))["inputs"]
    assert opened == ["1"]
    assert dict(inputs) == {"s": {"deep": "clear 1"}, "url": "clear 2", "plain": "3"}
    assert (isinstance(inputs, Inputs), len(inputs), list(inputs)) == (True, 3, ["s", "url", "plain"])


def given(flow: Flow, inputs: dict[str, Any]) -> Execution:
    return Course(flow, inputs=inputs).execution


def test_an_error_is_the_one_of_the_flowable_whose_errors_are_worked_off() -> None:
    left = flowable("Sequential", "left", work("a"), errors=(work("for_a"),))
    right = flowable("Sequential", "right", flowable("Sequential", "deep", work("b")), errors=(work("for_b"),))
    course = course_of(flowable("Parallel", "both", left, right))

    course.fail("a", "b")

    assert (seen(course, "for_a")["error"]["taskId"], seen(course, "for_b")["error"]["taskId"]) == ("a", "b")
    assert seen(course, "for_a")["error"]["message"] == "it went wrong"


def test_the_error_of_a_flowable_whose_time_is_over_is_that() -> None:
    course = course_of(flowable("Sequential", "slow", work("a"), timeout=5 * SECOND, errors=(work("help"),)))

    course.wait(5)

    error = {"taskId": "slow", "message": "Timeout after PT5S", "stackTrace": "Timeout after PT5S"}
    assert seen(course, "help")["error"] == error


def test_outputs_are_addressed_by_the_values_of_all_loops_around_them_and_by_no_other_flowable() -> None:
    inner = flowable("ForEach", "inner", flowable("Dag", "dag", work("a"), dependsOn={}), values="[]")
    course = course_of(flowable("ForEach", "outer", flowable("If", "if", inner, branch="then"), values="[]"), work("z"))
    course.answer("outer", values=["o"])
    course.answer("if", evaluationResult=True)
    course.answer("inner", values=["i"])
    assert "value" not in seen(course, "a")["taskrun"]
    assert [each["taskrun"].get("value") for each in seen(course, "a")["parents"]] == ["i", "o"]

    course.start("a")
    course.end("a", rows=3)

    told = seen(course, "z")
    assert told["outputs"]["a"]["o"]["i"] == {"rows": 3}
    assert told["tasks"]["a"]["o"]["i"] == {"state": "SUCCESS"}
