"""What else the originals of Kestra's cases do and assert, in our words: a function for each case that has more than
a state and a number of task runs, in the tables at the end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.kestra_cases import Played, history, passed
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
from penstock.flow.convert import LocalFile

Fact = Callable[[Played], None]

TESTS = "io.kestra.tests"
CORRELATION = "system.correlationId"

PAUSED = (
    b"id: paused-one\nnamespace: io.kestra.tests\ntasks:\n  - id: pause\n    type: io.kestra.plugin.core.flow.Pause\n"
)


def states(played: Played, **wanted: str) -> None:
    """By task, with `_` for `-`."""
    found = {task.replace("-", "_"): state for task, state in played.states().items()}
    assert {task: found.get(task) for task in wanted} == wanted


def attempts(played: Played, *wanted: int, first: int = 0) -> None:
    """Of the task runs from `first` on."""
    assert tuple(len(run.attempts) for run in played.runs[first : first + len(wanted)]) == wanted


def value(played: Played, task: str, wanted: object) -> None:
    assert played.outputs(task)["value"] == wanted


# ── logs, variables, inputs ──────────────────────────────────────────────────────────────────────────────────


def logs(played: Played) -> None:
    said = [(run.task, level, text) for run, level, text in played.stage.lines(played.id)]
    assert ("t1", "TRACE", "first t1") in said
    assert [level for task, level, _ in said if task == "t2"] == ["WARN"]


def variables(played: Played) -> None:
    value(played, "variable", "1 > 2 > 3")
    value(played, "env", "true Pass by env")
    value(played, "global", "string 1 true 2")


def secret_is_masked(played: Played) -> None:
    *_, (_, _, text) = played.stage.lines(played.id)
    assert re.fullmatch(r"This is my secret: \*+", text)


def fetched(size: int, played: Played) -> None:
    assert played.outputs("get-log-task")["size"] == size


def large_input(played: Played) -> None:
    assert (played.execution.state, len(played.runs)) == ("SUCCESS", 10)


def run_if(played: Played) -> None:
    states(played, executed="SUCCESS", notexecuted="SKIPPED", willfailedtheflow="FAILED")


# ── flowables ────────────────────────────────────────────────────────────────────────────────────────────────


def allowed_failure(played: Played) -> None:
    wanted = [
        ("first", "WARNING"),
        ("1-1-allow-failure", "WARNING"),
        ("1-1-1_seq", "FAILED"),
        ("1-1-1-1", "SUCCESS"),
        ("ko", "FAILED"),
        ("local-error", "SUCCESS"),
        ("1-2-todo", "SUCCESS"),
    ]
    crashes = "crash" in played.case.given
    wanted += [("switch", "FAILED"), ("crash", "FAILED"), ("global-error", "SUCCESS")] if crashes else []
    wanted += [] if crashes else [("switch", "SUCCESS"), ("last", "SUCCESS")]
    assert [(run.task, run.state.value) for run in played.runs] == wanted


def two_fail(played: Played) -> None:
    assert sum(run.state == "FAILED" for run in played.runs) >= 2


def counts_to_four(played: Played) -> None:
    assert played.runs[-1].outputs == {"values": {"count": "4"}}


def working_directory_in_loops(played: Played) -> None:
    assert played.outputs("2_end")["value"].startswith("kestra://")


def working_directory_inputs(played: Played) -> None:
    uri = (played.runs[1].outputs or {})["uris"]["input.txt"]
    with played.stage.files.open(played.stage.files.resolve(uri)) as file:
        assert file.read() == b"Hello World"


def working_directory_value(played: Played) -> None:
    assert "1" in played.outputs("log-taskrun")["value"]


# ── pauses ───────────────────────────────────────────────────────────────────────────────────────────────────


def pause_elapses(played: Played) -> None:
    assert played.stage.rests[0] == ("PAUSED", 1)
    assert passed(played.run("pause")) == Counter(CREATED=1, RUNNING=2, PAUSED=1, SUCCESS=1)


def pause_times_out(played: Played) -> None:
    assert played.stage.rests[0] == ("PAUSED", 1)
    assert passed(played.run("pause")) == Counter(CREATED=1, RUNNING=1, PAUSED=1, FAILED=1)


def resumes(played: Played) -> None:
    played.stage.resume(played.id)
    assert played.execution.state == "SUCCESS"


def resumes_with_answers(played: Played) -> None:
    with pytest.raises(PenstockError) as refused:
        played.stage.resume(played.id)
    assert refused.value.message == "Invalid input for `asked`, missing required input, but received `null`"
    given = played.stage.folder / "data.txt"
    Path(given).write_bytes(b"what was uploaded")
    played.stage.resume(played.id, {"asked": "restarted", "data": LocalFile(str(given))})
    last = played.outputs("last")["values"]
    assert (played.execution.state, last["asked"]) == ("SUCCESS", "restarted")
    assert last["data"].startswith("kestra://")
    with played.stage.files.open(played.stage.files.resolve(last["data"])) as file:
        assert file.read() == b"what was uploaded"


def resumes_without_answers(played: Played) -> None:
    resumes(played)
    assert played.outputs("last")["values"]["asked"] == "MISSING"


def resumes_another(played: Played) -> None:
    assert {each.flow.id: each.state.value for each in played.children()} == {"paused-one": "SUCCESS"}


def resume_one_that_waits(played: Played) -> None:
    stage = played.stage
    other = stage.start(FlowName(TESTS, "paused-one"))
    played.start({"executionId": other})
    stage.rest()


# ── retries ──────────────────────────────────────────────────────────────────────────────────────────────────


def new_executions(played: Played) -> None:
    found = [each.state.value for each in played.stage.executions()]
    assert found == ["RETRIED", "RETRIED", "FAILED"]


def retries_in_parallel(played: Played) -> None:
    assert all(len(run.attempts) >= 2 for run in played.runs[1:3])


# ── outputs of flows, limits, dates ──────────────────────────────────────────────────────────────────────────


def flow_outputs(wanted: object, played: Played) -> None:
    assert played.execution.outputs == wanted


def waits_for_its_date(played: Played) -> None:
    stage = played.stage
    scheduled = stage.start(played.flow, date=stage.clock.now() + timedelta(seconds=1))
    assert stage.execution(scheduled).state == "CREATED"
    stage.rest()
    assert stage.execution(scheduled).state == "SUCCESS"


def second_while_first_goes_on(played: Played) -> None:
    """The case is about the second of two executions; what became of the first is told."""
    stage = played.stage
    played.told.append(stage.start(played.flow))
    played.start()
    stage.rest()


def queued_second(played: Played) -> None:
    assert history(played.execution)[:3] == ["CREATED", "QUEUED", "RUNNING"]


def cancelled_second(played: Played) -> None:
    assert history(played.execution) == ["CREATED", "CANCELLED"]
    assert played.stage.execution(played.told[0]).state == "SUCCESS"


# ── restart, replay, change of a state ───────────────────────────────────────────────────────────────────────


def replay_keeps(task: str, runs: int, histories: int | None, played: Played) -> None:
    """A replay from `task` keeps so many runs, before anything of it happens."""
    again = played.stage.replay(played.id, run=next(run for run in played.runs if run.task == task).id)
    first = played.stage.as_admitted(again)
    assert (first.id != played.id, first.parent_id, len(first.runs)) == (True, played.id, runs)
    if histories is not None:
        run = next(each for each in first.in_order() if each.task == task)
        assert (run.state, len(run.histories)) == ("RUNNING", histories)


def each_parallel_nested(played: Played) -> None:
    replay_keeps("2-1_seq", 8, None, played)
    run = next(each for each in played.runs if each.task == "2-1_seq" and each.value == "value 1")
    changed = played.stage.change_status(played.id, run.id, "FAILED")
    assert (changed.state, len(changed.runs)) == ("RESTARTED", 11)
    assert next(each for each in changed.in_order() if each.task == "1_each").state == "RUNNING"


def restarts_at_the_end(played: Played) -> None:
    """In another revision it is another execution; else the same one goes on."""
    stage = played.stage
    stage.deploy(played.case.path.read_bytes() + b"\ndescription: again\n")
    other = stage.restart(played.id, revision=2)
    assert (other.id != played.id, other.parent_id) == (True, played.id)
    assert not {run.id for run in other.in_order()} & {run.id for run in played.runs}
    again = stage.restart(played.id)
    assert (again.id, again.parent_id, again.state) == (played.id, None, "RESTARTED")
    assert (len(again.histories), len(again.runs)) == (4, 3)
    stage.rest()
    assert (played.execution.state, len(played.runs)) == ("SUCCESS", 4)
    assert len(played.runs[2].attempts) == 2


def restarts_and_fails_again(played: Played) -> None:
    again = played.stage.restart(played.id)
    assert len(again.runs) == 1
    played.stage.rest()
    assert (played.execution.state, len(played.runs), len(played.runs[0].attempts)) == ("FAILED", 2, 2)


def restarts_in_loops(played: Played) -> None:
    stage = played.stage
    again = stage.replay(played.id, run=played.run("2_end").id)
    first = stage.as_admitted(again)
    assert (first.id != played.id, first.parent_id, len(first.runs)) == (True, played.id, 20)
    assert list(first.in_order())[19].state == "RESTARTED"
    stage.rest()
    assert stage.execution(again).state == "SUCCESS"
    for failed in ("FIRST", "SECOND"):
        other = stage.start(played.flow, {"failed": failed})
        stage.rest()
        assert stage.execution(other).state == "FAILED"
        reopened = stage.restart(other)
        found = [run.state.value for run in reopened.in_order()]
        assert (found.count("RESTARTED") > 1, found.count("RUNNING") > 1) == (True, True)


# ── subflows ─────────────────────────────────────────────────────────────────────────────────────────────────


def subflow(played: Played) -> None:
    [child] = played.children()
    outputs = played.runs[0].outputs or {}
    assert played.execution.labels["mainFlowExecutionLabel"] == "execFoo"
    assert "default > amazing" in outputs["outputs"]["extracted"]
    assert (outputs["executionId"], outputs["state"]) == (child.id, child.state.value)
    assert len(child.runs) == 2
    assert child.labels == {
        CORRELATION: played.id,
        "mainFlowExecutionLabel": "execFoo",
        "mainFlowLabel": "flowFoo",
        "launchTaskLabel": "launchFoo",
        "switchFlowLabel": "switchFoo",
    }
    assert (child.trigger or {})["type"] == "io.kestra.plugin.core.flow.Subflow"


def start_with_a_label(played: Played) -> None:
    played.id = played.stage.start(played.flow, played.case.given, labels={"mainFlowExecutionLabel": "execFoo"})
    played.stage.rest()


def failing_subflow(played: Played) -> None:
    [child] = played.children()
    assert (child.state, len(child.runs)) == ("FAILED", 4)
    assert "Error Trigger ! error-t1" in (played.runs[0].outputs or {})["outputs"]["extracted"]


def outputs_that_do_not_render(played: Played) -> None:
    [child] = played.children()
    assert (child.state, len(child.runs), played.runs[0].state) == ("SUCCESS", 2, "FAILED")


def no_inherited_labels(played: Played) -> None:
    [child] = played.children()
    assert child.labels.keys() == {CORRELATION, "launchTaskLabel", "switchFlowLabel"}


def items(played: Played) -> None:
    outputs = played.runs[2].outputs or {}
    assert outputs["numberOfBatches"] == 26
    assert {state: outputs["iterations"].get(state, 0) for state in ("CREATED", "RUNNING", "SUCCESS")} == {
        "CREATED": 0,
        "RUNNING": 0,
        "SUCCESS": 26,
    }
    children = played.children()
    assert [(child.state.value, len(child.runs)) for child in children] == [("SUCCESS", 1)] * 26
    pattern = r"kestra:///io/kestra/tests/for-each-item/executions/.*/tasks/each-split/.*\.txt"
    assert all(re.fullmatch(pattern, child.inputs["items"]) for child in children)


def no_items(played: Played) -> None:
    assert played.runs[2].outputs is None


def items_unwaited(played: Played) -> None:
    outputs = played.runs[2].outputs or {}
    assert (outputs["iterations"].get("RUNNING", 0), outputs["iterations"]["SUCCESS"]) == (0, 26)
    asked = played.runs[2].histories[-1][1]
    assert len(played.children()) == 26
    assert any(child.histories[-1][1] > asked for child in played.children()), "it has waited for all of them"


def items_fail(played: Played) -> None:
    assert ((played.runs[2].outputs or {})["iterations"]["FAILED"], played.runs[2].state) == (26, "FAILED")


# ── labels, states, triggers ─────────────────────────────────────────────────────────────────────────────────


def label_of_the_task_run(played: Played) -> None:
    assert played.execution.labels["someLabel"] == played.run("labels").id


def states_three_times(played: Played) -> None:
    stage = played.stage
    value_of: list[Any] = [(played.outputs("createGet")["data"] or {})["value"]]
    for task in ("updateGet", "deleteGet"):
        played.start()
        stage.rest()
        value_of.append(played.outputs(task))
    assert (int(value_of[0]), value_of[1]["data"]["value"], value_of[2]["count"]) == (1, "2", 0)


def states_by_value(played: Played) -> None:
    assert (played.run("regetEach1", "b").outputs or {})["data"]["value"] == "null-b"
    assert (played.run("regetEach2", "b").outputs or {})["data"]["value"] == "null-a-b"


def listeners_fire(played: Played, *names: str) -> None:
    fired = {child.flow.id: child for child in played.children()}
    assert set(fired) == set(names)
    assert {(child.state.value, len(child.runs)) for child in fired.values()} == {("SUCCESS", 1)}


def listens(played: Played) -> None:
    listeners_fire(played, "trigger-flow-listener", "trigger-flow-listener-no-inputs")
    listener = next(child for child in played.children() if child.flow.id == "trigger-flow-listener")
    [run] = listener.in_order()
    assert run.outputs == {"value": f"childs: from parents: {played.id}"}
    told = (listener.trigger or {})["variables"]
    assert (told["executionId"], told["namespace"], told["flowId"]) == (
        played.id,
        played.flow.namespace,
        "trigger-flow",
    )


def listens_to_every_state(played: Played) -> None:
    said = [(child.outputs or {}).get("status") for child in played.children()]
    assert said == ["RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def listens_to_two(played: Played) -> None:
    assert played.children() == []
    played.stage.start(FlowName(played.flow.namespace, "flow-trigger-preconditions-flow-b"))
    played.stage.rest()
    listens = "flow-trigger-preconditions-flow-listen"
    [fired] = [child for child in played.children() if child.flow.id == listens]
    assert (fired.state, len(fired.runs)) == ("SUCCESS", 1)


def listens_in_vain(played: Played) -> None:
    """The flow that it waits for beside this one is not in the folder: this one alone is not enough."""
    assert [found.type for found in played.stage.listening()] == ["io.kestra.plugin.core.trigger.Flow"]
    assert played.children() == []


def trigger_is_enabled(played: Played) -> None:
    assert [(cursor.trigger, cursor.disabled) for cursor in played.stage.store.cursors()] == [("schedule", False)]


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────

PLAYS: Mapping[str, Fact] = {
    "task-flow/1": start_with_a_label,
    "flow-concurrency-fail": second_while_first_goes_on,
    "flow-concurrency-queue": second_while_first_goes_on,
    "flow-concurrency-cancel-pause": second_while_first_goes_on,
    "resume-execution": resume_one_that_waits,
}
"""How a case is played that is more than one execution, started and waited for."""

MORE_FLOWS: Mapping[str, Mapping[str, bytes]] = {"resume-execution": {"paused-one": PAUSED}}
"""Flows that a case needs and the folder lacks, by their id."""

FACTS: Mapping[str, Fact] = {
    "minimal": waits_for_its_date,
    "logs": logs,
    "parallel-nested": partial(replay_keeps, "1-3-2_par", 8, 4),
    "variables": variables,
    "get-log-taskid": partial(fetched, 1),
    "get-log-executionid": partial(fetched, 3),
    "input-log-secret": secret_is_masked,
    "inputs-large": large_input,
    **{f"if-condition/{n}": lambda played: states(played, when_true="SUCCESS") for n in (1, 2, 3)},
    **{f"if-condition/{n}": lambda played: states(played, when_false="SUCCESS") for n in (4, 5, 6)},
    "if-in-flowable": lambda played: states(played, after_if="SUCCESS"),
    "each-parallel-nested": each_parallel_nested,
    "each-parallel-subflow-notfound": two_fail,
    "allow-failure/1": allowed_failure,
    "allow-failure/2": allowed_failure,
    "fail-on-condition/1": lambda played: states(played, fail="FAILED"),
    "fail-on-condition/2": lambda played: states(played, fail="SUCCESS"),
    "task-runif": run_if,
    "task-allow-failure-runnable": lambda played: attempts(played, 3),
    "task-allow-warning-runnable": lambda played: attempts(played, 3),
    "retry-success": lambda played: attempts(played, 4),
    "retry-failed": lambda played: attempts(played, 5),
    "retry-random": lambda played: attempts(played, 3),
    "retry-new-execution-task-duration": new_executions,
    "retry-new-execution-flow-attempts": new_executions,
    "retry-failed-task-duration": lambda played: attempts(played, 3),
    "retry-failed-flow-attempts": lambda played: attempts(played, 4),
    "retry-flowable": lambda played: attempts(played, 3, first=1),
    "retry-flowable-child": lambda played: attempts(played, 3, first=1),
    "retry-flowable-nested-child": lambda played: attempts(played, 3, first=2),
    "retry-flowable-parallel": retries_in_parallel,
    "restart_last_failed": restarts_at_the_end,
    "restart_always_failed": restarts_and_fails_again,
    "restart-each": restarts_in_loops,
    "task-flow/1": subflow,
    "task-flow/2": failing_subflow,
    "task-flow/3": outputs_that_do_not_render,
    "task-flow-inherited-labels": no_inherited_labels,
    "flow-with-outputs": partial(flow_outputs, {"key": '{"value":"flow-with-outputs"}'}),
    "flow-with-array-outputs": partial(flow_outputs, {"myout": ["1rstValue", "2ndValue"]}),
    "flow-with-outputs-failed": partial(flow_outputs, None),
    "for-each-item/1": items,
    "for-each-item/2": no_items,
    "for-each-item-no-wait": items_unwaited,
    "for-each-item-failed": items_fail,
    "pause-delay": pause_elapses,
    "pause-timeout": pause_times_out,
    "pause_no_tasks": resumes,
    "pause_on_resume": resumes_with_answers,
    "pause_on_resume_optional": resumes_without_answers,
    "resume-execution": resumes_another,
    "waitfor-multiple-tasks": counts_to_four,
    "working-directory-each": working_directory_in_loops,
    "working-directory-inputs": working_directory_inputs,
    "working-directory-taskrun": working_directory_value,
    "state/1": states_three_times,
    "state/2": states_by_value,
    "trigger-flow": listens,
    "trigger-flow-with-pause": listens_to_every_state,
    "trigger-multiplecondition-flow-c": listens_in_vain,
    "flow-trigger-preconditions-flow-a": listens_to_two,
    "trigger-toggle": trigger_is_enabled,
    "npe-labels-update-task": label_of_the_task_run,
    "flow-concurrency-queue": queued_second,
    "flow-concurrency-cancel-pause": cancelled_second,
}
"""What is done with a case after its end, and what must be true of it then."""
