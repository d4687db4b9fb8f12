"""Container tasks through the program: chosen, run, fed, stopped, and found again after a kill -9."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from conftest import ROOT
from docker_engine.shared import Engine
from program import PENSTOCK, Outcome, environment, flow_file, penstock, start, task_states
from until import until

FLOWS = ROOT / "examples" / "flows"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"


def flow(*commands: str, rest: str = "", image: str = "busybox") -> str:
    lines = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    return (
        f"id: boxed\nnamespace: team\ntasks:\n  - id: t\n    type: {SHELL}\n    containerImage: {image}\n"
        f"    commands:\n{lines}{rest}"
    )


def run(engine: Engine, path: Path, data: Path, *more: str, env: dict[str, str] | None = None) -> Outcome:
    where = {"DOCKER_HOST": engine.host} | (env or {})
    return penstock("run", path, "-o", "json", *more, data=data, env=where, within=120)


def of_execution(client: docker.APIClient, execution: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.containers(all=True, filters={"label": f"penstock.execution={execution}"})
    return found


def records_of(data: Path) -> list[dict[str, Any]]:
    """All executions of a data folder, newest first."""
    listed = penstock("executions", "list", "-o", "name", data=data).out.split()
    return [penstock("executions", "show", id_, "-o", "json", data=data).json for id_ in listed]


# ── where ──


def test_an_engine_that_answers_takes_the_scripts_and_it_is_said(engine: Engine, tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow("cat /proc/1/comm; pwd"))
    done = run(engine, path, tmp_path / "d")
    assert done.code == 0, done.err
    assert done.err.startswith(f"scripts run in containers of {engine.host}\n")
    assert "docker-init" in done.err
    assert "/penstock/work" in done.err
    forced = run(engine, path, tmp_path / "d", "--runner", "process")
    assert "docker-init" not in forced.err


def test_an_agent_runs_scripts_in_containers_by_default(
    engine: Engine, client: docker.APIClient, tmp_path: Path
) -> None:
    repository = _repository(tmp_path, flow("cat /proc/1/comm"))
    once = ("agent", "--repo", repository, "--once", "--record", "none", "--start", "team/boxed", "--name", "box")
    done = penstock(*once, data=tmp_path / "d", env={"DOCKER_HOST": engine.host})
    assert done.code == 0, done.err
    assert re.search(rf"^scripts run in containers of {engine.host} \(.+, API 1\.\d+\)$", done.err, re.MULTILINE)
    record = records_of(tmp_path / "d")[0]
    assert "docker-init" in penstock("executions", "logs", record["id"], data=tmp_path / "d").out
    assert of_execution(client, record["id"]) == []


def test_an_agent_says_when_no_engine_answers_and_goes_on(tmp_path: Path) -> None:
    text = "id: said\nnamespace: team\ntasks:\n  - {id: t, type: io.kestra.plugin.core.log.Log, message: fine}\n"
    once = ("agent", "--repo", _repository(tmp_path, text), "--once", "--record", "none", "--start", "team/said")
    done = penstock(*once, data=tmp_path / "d", env={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert done.code == 0, done.err
    assert f"! scripts run in containers of unix://{tmp_path}/none.sock, which is waited for: " in done.err
    assert "no such file" in done.err


def _repository(tmp_path: Path, *flows: str) -> Path:
    folder = tmp_path / "repository"
    (folder / "flows").mkdir(parents=True)
    for number, text in enumerate(flows):
        (folder / "flows" / f"f{number}.yaml").write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "main", "."], ["add", "."], [*identity, "commit", "-qm", "flows"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


# ── files ──


def test_files_go_in_and_come_out_through_the_engine(engine: Engine, tmp_path: Path) -> None:
    given = tmp_path / "orders.csv"
    given.write_text("id,country,amount\n1,fr,3\n2,de,4\n3,fr,5\n")
    done = run(engine, FLOWS / "files.yaml", tmp_path / "d", "-i", f"orders=@{given}")
    assert done.code == 0, done.err
    outputs = done.json["outputs"]
    assert outputs["countries"] == 2
    assert sorted(outputs["totals"].split()) == ["de,4", "fr,8"]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("ln -s /etc/passwd out.txt", "symbolic link"),
        ("mkfifo out.txt", "no regular file"),
        ("mkdir a && echo 1 > a/out.txt && ln a/out.txt out.txt && rm a/out.txt", ""),
        ("dd if=/dev/zero of=out.txt bs=1 count=0 seek=1000000000000 2>/dev/null", "bytes"),
    ],
)
def test_what_is_no_file_or_a_bomb_is_no_output(engine: Engine, tmp_path: Path, command: str, why: str) -> None:
    path = flow_file(tmp_path, flow(command, rest='    outputFiles: ["*.txt"]\n'))
    done = run(engine, path, tmp_path / "d")
    assert done.code == (1 if why else 0), done.err
    assert why in done.err


def test_no_secret_is_in_what_an_inspection_shows_of_the_command(
    engine: Engine, client: docker.APIClient, tmp_path: Path
) -> None:
    text = flow("echo {{ secret('TOKEN') }} | wc -c", rest=f"    taskRunner: {{type: {DOCKER}, delete: false}}\n")
    done = run(engine, flow_file(tmp_path, text), tmp_path / "d", env={"SECRET_TOKEN": "bm90LWZvci1ldmVyeW9uZQ=="})
    assert done.code == 0, done.err
    [found] = of_execution(client, done.json["id"])
    try:
        shown = client.inspect_container(found["Id"])
        assert "not-for-everyone" not in json.dumps(shown)
        assert "not-for-everyone" not in done.err + done.out
        assert shown["Config"]["Labels"]["kestra.io/task-id"] == "t"
        assert shown["Config"]["Labels"]["kestra.io/taskrun-attempt"] == "0"
    finally:
        client.remove_container(found["Id"], force=True, v=True)


# ── elsewhere ──


class Forwarder:
    """TCP to an engine's socket: a remote engine, as far as files and addresses go."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._serving = threading.Thread(target=self._serve)
        self._ends: list[socket.socket] = []
        self._pumps: list[threading.Thread] = []
        self._serving.start()

    def _serve(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            self._ends += [here, there]
            there.connect(self._path)
            for one, other in ((here, there), (there, here)):
                pump = threading.Thread(target=self._pump, args=(one, other))
                self._pumps.append(pump)
                pump.start()

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):  # the other side went away
            while data := one.recv(1 << 16):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Every connection is over, every thread joined, every socket closed."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._serving.join()
        self._server.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for pump in self._pumps:
            pump.join()
        for end in self._ends:
            end.close()


