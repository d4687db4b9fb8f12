"""Dags, failures that are allowed, waits, and what stops within a flowable: one story for each rule."""

from __future__ import annotations

import pytest

from penstock.errors import Refused
from penstock.execution import reopening
from penstock.execution.event import StopCause
from penstock.execution.state import State
from penstock.flow.model import Task
from penstock.operations.request import Review, answer
from unit.execution.test_decide import FAILED, KILLED, SECOND, SUCCESS, WARNING, course_of, flowable, work

CREATED, RUNNING, PAUSED, CANCELLED = State.CREATED, State.RUNNING, State.PAUSED, State.CANCELLED


def dag(*tasks: Task, needs: dict[str, list[str]], **more: object) -> Task:
    return flowable("Dag", "dag", *tasks, dependsOn=needs, **more)


# ── Dag ──


def test_a_task_of_a_dag_begins_when_all_that_it_depends_on_have_ended() -> None:
    needs = {"b": ["a"], "c": ["a"], "d": ["b", "c"]}
    course = course_of(dag(work("a"), work("b"), work("c"), work("d"), needs=needs))
    assert course.states() == {"dag": RUNNING, "a": CREATED}

    course.do("a")
    assert course.states() == {"dag": RUNNING, "a": SUCCESS, "b": CREATED, "c": CREATED}
    course.do("c")
    assert "d" not in course.states()
    course.do("b", state=WARNING)
    course.do("d")

    assert course.states()["d"] is SUCCESS
    assert course.execution.state is WARNING


def test_the_order_in_the_file_does_not_matter_to_a_dag() -> None:
    course = course_of(dag(work("last"), work("first"), needs={"last": ["first"]}))
    assert course.states() == {"dag": RUNNING, "first": CREATED}

    course.do("first", "last")

    assert course.execution.state is SUCCESS


def test_after_a_failure_nothing_of_a_dag_begins() -> None:
    course = course_of(dag(work("a"), work("b"), work("c"), needs={"c": ["b"]}))

    course.fail("a")
    course.do("b")

    assert course.states() == {"dag": FAILED, "a": FAILED, "b": SUCCESS}


def test_a_restarted_dag_still_waits_for_what_it_depends_on() -> None:
    course = course_of(dag(work("a"), work("b"), work("c"), needs={"b": ["a"], "c": ["b"]}))
    course.fail("a")

    course.tell(reopening.restart(course.flow, course.execution, by="ada", at=course.now))
    course.settle()
    assert course.states() == {"dag": RUNNING, "a": State.RESTARTED}
    course.do("a")
    assert course.states() == {"dag": RUNNING, "a": SUCCESS, "b": CREATED}
    course.do("b", "c")

    assert course.execution.state is SUCCESS


def test_a_dag_keeps_within_its_width() -> None:
    course = course_of(dag(work("a"), work("b"), work("c"), needs={"c": ["a"]}, concurrent=1))
    assert course.states() == {"dag": RUNNING, "a": CREATED}

    course.do("a")
    assert course.states() == {"dag": RUNNING, "a": SUCCESS, "b": CREATED}
    course.do("b", "c")

    assert course.execution.state is SUCCESS


def test_who_depends_on_a_disabled_task_waits_for_what_that_would_have_waited_for() -> None:
    tasks = (work("a"), work("off", disabled=True), work("off2", disabled=True), work("b"), work("root"))
    course = course_of(dag(*tasks, needs={"off": ["a"], "off2": ["off"], "b": ["off2"], "root": []}))
    assert course.states() == {"dag": RUNNING, "a": CREATED, "root": CREATED}

    course.do("a", "root", "b")

    assert course.execution.state is SUCCESS


# ── AllowFailure ──


