"""The main job, shown: an agent on a bare repository of flows, with a push while it runs. At most a minute.

Everything happens in `.demo/` of this checkout, which is made anew each time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
REPOSITORY = DEMO / "flows.git"
WORK = DEMO / "checkout"
DATA = DEMO / "data"
LOG = DEMO / "agent.log"
PENSTOCK = [sys.executable, "-m", "penstock_cli"]
STARTED = ["examples.warehouse/clean-and-load", "examples.patterns/each-file"]
SECONDS = "0/3 * * * * *"

_pause = threading.Event()


def say(text: str) -> None:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\n\033[1m{text}\033[0m" if colour else f"\n{text}", flush=True)


def run(*argv: str, expect: tuple[int, ...] = (0,), cwd: Path | None = None) -> None:
    shown = ["penstock", *argv[3:]] if list(argv[:3]) == PENSTOCK else list(argv)
    print("$ " + " ".join(str(each) for each in shown), flush=True)
    code = subprocess.run(argv, cwd=cwd, check=False).returncode
    if code not in expect:
        sys.exit(f"the demo stopped: that ended with {code}")


def git(*argv: str, cwd: Path) -> str:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Demo",
        "GIT_AUTHOR_EMAIL": "demo@example.invalid",
        "GIT_COMMITTER_NAME": "Demo",
        "GIT_COMMITTER_EMAIL": "demo@example.invalid",
    }
    done = subprocess.run(["git", *argv], cwd=cwd, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def push(message: str) -> None:
    git("add", "--all", cwd=WORK)
    git("commit", "--quiet", "--message", message, cwd=WORK)
    git("push", "--quiet", str(REPOSITORY), "main", cwd=WORK)


def make_repository() -> None:
    """A bare repository whose branch `main` holds examples/flows; its heartbeat beats every three seconds."""
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    git("init", "--quiet", "--bare", "--initial-branch=main", str(REPOSITORY), cwd=DEMO)
    git("init", "--quiet", "--initial-branch=main", str(WORK), cwd=DEMO)
    shutil.copytree(ROOT / "examples" / "flows", WORK / "flows")
    heartbeat = WORK / "flows" / "heartbeat.yaml"
    lines = heartbeat.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if "withSeconds" not in line]
    beat = next(at for at, line in enumerate(lines) if line.strip().startswith("cron:"))
    indent = lines[beat][: len(lines[beat]) - len(lines[beat].lstrip())]
    lines[beat : beat + 1] = [f'{indent}cron: "{SECONDS}"', f"{indent}withSeconds: true"]
    heartbeat.write_text("\n".join(lines) + "\n", encoding="utf-8")
    push("Add flows")


def change_one_and_break_another() -> None:
    """What a busy afternoon brings."""
    good, bad = WORK / "flows" / "each-file.yaml", WORK / "flows" / "clean-and-load.yaml"
    text = good.read_text(encoding="utf-8")
    good.write_text(text.replace("description:", "description: (changed while the agent runs)", 1), encoding="utf-8")
    bad.write_text(bad.read_text(encoding="utf-8").replace("script:", "scirpt:", 1), encoding="utf-8")
    push("Change each-file, and misspell a property of clean-and-load")


class Shown:
    """The agent's own lines, printed as they come; what was said is kept."""

    def __init__(self) -> None:
        argv = [*PENSTOCK, "agent", "--repo", str(REPOSITORY), "--name", "demo", "--interval", "2s"]
        argv += ["--runner", "process", "--record-every", "2s", "--data", str(DATA)]
        print("$ penstock " + " ".join(argv[3:]), flush=True)
        self.text = ""
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.text += line
            print("  " + line, end="", flush=True)

    def until(self, condition: Callable[[], object], what: str, within: float = 15) -> None:
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"the demo stopped: {what} did not come")
            _pause.wait(0.05)

    def leave(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self._reader.join()


def branches() -> list[str]:
    return git("for-each-ref", "--format=%(refname:short)", "refs/heads/penstock/", cwd=REPOSITORY).split()


def show_results() -> None:
    """The results branch, from Git alone."""
    [branch] = branches()
    print(f"$ git log --oneline {branch}")
    print(git("log", "--oneline", "--no-decorate", branch, cwd=REPOSITORY), end="")
    print(f"\n$ git show {branch}:README.md")
    print("\n".join(git("show", f"{branch}:README.md", cwd=REPOSITORY).splitlines()[:24]))
    paths = git("ls-tree", "-r", "--name-only", branch, cwd=REPOSITORY).splitlines()
    record = next(path for path in paths if path.endswith("execution.json") and "clean-and-load" in path)
    print(f"\n$ git show {branch}:{record} | jq '{{flowId, state, source}}'")
    whole = json.loads(git("show", f"{branch}:{record}", cwd=REPOSITORY))
    part = {"flowId": whole["flowId"], "state": whole["state"]["current"], "commit": whole["source"]["commit"]}
    print(json.dumps(part, indent=2))


def main() -> None:
    begun = time.monotonic()
    say("1. A bare repository with the flows of examples/flows; one of them has a schedule of every three seconds")
    make_repository()
    print(git("log", "--oneline", "--stat", "-1", cwd=WORK), end="")

    say("2. The agent on it: it deploys what is valid, fires the schedule, runs, and commits the results")
    agent = Shown()
    agent.until(lambda: " new" in agent.text, "the deployment")
    for name in STARTED:
        run(*PENSTOCK, "trigger", name, "--data", str(DATA))
    agent.until(lambda: agent.text.count("heartbeat  SUCCESS") >= 2, "the schedule")
    agent.until(lambda: all(f"{name}  SUCCESS" in agent.text for name in STARTED), "the end of what was triggered")

    say("3. A push while it runs: one flow is changed, another is broken by a typing slip")
    change_one_and_break_another()
    print(git("log", "--oneline", "-1", cwd=WORK), end="")
    agent.until(lambda: "keeps its last good revision" in agent.text, "the diagnosis")
    agent.until(lambda: "scirpt" in agent.text.partition("keeps its last")[2], "the line of the slip")
    agent.until(branches, "the results")
    fired = agent.text.count("heartbeat  SUCCESS")
    agent.until(lambda: agent.text.count("heartbeat  SUCCESS") > fired, "the schedule, which goes on")

    say("4. What is in force: the changed flow at its new revision, the broken one at its last good one")
    run(*PENSTOCK, "agent", "status", "--data", str(DATA))
    agent.leave()

    say("5. The results, as Git has them")
    show_results()

    say(f"The show took {time.monotonic() - begun:.0f} s. Where to look next")
    here = DATA.relative_to(ROOT)
    print(f"  .venv/bin/penstock executions list --data {here}")
    print(f"  .venv/bin/penstock triggers list --data {here}")
    print(f"  .venv/bin/penstock flows show examples.warehouse/clean-and-load --data {here}")
    print("  .venv/bin/penstock run examples/flows/ask-before-release.yaml     a flow that asks you")
    print(f"  git --git-dir {REPOSITORY.relative_to(ROOT)} log --all --oneline")


if __name__ == "__main__":
    main()
