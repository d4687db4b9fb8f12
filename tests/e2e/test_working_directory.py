"""A WorkingDirectory through the program: shared by processes or containers, kept, found again, and gone at its end."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import docker
import pytest

from conftest import ROOT
from docker_engine.shared import Engine
from program import NO_ENGINE, PENSTOCK, Outcome, environment, flow_file, penstock, task_states
from until import until

SHELL = "io.kestra.plugin.scripts.shell.Commands"
HEAD = "id: wd\nnamespace: team\ntasks:\n  - id: dir\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n"


def task(name: str, command: str, rest: str = "") -> str:
    return (
        f"      - id: {name}\n        type: {SHELL}\n        containerImage: busybox\n"
        f"        commands: [{json.dumps(command)}]\n{rest}"
    )


def flow(*tasks: str, of_dir: str = "", after: str = "") -> str:
    return f"{HEAD}{of_dir}    tasks:\n{''.join(tasks)}{after}"


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.long)])
def where(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment in which scripts run as processes, or in containers."""
    if request.param == "process":
        return {"DOCKER_HOST": NO_ENGINE}
    engine: Engine = request.getfixturevalue("engine")
    return {"DOCKER_HOST": engine.host}


def run(text: str | Path, data: Path, env: dict[str, str], *more: str) -> Outcome:
    data.mkdir(exist_ok=True)
    path = text if isinstance(text, Path) else flow_file(data, text)
    return penstock("run", path, "-o", "json", *more, data=data, env=env, within=120)


def volumes_of(client: docker.APIClient, data: Path) -> list[str]:
    owner = (data / "owner").read_text().strip()
    found = client.volumes(filters={"label": f"penstock.owner={owner}"})["Volumes"] or []
    return [each["Name"] for each in found]


def test_tasks_find_what_the_others_have_left(where: dict[str, str], tmp_path: Path) -> None:
    text = flow(
        task("first", "cat given; mkdir sub; echo 1 > sub/one.txt; echo x > private.log"),
        task("second", "ls sub; echo 2 > sub/two.txt"),
        of_dir='    inputFiles: {given: "given to all\\n"}\n    outputFiles: ["sub/*.txt"]\n',
        after=f"  - id: after\n    type: {SHELL}\n    containerImage: busybox\n"
        "    commands: [\"cat {{ outputs.dir.outputFiles['sub/two.txt'] }}\", ls]\n",
    )
    done = run(text, tmp_path, where)
    assert done.code == 0, done.err
    assert task_states(done.json) == [(name, "SUCCESS") for name in ("dir", "first", "second", "after")]
    assert set(done.json["taskRunList"][0]["outputs"]["outputFiles"]) == {"sub/one.txt", "sub/two.txt"}
    said = [line.partition("| ")[2] for line in done.err.splitlines() if "| " in line]
    assert [line for line in said if line in ("given to all", "one.txt", "2", "private.log")] == [
        "given to all",
        "one.txt",
        "2",
    ]


def test_a_failed_task_ends_it_and_what_there_is_is_kept(where: dict[str, str], tmp_path: Path) -> None:
    text = flow(task("first", "echo 1 > kept; exit 3"), task("second", "true"), of_dir='    outputFiles: ["kept"]\n')
    done = run(text, tmp_path, where)
    assert done.code == 1
    assert task_states(done.json) == [("dir", "FAILED"), ("first", "FAILED")]
    assert list(done.json["taskRunList"][0]["outputs"]["outputFiles"]) == ["kept"]


def test_a_retried_task_works_on_in_the_same_directory(where: dict[str, str], tmp_path: Path) -> None:
    again = "        retry: {type: constant, interval: PT0.1S, maxAttempts: 3}\n"
    text = flow(
        task("first", "echo x >> tries; [ $(wc -l < tries) -ge 3 ]", again), of_dir="    outputFiles: [tries]\n"
    )
    done = run(text, tmp_path, where)
    assert done.code == 0, done.err
    assert len(done.json["taskRunList"][1]["attempts"]) == 3


