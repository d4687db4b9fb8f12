"""`penstock agent` as it stays: a real process on a real repository, pushed to, signalled, killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from program import PENSTOCK, environment, penstock
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
SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"


def git(*args: str, cwd: Path) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, env={**os.environ, **IDENTITY}, capture_output=True, check=True)
    return done.stdout.decode().strip()


def flow(name: str, *commands: str, rest: str = "", head: str = "") -> str:
    """A flow that logs, or that runs commands one after the other as tasks."""
    tasks = f"  - id: say\n    type: {LOG}\n    message: hello\n"
    if commands:
        tasks = "".join(
            f"  - id: t{n}\n    type: {SHELL}\n    commands:\n      - {json.dumps(each)}\n"
            for n, each in enumerate(commands)
        )
    return f"id: {name}\nnamespace: team\n{head}tasks:\n{tasks}{rest}"


def every_second(name: str) -> str:
    rest = f"triggers:\n  - id: tick\n    type: {SCHEDULE}\n    cron: '* * * * * *'\n    withSeconds: true\n"
    return flow(name, rest=rest)


class Agent:
    """A repository, and an agent on it whose log is read as JSON lines."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.work, self.data = folder / "flows.git", folder / "work", folder / "data"
        self.log = folder / "agent.log"
        git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=folder)
        git("init", "-q", "-b", "main", str(self.work), cwd=folder)
        self.process: subprocess.Popen[bytes] | None = None

    def push(self, **files: str) -> str:
        (self.work / "flows").mkdir(exist_ok=True)
        for name, text in files.items():
            (self.work / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
        git("add", "--all", cwd=self.work)
        git("commit", "-q", "--allow-empty", "-m", "change", cwd=self.work)
        git("push", "-q", str(self.bare), "HEAD:main", cwd=self.work)
        return git("rev-parse", "HEAD", cwd=self.work)

    def start(self, *more: str, interval: str = "300s") -> None:
        argv = [*PENSTOCK, "agent", "--repo", str(self.bare), "--data", str(self.data), "--name", "box"]
        argv += ["--interval", interval, "--runner", "process", "--log-format", "json", *more]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
            )
        begun = len(self.lines())
        until(lambda: self.is_gone() or len(self.lines()) > begun or self._listens(), 20)

    def _listens(self) -> bool:
        return penstock("agent", "poke", "--data", self.data).code == 0

    def is_gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def lines(self, event: str | None = None, **fields: Any) -> list[dict[str, Any]]:
        """What it has told, without a last line that is not whole yet."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [
            line
            for line in found
            if event in (None, line["event"]) and all(line.get(name) == value for name, value in fields.items())
        ]

    def deployed(self, **fields: Any) -> dict[str, Any]:
        return until(lambda: self.lines("flows.deployed", **fields), 20)[-1]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(20)

    def trigger(self, name: str, *more: str) -> str:
        done = penstock("trigger", f"team/{name}", "--data", self.data, "-o", "name", *more)
        assert done.code == 0, done.err
        return done.out.strip()

    def show(self, id_: str) -> dict[str, Any]:
        record: dict[str, Any] = penstock("executions", "show", id_, "--data", self.data, "-o", "json").json
        return record

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = penstock("agent", "status", "--data", self.data, "-o", "json").json
        return found


@pytest.fixture
def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    if not made.is_gone():
        made.stop(signal.SIGKILL)


def test_a_push_is_deployed_at_the_next_poll(agent: Agent) -> None:
    agent.push(a=flow("a"))
    agent.start(interval="200ms")
    assert agent.deployed()["create"] == 1
    commit = agent.push(a=flow("a", "echo changed"), b=flow("b"))
    line = agent.deployed(commit=commit)
    assert (line["create"], line["update"], line["read"], line["generation"]) == (1, 1, 2, 2)
    assert agent.stop() == 143


def test_a_poke_does_not_wait_for_the_poll(agent: Agent) -> None:
    agent.push(a=flow("a"))
    agent.start()
    agent.deployed()
    commit = agent.push(b=flow("b"))
    assert penstock("agent", "poke", "--data", agent.data).code == 0
    assert agent.deployed(commit=commit)["create"] == 1
    agent.stop()
    gone = penstock("agent", "poke", "--data", agent.data)
    assert (gone.code, "no agent listens" in gone.err) == (1, True)


def test_a_broken_flow_keeps_its_last_good_revision_while_its_neighbour_is_deployed(agent: Agent) -> None:
    agent.push(good=flow("good"), bad=flow("bad"))
    agent.start("--record", "none", interval="200ms")
    agent.deployed()
    commit = agent.push(good=flow("good", "echo new"), bad=flow("bad").replace("message", "mesage"))
    line = agent.deployed(commit=commit)
    assert (line["update"], line["hold"], line["errors"]) == (1, 1, 2)
    health = {each["flow"]: (each["health"], each["revision"]) for each in agent.status()["flows"]}
    assert health == {"team/bad": ("degraded", 1), "team/good": ("ok", 2)}
    before = agent.status()
    agent.stop(signal.SIGKILL)
    after = agent.status()
    assert (after["flows"], after["generation"]) == (before["flows"], before["generation"])
    assert (before["agent"]["running"], after["agent"]["running"]) == (True, False)


def test_a_schedule_fires_each_second_once(agent: Agent) -> None:
    agent.push(a=every_second("a"))
    agent.start("--record", "none")
    fired = until(lambda: len(found := agent.lines("trigger.fired")) >= 3 and found, 20)
    slots = [line["slot"] for line in fired]
    assert slots == sorted(set(slots))
    assert all(line["late_s"] < 1 for line in fired)
    assert until(lambda: agent.lines("execution.ended", state="SUCCESS"), 10)


def test_what_is_triggered_runs_and_is_followed(agent: Agent) -> None:
    agent.push(a=flow("a", "echo hi"), b=flow("b", "exit 3"))
    agent.start("--record", "none")
    agent.deployed()
    done = penstock("trigger", "team/a", "--data", agent.data, "--wait")
    assert done.code == 0, done.err
    assert penstock("trigger", "team/b", "--data", agent.data, "--wait").code == 1


def test_tasks_outlive_a_killed_agent_and_are_adopted(agent: Agent, tmp_path: Path) -> None:
    notes, go = tmp_path / "notes", tmp_path / "go"
    wait = f"echo begun >> {notes}; while [ ! -e {go} ]; do sleep 0.02; done; echo done >> {notes}"
    agent.push(a=flow("a", wait, f"echo second >> {notes}"))
    agent.start("--record", "none")
    agent.deployed()
    id_ = agent.trigger("a")
    until(lambda: notes.exists() and "begun" in notes.read_text(), 20)
    agent.stop(signal.SIGKILL)
    go.touch()
    until(lambda: "done" in notes.read_text(), 10)
    agent.start("--record", "none")
    until(lambda: agent.show(id_)["state"]["current"] == "SUCCESS", 20)
    assert notes.read_text().split() == ["begun", "done", "second"]
    assert agent.lines("agent.adopted")[0]["tasks"] == 1
    assert [len(run["attempts"]) for run in agent.show(id_)["taskRunList"]] == [1, 1]


def test_a_stop_leaves_tasks_running_and_a_drain_waits_for_them(agent: Agent, tmp_path: Path) -> None:
    notes, go = tmp_path / "notes", tmp_path / "go"
    wait = f"echo begun >> {notes}; while [ ! -e {go} ]; do sleep 0.02; done; echo done >> {notes}"
    agent.push(a=flow("a", wait))
    agent.start("--record", "none")
    agent.deployed()
    id_ = agent.trigger("a")
    until(lambda: notes.exists(), 20)
    assert agent.stop() == 143
    assert agent.lines("agent.stopping")[0]["busy"] == 1
    assert agent.show(id_)["state"]["current"] == "RUNNING"
    agent.start("--record", "none", "--drain", "20s")
    until(lambda: agent.lines("agent.adopted"), 20)
    assert agent.process is not None
    agent.process.terminate()
    until(lambda: len(agent.lines("agent.stopping")) == 2, 20)
    go.touch()
    assert agent.process.wait(20) == 143
    assert agent.show(id_)["state"]["current"] == "SUCCESS"


def test_a_second_agent_is_refused(agent: Agent) -> None:
    agent.push(a=flow("a"))
    agent.start("--record", "none")
    agent.deployed()
    second = penstock("agent", "--repo", agent.bare, "--data", agent.data, "--record", "none")
    assert (second.code, "another agent works in" in second.err) == (2, True)


def test_an_unreachable_repository_is_told_once_and_heals(agent: Agent) -> None:
    agent.push(a=every_second("a"))
    agent.start("--record", "none", interval="100ms")
    agent.deployed()
    away = agent.bare.with_name("away.git")
    agent.bare.rename(away)
    until(lambda: agent.lines("repository.unreachable"), 20)
    fired = len(agent.lines("trigger.fired"))
    until(lambda: len(agent.lines("trigger.fired")) > fired + 1, 20)
    assert agent.status()["sources"][0]["problem"]
    away.rename(agent.bare)
    penstock("agent", "poke", "--data", agent.data)
    until(lambda: agent.lines("repository.reached"), 20)
    assert agent.status()["sources"][0]["problem"] is None
    assert len(agent.lines("repository.unreachable")) == 1


def test_the_name_is_kept_from_the_first_start(agent: Agent) -> None:
    agent.push(a=flow("a"))
    penstock("agent", "--repo", agent.bare, "--data", agent.data, "--record", "none", "--once", "--name", "first")
    agent.process = subprocess.Popen(
        [*PENSTOCK, "agent", "--repo", str(agent.bare), "--data", str(agent.data), "--record", "none"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert until(lambda: agent.status()["agent"]["name"], 20) == "first"


def test_a_wide_fan_out_lets_another_flow_begin(agent: Agent, tmp_path: Path) -> None:
    """10,000 wide with 4 slots: another flow's first task starts within a second of a slot falling free."""
    values = ", ".join(str(n) for n in range(10_000))
    wide = (
        "id: wide\nnamespace: team\ntasks:\n  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n"
        f"    concurrencyLimit: 0\n    values: [{values}]\n    tasks:\n      - id: one\n        type: {SHELL}\n"
        "        commands: ['sleep 0.1']\n"
    )
    agent.push(wide=wide, other=flow("other", "true"))
    agent.start("--record", "none", "--slots", "4")
    agent.deployed()
    busy = agent.trigger("wide")
    until(lambda: len(agent.lines("task.ended", task="one")) > 20, 60)
    id_ = agent.trigger("other")
    ended = until(lambda: agent.lines("execution.ended", execution=id_), 20)[0]
    assert ended["state"] == "SUCCESS"
    [run] = agent.show(id_)["taskRunList"]
    waited = _between(agent.show(id_)["state"]["histories"][0]["date"], run["attempts"][0]["state"]["startDate"])
    assert waited < 1.1, f"its first task waited for {waited:.2f} s"
    assert penstock("executions", "kill", busy, "--data", agent.data, within=90).code == 0


