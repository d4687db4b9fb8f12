"""Subflow on the stage: what the called execution gets, and what the calling one hears (Kestra docs, Subflow)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.diagnostic import FlowName
from penstock.execution.model import Execution
from penstock.execution.record import run_record
from penstock.operations import reopen
from penstock.ports.kv import KvType
from stage.stage import Stage, stage

CORE = "io.kestra.plugin.core."


@pytest.fixture
def made() -> Iterator[Stage]:
    with stage() as found:
        yield found


def calling(more: str = "", *, head: str = "", after: str = "") -> bytes:
    return f"""
id: parent
namespace: team
{head}
tasks:
  - id: call
    type: {CORE}flow.Subflow
    namespace: team
    flowId: child
{more}
{after}
""".encode()


def child(tasks: str, head: str = "") -> bytes:
    return f"id: child\nnamespace: team\n{head}\ntasks:\n{tasks}\n".encode()


SAY = f"  - {{id: say, type: {CORE}debug.Return, format: hello}}"
FAIL = f"  - {{id: fail, type: {CORE}execution.Fail}}"
PAUSE = f"  - {{id: wait, type: {CORE}flow.Pause}}"
AFTER = f'  - {{id: after, type: {CORE}debug.Return, format: "{{{{ outputs.call }}}}"}}'


def run(made: Stage, *sources: bytes) -> Execution:
    [name, *_] = made.deploy(*sources)
    id_ = made.start(name)
    made.rest()
    made.check()
    return made.execution(id_)


def called(made: Stage) -> list[Execution]:
    return [each for each in made.executions() if each.caller is not None]


def states(execution: Execution) -> dict[str, str]:
    return {each.task: each.state.value for each in execution.in_order()}


def test_it_waits_and_gives_the_outputs_of_the_flow(made: Stage) -> None:
    outputs = "outputs:\n  - {id: said, type: STRING, value: '{{ outputs.say.value }}'}"
    parent = run(made, calling(), child(SAY, outputs))

    [kid] = called(made)
    [only] = parent.in_order()
    assert parent.state == kid.state == "SUCCESS"
    assert only.outputs == {"executionId": kid.id, "state": "SUCCESS", "outputs": {"said": "hello"}}
    assert [state.value for state, _ in only.histories] == ["CREATED", "RUNNING", "SUCCESS"]
    assert len(only.attempts) == 1


def test_the_child_sees_who_has_called_it(made: Stage) -> None:
    says = (
        f'  - {{id: say, type: {CORE}debug.Return, format: "{{{{ trigger.executionId }}}} {{{{ trigger.flowId }}}}"}}'
    )
    parent = run(made, calling(), child(says))

    [kid] = called(made)
    assert next(kid.in_order()).outputs == {"value": f"{parent.id} parent"}
    assert kid.trigger is not None
    assert kid.trigger["id"] == "call"
    assert kid.trigger["type"] == CORE + "flow.Subflow"
    assert kid.trigger["variables"]["flowRevision"] == 1
    assert kid.labels["system.correlationId"] == parent.id


def test_labels_are_given_inherited_and_the_flows_own_win_over_those(made: Stage) -> None:
    more = "    inheritLabels: true\n    labels:\n      - {key: given, value: '{{ flow.id }}'}"
    own = "labels: {shared: child, own: child}"
    run(made, calling(more, head="labels: {shared: parent, up: parent}"), child(SAY, own))

    [kid] = called(made)
    mine = {key: value for key, value in kid.labels.items() if not key.startswith("system.")}
    assert mine == {"shared": "child", "own": "child", "up": "parent", "given": "parent"}


@pytest.mark.parametrize(
    ("more", "tasks", "expected"),
    [
        ("", FAIL, "FAILED"),
        ("    transmitFailed: false", FAIL, "SUCCESS"),
        ("    allowFailure: true", FAIL, "WARNING"),
        ("", f"{FAIL}\n    allowFailure: true", "WARNING"),
    ],
)
def test_what_becomes_of_it_when_the_child_does_not_end_well(made: Stage, more: str, tasks: str, expected: str) -> None:
    tasks = tasks.replace("}\n    allowFailure: true", ", allowFailure: true}")
    parent = run(made, calling(more), child(tasks))

    assert (parent.state.value, states(parent)["call"]) == (expected, expected)
    if expected == "FAILED":
        assert next(parent.in_order()).error == f"Subflow execution {called(made)[0].id} ends in FAILED state"


def test_without_a_wait_the_parent_goes_on_at_once(made: Stage) -> None:
    parent = run(made, calling("    wait: false", after=AFTER), child(PAUSE))

    [kid] = called(made)
    assert (parent.state.value, kid.state.value) == ("SUCCESS", "PAUSED")
    assert (parent.runs[next(iter(parent.order.values()))].outputs or {})["executionId"] == kid.id
    made.resume(kid.id)
    assert made.execution(kid.id).state == "SUCCESS"
    assert made.store.unheard(made.session, limit=10) == []


def test_a_paused_child_leaves_its_parent_running(made: Stage) -> None:
    parent = run(made, calling(), child(PAUSE))

    [kid] = called(made)
    assert (parent.state.value, kid.state.value) == ("RUNNING", "PAUSED")
    made.resume(kid.id)
    assert made.execution(parent.id).state == "SUCCESS"


def test_killing_the_parent_kills_children_and_grandchildren(made: Stage) -> None:
    middle = child(f"  - {{id: down, type: {CORE}flow.Subflow, namespace: team, flowId: low}}")
    low = f"id: low\nnamespace: team\ntasks:\n{PAUSE}\n".encode()
    parent = run(made, calling(), middle, low)

    made.kill(parent.id)
    assert [each.state.value for each in made.executions()] == ["KILLED", "KILLED", "KILLED"]
    assert states(made.execution(parent.id)) == {"call": "KILLED"}


def test_killing_the_parent_kills_what_it_does_not_wait_for(made: Stage) -> None:
    parent = run(made, calling("    wait: false", after=f"{PAUSE}"), child(PAUSE))

    made.kill(parent.id)
    assert [each.state.value for each in made.executions()] == ["KILLED", "KILLED"]


def test_a_killed_child_kills_its_task_run(made: Stage) -> None:
    parent = run(made, calling(), child(PAUSE))

    made.kill(called(made)[0].id)
    assert (made.execution(parent.id).state.value, states(made.execution(parent.id))["call"]) == ("KILLED", "KILLED")


def test_a_timeout_of_the_task_kills_the_child(made: Stage) -> None:
    parent = run(made, calling("    timeout: PT10S"), child(PAUSE))

    [kid] = called(made)
    assert (parent.state.value, kid.state.value) == ("FAILED", "KILLED")
    assert next(parent.in_order()).error == "Timeout after PT10S"


def test_a_retry_calls_another_execution(made: Stage) -> None:
    retry = "    retry: {type: constant, interval: PT5S, maxAttempts: 3}"
    parent = run(made, calling(retry), child(FAIL))

    assert (parent.state.value, len(called(made)), len(next(parent.in_order()).attempts)) == ("FAILED", 3, 3)


@pytest.mark.parametrize(
    ("more", "other", "expected"),
    [
        ("", b"", "Unable to find flow 'team'.'child' with revision '0' (PEN046)"),
        ("    revision: 7", child(SAY), "Unable to find flow 'team'.'child' with revision '7' (PEN046)"),
        ("", child(SAY, "disabled: true"), "Cannot execute a flow which is disabled (PEN046)"),
        ("", child(SAY, "inputs:\n  - {id: must, type: INT}"), "Invalid input for `must`, missing required input"),
    ],
)
def test_a_call_that_cannot_be_made_fails_the_task_run(made: Stage, more: str, other: bytes, expected: str) -> None:
    parent = run(made, calling(more), *([other] if other else []))

    [only] = parent.in_order()
    assert (parent.state.value, only.state.value) == ("FAILED", "FAILED")
    assert expected in (only.error or "")
    assert called(made) == []


def test_the_named_revision_is_called(made: Stage) -> None:
    made.deploy(child(SAY))
    made.deploy(child(SAY.replace("hello", "later")))
    parent = run(made, calling("    revision: 1"))

    [kid] = called(made)
    assert (parent.state.value, kid.revision, next(kid.in_order()).outputs) == ("SUCCESS", 1, {"value": "hello"})


def test_a_child_waits_for_room_and_for_its_date(made: Stage) -> None:
    alone = child(f"  - {{id: nap, type: {CORE}flow.Pause, pauseDuration: PT1M}}", "concurrency: {limit: 1}")
    twice = f"""
