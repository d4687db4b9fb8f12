"""What Kestra's own tests ask of restarts, replays, states set by people and loops, on the core alone."""

from __future__ import annotations

from collections import Counter

import pytest
from conformance.test_core import CASES, Case, Drive, drive

from conftest import ABSENT
from penstock.execution.apply import begin, extend
from penstock.execution.event import ExecutionCreated, ExecutionReopened
from penstock.execution.inheriting import inherit
from penstock.execution.model import Execution, TaskRun
from penstock.execution.reopening import change_status, replay, restart
from penstock.execution.state import State
from unit.execution.course import Course

pytestmark = pytest.mark.skipif(not CASES, reason=ABSENT)


def case(name: str, **inputs: str) -> Case:
    """The case of a flow, with other inputs where they are given."""
    found = next(each for each in CASES if each.file.endswith(f"/{name}.yaml"))
    return Case(found.number, found.file, inputs or found.inputs, found.state, found.runs, ())


def reopened(driven: Drive, event: ExecutionReopened) -> Execution:
    driven.course.tell(event)
    return driven.course.execution


def another(driven: Drive, event: ExecutionReopened) -> Drive:
    """The execution `e2` that goes on from where the driven one stands."""
    old = driven.course.execution
    course = Course(driven.course.flow)
    created = ExecutionCreated(
        at=driven.course.now,
        id="e2",
        namespace=old.flow.namespace,
        flow_id=old.flow.id,
        revision=1,
        flow_digest=old.flow_digest,
        inputs=old.inputs,
        original_id=old.original_id,
        parent_id=old.id,
        attempt_number=old.attempt_number,
    )
    course.now = driven.course.now
    course.begin_anew(created, *inherit(old, event, "e2", at=driven.course.now))
    return Drive(course)


def states(run: TaskRun) -> list[str]:
    return [state.value for state, _ in run.histories]


def run_of(execution: Execution, task: str, value: str | None = None) -> TaskRun:
    return next(run for run in execution.in_order() if run.task == task and value in (None, run.value))


def test_a_restart_goes_on_at_the_task_that_failed() -> None:
    driven = drive(case("restart_last_failed"))
    flow, now = driven.course.flow, driven.course.now
    assert (driven.course.execution.state, len(driven.course.execution.runs)) == (State.FAILED, 3)

    again = reopened(driven, restart(flow, driven.course.execution, by="ada", at=now))

    assert (again.id, again.parent_id, again.state, len(again.runs)) == ("e1", None, State.RESTARTED, 3)
    assert len(again.histories) == 4
    assert states(run_of(again, "c")) == ["CREATED", "RUNNING", "FAILED", "RESTARTED"]
    assert again.labels["system.restarted"] == "true"
    driven.go()
    ended = driven.course.execution
    assert (ended.state, len(ended.runs), len(run_of(ended, "c").attempts)) == (State.SUCCESS, 4, 2)


def test_a_restart_as_another_execution_has_ids_of_its_own() -> None:
    driven = drive(case("restart_last_failed"))
    old = driven.course.execution

    new = another(driven, restart(driven.course.flow, old, by="ada", at=driven.course.now))

    assert new.course.execution.parent_id == old.id
    assert not set(new.course.execution.runs) & set(old.runs)
    new.go()
    assert (new.course.execution.state, len(new.course.execution.runs)) == (State.SUCCESS, 4)


def test_a_restart_drops_the_errors_branch() -> None:
    driven = drive(case("restart_always_failed"))

    again = reopened(driven, restart(driven.course.flow, driven.course.execution, by="ada", at=driven.course.now))

    assert [run.task for run in again.in_order()] == ["failStep"]
    driven.go()
    ended = driven.course.execution
    assert (ended.state, len(ended.runs), len(run_of(ended, "failStep").attempts)) == (State.FAILED, 2, 2)


