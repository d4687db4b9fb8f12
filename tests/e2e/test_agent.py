"""`penstock agent --once`: one round over a real repository, and what it leaves behind."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from program import Outcome, penstock
from until import until

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.invalid",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.invalid",
}
LOG = "io.kestra.plugin.core.log.Log"
SHELL = "io.kestra.plugin.scripts.shell.Commands"


def git(*args: str, cwd: Path) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, env={**os.environ, **IDENTITY}, capture_output=True, check=True)
    return done.stdout.decode().strip()


class Repository:
    def __init__(self, folder: Path) -> None:
        self.bare, self.work, self.data = folder / "flows.git", folder / "work", folder / "data"
        git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=folder)
        git("init", "-q", "-b", "main", str(self.work), cwd=folder)

    def push(self, **files: str | None) -> str:
        (self.work / "flows").mkdir(exist_ok=True)
        for name, text in files.items():
            path = self.work / "flows" / f"{name}.yaml"
            path.unlink(missing_ok=True) if text is None else path.write_text(text, encoding="utf-8")
        git("add", "--all", cwd=self.work)
        git("commit", "-q", "--allow-empty", "-m", "change", cwd=self.work)
        git("push", "-q", str(self.bare), "HEAD:main", cwd=self.work)
        return git("rev-parse", "HEAD", cwd=self.work)

    def agent(self, *more: str, process: bool = True) -> Outcome:
        allow = ["--runner", "process"] if process else []
        return penstock("agent", "--repo", self.bare, "--once", "--name", "box", *allow, "--data", self.data, *more)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = penstock("agent", "status", "--data", self.data, "-o", "json").json
        return found

    def health(self) -> dict[str, str]:
        return {flow["flow"]: flow["health"] for flow in self.status()["flows"]}

    def results(self) -> dict[str, bytes]:
        branch = git("for-each-ref", "--format=%(refname)", "refs/heads/penstock/", cwd=self.bare)
        if not branch:
            return {}
        paths = git("ls-tree", "-r", "--name-only", branch, cwd=self.bare).splitlines()
        return {
            path: subprocess.run(
                ["git", "cat-file", "blob", f"{branch}:{path}"], cwd=self.bare, capture_output=True, check=True
            ).stdout
            for path in paths
        }

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(text) for path, text in self.results().items() if path.endswith("/execution.json")]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def flow(name: str, *, rest: str = "", message: str = "hello", kind: str = LOG) -> str:
    body = f"    message: {message}\n" if kind == LOG else f"    commands:\n      - {json.dumps(message)}\n"
    return f"id: {name}\nnamespace: team\ntasks:\n  - id: say\n    type: {kind}\n{body}{rest}"


def test_a_named_flow_runs_and_its_result_is_a_commit(repository: Repository) -> None:
    commit = repository.push(a=flow("a", kind=SHELL, message="echo from a script"))
    done = repository.agent("--start", "team/a")
    assert done.code == 0, done.err
    [record] = repository.records()
    assert record["state"]["current"] == "SUCCESS"
    assert record["source"]["commit"] == commit
    assert record["source"]["blob"] == git("rev-parse", "HEAD:flows/a.yaml", cwd=repository.work)
    [log] = [content for path, content in repository.results().items() if path.endswith(".log.gz")]
    assert b"INFO from a script" in gzip.decompress(log)
    [path] = [path for path in repository.results() if path.endswith("/execution.json")]
    assert path.split("/")[4:7] == ["team", "a", record["id"]]


def test_a_second_round_adds_nothing_when_nothing_is_due(repository: Repository) -> None:
    repository.push(a=flow("a"))
    repository.agent("--start", "team/a")
    before = repository.results()
    assert repository.agent().code == 0
    assert repository.results() == before


def test_a_broken_file_is_shown_and_its_neighbours_run(repository: Repository) -> None:
    repository.push(good=flow("good"), bad=flow("bad"))
    assert repository.agent().code == 0
    repository.push(bad=flow("bad").replace("message", "mesage"), good=flow("good", message="anew"))
    done = repository.agent("--start", "team/good", "--start", "team/bad")
    assert done.code == 1
    assert "flows/bad.yaml:4:5" in done.err
    assert "^^^" in done.err
    assert repository.health() == {"team/bad": "degraded", "team/good": "ok"}
    assert sorted(record["flowId"] for record in repository.records()) == ["bad", "good"]
    assert {record["flowId"]: record["flowRevision"] for record in repository.records()} == {"bad": 1, "good": 2}


def test_a_flow_that_is_gone_cannot_be_started(repository: Repository) -> None:
    repository.push(a=flow("a"), b=flow("b"))
    repository.agent()
    repository.push(a=None)
    done = repository.agent("--start", "team/a")
    assert done.code == 2
    assert "team/a" in done.err
    assert repository.health() == {"team/b": "ok"}


def test_a_schedule_fires_each_slot_once(repository: Repository) -> None:
    schedule = "io.kestra.plugin.core.trigger.Schedule"
    when = 'cron: "* * * * * *"\n    withSeconds: true\n    timezone: UTC\n'
    rest = f"triggers:\n  - id: tick\n    type: {schedule}\n    {when}"
    repository.push(a=flow("a", rest=rest))
    assert repository.agent().code == 0
    assert repository.records() == []
    until(lambda: repository.agent().code == 0 and repository.records(), 30)
    dates = [record["scheduleDate"] for record in repository.records()]
    assert len(dates) == len(set(dates)) > 0
    assert all(record["trigger"]["id"] == "tick" for record in repository.records())


def test_a_process_is_refused_unless_it_is_allowed(repository: Repository) -> None:
    named = "    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n"
    repository.push(a=flow("a", kind=SHELL, message="true", rest=named))
    done = repository.agent("--start", "team/a", process=False)
    assert done.code == 1
    assert "--allow-process-runner" in done.err + json.dumps(repository.records())
    assert repository.agent("--start", "team/a", "--allow-process-runner", process=False).code == 0


def test_a_repository_that_is_gone_keeps_nothing_from_running(repository: Repository) -> None:
    repository.push(a=flow("a"))
    repository.agent()
    away = repository.bare.with_name("away.git")
    repository.bare.rename(away)
    done = repository.agent("--start", "team/a")
    assert done.code == 3
    assert "SUCCESS" in done.err
    away.rename(repository.bare)
    assert repository.status()["unrecorded"] == 1
    assert repository.agent().code == 0
    assert [record["flowId"] for record in repository.records()] == ["a"]


def test_a_flow_with_a_type_that_cannot_run_is_deployed_as_blocked(repository: Repository) -> None:
    repository.push(a=flow("a").replace(f"{LOG}\n    message: hello", "io.kestra.plugin.core.kv.Delete\n    key: k"))
    assert repository.agent().code == 0
    assert repository.health() == {"team/a": "blocked"}
    done = repository.agent("--start", "team/a")
    assert done.code == 2
    assert "kv.Delete" in done.err


def test_a_flow_that_fails_makes_the_round_fail(repository: Repository) -> None:
    repository.push(a=flow("a", kind=SHELL, message="exit 9"))
    done = repository.agent("--start", "team/a")
    assert done.code == 1
    assert repository.records()[0]["state"]["current"] == "FAILED"


def test_what_an_agent_left_behind_is_taken_up_by_the_next(repository: Repository, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    wait = f"echo begun; touch {flag}.begun; while [ ! -e {flag} ]; do sleep 0.02; done; echo done"
    repository.push(a=flow("a", kind=SHELL, message=wait))
    from program import start

    process = start(
        *("agent", "--repo", repository.bare, "--once", "--name", "box", "--runner", "process", "--start", "team/a"),
        data=repository.data,
    )
    until(lambda: (tmp_path / "flag.begun").exists(), 30)
    process.kill()
    process.wait()
    process.communicate()
    flag.touch()
    assert repository.agent().code == 0
    [record] = repository.records()
    assert record["state"]["current"] == "SUCCESS"
    assert len(record["taskRunList"][0]["attempts"]) == 1
    [log] = [content for path, content in repository.results().items() if path.endswith(".log.gz")]
    assert [line.split()[-1] for line in gzip.decompress(log).decode().splitlines()] == ["begun", "done"]
