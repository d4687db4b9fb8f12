"""Every named failpoint: the agent dies there, and the next one goes on as if nothing had been."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kill.harness import git
from penstock.failpoint import Failpoint
from program import PENSTOCK, environment
from until import until

SHELL = "io.kestra.plugin.scripts.shell.Commands"
SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"


class Receiver:
    """What is POSTed to: by idempotency key, how often."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers["Idempotency-Key"]
                seen[key] = seen.get(key, 0) + 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
                """Nothing: the test asks `seen`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/results"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Scene:
    """A flow of two process tasks that fires each second, until a file says that it is enough."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.bare, self.data, self.journal = folder / "flows.git", folder / "data", folder / "journal"
        self.receiver = receiver
        self.log = folder / "agent.log"
        work = folder / "work"
        git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=folder)
        git("init", "-q", "-b", "main", str(work), cwd=folder)
        (work / "flows").mkdir()
        tasks = "".join(
            f"  - id: {name}\n    type: {SHELL}\n    commands:\n"
            f"      - 'echo \"$PENSTOCK_IDEMPOTENCY_KEY\" >> {self.journal}'\n"
            for name in ("one", "two")
        )
        when = f"triggers:\n  - id: tick\n    type: {SCHEDULE}\n    cron: '* * * * * *'\n    withSeconds: true\n"
        (work / "flows" / "a.yaml").write_text(f"id: a\nnamespace: team\ntasks:\n{tasks}{when}", encoding="utf-8")
        git("add", "--all", cwd=work)
        git("commit", "-q", "-m", "flows", cwd=work)
        git("push", "-q", str(self.bare), "HEAD:main", cwd=work)

    def start(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        argv = [*PENSTOCK, "agent", "--repo", str(self.bare), "--data", str(self.data), "--name", "box"]
        argv += ["--runner", "process", "--log-format", "json", "--record-every", "200ms", "--drain", "10s"]
        argv += ["--record", "git", "--record", "api", "--record-url", self.receiver.url]
        more = {"PENSTOCK_FAILPOINT": failpoint, "PENSTOCK_HTTP_ALLOW": "127.0.0.1"}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                argv, env=environment(None, more), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
            )

    def ended(self) -> list[str]:
        """Executions that the agent has told the end of."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return [line["execution"] for line in lines if line["event"] == "execution.ended"]

    def on_branch(self) -> list[str]:
        """Executions on the results branch, as often as they were added."""
        refs = git("for-each-ref", "--format=%(refname)", "refs/heads/penstock/results/", cwd=self.bare).split()
        lines = [
            line for ref in refs for line in git("log", "--format=", "--name-only", ref, cwd=self.bare).split("\n")
        ]
        return [line.split("/")[-2] for line in lines if line.endswith("/execution.json")]


OF_A_DEPLOYMENT = (Failpoint.DEPLOYMENT_BEGUN, Failpoint.CHANGE_CARRIED_OUT, Failpoint.CHANGES_CARRIED_OUT)
OF_AN_AGENT = [point for point in Failpoint if point not in OF_A_DEPLOYMENT]
"""The other one is passed by `penstock deploy`, whose tests kill it there."""


@pytest.mark.parametrize("point", OF_AN_AGENT)
def test_the_next_agent_goes_on_where_one_died(point: Failpoint, tmp_path: Path, receiver: Receiver) -> None:
    scene = Scene(tmp_path, receiver)
    died = scene.start(f"{point}:2" if point is not Failpoint.DEPLOYED else f"{point}:1")
    assert died.wait(30) == -signal.SIGKILL, f"it was not killed at {point}"
    again = scene.start()
    until(lambda: len(set(scene.on_branch())) >= 3 and len(receiver.seen) >= 3, 30)
    again.terminate()
    assert again.wait(30) == 143
    keys = scene.journal.read_text(encoding="utf-8").split()
    assert len(keys) == len(set(keys)), "a task ran twice"
    branch = scene.on_branch()
    assert len(branch) == len(set(branch)), "a result is on the branch twice"
    assert set(scene.ended()) - set(branch) == set(), "an execution that ended has not arrived"
    twice = [key for key, count in receiver.seen.items() if count > 1]
    assert len(twice) <= (point is Failpoint.RESULT_POSTED), "only a lost answer is a reason to POST again"


def test_what_is_armed_wrongly_does_nothing(tmp_path: Path, receiver: Receiver) -> None:
    scene = Scene(tmp_path, receiver)
    agent = scene.start("no-such-place:1")
    until(scene.on_branch, 30)
    agent.terminate()
    assert agent.wait(30) == 143
