"""Loop on the stage: an execution of the loop's own tasks for each value (Kestra 2.0 docs, Loop)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.agent import results
from penstock.agent.results import Results
from penstock.execution.codec import dump_run, encode_event
from penstock.execution.model import Execution
from penstock.ports.store import Iterations, Query
from stage.stage import Stage, stage

CORE = "io.kestra.plugin.core."


@pytest.fixture
def made() -> Iterator[Stage]:
    with stage() as found:
        yield found


def looping(values: str, tasks: str, more: str = "", after: str = "", before: str = "") -> bytes:
    return f"""
id: parent
namespace: team
inputs:
  - {{id: word, type: STRING, defaults: hi}}
variables: {{who: ada}}
tasks:
{before}
  - id: loop
    type: {CORE}flow.Loop
    values: {values}
{more}
    tasks:
{tasks}
{after}
""".encode()


def say(format_: str) -> str:
    return f'      - {{id: say, type: {CORE}debug.Return, format: "{format_}"}}'


def run(made: Stage, source: bytes, inputs: dict[str, Any] | None = None) -> Execution:
    [name] = made.deploy(source)
    id_ = made.start(name, inputs)
    made.rest()
    made.check()
    return made.execution(id_)


def iterations(made: Stage) -> list[Execution]:
    kids = [each for each in made.executions() if each.caller is not None]
    return sorted(kids, key=lambda each: each.caller.index if each.caller is not None else -1)


def said(made: Stage) -> list[str]:
    return [next(each.in_order()).outputs["value"] for each in iterations(made)]  # type: ignore[index]


def outputs(execution: Execution, task: str = "loop") -> dict[str, Any]:
    [found] = [each for each in execution.in_order() if each.task == task]
    return dict(found.outputs or {})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("[a, b]", ["a 0", "b 1"]),
        ('\'["a", {"x": 1}, 3]\'', ["a 0", '{"x":1} 1', "3 2"]),
        ("{one: a, two: b}", ["a 0", "b 1"]),
        ("[]", []),
        ("[a, a]", ["a 0"]),
    ],
)
def test_each_value_has_an_execution_of_its_own(made: Stage, values: str, expected: list[str]) -> None:
    parent = run(made, looping(values, say("{{ item.value }} {{ item.index }}")))

    assert (parent.state.value, len(parent.runs), said(made)) == ("SUCCESS", 1, expected)
    counts = {"SUCCESS": len(expected)} if expected else {}
    assert outputs(parent) == {
        "iterationCount": len(expected), "runningIterations": 0, "terminatedIterations": counts
    }  # fmt: skip


def test_an_iteration_sees_keys_inputs_variables_and_earlier_outputs(made: Stage) -> None:
    before = f"  - {{id: first, type: {CORE}debug.Return, format: done}}"
    tasks = say("{{ item.key }} {{ inputs.word }} {{ vars.who }} {{ outputs.first.value }}")
    run(made, looping("{k: v}", tasks, before=before))

    assert said(made) == ["k hi ada done"]


def test_loops_nest_and_the_outermost_parent_comes_first(made: Stage) -> None:
    inner = f"""      - id: middle
        type: {CORE}flow.Loop
        values: [x]
        tasks:
          - id: inner
            type: {CORE}flow.Loop
            values: ["1", "2"]
            tasks:
              - id: say
                type: {CORE}debug.Return
                format: "{{{{ item.parents[0].value }}}}{{{{ item.parent.value }}}}{{{{ item.value }}}}"