@pytest.fixture
def remote(engine: Engine) -> Iterator[str]:
    if not engine.host.startswith("unix://"):
        pytest.skip("the engine is remote already")
    forwarder = Forwarder(engine.host.removeprefix("unix://"))
    yield forwarder.host
    forwarder.close()


def test_an_engine_over_tcp_gets_its_files_and_gives_them_back(engine: Engine, remote: str, tmp_path: Path) -> None:
    given = tmp_path / "orders.csv"
    given.write_text("id,country,amount\n1,fr,3\n2,de,4\n")
    done = run(Engine(remote, False), FLOWS / "files.yaml", tmp_path / "d", "-i", f"orders=@{given}")
    assert done.code == 0, done.err
    assert done.err.startswith(f"scripts run in containers of {remote}\n")
    assert done.json["outputs"]["countries"] == 2


def test_an_agent_that_lives_in_a_container_needs_the_socket_alone(
    engine: Engine, debian: str, client: docker.APIClient, tmp_path: Path
) -> None:
    """Its working folders are its own: nothing of them is seen by the engine, nor by the tasks."""
    if not engine.host.startswith("unix://"):
        pytest.skip("the engine has no socket here")
    binds = [f"{engine.host.removeprefix('unix://')}:/var/run/docker.sock"]
    binds += [f"{path}:{path}:ro" for path in sorted({sys.prefix, sys.base_prefix, str(ROOT)})]
    text = flow("cat given; echo made > outputs/made.txt", rest='    inputFiles: {given: "in a file\\n"}\n')
    (tmp_path / "flow.yaml").write_text(text, encoding="utf-8")
    binds.append(f"{tmp_path}/flow.yaml:/flow.yaml:ro")
    paths = ":".join(str(ROOT / each) for each in ("engine", "cli", "schemas"))
    made = client.create_container_from_config(
        {
            "Image": debian,
            "Cmd": [sys.executable, "-m", "penstock_cli", "run", "/flow.yaml", "-o", "json", "--data", "/tmp/data"],
            "Env": [f"PYTHONPATH={paths}", "PYTHONDONTWRITEBYTECODE=1"],
            "HostConfig": {"Binds": binds, "Init": True},
        }
    )["Id"]
    try:
        client.start(made)
        code = client.wait(made, timeout=120)["StatusCode"]
        said = client.logs(made).decode()
        assert code == 0, said
        assert "scripts run in containers of unix:///var/run/docker.sock" in said
        assert "in a file" in said
        record = json.loads(client.logs(made, stderr=False).decode())
        assert set(record["taskRunList"][0]["outputs"]["outputFiles"]) == {"made.txt"}
    finally:
        client.remove_container(made, force=True, v=True)


# ── stopping, dying, coming back ──