def _between(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()


def seconds_since(at: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()


def get(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError as error:
        return 0, str(error)


def test_health_and_metrics_are_served_where_they_are_asked_for(agent: Agent, tmp_path: Path, free_port: int) -> None:
    agent.push(a=every_second("a"))
    agent.start("--record", "none", "--listen", f"127.0.0.1:{free_port}")
    until(lambda: agent.lines("execution.ended"), 20)
    root = f"http://127.0.0.1:{free_port}"
    assert get(f"{root}/healthz") == (200, "ok\n")
    code, text = get(f"{root}/metrics")
    assert code == 200
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(figures["penstock_flows"]) == 1
    assert float(figures['penstock_executions_ended_total{state="SUCCESS"}']) >= 1
    assert get(f"{root}/metrics", Host="evil.example:80")[0] == 401
    assert get(f"{root}/other")[0] == 404
    agent.stop()
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    agent.start("--record", "none", "--listen", f"127.0.0.1:{free_port}", "--listen-token-file", str(token))
    until(lambda: get(f"{root}/healthz")[0] == 200, 20)
    assert get(f"{root}/metrics")[0] == 401
    assert get(f"{root}/metrics", Authorization="Bearer s3cret")[0] == 200


def test_it_does_not_listen_beyond_this_machine_without_a_token(agent: Agent) -> None:
    agent.push(a=flow("a"))
    done = penstock("agent", "--repo", agent.bare, "--data", agent.data, "--record", "none", "--listen", "0.0.0.0:0")
    assert (done.code, "--listen-token-file" in done.err) == (2, True)


def test_a_second_signal_leaves_at_once(agent: Agent, tmp_path: Path) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    agent.push(a=flow("a", f"touch {begun}; while [ ! -e {go} ]; do sleep 0.02; done"), tick=every_second("tick"))
    agent.start("--record", "none", "--drain", "300s")
    agent.deployed()
    id_ = agent.trigger("a")
    until(begun.exists, 20)
    assert agent.process is not None
    agent.process.terminate()
    until(lambda: agent.lines("agent.stopping"), 20)
    stopped = len(agent.lines("trigger.fired"))
    until(lambda: seconds_since(agent.lines("agent.stopping")[0]["at"]) > 2.2, 10)
    assert len(agent.lines("trigger.fired")) == stopped, "nothing is started while it stops"
    agent.process.terminate()
    assert agent.process.wait(10) == 143
    assert agent.show(id_)["state"]["current"] == "RUNNING"
    go.touch()
    once = ("--once", "--record", "none", "--runner", "process")
    again = penstock("agent", "--repo", agent.bare, "--data", agent.data, *once)
    assert (again.code, agent.show(id_)["state"]["current"]) == (0, "SUCCESS"), again.err
