"""What a task may say of its attempts: outputs that are used again, and a log that becomes a file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from penstock.diagnostic import FlowName
from penstock.execution.model import Execution
from penstock.execution.sealed import unseal
from unit.agent.bench import NOON, SHELL, Bench, bench, flow

RETURN = "io.kestra.plugin.core.debug.Return"
CACHED = "    taskCache: {enabled: true, ttl: PT1H}\n"


def counting(counter: Path, *, cache: str = CACHED, value: str = "a") -> str:
    """A task that counts how often it has run, and leaves a file."""
    return (
        f"  - id: work\n    type: {SHELL}\n    env: {{VALUE: {value}}}\n{cache}"
        "    outputFiles: [out.txt]\n    commands:\n"
        f"      - 'echo x >> {counter}; echo $VALUE > out.txt'\n"
        f"""      - 'echo "::{{\\"outputs\\":{{\\"ran\\":$(wc -l < {counter})}}}}::"'\n"""
    )


def ran(agent: Bench, task: str) -> Execution:
    agent.deploy({"a": flow("a", task=task)})
    started = agent.starter.start_named(FlowName("team", "a"))
    agent.until_over()
    execution = agent.place.store.load(started.id)
    assert execution is not None
    assert execution.state.value == "SUCCESS", [run.error for run in execution.runs.values()]
    return execution


def outputs(execution: Execution, task: str = "work") -> dict[str, object]:
    [run] = [run for run in execution.runs.values() if run.task == task]
    return dict(run.outputs or {})


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("SECRET_KEY", base64.b64encode(b"k3y-of-the-house").decode())
    with bench(tmp_path) as made:
        yield made


def test_outputs_are_used_again_while_the_properties_are_the_same(agent: Bench, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    task = (
        counting(counter)
        + f"  - {{id: read, type: {RETURN}, format: \"{{{{ read(outputs.work.outputFiles['out.txt']) }}}}\"}}\n"
    )
    first, second = ran(agent, task), ran(agent, task)
    assert (outputs(first)["vars"], outputs(second)["vars"]) == ({"ran": 1}, {"ran": 1})
    assert outputs(second, "read")["value"] == "a\n"
    assert second.id in outputs(second)["outputFiles"]["out.txt"]
    assert outputs(ran(agent, counting(counter, value="b")))["vars"] == {"ran": 2}
    assert outputs(ran(agent, counting(counter)))["vars"] == {"ran": 1}
    agent.clock.set(NOON + timedelta(hours=1, seconds=1))
    assert outputs(ran(agent, counting(counter)))["vars"] == {"ran": 3}
    assert outputs(ran(agent, counting(counter, cache="")))["vars"] == {"ran": 4}
    assert outputs(ran(agent, counting(counter, cache="    taskCache: {enabled: false}\n")))["vars"] == {"ran": 5}


def test_an_inline_task_has_a_cache_too(agent: Bench) -> None:
    task = f"  - {{id: work, type: {RETURN}, format: '{{{{ execution.id }}}}', taskCache: {{enabled: true}}}}\n"
    once = f"  - {{id: work, type: {RETURN}, format: fixed, taskCache: {{enabled: true}}}}\n"
    assert outputs(ran(agent, task)) != outputs(ran(agent, task))
    assert outputs(ran(agent, once)) == outputs(ran(agent, once)) == {"value": "fixed"}


def test_what_failed_is_not_kept(agent: Bench, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    failing = counting(counter).replace("echo $VALUE > out.txt", "test -e " + str(tmp_path / "go") + " || exit 1")
    agent.deploy({"a": flow("a", task=failing.replace("    outputFiles: [out.txt]\n", ""))})
    agent.starter.start_named(FlowName("team", "a"))
    agent.until_over()
    (tmp_path / "go").touch()
    assert outputs(ran(agent, failing.replace("    outputFiles: [out.txt]\n", "")))["vars"] == {"ran": 2}


@pytest.mark.parametrize("kind", ["inline", "worker"])
def test_a_log_becomes_a_file_of_its_task_run(agent: Bench, kind: str) -> None:
    task = {
        "inline": "  - {id: work, type: io.kestra.plugin.core.log.Log, message: hello, logToFile: true}\n",
        "worker": f"  - {{id: work, type: {SHELL}, commands: [echo hello], logToFile: true}}\n",
    }[kind]
    execution = ran(agent, task)
    [run] = execution.runs.values()
    uri = run.attempts[-1].log["file"]
    with agent.place.files.open(agent.place.files.resolve(uri)) as file:
        [line] = file.read().decode().splitlines()
    assert line.endswith("INFO hello")
    assert f"/executions/{execution.id}/tasks/work/{run.id}/" in uri


def test_lines_below_the_level_of_a_task_are_not_kept(agent: Bench) -> None:
    say = "{id: %s, type: io.kestra.plugin.core.log.Log, message: x, level: %s, logLevel: WARN}"
    task = f"  - {say % ('quiet', 'INFO')}\n  - {say % ('loud', 'ERROR')}\n"
    execution = ran(agent, task)
    said = {run.task: run.attempts[-1].log.get("said") for run in execution.runs.values()}
    assert said["quiet"] is None
    assert [line[1:] for line in said["loud"]] == [["ERROR", "x"]]


def test_a_secret_among_kept_outputs_is_sealed(agent: Bench) -> None:
    task = f"  - {{id: work, type: {RETURN}, format: \"{{{{ secret('KEY') }}}}\", taskCache: {{enabled: true}}}}\n"
    ran(agent, task)
    [kept] = [uri for uri in agent.place.files.list("kestra:///") if "/cache/outputs/" in uri]
    with agent.place.files.open(agent.place.files.resolve(kept)) as file:
        assert b"k3y-of-the-house" not in file.read()
    assert unseal(outputs(ran(agent, task)), agent.place.vault.open) == {"value": "k3y-of-the-house"}