def test_an_interrupted_run_leaves_no_container(engine: Engine, client: docker.APIClient, tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow("trap 'echo in peace; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
    process = start("run", path, data=tmp_path / "d", env={"DOCKER_HOST": engine.host})
    assert process.stderr is not None
    said = ""
    while "| up" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "in peace" in rest
    record = records_of(tmp_path / "d")[0]
    assert record["state"]["current"] == "KILLED"
    assert of_execution(client, record["id"]) == []


COUNTING = "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 7"


@pytest.mark.parametrize("ends_first", [False, True], ids=["lives-on", "ended-meanwhile"])
def test_a_killed_agents_container_is_adopted_and_each_line_read_once(
    engine: Engine, client: docker.APIClient, tmp_path: Path, ends_first: bool
) -> None:
    repository = _repository(tmp_path, flow(COUNTING))
    argv = ["agent", "--repo", str(repository), "--record", "none", "--name", "box", "--interval", "10s"]
    data, env = tmp_path / "d", environment(tmp_path / "d", {"DOCKER_HOST": engine.host})

    def begun() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*PENSTOCK, *argv], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def records() -> list[dict[str, Any]]:
        return records_of(data)

    first = begun()
    container: list[dict[str, Any]] = []

    def printed() -> bool:
        owner = (data / "owner").read_text().strip() if (data / "owner").exists() else "nobody"
        container[:] = client.containers(filters={"label": f"penstock.owner={owner}", "status": "running"})
        return bool(container) and client.logs(container[0]["Id"]).count(b"\n") >= 5

    try:
        until(lambda: penstock("trigger", "team/boxed", data=data).code == 0, 30)
        until(printed, 60)
        first.kill()
        first.wait(10)
        if ends_first:
            until(lambda: client.inspect_container(container[0]["Id"])["State"]["Status"] == "exited", 30)
        second = begun()
        try:
            until(lambda: records()[0]["state"]["current"] not in ("CREATED", "RUNNING"), 60)
        finally:
            second.send_signal(signal.SIGTERM)
            second.wait(30)
    finally:
        first.kill()
        first.wait(10)
    [record] = records()
    assert record["state"]["current"] == "FAILED"
    attempts = record["taskRunList"][0]["attempts"]
    assert len(attempts) == 1, attempts
    out = penstock("executions", "logs", record["id"], data=data).out
    assert [line.rpartition("line ")[2] for line in out.splitlines() if "line " in line] == [str(n) for n in range(40)]
    assert "exit code 7" in out
    until(lambda: of_execution(client, record["id"]) == [], 20)


def test_what_a_killed_run_left_is_swept_by_the_agent_of_its_folder(
    engine: Engine, client: docker.APIClient, tmp_path: Path
) -> None:
    """Its task has ended, and nobody was there to clear it away; what is not ours stays."""
    env = {"DOCKER_HOST": engine.host, "PENSTOCK_FAILPOINT": "task-ended:1"}
    path = flow_file(tmp_path, flow("true"))
    died = penstock("run", path, data=tmp_path / "d", env=env)
    assert died.code == -signal.SIGKILL
    [left] = client.containers(
        all=True, filters={"label": f"penstock.owner={(tmp_path / 'd' / 'owner').read_text().strip()}"}
    )
    foreign = client.create_container("busybox", ["true"], labels={"penstock.owner": "somebody else"})
    try:
        resumed = penstock(
            "run",
            "--resume",
            left["Labels"]["penstock.execution"],
            data=tmp_path / "d",
            env={"DOCKER_HOST": engine.host},
        )
        assert resumed.code == 0, resumed.err
        assert of_execution(client, left["Labels"]["penstock.execution"]) == []
        assert client.inspect_container(foreign["Id"])
    finally:
        client.remove_container(foreign, force=True)


# ── examples, and what users of Kestra write ──


def test_the_example_of_a_container(engine: Engine, debian: str, tmp_path: Path) -> None:
    done = run(engine, FLOWS / "container.yaml", tmp_path, "-i", "name=Grace")
    assert done.code == 0, done.err
    assert done.json["outputs"] == {"greeting": "Hello, Grace"}
    assert "Python 3 greets from /penstock/work" in done.err
    assert "count | 12" in done.err


def test_the_example_with_before_commands(engine: Engine, debian: str, tmp_path: Path) -> None:
    done = run(engine, FLOWS / "container-before-commands.yaml", tmp_path)
    assert done.code == 0, done.err
    assert done.json["outputs"] == {"gross": 119.0}


def test_the_example_with_limits(engine: Engine, tmp_path: Path) -> None:
    done = run(engine, FLOWS / "container-limits.yaml", tmp_path)
    assert done.code == 1, done.err
    assert "as 65534, beside lo" in done.err
    assert task_states(done.json) == [("greedy", "FAILED"), ("tell", "SUCCESS")]
    assert "Out of memory" in done.json["taskRunList"][0]["error"]


def test_a_flow_as_users_write_it(engine: Engine, debian: str, conformance: Path, tmp_path: Path) -> None:
    text = (conformance / "wanted" / "any-language.yaml").read_text(encoding="utf-8")
    head, _, boxed = text.partition("  # Docker container\n")
    tasks = head.index("tasks:\n") + len("tasks:\n")
    done = run(engine, flow_file(tmp_path, head[:tasks] + boxed), tmp_path / "d")
    assert "Running in Docker" in done.err, done.err
