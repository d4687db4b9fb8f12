"""How executions go, one story for each rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from penstock.execution.event import (
    AttemptStarted,
    ResumeRequested,
    StopCause,
    TaskRunReleased,
    TaskRunRetrying,
    TaskRunStopping,
)
from penstock.execution.outcome import delay
from penstock.execution.state import State
from penstock.flow.model import Backoff, Flow, InputType, Kind, Output, Retry, Task
from unit.execution.course import START, Course

CORE = "io.kestra.plugin.core."
SUCCESS, WARNING, FAILED, KILLED = State.SUCCESS, State.WARNING, State.FAILED, State.KILLED
SECOND = timedelta(seconds=1)


def work(name: str, **more: Any) -> Task:
    """A task for a worker."""
    return Task(name, CORE + "http.Request", Kind.WORKER, **more)


def flowable(kind: str, name: str, *tasks: Task, branch: str = "tasks", **more: Any) -> Task:
    """A flowable; `more` are branches (tuples of tasks), attributes of every task, and the type's own properties."""
    branches: dict[str, tuple[Task, ...]] = {branch: tasks} if tasks else {}
    own = {key: more.pop(key) for key in tuple(more) if key in ("retry", "timeout", "run_if", "allow_failure")}
    for key in tuple(more):
        value = more[key]
        if isinstance(value, tuple) and value and isinstance(value[0], Task):
            branches[{"otherwise": "else", "finally_": "finally"}.get(key, key)] = more.pop(key)
    return Task(name, CORE + "flow." + kind, Kind.FLOWABLE, properties=more, branches=branches, **own)


def course_of(*tasks: Task, schedule_date: Any = None, **more: Any) -> Course:
    """A flow of `tasks`, begun."""
    course = Course(Flow("stories", "story", tasks, **more), schedule_date=schedule_date)
    course.settle()
    return course


def seconds_to_retry(course: Course) -> list[float]:
    """How long each retry was put off, in order."""
    return [(event.until - event.at).total_seconds() for event in course.log if isinstance(event, TaskRunRetrying)]


# ── one after another ──


def test_tasks_follow_one_another() -> None:
    course = course_of(work("a"), work("b"))
    assert course.states() == {"a": State.CREATED}

    course.do("a")
    assert course.states() == {"a": SUCCESS, "b": State.CREATED}

    course.do("b")
    assert course.execution.state is SUCCESS


def test_a_failure_stops_the_list() -> None:
    course = course_of(work("a"), work("b"))

    course.fail("a")

    assert course.states() == {"a": FAILED}
    assert course.execution.state is FAILED
    assert course.run("a").error == "it went wrong"


def test_a_disabled_task_has_no_task_run() -> None:
    course = course_of(work("a", disabled=True), work("b"))

    course.do("b")

    assert course.states() == {"b": SUCCESS}


def test_a_flow_whose_tasks_are_all_disabled_succeeds_at_once() -> None:
    assert course_of(work("a", disabled=True)).execution.state is SUCCESS


def test_a_warning_makes_the_execution_a_warning() -> None:
    course = course_of(work("a"))

    course.do("a", state=WARNING)

    assert course.execution.state is WARNING


# ── errors and finally ──


def test_errors_run_after_a_failure_and_the_execution_stays_failed() -> None:
    course = course_of(work("a"), errors=(work("help"),))

    course.fail("a")
    assert course.states() == {"a": FAILED, "help": State.CREATED}

    course.do("help")
    assert course.execution.state is FAILED


def test_errors_do_not_run_after_success() -> None:
    course = course_of(work("a"), errors=(work("help"),))

    course.do("a")

    assert course.states() == {"a": SUCCESS}


def test_finally_runs_after_errors_and_after_success_too() -> None:
    failed = course_of(work("a"), errors=(work("help"),), finally_=(work("clean"),))
    failed.fail("a")
    failed.do("help", "clean")

    went_well = course_of(work("a"), errors=(work("help"),), finally_=(work("clean"),))
    went_well.do("a", "clean")

    assert list(failed.states()) == ["a", "help", "clean"]
    assert (failed.execution.state, went_well.execution.state) == (FAILED, SUCCESS)


def test_a_failure_in_finally_fails_the_execution() -> None:
    course = course_of(work("a"), finally_=(work("clean"),))

    course.do("a")
    course.fail("clean")

    assert course.execution.state is FAILED