def test_the_cache_hands_on_from_execution_to_execution(where: dict[str, str], tmp_path: Path) -> None:
    text = flow(
        task("count", "echo x >> kept/all; wc -l < kept/all", "        beforeCommands: [mkdir -p kept]\n"),
        of_dir='    cache: {patterns: ["kept/**"], ttl: PT1H}\n',
    )
    for number in (1, 2, 3):
        done = run(text, tmp_path, where)
        assert done.code == 0, done.err
        assert f"count | {number}" in done.err
    expired = run(text.replace("PT1H", "PT0S"), tmp_path, where)
    assert "count | 1" in expired.err


def test_nothing_of_it_is_left(engine: Engine, client: docker.APIClient, tmp_path: Path) -> None:
    done = run(flow(task("first", "echo 1 > x")), tmp_path, {"DOCKER_HOST": engine.host})
    assert done.code == 0, done.err
    assert volumes_of(client, tmp_path) == []
    as_process = run(flow(task("first", "pwd")), tmp_path, {"DOCKER_HOST": NO_ENGINE})
    [place] = [line.partition("| ")[2] for line in as_process.err.splitlines() if "first | /" in line]
    assert not Path(place).exists()


def test_two_kinds_of_runner_cannot_share_it(engine: Engine, tmp_path: Path) -> None:
    process = "        taskRunner: {type: io.kestra.plugin.core.runner.Process}\n"
    done = run(flow(task("boxed", "true"), task("bare", "true", process)), tmp_path, {"DOCKER_HOST": engine.host})
    assert done.code == 1
    assert task_states(done.json) == [("dir", "FAILED"), ("boxed", "SUCCESS"), ("bare", "FAILED")]
    assert "cannot be shared by two kinds of runner: `boxed` runs in `docker`, this task in `process`" in done.err


def test_a_killed_agent_finds_the_directory_again(engine: Engine, client: docker.APIClient, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "flows").mkdir(parents=True)
    slow = task("slow", "cat mark; echo begun; while [ ! -e go ] && [ $((n=n+1)) -lt 300 ]; do sleep 0.1; done; cat go")
    text = flow(task("first", "echo left by the first > mark"), slow, of_dir='    outputFiles: ["*"]\n')
    flow_file(repository / "flows", text)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "main", "."], ["add", "."], [*identity, "commit", "-qm", "flows"]):
        subprocess.run(["git", *words], cwd=repository, check=True)
    data = tmp_path / "d"
    argv = [*PENSTOCK, "agent", "--repo", str(repository), "--record", "none", "--name", "box", "--interval", "10s"]
    env = environment(data, {"DOCKER_HOST": engine.host})

    def begun() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def boxes() -> list[dict[str, Any]]:
        labels = ["penstock.flow=wd", "kestra.io/task-id=slow"]
        found: list[dict[str, Any]] = client.containers(filters={"label": labels, "status": "running"})
        owner = (data / "owner").read_text().strip() if (data / "owner").exists() else "nobody"
        return [each for each in found if each["Labels"]["penstock.owner"] == owner]

    def record() -> dict[str, Any]:
        [name] = penstock("executions", "list", "-o", "name", data=data).out.split()
        shown: dict[str, Any] = penstock("executions", "show", name, "-o", "json", data=data).json
        return shown

    agent = begun()
    try:
        until(lambda: penstock("trigger", "team/wd", data=data).code == 0, 30)
        until(lambda: any(b"begun" in client.logs(each["Id"]) for each in boxes()), 60)
        agent.kill()
        agent.wait(10)
        [box] = boxes()
        made = client.exec_create(box["Id"], ["sh", "-c", "echo going > go"], workdir="/penstock/work")
        client.exec_start(made["Id"])
        agent = begun()
        until(lambda: record()["state"]["current"] not in ("CREATED", "RUNNING"), 60)
        ended = record()
        until(lambda: volumes_of(client, data) == [], 30)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(30)
    assert ended["state"]["current"] == "SUCCESS", ended
    assert [len(each["attempts"]) for each in ended["taskRunList"]] == [1, 1, 1]
    assert set(ended["taskRunList"][0]["outputs"]["outputFiles"]) == {"mark", "go"}


def test_the_example(where: dict[str, str], tmp_path: Path) -> None:
    example = ROOT / "examples" / "flows" / "working-directory.yaml"
    assert run(example, tmp_path, where).json["outputs"] == {"totals": "fr,3\n"}
    assert run(example, tmp_path, where, "-i", "order=de,4").json["outputs"] == {"totals": "de,4\nfr,3\n"}