def test_a_failure_that_is_allowed_runs_its_errors_and_only_warns() -> None:
    allowed = flowable("AllowFailure", "allowed", work("a"), work("b"), errors=(work("help"),), finally_=(work("end"),))
    course = course_of(allowed, work("next"), errors=(work("global"),))

    course.fail("a")
    course.do("help", "end", "next")

    states = {"allowed": WARNING, "a": FAILED, "help": SUCCESS, "end": SUCCESS, "next": SUCCESS}
    assert course.states() == states
    assert course.execution.state is WARNING


def test_a_kill_is_not_allowed_away() -> None:
    course = course_of(flowable("AllowFailure", "allowed", work("a")))
    course.start("a")

    course.kill()
    course.end("a", state=KILLED)

    assert course.states() == {"allowed": KILLED, "a": KILLED}
    assert course.execution.state is KILLED


def test_a_flowable_whose_tasks_are_all_disabled_succeeds() -> None:
    for kind in ("Sequential", "Parallel", "AllowFailure", "Dag"):
        course = course_of(flowable(kind, "empty", work("off", disabled=True)))
        assert (course.states(), course.execution.state) == ({"empty": SUCCESS}, SUCCESS)


# ── one failure stops the others ──


def test_the_others_are_stopped_when_one_has_failed_and_the_flowable_says_so() -> None:
    inner = flowable("Sequential", "inner", work("deep"), work("never"), finally_=(work("nor"),))
    both = flowable("Parallel", "both", work("a"), inner, work("idle"), onChildFailure="CANCEL", errors=(work("help"),))
    course = course_of(both)
    course.start("deep")

    course.fail("a")
    assert course.stops() == [("both", StopCause.SIBLING), ("deep", StopCause.KILL)]
    course.end("deep", state=KILLED)
    assert course.states() == {
        "both": RUNNING, "a": FAILED, "inner": CANCELLED, "idle": CANCELLED, "deep": CANCELLED, "help": CREATED,
    }  # fmt: skip
    course.do("help")

    assert course.run("both").state is FAILED
    assert course.execution.state is FAILED


def test_what_was_to_stop_and_has_ended_well_has_ended_well() -> None:
    course = course_of(dag(work("a"), work("b"), needs={}, onChildFailure="FAIL"))
    course.start("b")

    course.fail("a")
    course.end("b")

    assert course.states() == {"dag": FAILED, "a": FAILED, "b": SUCCESS}


def test_an_attempt_that_does_not_stop_is_written_off_as_what_it_was_to_end_as() -> None:
    course = course_of(flowable("Parallel", "both", work("a"), work("b"), onChildFailure="CANCEL"))
    course.start("b")

    course.fail("a")
    course.wait(61)

    assert (course.run("b").state, course.run("b").orphan) == (CANCELLED, True)
    assert course.execution.state is FAILED


def test_whoever_waits_within_what_stops_waits_no_longer() -> None:
    paused = flowable("Pause", "pause")
    course = course_of(flowable("Parallel", "both", work("a"), paused, onChildFailure="FAIL"))

    course.fail("a")

    assert course.states() == {"both": FAILED, "a": FAILED, "pause": FAILED}


def test_width_and_policy_may_be_expressions() -> None:
    course = course_of(
        flowable("Parallel", "both", work("a"), work("b"), concurrent="{{ n }}", onChildFailure="{{ w }}")
    )

    course.answer("both", concurrent=1, onChildFailure="cancel")
    assert course.states() == {"both": RUNNING, "a": CREATED}
    course.do("a", "b")

    assert course.execution.state is SUCCESS


# ── timeouts of flowables ──


def test_the_timeout_of_a_flowable_kills_what_runs_within_and_fails_it() -> None:
    inner = flowable("Sequential", "inner", work("a"), work("b"), timeout=5 * SECOND)
    course = course_of(inner, work("next"))
    course.start("a")

    course.wait(5)
    assert course.stops() == [("inner", StopCause.TIMEOUT), ("a", StopCause.KILL)]
    course.end("a", state=KILLED)

    assert course.states() == {"inner": FAILED, "a": KILLED}
    assert course.run("inner").error == "Timeout after PT5S"
    assert course.execution.state is FAILED


