"""Tasks about other executions and about logs, on the stage (Kestra plugin pages of the core, 2026)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.diagnostic import FlowName
from penstock.execution.model import Execution
from stage.stage import Stage, stage

CORE = "io.kestra.plugin.core."
LATER = "2026-06-01T00:00:00Z"


@pytest.fixture
def made() -> Iterator[Stage]:
    with stage() as found:
        yield found


def flow(id_: str, tasks: str, namespace: str = "team", head: str = "") -> bytes:
    return f"id: {id_}\nnamespace: {namespace}\n{head}\ntasks:\n{tasks}\n".encode()


SAY = f"""  - {{id: say, type: {CORE}log.Log, message: hello}}
  - {{id: warn, type: {CORE}log.Log, message: oh, level: WARN}}"""
PAUSE = f"  - {{id: wait, type: {CORE}flow.Pause}}"


def run(made: Stage, source: bytes, inputs: dict[str, Any] | None = None) -> Execution:
    [name] = made.deploy(source)
    id_ = made.start(name, inputs)
    made.rest()
    made.check()
    return made.execution(id_)


def last(execution: Execution) -> dict[str, Any]:
    *_, run = execution.in_order()
    return dict(run.outputs or {})


def counting(more: str) -> bytes:
    return flow(
        "count", f"  - id: count\n    type: {CORE}execution.Count\n    startDate: '2025-01-01T00:00:00Z'\n{more}"
    )


def test_executions_are_counted_by_flow_with_those_that_have_none(made: Stage) -> None:
    run(made, flow("one", SAY))
    run(made, flow("one", SAY))
    flows = "    flows: [{namespace: team, flowId: one}, {namespace: team, flowId: none}]\n"
    more = flows + '    expression: "{{ count >= 0 }}"'
    counted = last(run(made, counting(more)))

    assert counted["results"] == [
        {"namespace": "team", "flowId": "one", "count": 2},
        {"namespace": "team", "flowId": "none", "count": 0},
    ]
    assert counted["total"] == 2


def test_counts_are_kept_that_fulfil_the_expression_and_states_and_dates_narrow_them(made: Stage) -> None:
    run(made, flow("one", PAUSE))
    run(made, flow("two", SAY, namespace="team.sub"))
    more = '    namespaces: [team]\n    states: [SUCCESS]\n    expression: "{{ count == 1 }}"'
    assert last(run(made, counting(more)))["results"] == [{"namespace": "team", "flowId": None, "count": 1}]
    early = "    namespaces: [team]\n    endDate: '2025-02-01T00:00:00Z'\n    expression: '{{ count > 0 }}'"
    assert last(run(made, counting(early))) == {"results": [], "total": 0}


def test_a_paused_execution_is_resumed_with_inputs(made: Stage) -> None:
    asks = f"  - id: wait\n    type: {CORE}flow.Pause\n    onResume:\n      - {{id: word, type: STRING}}\n"
    paused = run(
        made,
        flow(
            "waits", asks + f'  - {{id: end, type: {CORE}debug.Return, format: "{{{{ outputs.wait.onResume.word }}}}"}}'
        ),
    )
    resume = (
        f"  - id: go\n    type: {CORE}execution.Resume\n    executionId: {paused.id}\n    inputs: {{word: yes it is}}"
    )
    other = run(made, flow("resumes", resume))

    assert (other.state.value, made.execution(paused.id).state.value) == ("SUCCESS", "SUCCESS")
    assert last(made.execution(paused.id)) == {"value": "yes it is"}


def test_one_that_does_not_wait_is_not_resumed(made: Stage) -> None:
    over = run(made, flow("one", SAY))
    other = run(made, flow("resumes", f"  - {{id: go, type: {CORE}execution.Resume, executionId: {over.id}}}"))

    assert other.state == "FAILED"
    assert "is not paused, can't resume it" in (next(other.in_order()).error or "")


def test_an_execution_kills_itself_and_what_it_has_called(made: Stage) -> None:
    made.deploy(flow("child", PAUSE))
    both = f"""  - id: both
    type: {CORE}flow.Parallel
    tasks:
      - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: child}}
      - {{id: end, type: {CORE}execution.Kill, propagateKill: true}}"""
    killed = run(made, flow("kills", both))

    assert killed.state == "KILLED"
    assert {each.state.value for each in made.executions()} == {"KILLED"}


PAUSES = f"""  - id: both
    type: {CORE}flow.Parallel
    tasks:
      - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: child}}
      - {{id: other, type: {CORE}flow.Subflow, namespace: team, flowId: child, wait: false}}"""


@pytest.mark.parametrize("more", ["", ", propagateKill: false"])
def test_a_kill_that_is_not_propagated_leaves_alone_what_was_called(made: Stage, more: str) -> None:
    made.deploy(flow("child", PAUSE))
    last = f"      - {{id: end, type: {CORE}execution.Kill{more}}}"
    killed = run(made, flow("kills", f"{PAUSES}\n{last}"))

    assert [run.state.value for run in killed.in_order()] == ["KILLED", "KILLED", "SUCCESS", "KILLED"]
    kids = [each.id for each in made.executions() if each.caller is not None]
    assert [made.execution(kid).state.value for kid in kids] == ["PAUSED", "PAUSED"]
    for kid in kids:
        made.resume(kid)
    made.rest()
    made.check()
    assert [each.state.value for each in made.executions()] == ["KILLED", "SUCCESS", "SUCCESS"]
    assert made.store.unheard(made.session, limit=10) == []


def test_a_person_kills_an_execution_and_not_what_it_has_called(made: Stage) -> None:
    made.deploy(flow("child", PAUSE))
    [name] = made.deploy(flow("calls", PAUSES))
    parent = made.start(name)
    made.rest()
    made.kill(parent, cascade=False)
    made.rest()

    assert [each.state.value for each in made.executions()] == ["KILLED", "PAUSED", "PAUSED"]


def test_iterations_of_a_loop_are_killed_with_their_execution_and_what_they_call_is_not(made: Stage) -> None:
    made.deploy(flow("child", PAUSE))
    call = f"      - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: child}}"
    loop = f"  - id: loop\n    type: {CORE}flow.Loop\n    values: [a]\n    tasks:\n{call}"
    [name] = made.deploy(flow("loops", loop))
    parent = made.start(name)
    made.rest()
    made.kill(parent, cascade=False)
    made.rest()

    assert [each.state.value for each in made.executions()] == ["KILLED", "KILLED", "PAUSED"]


def test_logs_are_fetched_as_ion_from_a_level_on_and_of_tasks(made: Stage) -> None:
    said = run(made, flow("one", SAY))
    fetch = f"  - {{id: fetch, type: {CORE}log.Fetch, executionId: {said.id}, level: WARN}}"
    fetched = run(made, flow("fetches", fetch))

    outputs = last(fetched)
    with made.files.open(made.files.resolve(outputs["uri"])) as file:
        text = file.read().decode()
    assert outputs["size"] == 1
    assert 'taskId:"warn"' in text
    assert 'level:"WARN"' in text
    assert 'message:"oh"' in text
    of_task = run(made, flow("fetches", fetch.replace("level: WARN", "tasksId: [say]")))
    assert last(of_task)["size"] == 1


def test_what_is_over_and_old_is_purged_and_what_goes_on_is_not(made: Stage) -> None:
    old = run(made, flow("one", SAY))
    waits = run(made, flow("two", PAUSE))
    uri = f"kestra:///team/one/executions/{old.id}/tasks/t/r/a.txt"
    made.files.name(uri, made.files.put(b"x"))
    purge = f"  - {{id: purge, type: {CORE}execution.PurgeExecutions, namespace: team, endDate: '{LATER}'}}"
    purged = last(run(made, flow("purges", purge)))

    assert purged == {"executionsCount": 1, "logsCount": 2, "metricsCount": 0, "storagesCount": 1}
    assert made.store.load(old.id) is None
    assert made.store.load(waits.id) is not None
    assert list(made.files.list("kestra:///team/one/")) == []


def test_what_is_not_to_be_purged_stays(made: Stage) -> None:
    old = run(made, flow("one", SAY))
    keep = "purgeExecution: false, purgeStorage: false"
    purge = f"  - {{id: purge, type: {CORE}execution.PurgeExecutions, namespace: team, endDate: '{LATER}', {keep}}}"
    purged = last(run(made, flow("purges", purge)))

    assert (purged["executionsCount"], purged["logsCount"], purged["storagesCount"]) == (0, 2, 0)
    assert made.store.load(old.id) is not None


def test_states_and_dates_narrow_a_purge(made: Stage) -> None:
    run(made, flow("one", SAY))
    for more in ("states: [FAILED]", "startDate: '2026-03-01T00:00:00Z'", "flowId: other"):
        purge = f"  - {{id: purge, type: {CORE}execution.PurgeExecutions, namespace: team, endDate: '{LATER}', {more}}}"
        assert last(run(made, flow("purges", purge)))["executionsCount"] in (0, 1)
    assert [each for each in made.executions() if each.flow == FlowName("team", "one")]


def test_logs_alone_are_purged(made: Stage) -> None:
    run(made, flow("one", SAY))
    purge = f"  - {{id: purge, type: {CORE}log.PurgeLogs, namespace: team, flowId: one, endDate: '{LATER}'}}"

    assert last(run(made, flow("purges", purge))) == {"count": 2}
    assert [each for each in made.executions() if each.flow == FlowName("team", "one")]