@pytest.mark.parametrize("where", ["FIRST", "SECOND"])
def test_a_restart_within_loops_takes_what_is_around_along(where: str) -> None:
    driven = drive(case("restart-each", failed=where))
    assert driven.course.execution.state is State.FAILED

    again = reopened(driven, restart(driven.course.flow, driven.course.execution, by="ada", at=driven.course.now))

    counted = Counter(run.state for run in again.in_order())
    assert counted[State.RESTARTED] > 1
    assert counted[State.RUNNING] > 1


def test_a_replay_of_the_last_task_keeps_all_before_it() -> None:
    driven = drive(case("restart-each", failed="NO"))
    old = driven.course.execution
    end = run_of(old, "2_end")

    new = another(driven, replay(driven.course.flow, old, end.id, by="ada", at=driven.course.now))

    runs = list(new.course.execution.in_order())
    assert (new.course.execution.parent_id, len(runs), runs[19].state) == (old.id, 20, State.RESTARTED)
    new.go()
    assert (new.course.execution.state, len(new.course.execution.runs)) == (State.SUCCESS, 20)


def test_a_replay_within_parallel_tasks_keeps_their_siblings() -> None:
    driven = drive(case("parallel-nested"))
    at = run_of(driven.course.execution, "1-3-2_par")

    new = another(driven, replay(driven.course.flow, driven.course.execution, at.id, by="ada", at=driven.course.now))

    again = run_of(new.course.execution, "1-3-2_par")
    assert (len(new.course.execution.runs), again.state, len(again.histories)) == (8, State.RUNNING, 4)
    new.go()
    assert (new.course.execution.state, len(new.course.execution.runs)) == (State.SUCCESS, 11)


def test_a_replay_of_one_value_of_a_parallel_loop_keeps_the_others() -> None:
    driven = drive(case("each-parallel-nested"))
    at = run_of(driven.course.execution, "2-1_seq", "value 1")

    new = another(driven, replay(driven.course.flow, driven.course.execution, at.id, by="ada", at=driven.course.now))

    assert len(new.course.execution.runs) == 8
    new.go()
    assert (new.course.execution.state, len(new.course.execution.runs)) == (State.SUCCESS, 11)


def test_a_state_that_is_changed_opens_what_is_around() -> None:
    driven = drive(case("each-parallel-nested"))
    at = run_of(driven.course.execution, "2-1_seq", "value 1")
    event = change_status(
        driven.course.flow, driven.course.execution, at.id, State.FAILED, by="ada", at=driven.course.now
    )

    again = reopened(driven, event)

    assert (again.state, len(again.runs)) == (State.RESTARTED, 11)
    assert (run_of(again, "1_each").state, again.runs[at.id].state) == (State.RUNNING, State.FAILED)
    driven.go()
    assert driven.course.execution.state is State.FAILED


def test_a_loop_goes_round_until_its_condition_holds() -> None:
    driven = drive(case("waitfor-multiple-tasks"))

    execution = driven.course.execution
    last = list(execution.in_order())[-1]
    assert (execution.state, (last.outputs or {})["values"]["count"]) == (State.SUCCESS, "4")
    assert {state for state, _ in driven.rests} == {"PAUSED"}
    assert len(execution.runs) == 3


@pytest.mark.parametrize("name", ["waitfor-max-iterations", "waitfor-max-duration"])
def test_a_loop_that_may_not_go_on_fails_where_it_must(name: str) -> None:
    driven = drive(case(name))

    execution = driven.course.execution
    assert (execution.state, run_of(execution, "waitfor").state) == (State.FAILED, State.FAILED)
    if name == "waitfor-max-iterations":
        assert run_of(execution, "waitfor").outputs == {"iterationCount": 3}


def test_the_fold_of_what_was_opened_again_is_the_execution() -> None:
    driven = drive(case("restart_last_failed"))
    reopened(driven, restart(driven.course.flow, driven.course.execution, by="ada", at=driven.course.now))
    driven.go()

    created, *rest = driven.course.log
    assert isinstance(created, ExecutionCreated)
    assert extend(begin(created), rest) == driven.course.execution