def test_a_flowables_errors_are_its_own_and_the_flows_come_after() -> None:
    course = course_of(flowable("Sequential", "seq", work("a"), errors=(work("near"),)), errors=(work("far"),))

    course.fail("a")
    course.do("near", "far")

    assert course.states() == {"seq": FAILED, "a": FAILED, "near": SUCCESS, "far": SUCCESS}


# ── retry ──


def test_a_constant_retry_waits_as_long_each_time_until_its_attempts_are_used_up() -> None:
    course = course_of(work("a", retry=Retry(Backoff.CONSTANT, interval=5 * SECOND, max_attempts=3)))

    course.fail("a")
    assert (course.run("a").state, course.execution.state) == (State.RETRYING, State.RETRYING)
    course.wait(4.9)
    assert course.run("a").state is State.RETRYING
    course.wait(0.1)
    assert (course.run("a").state, course.execution.state) == (State.CREATED, State.RUNNING)
    course.fail("a")
    course.wait(5)
    course.fail("a")

    assert course.run("a").state is FAILED
    assert len(course.run("a").attempts) == 3
    assert seconds_to_retry(course) == [5, 5]


def test_an_exponential_retry_is_immediate_first_then_grows_up_to_its_bound() -> None:
    retry = Retry(Backoff.EXPONENTIAL, interval=2 * SECOND, factor=3, max_interval=10 * SECOND, max_attempts=4)
    course = course_of(work("a", retry=retry))

    for _ in range(4):
        course.fail("a")
        course.wait(60)

    assert seconds_to_retry(course) == [0, 6, 10]


def test_a_random_retry_is_drawn_from_the_task_run_the_same_at_every_replay() -> None:
    retry = Retry(Backoff.RANDOM, min_interval=SECOND, max_interval=9 * SECOND, max_attempts=3)
    course = course_of(work("a", retry=retry))

    course.fail("a")
    course.wait(9)
    course.fail("a")

    waited = seconds_to_retry(course)
    assert waited == [delay(retry, course.run("a").id, made).total_seconds() for made in (1, 2)]
    assert all(1 <= each <= 9 for each in waited)
    assert waited[0] != waited[1]


def test_a_retry_ends_where_the_next_attempt_would_come_after_its_longest_duration() -> None:
    retry = Retry(Backoff.CONSTANT, interval=5 * SECOND, max_duration=12 * SECOND)
    course = course_of(work("a", retry=retry))

    for _ in range(3):
        course.fail("a")
        course.wait(5)

    assert course.run("a").state is FAILED
    assert len(course.run("a").attempts) == 3


def test_a_success_after_a_retry_is_a_warning_where_it_is_asked_for() -> None:
    course = course_of(work("a", retry=Retry(Backoff.CONSTANT, SECOND, max_attempts=3, warning_on_retry=True)))

    course.fail("a")
    course.wait(1)
    course.do("a")

    assert course.execution.state is WARNING


@pytest.mark.parametrize("place", ["flowable", "flow"])
def test_a_retry_is_inherited_from_the_flowable_or_the_flow(place: str) -> None:
    retry = Retry(Backoff.CONSTANT, SECOND, max_attempts=2)
    outer = flowable("Sequential", "seq", work("a"), retry=retry if place == "flowable" else None)
    course = course_of(outer, retry=retry if place == "flow" else None)

    course.fail("a")
    course.wait(1)
    course.do("a")

    assert course.execution.state is SUCCESS


def test_a_lost_attempt_is_done_again_and_not_counted() -> None:
    course = course_of(work("a", retry=Retry(Backoff.CONSTANT, SECOND, max_attempts=2)))

    course.start("a")
    course.lose("a")
    course.fail("a")
    course.wait(1)
    course.do("a")

    assert course.execution.state is SUCCESS
    assert [attempt.lost for attempt in course.run("a").attempts] == [True, False, False]


# ── timeout ──


def test_a_timeout_has_the_attempt_stopped_and_then_fails_it() -> None:
    course = course_of(work("a", timeout=30 * SECOND))

    course.start("a")
    course.wait(29)
    assert course.stops() == []
    course.wait(1)
    assert course.stops() == [("a", StopCause.TIMEOUT)]
    course.end("a", state=KILLED)

    assert course.run("a").state is FAILED
    assert course.run("a").error == "Timeout after PT30S"