id: twice
namespace: team
tasks:
  - id: both
    type: {CORE}flow.Parallel
    tasks:
      - {{id: one, type: {CORE}flow.Subflow, namespace: team, flowId: child}}
      - {{id: two, type: {CORE}flow.Subflow, namespace: team, flowId: child}}
""".encode()
    made.deploy(twice, alone)
    id_ = made.start(FlowName("team", "twice"))
    assert sorted(each.state.value for each in called(made)) == ["PAUSED", "QUEUED"]
    made.rest()
    assert [each.state.value for each in called(made)] == ["SUCCESS", "SUCCESS"]
    assert made.execution(id_).state == "SUCCESS"


def test_a_date_holds_the_child_back(made: Stage) -> None:
    made.deploy(calling("    scheduleDate: '2026-01-01T00:05:00Z'"), child(SAY))
    id_ = made.start(FlowName("team", "parent"))

    assert [each.state.value for each in called(made)] == ["CREATED"]
    made.rest()
    assert (made.execution(id_).state.value, made.clock.now().minute) == ("SUCCESS", 5)


def test_executions_call_one_another_twenty_deep_and_no_deeper(made: Stage) -> None:
    circle = [
        f"id: {own}\nnamespace: team\ntasks:\n"
        f"  - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: '{{{{ \"{other}\" }}}}'}}\n"
        for own, other in (("ping", "pong"), ("pong", "ping"))
    ]
    parent = run(made, *(each.encode() for each in circle))

    deepest = called(made)[-1]
    assert (parent.state.value, len(called(made))) == ("FAILED", 20)
    refused = run_record(deepest, next(deepest.in_order()))["error"]
    assert refused == "the subflow would be 21 executions below the first one, and 20 is the most (PEN045)"


def test_an_execution_of_an_earlier_generation_calls_what_was_in_force_then(made: Stage) -> None:
    first = f"  - {{id: wait, type: {CORE}flow.Pause}}\n"
    source = calling().replace(b"tasks:\n", b"tasks:\n" + first.encode(), 1)
    made.deploy(source, child(SAY))
    id_ = made.start(FlowName("team", "parent"))
    made.deploy(child(SAY.replace("hello", "later")))
    made.resume(id_)
    made.rest()

    [kid] = called(made)
    assert (made.execution(id_).state.value, kid.revision) == ("SUCCESS", 1)


def restart(made: Stage, execution: Execution) -> Execution:
    flow = made.flows.flow(execution)
    reopen.restart(execution.id, by="ada", at=made.clock.now(), store=made.store, presence=made.presence, flow=flow)
    made.rest()
    made.check()
    return made.execution(execution.id)


FRAGILE = f"  - {{id: fragile, type: {CORE}execution.Fail, condition: \"{{{{ kv('broken') }}}}\"}}"
"""It fails as long as a key says so."""


def broken(made: Stage, is_so: bool) -> None:
    made.kv.put("team", "broken", is_so, type=KvType.BOOLEAN, now=made.clock.now())


@pytest.mark.parametrize(("more", "kids"), [("", 1), ("    restartBehavior: NEW_EXECUTION", 2)])
def test_a_restart_has_the_failed_child_go_on_or_calls_another(made: Stage, more: str, kids: int) -> None:
    broken(made, is_so=True)
    outputs = "outputs:\n  - {id: said, type: STRING, value: done}"
    failed = run(made, calling(more), child(f"{SAY}\n{FRAGILE}", outputs))
    assert failed.state == "FAILED"
    broken(made, is_so=False)

    again = restart(made, failed)

    assert again.state == "SUCCESS"
    assert len(called(made)) == kids
    latest = max(called(made), key=lambda each: each.created)
    assert latest.state == "SUCCESS"
    assert (next(again.in_order()).outputs or {})["executionId"] == latest.id
    says = [each for each in latest.in_order() if each.task == "say"]
    assert [len(each.attempts) for each in says] == [1]


def test_a_restart_of_batches_has_those_go_on_that_failed(made: Stage) -> None:
    source = f"""