"""
    parent = run(made, looping("[a, b]", inner))

    texts = [next(each.in_order()) for each in iterations(made)]
    assert parent.state == "SUCCESS"
    assert sorted((each.outputs or {})["value"] for each in texts if each.task == "say") == ["ax1", "ax2", "bx1", "bx2"]


def test_outputs_are_collected_in_order_for_the_tasks_after(made: Stage) -> None:
    more = "    outputs:\n      - {id: text, type: STRING, value: '{{ outputs.say.value }}'}"
    after = (
        f"  - {{id: after, type: {CORE}debug.Return, format: \"{{{{ loopOutputs(outputs.loop.outputs, 'text') }}}}\"}}"
    )
    parent = run(made, looping("[a, b, c]", say("{{ item.value }}!"), more, after))

    assert outputs(parent, "after") == {"value": '["a!","b!","c!"]'}
    assert outputs(parent)["outputs"][1] == {"item": {"value": "b", "iteration": 1}, "outputs": {"text": "b!"}}


def test_outputs_are_stored_where_that_is_wished(made: Stage) -> None:
    more = "    fetchType: STORE\n    outputs:\n      - {id: text, type: STRING, value: '{{ outputs.say.value }}'}"
    parent = run(made, looping("[a, b]", say("{{ item.value }}!"), more))

    uri = outputs(parent)["uri"]
    with made.files.open(made.files.resolve(uri)) as file:
        assert file.read().count(b"\n") == 2
    assert "outputs" not in outputs(parent)


def test_a_file_has_a_value_on_each_line(made: Stage) -> None:
    made.files.name("kestra:///given/rows.txt", made.files.put(b'"a"\n{"x": 1}\n\nplain\n'))
    source = looping('"{{ inputs.rows }}"', say("{{ item.value }}")).replace(
        b"inputs:\n", b"inputs:\n  - {id: rows, type: FILE}\n", 1
    )
    run(made, source, {"rows": "kestra:///given/rows.txt"})

    assert said(made) == ["a", '{"x":1}', "plain"]


@pytest.mark.parametrize("keyed", [False, True])
def test_many_values_lie_in_a_file_and_are_not_written_with_each_portion(made: Stage, keyed: bool) -> None:
    texts = [f'value "{number}" ü' + "." * 400 for number in range(30)]
    values = json.dumps({f"k{number}": text for number, text in enumerate(texts)} if keyed else texts)
    parent = run(made, looping(values, say("{{ item.value }} {{ item.key ?? '-' }}"), "    concurrencyLimit: 7"))

    wanted = [f"{text} k{number}" if keyed else f"{text} -" for number, text in enumerate(texts)]
    assert (parent.state.value, said(made)) == ("SUCCESS", wanted)
    assert len(dump_run(next(parent.in_order()))) < 2_000
    assert max(len(encode_event(event)[2]) for event in made.store.events(parent.id)) < 2_000


def test_many_values_with_a_secret_among_them_are_refused_before_anything_is_kept(made: Stage) -> None:
    made.environ = {"SECRET_KEY": "aHVudGVyMg=="}
    values = "\"{{ (secret('KEY') ~ '" + " x" * 5_000 + "') | split(' ') }}\""
    parent = run(made, looping(values, say("{{ item.value }}")))

    assert parent.state == "FAILED"
    assert "hold a secret" in (next(parent.in_order()).error or "")
    assert list(made.files.list(f"kestra:///team/parent/executions/{parent.id}/")) == []


FAIL_ON_B = f"      - {{id: fail, type: {CORE}execution.Fail, condition: \"{{{{ item.value == 'b' }}}}\"}}"


def test_the_first_failure_ends_it_where_it_is_transmitted(made: Stage) -> None:
    parent = run(made, looping("[a, b, c, d]", FAIL_ON_B, "    concurrencyLimit: 1"))

    assert (parent.state.value, len(iterations(made))) == ("FAILED", 2)
    assert outputs(parent)["terminatedIterations"] == {"SUCCESS": 1, "FAILED": 1}


def test_a_failure_that_is_not_transmitted_is_counted(made: Stage) -> None:
    parent = run(made, looping("[a, b, c]", FAIL_ON_B, "    transmitFailed: false"))

    assert (parent.state.value, outputs(parent)["terminatedIterations"]) == ("SUCCESS", {"SUCCESS": 2, "FAILED": 1})


def test_no_more_than_the_limit_run_at_once(made: Stage) -> None:
    pause = f"      - {{id: wait, type: {CORE}flow.Pause}}"
    parent = run(made, looping("[a, b, c]", pause, "    concurrencyLimit: 2"))

    assert [each.state.value for each in iterations(made)] == ["PAUSED", "PAUSED"]
    made.resume(iterations(made)[0].id)
    made.rest()
    assert [each.state.value for each in iterations(made)] == ["SUCCESS", "PAUSED", "PAUSED"]
    made.kill(parent.id)
    assert [each.state.value for each in made.executions()] == ["KILLED", "SUCCESS", "KILLED", "KILLED"]


def test_it_breaks_when_a_condition_holds(made: Stage) -> None:
    more = "    concurrencyLimit: 1\n    breakWhen: \"{{ item.value == 'b' }}\""
    parent = run(made, looping("[a, b, c]", say("{{ item.value }}"), more))

    assert (parent.state.value, said(made), outputs(parent)["iterationCount"]) == ("SUCCESS", ["a", "b"], 2)


def test_errors_of_the_loop_are_those_of_each_iteration(made: Stage) -> None:
    more = f"    transmitFailed: false\n    errors:\n      - {{id: mend, type: {CORE}debug.Return, format: x}}"
    run(made, looping("[a, b]", FAIL_ON_B, more))

    assert [[each.task for each in kid.in_order()] for kid in iterations(made)] == [["fail"], ["fail", "mend"]]


def test_an_iteration_sees_what_has_just_become_known(made: Stage) -> None:
    before = f"  - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: child}}"
    child = f"id: child\nnamespace: team\ntasks:\n  - {{id: say, type: {CORE}debug.Return, format: x}}\n"
    made.deploy(child.encode())
    parent = run(made, looping("[a]", say("{{ outputs.call.state }}"), before=before))

    assert (parent.state.value, said(made)[-1]) == ("SUCCESS", "SUCCESS")


def test_what_an_iteration_calls_is_told_which_one_it_is(made: Stage) -> None:
    made.deploy(f"id: child\nnamespace: team\ntasks:\n  - {{id: say, type: {CORE}debug.Return, format: x}}\n".encode())
    parent = run(
        made, looping("[a, b]", f"      - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: child}}")
    )

    [loop] = parent.in_order()
    told = [(each.trigger or {})["variables"] for each in made.executions() if each.flow.id == "child"]
    assert sorted((each["loopTaskRunId"], each["loopIndex"]) for each in told) == [(loop.id, 0), (loop.id, 1)]


LATER = "2030-01-01T00:00:00Z"


# ── iterations belong to their execution ──


def ids(made: Stage, **how: Any) -> list[str]:
    return [each.id for each in made.store.summaries(Query(limit=100, **how))]


def test_iterations_are_listed_where_they_are_asked_for_alone(made: Stage) -> None:
    parent = run(made, looping("[a, b]", say("{{ item.value }}")))
    kids = {each.id for each in iterations(made)}

    assert ids(made) == [parent.id]
    assert set(ids(made, iterations=Iterations.TOO)) == {parent.id, *kids}
    assert set(ids(made, iterations=Iterations.ALONE, caller=parent.id)) == kids
    assert made.store.unrecorded("git", limit=9, now=made.clock.now()) == [parent.id]


def test_a_result_lists_iterations_and_holds_those_that_did_not_end_well_whole(made: Stage) -> None:
    inner = f"""      - id: inner
        type: {CORE}flow.Loop
        values: [x, y]
        concurrencyLimit: 1
        tasks:
          - id: fail
            type: {CORE}execution.Fail
            condition: "{{{{ item.parent.value == 'b' and item.value == 'y' }}}}"
