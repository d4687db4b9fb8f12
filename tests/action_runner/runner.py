"""One use of a composite action, from its inputs to its outputs: steps one after the other, as GitHub runs them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from action_runner.doubles import Failed, Services, use
from action_runner.expression import Status, Unknown, World, condition, interpolated
from action_runner.log import Log
from action_runner.metadata import Action, Step, read_action, read_job

SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE")
_PINNED = re.compile(r"([\w.-]+/[\w.-]+(?:/[\w./-]+)?)@([0-9a-f]{40})")


@dataclass(frozen=True)
class Job:
    """Where an action is used: the job's folders, what GitHub says of the event, and the job's own variables."""

    workspace: Path
    temp: Path
    services: Services
    github: Mapping[str, Any]
    env: Mapping[str, str] = field(default_factory=dict)
    within_s: float = 120
    own: Mapping[str, Path] = field(default_factory=dict)
    """Actions that are not doubled, but run from a folder here, by what `uses:` calls them."""


@dataclass
class Outcome:
    """What came of it. `steps` has each step's conclusion by name."""

    ok: bool
    outputs: dict[str, str]
    log: Log
    summary: str
    steps: dict[str, str]
    outputs_of_steps: dict[str, dict[str, str]]
    raw: str


def use_action(folder: Path, job: Job, given: Mapping[str, str] | None = None) -> Outcome:
    """Use the action of a folder, as `uses:` with `with: given` would. Raises Unknown."""
    return _Use(read_action(folder), job, dict(given or {})).whole()


def use_job(path: Path, name: str, job: Job) -> Outcome:
    """Run the steps of one job of a workflow, on what is checked out already. Raises Unknown."""
    return _Use(Action(path.parent, (), {}, read_job(path, name)), job, {}).whole()


