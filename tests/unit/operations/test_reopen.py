"""Restart, replay and the other words of people, on the stage: what goes on, what leaves, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.errors import NotFound, Refused
from penstock.execution.state import State
from penstock.operations import overrule, reopen
from penstock.operations.transcript import transcript, with_what_left
from stage.stage import Stage, stage

HEAD = "id: flow\nnamespace: demo\n"
SAYS = "{type: io.kestra.plugin.core.debug.Return, format: "
FAILS_ONCE = "{{ taskrun.attemptsCount == 1 ? 'ok' : ko }}"


@pytest.fixture
def on_stage() -> Iterator[Stage]:
    with stage() as made:
        yield made


def run(on_stage: Stage, tasks: str) -> str:
    [name] = on_stage.deploy((HEAD + tasks).encode())
    id_ = on_stage.start(name)
    on_stage.rest()
    return id_


def states(on_stage: Stage, id_: str) -> dict[str, str]:
    return {each.task: each.state.value for each in on_stage.execution(id_).in_order()}


ONCE = f"""
tasks:
  - {{id: one, type: io.kestra.plugin.core.debug.Return, format: "1"}}
  - {{id: two, type: io.kestra.plugin.core.log.Log, message: "{FAILS_ONCE}"}}
  - {{id: three, type: io.kestra.plugin.core.debug.Return, format: "{{{{ outputs.one.value }}}}"}}
errors:
  - {{id: sorry, type: io.kestra.plugin.core.log.Log, message: sorry}}
finally:
  - {{id: tidy, type: io.kestra.plugin.core.log.Log, message: tidy}}
"""


def test_a_restart_drops_what_was_done_for_the_failure_and_does_the_end_again(on_stage: Stage) -> None:
    id_ = run(on_stage, ONCE)
    assert states(on_stage, id_) == {"one": "SUCCESS", "two": "FAILED", "sorry": "SUCCESS", "tidy": "SUCCESS"}
    first = {each.task: each.id for each in on_stage.execution(id_).in_order()}

    again = on_stage.restart(id_)

    assert [each.task for each in again.in_order()] == ["one", "two"]
    on_stage.rest()
    ended = on_stage.execution(id_)
    assert states(on_stage, id_) == {"one": "SUCCESS", "two": "SUCCESS", "three": "SUCCESS", "tidy": "SUCCESS"}
    last = {each.task: each.id for each in ended.in_order()}
    assert (last["two"], last["tidy"] != first["tidy"]) == (first["two"], True)
    assert (ended.attempt_number, ended.result_id) == (2, f"{id_}.2")
    on_stage.check()


def test_a_restart_is_refused_where_nothing_has_failed(on_stage: Stage) -> None:
    id_ = run(on_stage, 'tasks:\n  - {id: one, type: io.kestra.plugin.core.debug.Return, format: "1"}\n')

    with pytest.raises(Refused, match="No task found to restart execution from!") as refused:
        on_stage.restart(id_)

    assert refused.value.code == "PEN043"


def test_a_restart_past_a_pause_goes_on_after_it(on_stage: Stage) -> None:
    id_ = run(on_stage, "tasks:\n  - {id: wait, type: io.kestra.plugin.core.flow.Pause}\n")
    assert on_stage.execution(id_).state is State.PAUSED

    on_stage.restart(id_)
    on_stage.rest()

    assert on_stage.execution(id_).state is State.SUCCESS


def test_another_revision_without_the_task_is_refused_by_its_name(on_stage: Stage) -> None:
    id_ = run(on_stage, ONCE)
    on_stage.deploy((HEAD + ONCE.replace("id: one", "id: uno").replace("outputs.one", "outputs.uno")).encode())

    with pytest.raises(Refused, match="the task `one` has no place") as refused:
        on_stage.restart(id_, revision=2)

    assert refused.value.code == "PEN044"


def test_another_revision_with_a_task_before_it_keeps_what_is_there(on_stage: Stage) -> None:
    id_ = run(on_stage, ONCE)
    more = ONCE.replace("tasks:\n", f'tasks:\n  - {{id: zero, {SAYS[1:]}"0"}}\n')
    on_stage.deploy((HEAD + more).encode())

    other = on_stage.restart(id_, revision=2)
    on_stage.rest()

    ended = on_stage.execution(other.id)
    assert (ended.state, ended.revision, ended.parent_id) == (State.SUCCESS, 2, id_)
    assert "zero" not in states(on_stage, other.id)


def test_a_replay_has_the_files_and_the_inputs_that_it_is_given(on_stage: Stage) -> None:
    tasks = "inputs:\n  - {id: n, type: INT, defaults: 1}\n  - {id: m, type: INT, defaults: 7}\n"
    tasks += (
        'tasks:\n  - {id: one, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.n }} {{ inputs.m }}"}\n'
    )
    id_ = run(on_stage, tasks)
    uri = f"kestra:///demo/flow/executions/{id_}/tasks/one/r/a.txt"
    on_stage.files.name(uri, on_stage.files.put(b"content"))

    new = on_stage.replay(id_, inputs={"n": 2})
    on_stage.rest()

    assert [(each.outputs or {})["value"] for each in on_stage.execution(new).in_order()] == ["2 7"]
    assert list(on_stage.files.list(f"kestra:///demo/flow/executions/{new}/")) == [uri.replace(id_, new)]


def test_a_state_that_is_changed_lets_the_rest_follow(on_stage: Stage) -> None:
    id_ = run(on_stage, ONCE.replace("taskrun.attemptsCount == 1", "false"))
    [two] = [each for each in on_stage.execution(id_).in_order() if each.task == "two"]

    on_stage.change_status(id_, two.id, "WARNING")
    on_stage.rest()

    assert on_stage.execution(id_).state is State.WARNING
    assert states(on_stage, id_) == {"one": "SUCCESS", "two": "WARNING", "three": "SUCCESS", "tidy": "SUCCESS"}


def test_labels_are_set_once_it_is_over_and_the_systems_stay(on_stage: Stage) -> None:
    id_ = run(on_stage, ONCE)
    told = on_stage.told(id_)

    overrule.set_labels(id_, {"team": "a"}, **told)
    overrule.set_labels(id_, {"other": "b"}, replaced=True, **told)

    assert on_stage.execution(id_).labels == {"other": "b", "system.correlationId": id_}
    with pytest.raises(Refused, match=r"offending label: system\.x"):
        overrule.set_labels(id_, {"system.x": "y"}, **told)


def test_what_is_over_is_forgotten_with_its_logs_and_files(on_stage: Stage) -> None:
    id_ = run(on_stage, ONCE)
    waits = run(on_stage, "tasks:\n  - {id: wait, type: io.kestra.plugin.core.flow.Pause}\n")

    overrule.delete(id_, store=on_stage.store, logs=on_stage.logs, files=on_stage.files)

    assert on_stage.store.load(id_) is None
    with pytest.raises(Refused, match="is not over, current state is 'PAUSED'"):
        overrule.delete(waits, store=on_stage.store, logs=on_stage.logs, files=on_stage.files)
    with pytest.raises(NotFound):
        overrule.delete(id_, store=on_stage.store, logs=on_stage.logs, files=on_stage.files)


def test_a_forced_run_passes_a_persons_pause_and_every_pause_task(on_stage: Stage) -> None:
    id_ = run(on_stage, "tasks:\n  - {id: wait, type: io.kestra.plugin.core.flow.Pause}\n")

    overrule.force_run(id_, **on_stage.told(id_))
    on_stage.rest()

    assert on_stage.execution(id_).state is State.SUCCESS
    with pytest.raises(Refused, match="only an execution that is not over"):
        overrule.force_run(id_, **on_stage.told(id_))


def test_a_replay_within_a_dag_drops_those_that_wait_for_it_alone(on_stage: Stage) -> None:
    def task(name: str) -> str:
        return f'task: {{id: {name}, {SAYS[1:]}"1"}}'

    dag = f"""