id: parent
namespace: team
inputs:
  - {{id: rows, type: FILE}}
tasks:
  - id: each
    type: {CORE}flow.ForEachItem
    namespace: team
    flowId: child
    items: "{{{{ inputs.rows }}}}"
    inputs: {{row: "{{{{ read(taskrun.items) | trim }}}}"}}
""".encode()
    condition = "{{ inputs.row == 'b' and kv('broken') }}"
    picky = child(
        f'  - {{id: pick, type: {CORE}execution.Fail, condition: "{condition}"}}', "inputs: [{id: row, type: STRING}]"
    )
    broken(made, is_so=True)
    made.files.name("kestra:///given/rows.txt", made.files.put(b"a\nb\nc\n"))
    [name, *_] = made.deploy(source, picky)
    id_ = made.start(name, {"rows": "kestra:///given/rows.txt"})
    made.rest()
    assert made.execution(id_).state == "FAILED"
    broken(made, is_so=False)

    again = restart(made, made.execution(id_))

    assert again.state == "SUCCESS"
    tries = {each.inputs["row"]: each.attempt_number for each in called(made)}
    assert tries == {"a": 1, "b": 2, "c": 1}


def test_a_child_that_is_tried_again_anew_is_waited_for(made: Stage) -> None:
    """The execution that follows on one that is RETRIED is the one whose end counts."""
    retry = "retry: {type: constant, interval: PT5S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}"
    parent = run(made, calling(), child(FAIL, retry))

    assert sorted(each.state.value for each in called(made)) == ["FAILED", "RETRIED"]
    last = next(each for each in called(made) if each.state == "FAILED")
    assert (parent.state.value, (next(parent.in_order()).outputs or {})["executionId"]) == ("FAILED", last.id)
    assert made.store.unheard(made.session, limit=10) == []
