"""Kestra's own cases, as the folder tells them: read, given what their originals have, and played on the stage."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import CONFORMANCE
from penstock.diagnostic import FlowName
from penstock.execution.model import Execution, TaskRun
from penstock.flow.model import Dialect
from stage.stage import Stage, stage

VALIDS = CONFORMANCE / "flows" / "valids"

ENVIRON = {"SECRET_MY_SECRET": base64.b64encode(b"secretValue").decode()}
ENVS = {"test1": "true", "test2": "Pass by env"}
GLOBALS = {"string": "string", "int": 1, "bool": True, "nested": {"int": 2}}

_BASE, _ON_RESUME = "<base>", "<onResume>"
_CALLS = re.compile(r"flowId:\s*([\w.-]+)")
_TOGETHER = ("trigger-flow", "flow-trigger-preconditions")
_UNREAD = frozenset({"allow-failure/1"})
"""The original starts them past the reading of inputs, without one that is required: here it is not."""
_LINES = re.compile(r"URI of a (\d+)-line")


@dataclass(frozen=True)
class Case:
    """One case of cases.json. `key` is the name of its flow, numbered where there are several of one flow."""

    key: str
    file: str
    given: Mapping[str, Any]
    answers: Mapping[str, Any]
    state: str | None
    runs: int | None

    @property
    def path(self) -> Path:
        return CONFORMANCE / self.file


def read_cases() -> list[Case]:
    if not CONFORMANCE.is_dir():
        return []
    told = json.loads((CONFORMANCE / "cases.json").read_text(encoding="utf-8"))
    several = Counter(raw["file"] for raw in told)
    seen: Counter[str] = Counter()
    return [_case(raw, several, seen) for raw in told]


def _case(raw: Mapping[str, Any], several: Counter[str], seen: Counter[str]) -> Case:
    file, given = raw["file"], raw["inputs"] or {}
    seen[file] += 1
    name = Path(file).name.split(".")[0]
    return Case(
        key=f"{name}/{seen[file]}" if several[file] > 1 else name,
        file=file,
        given={key: value for key, value in given.items() if key not in (_BASE, _ON_RESUME)},
        answers=given.get(_ON_RESUME, {}),
        state=raw["expected_state"],
        runs=raw["expected_taskruns"],
    )


@dataclass
class Played:
    """A case on its stage: `id` is the execution that was started. What is asked of it is asked of the store."""

    stage: Stage
    case: Case
    flow: FlowName
    id: str = ""
    told: list[Any] = field(default_factory=list)

    @property
    def execution(self) -> Execution:
        return self.stage.execution(self.id)

    @property
    def runs(self) -> list[TaskRun]:
        return list(self.execution.in_order())

    def run(self, task: str, value: str | None = None) -> TaskRun:
        [found] = [run for run in self.runs if run.task == task and value in (None, run.value)]
        return found

    def states(self) -> dict[str, str]:
        """The state of each task's last task run."""
        return {run.task: run.state.value for run in self.runs}

    def outputs(self, task: str) -> Mapping[str, Any]:
        return self.run(task).outputs or {}

    def children(self) -> list[Execution]:
        """Every other execution, in the order of their creation."""
        return [each for each in self.stage.executions() if each.id != self.id]

    def start(self, given: Mapping[str, Any] | None = None) -> str:
        self.id = self.stage.start(self.flow, self.case.given if given is None else given)
        return self.id

    def until_rest(self) -> None:
        self.stage.rest()


def passed(run: TaskRun | Execution) -> Counter[str]:
    """How often it took on each state."""
    return Counter(state.value for state, _ in run.histories)


def history(run: TaskRun | Execution) -> list[str]:
    return [state.value for state, _ in run.histories]


@contextmanager
def played(case: Case, more: Mapping[str, bytes] | None = None) -> Iterator[Played]:
    """The case's flow on a stage, with all that it calls; `more` are flows that the folder lacks, by their id."""
    with stage(dialect=Dialect.V0_21, environ=ENVIRON, envs=ENVS, globals_=GLOBALS) as made:
        own = case.path.read_bytes()
        if case.key in _UNREAD:
            own = own.replace(b"type: STRING\n", b"type: STRING\n    required: false\n")
        [name, *_] = made.deploy(own, *_companions(case, own, more or {}))
        given = {key: _given(made, value) for key, value in case.given.items()}
        yield Played(made, Case(case.key, case.file, given, case.answers, case.state, case.runs), name)


def _companions(case: Case, source: bytes, more: Mapping[str, bytes]) -> list[bytes]:
    """The flows that are called by name, and those that they call; around triggers, those that share a beginning."""
    found: dict[str, bytes] = {}
    around = next((start for start in _TOGETHER if case.key.startswith(start)), None)
    if around is not None:
        found = {each.stem: each.read_bytes() for each in sorted(VALIDS.glob(f"{around}*.yaml")) if each != case.path}
    waiting = [source]
    while waiting:
        for name in _CALLS.findall(waiting.pop().decode()):
            path = VALIDS / f"{name}.yaml"
            if name not in found and (path.is_file() or name in more):
                found[name] = more[name] if name in more else path.read_bytes()
                waiting.append(found[name])
    return [*found.values(), *(text for name, text in more.items() if name not in found)]


def _given(made: Stage, value: Any) -> Any:
    """A value, or what its description stands for."""
    if not isinstance(value, str):
        return value
    if lines := _LINES.search(value):
        return stored(made, "\n".join(f"{line:>10}" for line in range(int(lines[1]))).encode())
    return {
        "empty file URI": lambda: stored(made, b""),
        "'a' * 11264": lambda: "a" * 11264,
        "<unique>": lambda: "unique",
    }.get(value, lambda: value)()


def stored(made: Stage, content: bytes) -> str:
    """A file in the internal storage, by its URI."""
    uri = f"kestra:///io/kestra/tests/given/{len(content)}.txt"
    made.files.name(uri, made.files.put(content))
    return uri