def test_what_does_not_stop_within_a_minute_is_written_off() -> None:
    course = course_of(work("a", timeout=30 * SECOND))

    course.start("a")
    course.wait(30 + 60)

    assert course.run("a").state is FAILED
    assert course.run("a").orphan
    assert course.execution.state is FAILED


def test_an_end_that_arrives_after_the_deadline_but_before_anybody_looked_counts() -> None:
    course = course_of(work("a", timeout=30 * SECOND))
    course.start("a")
    course.wait(30)
    course.now += 90 * SECOND

    course.end("a")

    assert course.run("a").state is SUCCESS
    assert not course.run("a").orphan


def test_a_timeout_is_retried_like_any_failure() -> None:
    course = course_of(work("a", timeout=SECOND, retry=Retry(Backoff.CONSTANT, 5 * SECOND, max_attempts=2)))

    course.start("a")
    course.wait(1)
    course.end("a", state=KILLED)
    course.wait(5)
    course.do("a")

    assert course.execution.state is SUCCESS


def test_a_timeout_that_is_an_expression_is_rendered_before_the_task_is_ready() -> None:
    course = course_of(work("a", timeout="{{ vars.limit }}"))
    assert not course.execution.ready

    course.answer("a", timeout_s=10.0)
    course.start("a")

    assert course.due() == START + 10 * SECOND


# ── kill ──


def test_a_kill_ends_what_has_not_begun_and_stops_what_runs() -> None:
    course = course_of(flowable("Parallel", "par", work("a"), work("b")), work("c"))
    course.start("a")

    course.kill()

    assert course.execution.state is State.KILLING
    assert course.states() == {"par": State.RUNNING, "a": State.KILLING, "b": KILLED}
    course.end("a", state=KILLED)
    assert course.states() == {"par": KILLED, "a": KILLED, "b": KILLED}
    assert course.execution.state is KILLED


def test_a_kill_does_not_wait_for_ever() -> None:
    course = course_of(work("a"))
    course.start("a")

    course.kill()
    course.wait(60)

    assert (course.run("a").state, course.run("a").orphan) == (KILLED, True)
    assert course.execution.state is KILLED


def test_a_kill_runs_neither_errors_nor_finally() -> None:
    course = course_of(work("a"), errors=(work("help"),), finally_=(work("clean"),))
    course.start("a")

    course.kill()
    course.end("a", state=FAILED)

    assert course.states() == {"a": KILLED}


def test_what_has_succeeded_meanwhile_stays_a_success_in_a_killed_execution() -> None:
    course = course_of(work("a"))
    course.start("a")

    course.kill()
    course.end("a")

    assert course.states() == {"a": SUCCESS}
    assert course.execution.state is KILLED


def test_a_kill_ends_what_waits_for_a_retry_a_person_or_an_answer() -> None:
    waits = flowable("Pause", "pause")
    asks = flowable("If", "if", work("b"), branch="then", condition="{{ true }}")
    again = work("a", retry=Retry(Backoff.CONSTANT, 60 * SECOND, max_attempts=2))
    course = course_of(flowable("Parallel", "par", again, waits, asks))
    course.fail("a")

    course.kill()

    assert course.execution.state is KILLED
    assert not course.execution.asked
    assert set(course.states().values()) == {KILLED}


# ── pause ──


def test_a_pause_waits_for_a_person_then_runs_its_tasks() -> None:
    course = course_of(flowable("Pause", "pause", work("a")), work("b"))
    assert (course.run("pause").state, course.execution.state) == (State.PAUSED, State.PAUSED)
    assert course.due() is None

    course.resume("pause", approved=True)
    course.do("a", "b")

    assert (course.run("pause").outputs or {})["onResume"] == {"approved": True}
    assert [state.value for state, _ in course.execution.histories] == [
        "CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behavior", "ends"),
    [("RESUME", SUCCESS), ("WARN", WARNING), ("FAIL", FAILED), ("CANCEL", State.CANCELLED)],
)
def test_a_pause_whose_delay_is_over_does_what_it_was_told(behavior: str, ends: State) -> None:
    course = course_of(flowable("Pause", "pause", delay="PT10S", behavior=behavior))
    course.answer("pause", delay_s=10.0)
    assert course.due() == START + 10 * SECOND

    course.wait(10)

    assert (course.run("pause").state, course.execution.state) == (ends, ends)


