"""The same through Podman's socket: what the program does with Docker it does there (all of the runner's contract, at
length, in `tests/contract/test_runner.py`)."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import docker

from conftest import ROOT
from docker_engine.shared import Engine
from program import flow_file, penstock, start
from until import until

FLOWS = ROOT / "examples" / "flows"


def test_files_go_in_and_come_out(podman: Engine, tmp_path: Path) -> None:
    done = penstock("run", FLOWS / "files.yaml", "-o", "json", data=tmp_path / "d", env={"DOCKER_HOST": podman.host})
    assert done.code == 0, done.err
    assert done.err.startswith(f"scripts run in containers of {podman.host}\n")
    assert done.json["outputs"]["countries"] > 1


COUNTING = "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 7"


def test_a_killed_runs_container_is_adopted_and_each_line_read_once(podman: Engine, tmp_path: Path) -> None:
    text = (
        "id: counted\nnamespace: team\ntasks:\n  - id: t\n    type: io.kestra.plugin.scripts.shell.Commands\n"
        f"    containerImage: busybox\n    commands: [{json.dumps(COUNTING)}]\n"
    )
    data, env = tmp_path / "d", {"DOCKER_HOST": podman.host}
    process = start("run", flow_file(tmp_path, text), data=data, env=env)
    assert process.stderr is not None
    said = ""
    while "| line 3" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    execution = penstock("executions", "list", "-o", "name", data=data).out.strip()
    resumed = penstock("run", "--resume", execution, data=data, env=env, within=60)
    assert resumed.code == 1, resumed.err
    told = penstock("executions", "logs", execution, data=data).out
    assert [line.rpartition("line ")[2] for line in told.splitlines() if "line " in line] == [str(n) for n in range(30)]
    assert "exit code 7" in told
    client = docker.APIClient(base_url=podman.host)
    until(lambda: client.containers(all=True, filters={"label": f"penstock.execution={execution}"}) == [], 20)
    client.close()