tasks:
  - id: dag
    type: io.kestra.plugin.core.flow.Dag
    tasks:
      - {task("a")}
      - {task("b")}
        dependsOn: [a]
      - {task("c")}
        dependsOn: [b]
      - {task("beside")}
"""
    id_ = run(on_stage, dag)
    at = reopen.named_run(on_stage.execution(id_), task="b")

    new = on_stage.replay(id_, run=at.id)

    assert states(on_stage, new) == {"dag": "RUNNING", "a": "SUCCESS", "b": "RESTARTED", "beside": "SUCCESS"}
    on_stage.rest()
    assert set(states(on_stage, new).values()) == {"SUCCESS"}
    assert len(on_stage.execution(new).runs) == 5


def test_what_was_said_in_rounds_that_made_room_stays_said(on_stage: Stage) -> None:
    loop = """
tasks:
  - id: again
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.again.iterationCount == 3 }}"
    tasks:
      - {id: say, type: io.kestra.plugin.core.log.Log, message: "round {{ outputs.again.iterationCount }}"}
"""
    execution = on_stage.execution(run(on_stage, loop))
    assert [(each.task, each.state.value) for each in execution.in_order()] == [
        ("again", "SUCCESS"),
        ("say", "SUCCESS"),
    ]

    whole = with_what_left(execution, lambda: on_stage.store.events(execution.id))

    lines = transcript(on_stage.logs, whole)
    assert [(whole.runs[line.key.run].task, line.text) for line in lines] == [
        ("say", f"round {number}") for number in (1, 2, 3)
    ]


def test_a_task_run_is_named_by_its_task_and_value(on_stage: Stage) -> None:
    loop = """
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: '["a", "b"]'
    tasks:
      - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}"}
"""
    execution = on_stage.execution(run(on_stage, loop))

    assert reopen.named_run(execution, task="say=b").value == "b"
    with pytest.raises(Refused, match="there are 2 task runs of `say`"):
        reopen.named_run(execution, task="say")
    with pytest.raises(NotFound, match="has no task run `nobody`"):
        reopen.named_run(execution, task="nobody")