def test_a_pause_whose_timeout_is_over_has_failed() -> None:
    course = course_of(flowable("Pause", "pause", timeout=10 * SECOND))

    course.wait(10)

    assert course.run("pause").state is FAILED


def test_other_branches_go_on_beside_a_pause() -> None:
    course = course_of(flowable("Parallel", "par", flowable("Pause", "pause"), work("a")))
    assert course.execution.state is State.RUNNING

    course.do("a")
    assert course.execution.state is State.PAUSED

    course.resume("pause")
    assert course.execution.state is SUCCESS


def test_an_operators_pause_lets_tasks_end_and_begins_nothing_new() -> None:
    course = course_of(work("a"), work("b"))
    course.start("a")

    course.pause()
    course.end("a")
    assert course.execution.state is State.PAUSED
    assert course.states() == {"a": SUCCESS}

    course.resume()
    assert course.states() == {"a": SUCCESS, "b": State.CREATED}


def test_an_answer_is_refused_when_nobody_waits_for_it() -> None:
    course = course_of(flowable("Pause", "pause"), work("a"))
    answer = ResumeRequested(at=course.now, paused=course.run("pause").id)
    course.tell(answer)

    assert course.refusal(answer) is not None


# ── what is allowed, and what is wanted ──


@pytest.mark.parametrize(
    ("allowed", "ends"),
    [
        ({"allow_failure": True}, WARNING),
        ({"allow_failure": True, "allow_warning": True}, SUCCESS),
        ({"allow_warning": True}, FAILED),
    ],
)
def test_a_failure_is_softened_where_it_is_allowed(allowed: Mapping[str, bool], ends: State) -> None:
    course = course_of(work("a", **allowed))

    course.fail("a")

    assert course.execution.state is ends


def test_an_allowed_failure_of_a_flowable_lets_the_list_go_on() -> None:
    course = course_of(flowable("Sequential", "seq", work("a"), allow_failure=True), work("b"))

    course.fail("a")
    course.do("b")

    assert course.states() == {"seq": WARNING, "a": FAILED, "b": SUCCESS}
    assert course.execution.state is WARNING


def test_a_task_whose_run_if_is_false_is_skipped_and_counts_as_success() -> None:
    course = course_of(work("a", run_if="{{ false }}"), work("b"))

    course.answer("a", runIf=False)
    course.do("b")

    assert course.states() == {"a": State.SKIPPED, "b": SUCCESS}
    assert course.execution.state is SUCCESS


def test_a_run_if_that_cannot_be_rendered_fails_the_task() -> None:
    course = course_of(work("a", run_if="{{ nowhere }}"))

    course.cannot_render("a", "Unable to find `nowhere`")

    assert (course.run("a").state, course.run("a").error) == (FAILED, "Unable to find `nowhere`")


# ── flowables ──


def test_an_if_takes_one_branch_and_shows_which() -> None:
    course = course_of(flowable("If", "if", work("yes"), branch="then", condition="{{ x }}", otherwise=(work("no"),)))

    course.answer("if", evaluationResult=False)
    course.do("no")

    assert course.states() == {"if": SUCCESS, "no": SUCCESS}
    assert course.run("if").outputs == {"evaluationResult": False}


def test_a_switch_without_a_match_fails_with_the_cases_that_there_are() -> None:
    switch = flowable("Switch", "switch", work("a"), branch="cases.A", value="{{ x }}", cases={"A": []})
    course = course_of(switch)

    course.cannot_render("switch", "no case for the value `B`: the cases are `A`, and there are no defaults")

    assert course.execution.state is FAILED
    assert course.states() == {"switch": FAILED}


def test_a_loop_over_nothing_succeeds() -> None:
    course = course_of(flowable("ForEach", "each", work("a"), values="[]"))

    course.answer("each", values=[])

    assert course.states() == {"each": SUCCESS}