class _Use:
    def __init__(self, action: Action, job: Job, given: Mapping[str, str], depth: int = 0) -> None:
        self._action = action
        self._job = job
        self._depth = depth
        self._env = dict(job.env)
        self._path: list[str] = []
        self._failed = False
        self._steps: dict[str, dict[str, Any]] = {}
        self._conclusions: dict[str, str] = {}
        self._afters: list[Any] = []
        self._log = Log()
        self._raw = ""
        self._summary = ""
        self._inputs = self._resolved(given)

    def whole(self) -> Outcome:
        for number, step in enumerate(self._action.steps):
            self._step(step, number)
        if not self._failed:
            for after in self._afters:
                after()
        outputs = {name: interpolated(value, self._world()) for name, value in self._action.outputs.items()}
        of_steps = {name: dict(step["outputs"]) for name, step in self._steps.items()}
        return Outcome(not self._failed, outputs, self._log, self._summary, self._conclusions, of_steps, self._raw)

    def _resolved(self, given: Mapping[str, str]) -> dict[str, str]:
        known = {each.name: each for each in self._action.inputs}
        strange = sorted(set(given) - set(known))
        if strange:
            raise Unknown(f"the input {strange[0]!r} of {self._action.folder.name}")
        missing = [name for name, each in known.items() if each.required and not each.default and name not in given]
        if missing:
            raise Unknown(f"no value of the required input {missing[0]!r}")
        defaults = World({"github": self._job.github, "env": {}}, self._job.workspace)
        return {name: given.get(name, interpolated(each.default, defaults)) for name, each in known.items()}

    def _world(self) -> World:
        contexts: dict[str, Mapping[str, Any]] = {
            "inputs": self._inputs,
            "steps": self._steps,
            "github": {**self._job.github, "action_path": str(self._action.folder)},
            "env": self._env,
            "runner": {
                "os": "Linux",
                "arch": "X64",
                "temp": str(self._job.temp),
                "tool_cache": str(self._job.temp / "tools"),
                "environment": "github-hosted",
                "debug": "",
            },
        }
        return World(contexts, self._job.workspace, Status(failed=self._failed))

    def _step(self, step: Step, number: int) -> None:
        if step.id:
            self._steps[step.id] = {"outputs": {}, "outcome": "skipped", "conclusion": "skipped"}
        self._conclusions[step.name] = "skipped"
        if not condition(step.when, self._world()):
            return
        ok = self._run(step, number) if step.run is not None else self._uses(step)
        outcome = "success" if ok else "failure"
        conclusion = "success" if ok or step.may_fail else "failure"
        self._conclusions[step.name] = conclusion
        if step.id:
            self._steps[step.id] |= {"outcome": outcome, "conclusion": conclusion}
        if conclusion == "failure":
            self._failed = True

    def _uses(self, step: Step) -> bool:
        assert step.uses is not None
        world = self._world()
        given = {name: interpolated(value, world) for name, value in step.given.items()}
        if step.uses.startswith("./"):
            return self._local(step, given, self._job.workspace / step.uses)
        pinned = _PINNED.fullmatch(step.uses)
        if pinned is None:
            raise Unknown(f"{step.uses}: not pinned by a commit")
        if pinned[1] in self._job.own:
            return self._local(step, given, self._job.own[pinned[1]])
        try:
            done = use(pinned[1], given, self._job.services, self._job.github)
        except Failed as error:
            self._log.lines.append(str(error))
            return False
        if step.id:
            self._steps[step.id]["outputs"] = dict(done.outputs)
        if done.after is not None:
            self._afters.append(done.after)
        return True

    def _local(self, step: Step, given: Mapping[str, str], folder: Path) -> bool:
        """An action that is here."""
        if self._depth >= 9:
            raise Unknown("composite actions more than ten deep")
        job = replace(self._job, env=dict(self._env))
        within = _Use(read_action(folder), job, given, self._depth + 1)
        done = within.whole()
        self._raw += done.raw
        self._summary += done.summary
        for name in ("lines", "annotations", "groups", "masks", "forbidden"):
            getattr(self._log, name).extend(getattr(done.log, name))
        if step.id:
            self._steps[step.id]["outputs"] = done.outputs
        return done.ok

    def _run(self, step: Step, number: int) -> bool:
        assert step.run is not None
        world = self._world()
        files = self._files(f"{self._depth}-{number}")
        script = self._job.temp / f"step-{self._depth}-{number}.sh"
        script.write_text(step.run, encoding="utf-8")
        own = {name: interpolated(value, world) for name, value in step.env.items()}
        folder = interpolated(step.folder, world) if step.folder else "."
        done = subprocess.run(
            [*SHELL, str(script)],
            cwd=self._job.workspace / folder,
            env=self._environment() | {name: str(path) for name, path in files.items()} | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=self._job.within_s,
            check=False,
        )
        said = done.stdout.decode("utf-8", "replace")
        self._raw += said
        self._log.hear(said)
        self._after(step, files)
        return done.returncode == 0

    def _files(self, number: str) -> dict[str, Path]:
        found = {}
        for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
            path = self._job.temp / f"{name.lower()}-{number}"
            path.write_bytes(b"")
            found[name] = path
        return found

    def _environment(self) -> dict[str, str]:
        github = self._job.github
        kept = {name: os.environ[name] for name in PLAIN if name in os.environ}
        told = {
            f"GITHUB_{name.upper()}": str(value)
            for name, value in github.items()
            if name not in ("event", "token") and not isinstance(value, Mapping)
        }
        told |= {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self._job.workspace),
            "GITHUB_ACTION_PATH": str(self._action.folder),
            "RUNNER_TEMP": str(self._job.temp),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
        }
        path = os.pathsep.join([*reversed(self._path), kept.get("PATH", "")])
        return kept | told | self._env | {"PATH": path}

    def _after(self, step: Step, files: Mapping[str, Path]) -> None:
        """What the step has written into GitHub's files."""
        outputs = pairs(files["GITHUB_OUTPUT"])
        if step.id:
            self._steps[step.id]["outputs"] = outputs
        self._env |= pairs(files["GITHUB_ENV"])
        self._path += files["GITHUB_PATH"].read_text(encoding="utf-8").splitlines()
        summary = files["GITHUB_STEP_SUMMARY"].read_bytes()
        if len(summary) > 1024 * 1024:
            raise AssertionError(f"a summary of {len(summary)} bytes: GitHub throws away what is over 1 MiB")
        self._summary += summary.decode("utf-8")


def pairs(path: Path) -> dict[str, str]:
    """`name=value` and `name<<END … END`. Raises Unknown for a line that is neither, as GitHub fails the step."""
    found: dict[str, str] = {}
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, heredoc, end = line.partition("<<")
        if heredoc and "=" not in name:
            value: list[str] = []
            for each in lines:
                if each == end:
                    break
                value.append(each)
            else:
                raise Unknown(f"a value of {name!r} without its end in {path.name}")
            found[name] = "\n".join(value)
            continue
        name, equals, text = line.partition("=")
        if not equals:
            raise Unknown(f"the line {line!r} in {path.name}")
        found[name] = text
    return found
