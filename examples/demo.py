"""The main job, shown: a bare repository of flows, the agent on it, results as commits. At most a minute.

Everything happens in `.demo/` of this checkout, which is made anew each time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
REPOSITORY = DEMO / "flows.git"
WORK = DEMO / "checkout"
DATA = DEMO / "data"
PENSTOCK = [sys.executable, "-m", "penstock_cli"]
STARTED = ["examples.warehouse/clean-and-load", "examples.patterns/each-file", "examples.patterns/retry-with-backoff"]

BROKEN = """\
id: broken-on-purpose
namespace: examples.basics

tasks:
  - id: greet
    type: io.kestra.plugin.core.log.Log
    mesage: "Hello {{ inputs.name | upcase }}"
"""


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


def make_repository() -> None:
    """A bare repository whose branch `main` holds examples/flows, and one flow that is broken on purpose."""
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    git("init", "--quiet", "--bare", "--initial-branch=main", str(REPOSITORY), cwd=DEMO)
    git("init", "--quiet", "--initial-branch=main", str(WORK), cwd=DEMO)
    shutil.copytree(ROOT / "examples" / "flows", WORK / "flows")
    (WORK / "flows" / "broken-on-purpose.yaml").write_text(BROKEN, encoding="utf-8")
    git("add", "--all", cwd=WORK)
    git("commit", "--quiet", "--message", "Add flows, one of them broken on purpose", cwd=WORK)
    git("push", "--quiet", str(REPOSITORY), "main", cwd=WORK)


def show_results() -> None:
    """The results branch, from Git alone."""
    branch = git("for-each-ref", "--format=%(refname:short)", "refs/heads/penstock/", cwd=REPOSITORY).split()[0]
    print(git("log", "--oneline", "--no-decorate", branch, cwd=REPOSITORY), end="")
    paths = git("ls-tree", "-r", "--name-only", branch, cwd=REPOSITORY).splitlines()
    for path in paths:
        print("  " + path)
    for path in paths:
        if path.endswith("execution.json"):
            record = json.loads(git("show", f"{branch}:{path}", cwd=REPOSITORY))
            flow = f"{record['namespace']}/{record['flowId']}"
            print(f"\n{flow}: {record['state']['current']} in {record['state']['duration']}", end=" ")
            print(f"from {record['source']['commit'][:12]}: {json.dumps(record['outputs'])}")


def main() -> None:
    begun = time.monotonic()
    say("1. A bare repository with the flows of examples/flows, and one flow that is broken on purpose")
    make_repository()
    print(git("log", "--oneline", "--stat", "-1", cwd=WORK), end="")

    say("2. What is wrong with the broken one, before anything runs")
    run(*PENSTOCK, "validate", "flows", expect=(1,), cwd=WORK)

    say("3. One flow here and now, with a live tree of its tasks")
    run(*PENSTOCK, "run", "examples.patterns/fan-out-and-merge", "--data", str(DATA), cwd=WORK)

    say("4. The agent: mirrors the repository, keeps what is valid, runs what is due, commits the results")
    starts = [word for name in STARTED for word in ("--start", name)]
    agent = ["agent", "--repo", str(REPOSITORY), "--branch", "main", "--name", "demo", "--once"]
    run(*PENSTOCK, *agent, "--allow-process-runner", "--data", str(DATA), *starts, expect=(1,))
    print("(that ended with 1: one file is not valid; everything else was deployed and ran)")

    say("5. The results, as Git has them")
    show_results()

    say(f"Done in {time.monotonic() - begun:.0f} s. Where to look next")
    here = DATA.relative_to(ROOT)
    print(f"  .venv/bin/penstock executions list --data {here}")
    print(f"  .venv/bin/penstock agent status --data {here}")
    print("  .venv/bin/penstock run examples/flows/ask-before-release.yaml     a flow that asks you")
    print("  .venv/bin/penstock explain io.kestra.plugin.core.flow.ForEach")
    print(f"  git --git-dir {REPOSITORY.relative_to(ROOT)} log --all --oneline")


if __name__ == "__main__":
    main()
