"""How executions leave their way: exits, promises, times that are over, tries in a new execution, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    ChildEnded,
    ChildStarted,
    ExecutionLeaving,
    ExitRequested,
    KillRequested,
    LabelsChanged,
    SlaViolated,
    StopCause,
    VariablesChanged,
)
from penstock.execution.state import State
from penstock.execution.variables import seen_variables
from penstock.flow.model import Backoff, Flow, Kind, Retry, RetryBehavior, Sla, SlaBehavior, SlaType, Task
from penstock.operations.again import successor
from unit.execution.course import START, Course
from unit.execution.test_decide import CORE, course_of, flowable, work

SUCCESS, WARNING, FAILED, KILLED = State.SUCCESS, State.WARNING, State.FAILED, State.KILLED
ANEW = RetryBehavior.CREATE_NEW_EXECUTION


def inline(name: str) -> Task:
    return Task(name, CORE + "debug.Return", Kind.INLINE)


def affect(course: Course, task: str, kind: Any, **what: Any) -> None:
    """An attempt of an inline task that changes the execution, and ends."""
    run = course.run(task)
    started = AttemptStarted(at=course.now, run=run.id, attempt=1, session="s", epoch=1)
    ended = AttemptEnded(at=course.now, run=run.id, attempt=1, state=SUCCESS)
    course.tell(started, kind(at=course.now, run=run.id, attempt=1, **what), ended)
    course.settle()


# ── after the end ──


def test_what_follows_after_the_end_keeps_the_execution_from_being_over() -> None:
    course = course_of(work("a"), after_execution=(work("after"),))
    course.do("a")
    assert (course.execution.state, course.execution.is_over) == (SUCCESS, False)
    assert course.execution.ended == course.now

    course.fail("after")

    assert (course.execution.state, course.execution.is_over) == (SUCCESS, True)


def test_a_kill_after_the_end_ends_what_follows_and_leaves_the_state() -> None:
    course = course_of(work("a"), after_execution=(work("after"), work("never")))
    course.do("a")
    course.start("after")

    course.kill()
    assert course.stops() == [("after", StopCause.KILL)]
    course.end("after", state=KILLED)

    assert course.states() == {"a": SUCCESS, "after": KILLED}
    assert (course.execution.state, course.execution.is_over) == (SUCCESS, True)
    assert course.refusal(KillRequested(at=course.now)) is not None


def test_after_a_kill_what_follows_is_not_killed() -> None:
    course = course_of(work("a"), after_execution=(work("after"),))
    course.kill()
    course.do("after")
    assert (course.execution.state, course.states()["after"]) == (KILLED, SUCCESS)


def test_disabled_tasks_after_the_end_are_none() -> None:
    course = course_of(work("a"), after_execution=(work("after", disabled=True),))
    course.do("a")
    assert course.execution.is_over


# ── exits ──


def test_an_exit_lets_what_runs_end_and_ends_what_has_not_begun() -> None:
    course = course_of(flowable("Parallel", "all", work("runs"), work("waits"), inline("exit")), work("never"))
    course.start("runs")

    affect(course, "exit", ExitRequested, state=WARNING)
    assert course.states() == {"all": State.RUNNING, "runs": State.RUNNING, "waits": WARNING, "exit": WARNING}
    assert course.execution.state is State.RUNNING
    course.end("runs")

    assert course.states() == {"all": WARNING, "runs": SUCCESS, "waits": WARNING, "exit": WARNING}
    assert course.execution.state is WARNING


def test_an_exit_with_killed_stops_what_runs() -> None:
    course = course_of(flowable("Parallel", "all", work("runs"), inline("exit")))
    course.start("runs")

    affect(course, "exit", ExitRequested, state=KILLED)
    assert course.stops() == [("runs", StopCause.KILL)]
    course.end("runs", state=KILLED)

    assert set(course.states().values()) == {KILLED}
    assert course.execution.state is KILLED


def test_nothing_is_tried_again_on_the_way_out() -> None:
    again = Retry(Backoff.CONSTANT, timedelta(seconds=9), max_attempts=5)
    course = course_of(flowable("Parallel", "all", work("runs", retry=again), inline("exit")))
    course.start("runs")
    affect(course, "exit", ExitRequested, state=SUCCESS)

    course.end("runs", state=FAILED, error="it went wrong")

    assert (course.run("runs").state, course.execution.state) == (FAILED, SUCCESS)


def test_a_warning_that_is_allowed_is_none_on_the_way_out_either() -> None:
    course = course_of(flowable("Parallel", "all", work("runs", allow_warning=True), inline("exit")))
    course.start("runs")
    affect(course, "exit", ExitRequested, state=FAILED)

    course.end("runs", state=WARNING)

    assert (course.run("runs").state, course.execution.state) == (SUCCESS, FAILED)


def test_what_was_tried_again_warns_on_the_way_out_too() -> None:
    again = Retry(Backoff.CONSTANT, timedelta(0), max_attempts=5, warning_on_retry=True)
    course = course_of(flowable("Parallel", "all", work("runs", retry=again), inline("exit")))
    course.fail("runs")
    course.start("runs")
    affect(course, "exit", ExitRequested, state=FAILED)

    course.end("runs")

    assert course.run("runs").state is WARNING


# ── calls ──


def test_a_call_that_is_tried_again_tells_nothing_of_what_it_called_before() -> None:
    again = Retry(Backoff.CONSTANT, timedelta(0), max_attempts=2)
    course = course_of(Task("sub", CORE + "flow.Subflow", Kind.EXECUTABLE, retry=again))
    run = course.run("sub").id

    def child(name: str, state: State, **outputs: Any) -> None:
        told = {"executionId": name}
        course.tell(ChildStarted(at=course.now, run=run, index=0, child=name, outputs=told))
        told |= {"state": state.value, **outputs}
        course.tell(ChildEnded(at=course.now, run=run, index=0, child=name, state=state, outputs=told))
        course.settle()

    child("e2", FAILED, outputs={"rows": 3})
    child("e3", SUCCESS)

    assert course.run("sub").outputs == {"executionId": "e3", "state": "SUCCESS"}


# ── effects ──


def test_an_effect_is_legal_once_and_only_while_its_attempt_goes_on() -> None:
    course = course_of(inline("a"), work("b"))
    affect(course, "a", LabelsChanged, labels={"team": "red"})
    assert course.execution.labels == {"team": "red"}

    again = LabelsChanged(at=course.now, run=course.run("a").id, attempt=1, labels={"team": "blue"})
    assert course.refusal(again) is not None


def test_variables_lie_over_those_of_the_flow() -> None:
    course = course_of(inline("a"), inline("b"), work("c"), variables={"deep": {"x": 1, "y": 2}, "z": 3})
    affect(course, "a", VariablesChanged, values={"deep": {"y": 4}}, removed=("z",))
    assert seen_variables(course.flow, course.execution) == {"deep": {"x": 1, "y": 4}}

    affect(course, "b", VariablesChanged, values={"z": 5}, removed=("deep.x",))
    assert seen_variables(course.flow, course.execution) == {"deep": {"y": 4}, "z": 5}


# ── promises ──


def promise(behavior: SlaBehavior, **more: Any) -> Sla:
    kind = SlaType.MAX_DURATION if "duration" in more else SlaType.EXECUTION_ASSERTION
    return Sla("p", kind, behavior, **more)


def test_a_promise_about_time_is_due_when_its_time_is_over() -> None:
    course = course_of(work("a"), sla=(promise(SlaBehavior.CANCEL, duration=timedelta(minutes=1)),))
    assert course.due() == START + timedelta(minutes=1)
    course.start("a")

    course.wait(60)
    assert course.stops() == [("a", StopCause.KILL)]
    course.end("a", state=KILLED)

    assert (course.run("a").state, course.execution.state) == (State.CANCELLED, State.CANCELLED)
    assert course.due() is None


def test_an_execution_that_was_paused_by_a_person_keeps_its_promise_about_time() -> None:
    course = course_of(work("a"), sla=(promise(SlaBehavior.FAIL, duration=timedelta(minutes=1)),))
    course.pause()
    course.wait(60)
    assert course.execution.state is FAILED


def test_time_until_its_date_does_not_count() -> None:
    sla = (promise(SlaBehavior.FAIL, duration=timedelta(minutes=1)),)
    course = course_of(work("a"), sla=sla, schedule_date=START + timedelta(hours=1))
    course.wait(3600)
    assert course.due() == START + timedelta(hours=1, minutes=1)


def test_an_assertion_is_asked_once_for_all_that_ended_and_an_error_says_nothing() -> None:
    holds = promise(SlaBehavior.FAIL, assertion="{{ holds }}")
    course = course_of(flowable("Parallel", "all", work("a"), work("b")), work("c"), sla=(holds,))
    course.cannot_render(None, "there is no `holds`")
    course.do("a")
    assert course.execution.asks == ("sla:p",)
    course.do("b")
    course.answer(None, **{"sla:p": True})
    course.answer(None, **{"sla:p": True})

    course.do("c")
    course.answer(None, **{"sla:p": False})

    assert course.execution.state is FAILED
    assert course.execution.error == "Execution failed due to SLA 'p' violated: assertion is false: {{ holds }}."


def test_a_promise_that_ends_nothing_is_broken_once() -> None:
    told = promise(SlaBehavior.NONE, duration=timedelta(minutes=1), labels={"late": "yes"})
    course = course_of(work("a"), sla=(told,))
    course.wait(600)
    course.do("a")
    assert (course.execution.state, course.execution.labels) == (SUCCESS, {"late": "yes"})
    assert sum(isinstance(event, SlaViolated) for event in course.log) == 1


# ── times of flowables ──


def test_a_flowable_whose_time_is_over_waits_for_what_it_stops() -> None:
    inner = flowable("Sequential", "inner", work("a"), work("never"))
    course = course_of(flowable("Parallel", "all", inner, work("b"), timeout=timedelta(minutes=1)), work("never2"))
    course.start("a")

    course.wait(60)
    assert course.stops() == [("all", StopCause.TIMEOUT), ("a", StopCause.KILL)]
    assert course.states() == {"all": State.RUNNING, "inner": State.RUNNING, "b": KILLED, "a": State.KILLING}
    course.end("a", state=KILLED)

    assert course.states() == {"all": FAILED, "inner": KILLED, "b": KILLED, "a": KILLED}
    assert course.run("all").error == "Timeout after PT1M"
    assert course.execution.state is FAILED


def test_a_pause_within_a_flowable_ends_with_its_time() -> None:
    pause = flowable("Pause", "wait")
    course = course_of(flowable("Sequential", "all", pause, timeout=timedelta(minutes=1), allow_failure=True))
    assert course.execution.state is State.PAUSED
    course.wait(60)
    assert course.states() == {"all": WARNING, "wait": KILLED}
    assert course.execution.state is WARNING


# ── tries in a new execution ──


def test_a_failure_is_tried_again_by_an_execution_that_waits_for_its_moment() -> None:
    again = Retry(Backoff.CONSTANT, timedelta(seconds=9), max_attempts=3, behavior=ANEW)
    course = course_of(flowable("Parallel", "all", work("a"), work("b")), retry=again, errors=(work("handler"),))
    course.start("b")
    course.fail("a")
    assert course.states() == {"all": State.RUNNING, "a": State.RETRIED, "b": State.RUNNING}
    course.end("b")

    assert course.states() == {"all": State.RETRIED, "a": State.RETRIED, "b": SUCCESS}
    assert course.execution.state is State.RETRIED
    made = successor(course.flow, course.execution, course.now).execution
    assert (made.original_id, made.parent_id, made.attempt_number) == ("e1", "e1", 2)
    assert (made.schedule_date, made.original_created) == (START + timedelta(seconds=9), START)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, None), (None, 5)])
def test_the_last_try_fails_as_if_there_were_none(attempts: int | None, seconds: int | None) -> None:
    most = timedelta(seconds=seconds) if seconds is not None else None
    again = Retry(Backoff.CONSTANT, timedelta(seconds=9), max_attempts=attempts, max_duration=most, behavior=ANEW)
    course = course_of(work("a", retry=again))
    course.fail("a")
    assert (course.run("a").state, course.execution.state) == (FAILED, FAILED)


# ── bounds ──


@pytest.mark.long
def test_an_execution_of_too_many_task_runs_fails_and_says_why() -> None:
    each = Task(
        "each", CORE + "flow.ForEach", Kind.FLOWABLE, {"values": [], "concurrencyLimit": 0}, {"tasks": (work("a"),)}
    )
    course = Course(Flow("stories", "wide", (each,)))
    course.settle()
    course.answer("each", values=[f"{n}" for n in range(50_000)])
    assert len(course.execution.runs) == 50_000
    assert any(isinstance(event, ExecutionLeaving) for event in course.log)
    assert course.execution.state is FAILED
    assert course.execution.error == (
        "the execution has 50,000 task runs, which is the most: there is no room for one of task `a` (PEN047)"
    )