def test_what_is_for_errors_runs_after_the_time_of_a_flowable_is_over() -> None:
    inner = flowable(
        "Sequential", "inner", work("a"), timeout=5 * SECOND, errors=(work("help"),), finally_=(work("z"),)
    )
    course = course_of(inner)

    course.wait(5)
    course.wait(60)
    course.do("help", "z")

    assert course.states() == {"inner": FAILED, "a": KILLED, "help": SUCCESS, "z": SUCCESS}


def test_the_timeout_of_a_flowable_may_be_allowed() -> None:
    inner = flowable("Sequential", "inner", work("a"), timeout=5 * SECOND, allow_failure=True)
    course = course_of(inner, work("next"))

    course.wait(5)
    course.do("next")

    assert course.states() == {"inner": WARNING, "a": KILLED, "next": SUCCESS}
    assert course.execution.state is WARNING


def test_of_nested_timeouts_that_run_out_together_the_outer_one_tells() -> None:
    inner = flowable("Sequential", "inner", work("a"), timeout=5 * SECOND)
    course = course_of(flowable("Sequential", "outer", inner, timeout=5 * SECOND))

    course.wait(5)

    assert course.states() == {"outer": FAILED, "inner": KILLED, "a": KILLED}


def test_a_kill_within_the_time_of_a_flowable_is_a_kill() -> None:
    course = course_of(flowable("Sequential", "inner", work("a"), timeout=5 * SECOND))
    course.start("a")

    course.kill()
    course.wait(6)
    course.end("a", state=KILLED)

    assert course.execution.state is KILLED


# ── Pause ──


def test_the_task_in_on_pause_runs_before_the_wait() -> None:
    course = course_of(flowable("Pause", "pause", work("after"), onPause=(work("tell"),)))
    assert course.states() == {"pause": RUNNING, "tell": CREATED}

    course.do("tell")
    assert course.states() == {"pause": PAUSED, "tell": SUCCESS}
    assert course.execution.state is PAUSED
    course.resume("pause")
    course.do("after")

    assert course.states() == {"pause": SUCCESS, "tell": SUCCESS, "after": SUCCESS}


def test_nobody_is_waited_for_when_on_pause_has_failed() -> None:
    course = course_of(flowable("Pause", "pause", onPause=(work("tell"),), errors=(work("help"),)))

    course.fail("tell")
    course.do("help")

    assert course.states() == {"pause": FAILED, "tell": FAILED, "help": SUCCESS}


def test_a_pause_tells_who_resumed_it_and_when() -> None:
    course = course_of(flowable("Pause", "pause"))

    course.resume("pause", approved=True)

    outputs = {"onResume": {"approved": True}, "resumed": {"on": "2026-01-01T00:00:00Z", "to": "SUCCESS"}}
    assert course.run("pause").outputs == outputs


def test_a_pause_that_nobody_resumed_warns_when_it_is_to() -> None:
    course = course_of(flowable("Pause", "pause", delay="PT5S", behavior="{{ what }}"))
    course.answer("pause", delay_s=5.0, behavior="WARN")

    course.wait(5)

    assert course.states() == {"pause": WARNING}
    assert (course.run("pause").outputs or {})["resumed"]["to"] == "WARNING"


# ── Approval ──


def test_an_approval_runs_what_belongs_to_the_answer() -> None:
    branches = {"onWait": (work("ask"),), "onApprove": (work("yes"),), "onDeny": (work("no"),)}
    course = course_of(flowable("Approval", "gate", **branches), work("next"))

    course.do("ask")
    assert course.states() == {"gate": PAUSED, "ask": SUCCESS}
    course.decide_on("gate", "APPROVED", comment="well done", amount=3)
    course.do("yes", "next")

    assert course.execution.state is SUCCESS
    outputs = course.run("gate").outputs or {}
    assert {name: outputs[name] for name in ("decision", "auto", "comment", "inputs")} == {
        "decision": "APPROVED", "auto": False, "comment": "well done", "inputs": {"amount": 3},
    }  # fmt: skip