"""
    parent = run(made, looping("{one: a, two: b}", inner, "    transmitFailed: false"))
    result = Results(made.logs, made.files, made.store).of(parent, "r")

    listed = [json.loads(line) for line in result.files["r/iterations/00000-loop.ndjson"].splitlines()]
    shown = [(each["index"], each["key"], each["value"], each["state"]) for each in listed]
    assert shown == [(0, "one", "a", "SUCCESS"), (1, "two", "b", "FAILED")]
    assert "r/iterations/00000-loop/0/execution.json" not in result.files
    deep = json.loads(result.files["r/iterations/00000-loop/1/iterations/00000-inner/1/execution.json"])
    assert (deep["taskRunList"][0]["taskId"], deep["state"]["current"]) == ("fail", "FAILED")


def test_what_did_not_fit_into_a_result_is_counted(made: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = run(made, looping("[a, b, c]", FAIL_ON_B, "    transmitFailed: false"))
    monkeypatch.setattr(results, "MOST_LISTED", 2)
    monkeypatch.setattr(results, "MOST_TOLD", 0)
    made_of_it = Results(made.logs, made.files, made.store).of(parent, "r")

    assert json.loads(made_of_it.files["r/iterations/00000-loop.left-out.json"]) == {"leftOut": 1}
    assert not [path for path in made_of_it.files if path.startswith("r/iterations/00000-loop/")]


@pytest.mark.parametrize("purged", [False, True])
def test_iterations_leave_with_their_execution(made: Stage, purged: bool) -> None:
    inner = f"      - id: inner\n        type: {CORE}flow.Loop\n        values: [x]\n        tasks:\n    {say('hi')}"
    parent = run(made, looping("[a, b]", inner))
    assert len(made.executions()) == 5
    if purged:
        purge = f"""
id: purges
namespace: team
tasks:
  - {{id: purge, type: {CORE}execution.PurgeExecutions, flowId: parent, namespace: team, endDate: "{LATER}"}}
"""
        done = run(made, purge.encode())
        assert outputs(done, "purge")["executionsCount"] == 1
        assert [each.id for each in made.executions()] == [done.id]
    else:
        made.delete(parent.id)
        assert made.executions() == []
