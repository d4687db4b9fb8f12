"""The agent as a process of its own, a client that starts executions, and whoever kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kill.flows import flows
from program import PENSTOCK, environment, penstock
from until import until

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Kill",
    "GIT_AUTHOR_EMAIL": "kill@example.invalid",
    "GIT_COMMITTER_NAME": "Kill",
    "GIT_COMMITTER_EMAIL": "kill@example.invalid",
}
STARTED = ("sequential", "parallel", "foreach", "retry", "errors", "waits", "long")
FAILPOINTS = ("intent-recorded", "task-launched", "task-ended", "settled", "result-committed")
"""Between intent and start; start and its record; a task's end and its append; two settles; a commit and its push."""

_pause = threading.Event()


def git(*args: str, cwd: Path) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, env={**os.environ, **IDENTITY}, capture_output=True, check=True)
    return done.stdout.decode().strip()


@dataclass
class Harness:
    """One data folder, one remote, one journal. `kills` counts by where they landed."""

    folder: Path
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.bare, self.data = self.folder / "flows.git", self.folder / "data"
        self.journal = self.folder / "journal"
        self.journal.touch()
        self.agent: subprocess.Popen[bytes] | None = None
        work = self.folder / "work"
        git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=self.folder)
        git("init", "-q", "-b", "main", str(work), cwd=self.folder)
        (work / "flows").mkdir()
        for name, text in flows(self.journal).items():
            (work / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
        git("add", "--all", cwd=work)
        git("commit", "-q", "-m", "flows", cwd=work)
        git("push", "-q", str(self.bare), "HEAD:main", cwd=work)

    # ── the agent ──

    def start(self, failpoint: str | None = None) -> None:
        more = {"PENSTOCK_FAILPOINT": failpoint} if failpoint else {}
        argv = [*PENSTOCK, "agent", "--repo", str(self.bare), "--data", str(self.data), "--name", "kill"]
        argv += [
            "--interval",
            "2s",
            "--runner",
            "process",
            "--slots",
            "6",
            "--log-format",
            "json",
            "--record-every",
            "500ms",
        ]
        self.log = (self.folder / "agent.log").open("ab")
        self.agent = subprocess.Popen(
            argv, env=environment(None, more), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log
        )

    def is_gone(self) -> bool:
        return self.agent is None or self.agent.poll() is not None

    def kill(self) -> bool:
        """kill -9; whether a task was running at that moment, by the tasks' own notes."""
        assert self.agent is not None
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()
        self.log.close()
        return bool(self.open_tasks())

    def stop(self) -> int:
        assert self.agent is not None
        self.agent.terminate()
        code = self.agent.wait(30)
        self.log.close()
        return code

    # ── what tasks have noted ──

    def notes(self) -> list[tuple[str, str, int, float]]:
        """`start`, `end` or `fail`; the idempotency key; the pid; when."""
        found = []
        for line in self.journal.read_text(encoding="utf-8").splitlines():
            word, key, pid, at = line.split()
            found.append((word, key, int(pid), float(at)))
        return found

    def open_tasks(self) -> set[tuple[str, int]]:
        """Tasks that have begun, have not noted their end, and live."""
        begun: set[tuple[str, int]] = set()
        for word, key, pid, _ in self.notes():
            begun = begun | {(key, pid)} if word == "start" else begun - {(key, pid)}
        return {(key, pid) for key, pid in begun if Path(f"/proc/{pid}").exists()}

    # ── the client ──

    def trigger(self, flow: str) -> None:
        """Ask for an execution; what was acknowledged is written down."""
        done = penstock("trigger", f"kill/{flow}", "--data", self.data, "-o", "name", within=60)
        if done.code == 0:
            self.acknowledged.append(done.out.strip())

    # ── the course ──

    def deploy(self) -> None:
        """Let an agent see the repository once, so that there is something to trigger."""
        done = penstock("agent", "--repo", self.bare, "--data", self.data, "--name", "kill", "--once", within=60)
        assert done.code == 0, done.err

    def kill_while_running(self) -> None:
        """Start, have something to do, and kill at a moment when a task runs."""
        self.start()
        for flow in self.dice.sample(STARTED, self.dice.randrange(1, 3)):
            self.trigger(flow)
        deadline = time.monotonic() + 10
        while not self.open_tasks() and time.monotonic() < deadline:
            _pause.wait(0.005)
        _pause.wait(self.dice.random() * 0.5)
        self.kills["while a task runs" if self.kill() else "while none runs"] += 1

    def kill_at(self, point: str) -> None:
        """Have the agent kill itself at a named place."""
        self.start(f"{point}:{self.dice.randrange(1, 4)}")
        for flow in ("sequential", "foreach", "parallel"):
            if not self.is_gone():
                self.trigger(flow)
        until(self.is_gone, 40)
        assert self.agent is not None
        self.log.close()
        assert self.agent.returncode == -signal.SIGKILL, f"{point}: the agent ended with {self.agent.returncode}"
        self.kills[point] += 1

    def drain(self, within: float) -> None:
        """Start once more, undisturbed, until everything is over and recorded."""
        self.start()
        until(lambda: self.is_gone() or self._is_drained(), within)
        assert self.stop() == 143

    def _is_drained(self) -> bool:
        _pause.wait(0.3)
        recorded = self.recorded()
        return bool(self.acknowledged) and set(self.acknowledged) <= set(recorded)

    # ── what has arrived ──

    def recorded(self) -> dict[str, int]:
        """Executions on the results branches, and how often each was added, over all commits."""
        found: Counter[str] = Counter()
        refs = git("for-each-ref", "--format=%(refname)", "refs/heads/penstock/results/", cwd=self.bare).split()
        for ref in refs:
            out = git("log", "--format=", "--name-status", "--no-renames", ref, cwd=self.bare)
            for line in out.splitlines():
                if line.endswith("/execution.json"):
                    status, path = line.split("\t")
                    assert status == "A", f"{path} was touched again: {status}"
                    found[path.split("/")[-2]] += 1
        return dict(found)