def test_a_denial_runs_its_tasks_and_cancels() -> None:
    course = course_of(flowable("Approval", "gate", onDeny=(work("no"),)), work("next"))

    course.decide_on("gate", "DENIED")
    course.do("no")

    assert course.states() == {"gate": CANCELLED, "no": SUCCESS}
    assert course.execution.state is CANCELLED


def test_an_answer_may_end_the_whole_execution_well() -> None:
    gate = flowable("Approval", "gate", onApprove=(work("yes"),), approveBehavior="SUCCEED")
    course = course_of(flowable("Sequential", "around", gate, work("never")), work("nor"))

    course.decide_on("gate", "APPROVED")
    course.do("yes")

    assert course.states() == {"around": SUCCESS, "gate": SUCCESS, "yes": SUCCESS}
    assert course.execution.state is SUCCESS


def test_an_answer_may_kill_what_runs_beside_it() -> None:
    gate = flowable("Approval", "gate", denyBehavior="KILL")
    course = course_of(flowable("Parallel", "both", gate, work("a")))
    course.start("a")

    course.decide_on("gate", "DENIED")
    assert course.stops() == [("a", StopCause.KILL)]
    course.end("a", state=KILLED)

    assert course.execution.state is KILLED


def test_a_failure_after_the_answer_is_not_hidden_by_what_the_answer_makes_of_it() -> None:
    course = course_of(flowable("Approval", "gate", onDeny=(work("no"),), denyBehavior="CONTINUE"))

    course.decide_on("gate", "DENIED")
    course.fail("no")

    assert course.execution.state is FAILED


def test_nobody_has_decided_in_time() -> None:
    gate = flowable("Approval", "gate", onApprove=(work("yes"),), timeout=5 * SECOND, expireBehavior="WARN")
    course = course_of(gate, work("next"))

    course.wait(5)
    course.do("next")

    assert course.states() == {"gate": WARNING, "next": SUCCESS}
    assert (course.run("gate").outputs or {})["decision"] == "EXPIRED"


def test_an_approval_that_is_automatic_asks_nobody() -> None:
    course = course_of(flowable("Approval", "gate", onWait=(work("ask"),), onApprove=(work("yes"),), autoApprove=True))

    course.do("yes")

    assert course.states() == {"gate": SUCCESS, "yes": SUCCESS}
    assert (course.run("gate").outputs or {})["auto"] is True


def test_a_restart_does_not_approve() -> None:
    course = course_of(flowable("Approval", "ask"), work("after"))

    course.tell(reopening.restart(course.flow, course.execution, by="ada", at=course.now))
    course.settle()

    assert course.states() == {"ask": PAUSED}


def test_whoever_denies_says_why_where_that_is_asked_for() -> None:
    course = course_of(flowable("Approval", "gate", commentRequired="ON_DENY"))

    with pytest.raises(Refused, match="wants to be told why"):
        answer(course.flow, course.execution, {}, by="ada", at=course.now, review=Review("DENIED"))

    said = answer(course.flow, course.execution, {}, by="ada", at=course.now, review=Review("DENIED", "rain"))
    assert (said.decision, said.comment) == ("DENIED", "rain")
    said = answer(course.flow, course.execution, {}, by="ada", at=course.now)
    assert (said.decision, said.comment) == ("APPROVED", "")


def test_a_pause_is_neither_approved_nor_denied() -> None:
    course = course_of(flowable("Pause", "pause"))

    with pytest.raises(Refused, match="asks for no approval"):
        answer(course.flow, course.execution, {}, by="ada", at=course.now, review=Review("DENIED"))