def test_a_loop_takes_its_values_one_after_another_or_as_many_as_it_may() -> None:
    def created(limit: int | None) -> int:
        more = {} if limit is None else {"concurrencyLimit": limit}
        course = course_of(flowable("ForEach", "each", work("a"), values="…", **more))
        course.answer("each", values=["1", "2", "3"])
        return sum(run.task == "a" for run in course.execution.in_order())

    assert (created(None), created(1), created(2), created(0)) == (1, 1, 2, 3)


def test_the_tasks_of_one_value_follow_one_another() -> None:
    course = course_of(flowable("ForEach", "each", work("a"), work("b"), values="…"))
    course.answer("each", values=["x", "y"])

    course.do("a", "b", "a", "b")

    told = [(run.task, run.value) for run in course.execution.in_order() if run.value is not None]
    assert told == [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")]
    assert course.execution.state is SUCCESS


def test_in_a_parallel_the_others_end_when_one_has_failed() -> None:
    course = course_of(flowable("Parallel", "par", work("a"), work("b"), work("c"), concurrent=2))
    course.start("a", "b")

    course.end("a", state=FAILED)
    assert course.states() == {"par": State.RUNNING, "a": FAILED, "b": State.RUNNING}

    course.end("b")
    assert course.states() == {"par": FAILED, "a": FAILED, "b": SUCCESS}


# ── the execution's own ──


def test_a_flows_outputs_are_rendered_at_the_end() -> None:
    course = course_of(work("a"), outputs=(Output("out", InputType.STRING, "{{ x }}"),))
    course.do("a")
    assert course.execution.state is State.RUNNING

    course.answer(None, outputs={"out": "1"})

    assert (course.execution.state, course.execution.outputs) == (SUCCESS, {"out": "1"})


def test_outputs_that_cannot_be_rendered_fail_the_execution() -> None:
    course = course_of(work("a"), outputs=(Output("out", InputType.STRING, "{{ x }}"),))
    course.do("a")

    course.cannot_render(None, "Unable to find `x`")

    assert course.execution.state is FAILED
    assert course.execution.outputs is None
    assert course.execution.error == "Failed to render output values: Unable to find `x`"


def test_an_execution_with_a_date_begins_on_it() -> None:
    course = course_of(work("a"), schedule_date=START + 60 * SECOND)
    assert (course.execution.state, course.due()) == (State.CREATED, START + 60 * SECOND)

    course.wait(60)

    assert course.states() == {"a": State.CREATED}


def test_an_execution_that_is_killed_before_its_date_never_begins() -> None:
    course = course_of(work("a"), schedule_date=START + 60 * SECOND)

    course.kill()

    assert course.execution.state is KILLED
    assert not course.execution.runs


# ── due ──


def test_due_is_the_next_moment_of_whatever_waits() -> None:
    retrying = work("a", retry=Retry(Backoff.CONSTANT, 20 * SECOND, max_attempts=2))
    limited = work("b", timeout=30 * SECOND)
    course = course_of(flowable("Parallel", "par", retrying, limited, flowable("Pause", "pause", timeout=10 * SECOND)))
    course.start("b")
    course.fail("a")

    moments = []
    while (moment := course.due()) is not None and len(moments) < 4:
        moments.append((moment - START).total_seconds())
        course.now = moment
        course.settle()

    assert moments == [10, 20, 30, 90]


def test_a_clock_that_steps_back_fires_no_timer_twice() -> None:
    course = course_of(work("a", retry=Retry(Backoff.CONSTANT, 10 * SECOND, max_attempts=2)))
    course.fail("a")
    course.wait(10)

    course.now -= 60 * SECOND
    course.settle()
    course.wait(120)

    assert sum(isinstance(event, TaskRunReleased) for event in course.log) == 1


def test_a_stop_is_asked_for_once() -> None:
    course = course_of(work("a", timeout=SECOND))
    course.start("a")

    course.wait(30)

    assert sum(isinstance(event, TaskRunStopping) for event in course.log) == 1


# ── a shared working directory ──


def shared(*tasks: Task, **more: Any) -> Task:
    return flowable("WorkingDirectory", "dir", *tasks, outputFiles=["*.csv"], **more)


def test_a_flowable_that_leaves_files_is_closed_by_a_worker() -> None:
    course = course_of(shared(work("a"), work("b")), work("after"))

    course.do("a", "b")
    assert course.states() == {"dir": State.RUNNING, "a": SUCCESS, "b": SUCCESS}
    assert set(course.execution.ready) == {course.run("dir").id}

    course.start("dir")
    assert not course.execution.ready
    course.end("dir", outputFiles={"x.csv": "kestra:///x"})
    assert course.states()["dir"] is SUCCESS
    assert course.run("dir").outputs == {"outputFiles": {"x.csv": "kestra:///x"}}
    assert course.states()["after"] is State.CREATED


def test_a_flowable_that_leaves_nothing_ends_with_its_children() -> None:
    course = course_of(flowable("WorkingDirectory", "dir", work("a")))

    course.do("a")

    assert course.states() == {"dir": SUCCESS, "a": SUCCESS}


def test_a_flowable_whose_child_has_failed_is_closed_all_the_same_and_has_failed() -> None:
    course = course_of(shared(work("a"), work("b"), errors=(work("help"),)))

    course.fail("a")
    course.do("help")
    course.do("dir")

    assert course.states() == {"dir": FAILED, "a": FAILED, "help": SUCCESS}


def test_a_flowable_that_cannot_be_closed_has_failed_and_is_not_repeated() -> None:
    course = course_of(shared(work("a"), retry=Retry(Backoff.CONSTANT, interval=SECOND, max_attempts=5)))

    course.do("a")
    course.fail("dir")

    assert course.states()["dir"] is FAILED
    assert course.run("dir").error == "it went wrong"
    assert course.execution.state is FAILED


def test_a_warning_of_a_child_survives_the_closing() -> None:
    course = course_of(shared(work("a")))

    course.do("a", state=WARNING)
    course.do("dir")

    assert course.states()["dir"] is WARNING


def test_a_closing_that_was_lost_is_done_again() -> None:
    course = course_of(shared(work("a")))

    course.do("a")
    course.start("dir")
    course.lose("dir")
    course.do("dir")

    assert course.execution.state is SUCCESS
    assert [attempt.lost for attempt in course.run("dir").attempts] == [True, False]


def test_a_closing_is_killed_like_any_attempt() -> None:
    course = course_of(shared(work("a")))

    course.do("a")
    course.start("dir")
    course.kill()
    assert course.stops() == [("dir", StopCause.KILL)]

    course.end("dir", state=KILLED)
    assert course.states() == {"dir": KILLED, "a": SUCCESS}
    assert course.execution.state is KILLED


def test_a_closing_that_waits_for_a_worker_is_killed_at_once() -> None:
    course = course_of(shared(work("a")))

    course.do("a")
    course.kill()

    assert course.states() == {"dir": KILLED, "a": SUCCESS}


def test_nothing_is_closed_while_the_execution_is_paused() -> None:
    course = course_of(shared(work("a")))

    course.start("a")
    course.pause()
    course.end("a")
    start = AttemptStarted(at=course.now, run=course.run("dir").id, attempt=1, session="s", epoch=1)
    assert course.refusal(start) is not None

    course.resume()
    course.do("dir")
    assert course.execution.state is SUCCESS


def test_the_timeout_of_a_flowable_bounds_its_closing() -> None:
    course = course_of(shared(work("a"), timeout=5 * SECOND))

    course.do("a")
    course.start("dir")
    course.wait(6)
    assert course.stops() == [("dir", StopCause.TIMEOUT)]
    course.end("dir", state=KILLED)

    assert course.states()["dir"] is FAILED
    assert course.run("dir").error == "Timeout after PT5S"


def test_what_finally_takes_beyond_the_timeout_of_a_flowable_is_not_held_against_its_closing() -> None:
    course = course_of(shared(work("a"), timeout=5 * SECOND, finally_=(work("last"),)))

    course.do("a")
    course.start("last")
    course.wait(6)
    course.end("last")
    course.do("dir")

    assert course.stops() == []
    assert course.states()["dir"] is SUCCESS


def test_a_kill_after_the_timeout_of_a_flowable_that_closes_is_the_last_word() -> None:
    course = course_of(shared(work("a"), timeout=5 * SECOND))

    course.do("a")
    course.start("dir")
    course.wait(6)
    course.kill()
    course.wait(6)
    assert course.stops() == [("dir", StopCause.TIMEOUT), ("dir", StopCause.KILL)]
    course.end("dir", state=KILLED)

    assert course.execution.state is KILLED
