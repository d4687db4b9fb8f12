"""action.yml, read strictly: every key is known, or the file is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from action_runner.expression import Unknown

_TOP = {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
_INPUT = {"description", "required", "default", "deprecationMessage"}
_OUTPUT = {"description", "value"}
_RUNS = {"using", "steps"}
_JOB = {"name", "if", "runs-on", "timeout-minutes", "permissions", "steps"}
_STEP = {"name", "id", "if", "run", "shell", "uses", "with", "env", "working-directory", "continue-on-error"}


@dataclass(frozen=True)
class Input:
    name: str
    required: bool
    default: str


@dataclass(frozen=True)
class Step:
    """One of `run` and `uses` is set."""

    name: str
    id: str | None
    when: str
    run: str | None
    uses: str | None
    given: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None
    may_fail: bool = False


@dataclass(frozen=True)
class Action:
    folder: Path
    inputs: tuple[Input, ...]
    outputs: Mapping[str, str]
    steps: tuple[Step, ...]


def read_action(folder: Path) -> Action:
    """The action of a folder. Raises Unknown."""
    path = folder / "action.yml"
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    _known(data, _TOP, str(path))
    runs = data["runs"]
    _known(runs, _RUNS, "runs")
    if runs["using"] != "composite":
        raise Unknown(f"an action that is `{runs['using']}`")
    inputs = []
    for name, said in data.get("inputs", {}).items():
        _known(said, _INPUT, f"the input {name}")
        inputs.append(Input(name, said.get("required", "false") == "true", said.get("default", "")))
    outputs = {}
    for name, said in data.get("outputs", {}).items():
        _known(said, _OUTPUT, f"the output {name}")
        outputs[name] = said["value"]
    steps = tuple(_step(said) for said in runs["steps"])
    ids = [step.id for step in steps if step.id]
    if len(ids) != len(set(ids)):
        raise Unknown("two steps with one id")
    return Action(folder, tuple(inputs), outputs, steps)


def read_job(path: Path, name: str) -> tuple[Step, ...]:
    """The steps of a job, but for the checkout: whoever asks has checked out. Raises Unknown."""
    job = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["jobs"][name]
    _known(job, _JOB, f"the job {name}")
    said = [each for each in job["steps"] if not str(each.get("uses", "")).startswith("actions/checkout@")]
    return tuple(_step({"shell": "bash", **each} if "run" in each else each) for each in said)


def _step(said: Mapping[str, Any]) -> Step:
    name = said.get("name") or said.get("uses") or str(said.get("run", ""))[:40]
    _known(said, _STEP, f"the step {name!r}")
    run, uses = said.get("run"), said.get("uses")
    if (run is None) == (uses is None):
        raise Unknown(f"the step {name!r} has both of `run` and `uses`, or none")
    if run is not None:
        if said.get("shell") != "bash":
            raise Unknown(f"the shell {said.get('shell')!r} of the step {name!r}")
        if "${{" in run:
            raise Unknown(f"an expression within the script of the step {name!r}: its value would be code")
    elif said.get("working-directory") or said.get("shell"):
        raise Unknown(f"a folder or a shell of the step {name!r}, which uses an action")
    return Step(
        name=name,
        id=said.get("id"),
        when=said.get("if", "success()"),
        run=run,
        uses=uses,
        given=said.get("with", {}),
        env=said.get("env", {}),
        folder=said.get("working-directory"),
        may_fail=said.get("continue-on-error", "false") == "true",
    )


def _known(said: Mapping[str, Any], known: set[str], what: str) -> None:
    strange = sorted(set(said) - known)
    if strange:
        raise Unknown(f"the key {strange[0]!r} of {what}")
