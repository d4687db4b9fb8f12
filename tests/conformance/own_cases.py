"""Our own cases: a file of `cases/` read, done on the stage, and shown in the words in which it tells its outcome."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from fakes.namespace_files import MemoryNamespaceFiles
from penstock.diagnostic import FlowName
from penstock.duration import parse_duration
from penstock.errors import PenstockError
from penstock.execution.model import Execution, TaskRun
from penstock.flow.convert import LocalFile
from penstock.flow.model import Dialect, Kind, Level
from penstock.operations.reopen import named_run
from penstock.operations.request import Review
from stage.stage import NotValid, Stage, stage

FOLDER = Path(__file__).with_name("cases")
NAMESPACE = "team"

_DOCUMENT = re.compile(r"^---\n", re.MULTILINE)
_LIKE = "like: "
_STORED, _UPLOAD = "stored:", "upload:"

Shown = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One file: its header, the texts of its flows, and its last document."""

    name: str
    about: str
    source: str
    dialect: Dialect
    given: Mapping[str, Any]
    flows: tuple[bytes, ...]
    steps: tuple[Any, ...]
    wanted: Mapping[str, Any]

    @property
    def number(self) -> int:
        return int(self.name[:3])


def read_case(path: Path) -> Case:
    head, *flows, last = _DOCUMENT.split(path.read_text(encoding="utf-8"))
    header, told = yaml.safe_load(head), yaml.safe_load(last)
    steps = told.pop("do", None) or [{"start": {"inputs": told.pop("inputs", {})}}, "rest"]
    return Case(
        path.stem,
        header.pop("about"),
        header.pop("source"),
        Dialect(str(header.pop("dialect", "auto"))),
        header,
        tuple(flow.encode() for flow in flows),
        tuple(steps),
        told,
    )


def read_cases() -> list[Case]:
    return [read_case(path) for path in sorted(FOLDER.glob("*.yaml"))]


# ── what is done ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Course:
    """A case on its stage. `names` are its flows, in their order; `seen` what the steps `see` found and wanted."""

    case: Case
    stage: Stage
    names: list[FlowName] = field(default_factory=list)
    seen: list[tuple[Shown, Shown]] = field(default_factory=list)

    def play(self) -> None:
        for step in self.case.steps:
            word, told = (step, None) if isinstance(step, str) else next(iter(step.items()))
            self.take(word, told)

    def take(self, word: str, told: Any) -> None:
        """One step; where it says `refused`, with those words."""
        about = dict(told) if isinstance(told, Mapping) else told
        refused = about.pop("refused", None) if isinstance(about, dict) else None
        said = self._refusal(word, about) if refused is not None else WORDS[word](self, about)
        assert refused is None or fits(refused, said), f"{word}: {said}"

    def _refusal(self, word: str, about: Any) -> str | None:
        """With which words a step is refused; None when it is not."""
        try:
            WORDS[word](self, about)
        except PenstockError as error:
            return error.message
        return None

    def id(self, about: Mapping[str, Any] | None) -> str:
        """The execution that a step is about: the first, or the one of that number."""
        return self.stage.executions()[(about or {}).get("execution", 1) - 1].id

    def values(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        return {name: self._value(value) for name, value in (given or {}).items()}

    def _value(self, value: Any) -> Any:
        kind, _, name = value.partition(" ") if isinstance(value, str) else ("", "", "")
        if kind not in (_STORED, _UPLOAD):
            return value
        content = str(self.case.given["stored"][name]).encode()
        if kind == _UPLOAD:
            path = self.stage.folder / name
            path.write_bytes(content)
            return LocalFile(str(path))
        uri = f"kestra:///{NAMESPACE}/given/{name}"
        self.stage.files.name(uri, self.stage.files.put(content))
        return uri

    def start(self, about: Mapping[str, Any] | None) -> None:
        about = about or {}
        name = FlowName(NAMESPACE, about["flow"]) if "flow" in about else self.names[0]
        date = self.stage.clock.now() + _time(about["in"]) if "in" in about else None
        stops, labels = about.get("breakpoints", ()), about.get("labels")
        self.stage.start(name, self.values(about.get("inputs")), labels=labels, date=date, breakpoints=stops)

    def resume(self, about: Mapping[str, Any] | None) -> None:
        about = about or {}
        review = Review(about["decision"], about.get("comment", "")) if "decision" in about else None
        given = self.values(about.get("inputs"))
        self.stage.resume(self.id(about), given, task=about.get("task"), review=review)

    def replay(self, about: Mapping[str, Any] | None) -> None:
        about = about or {}
        run = self.run(about).id if "task" in about else None
        self.stage.replay(self.id(about), run=run, inputs=self.values(about.get("inputs")))

    def change_status(self, about: Mapping[str, Any]) -> None:
        self.stage.change_status(self.id(about), self.run(about).id, about["state"])

    def run(self, about: Mapping[str, Any]) -> TaskRun:
        """The task run that a step names by its `task`, or `task=value`."""
        return named_run(self.stage.execution(self.id(about)), task=about["task"])

    def see(self, wanted: Shown) -> None:
        number = wanted.pop("execution", 1)
        execution = self.stage.executions()[number - 1]
        self.seen.append((show(self.stage, execution, wanted), expected(wanted)))


def _time(text: str) -> timedelta:
    return parse_duration(text)


WORDS: Mapping[str, Callable[[Course, Any], None]] = {
    "start": Course.start,
    "rest": lambda course, _: course.stage.rest(),
    "pass": lambda course, told: course.stage.passes(_time(told)),
    "pause": lambda course, told: course.stage.pause(course.id(told)),
    "kill": lambda course, told: course.stage.kill(course.id(told)),
    "resume": Course.resume,
    "restart": lambda course, told: course.stage.restart(course.id(told), revision=(told or {}).get("revision")),
    "replay": Course.replay,
    "status": Course.change_status,
    "force-run": lambda course, told: course.stage.force_run(course.id(told)),
    "unqueue": lambda course, told: course.stage.unqueue(course.id(told)),
    "labels": lambda course, told: course.stage.set_labels(course.id(told), told["set"]),
    "delete": lambda course, told: course.stage.delete(course.id(told)),
    "deploy": lambda course, told: course.stage.deploy(course.case.flows[told - 1]),
    "see": Course.see,
}
"""The steps, by the word that they begin with."""


def play(case: Case) -> tuple[list[Shown], list[Shown]]:
    """Everything that came of a case, and everything that should have."""
    given = case.given
    secrets = {f"SECRET_{name}": base64.b64encode(text.encode()).decode() for name, text in _of(given, "secrets")}
    with stage(dialect=case.dialect, environ=secrets, envs=given.get("envs"), globals_=given.get("globals")) as made:
        made.namespace_files = MemoryNamespaceFiles(
            {NAMESPACE: {path: text.encode() for path, text in _of(given, "files")}}
        )
        course = Course(case, made)
        try:
            course.names = made.deploy(*case.flows[: case.given.get("deployed")])
        except NotValid as error:
            return [{"invalid": sorted({each.code for each in error.found if each.is_error})}], [dict(case.wanted)]
        course.play()
        made.check()
        wanted = case.wanted.get("outcome")
        all_wanted = [*([wanted] if wanted is not None else []), *case.wanted.get("others", [])]
        found = made.executions()
        pairs = [*course.seen]
        for number, execution in enumerate(found):
            one = all_wanted[number] if number < len(all_wanted) else {}
            pairs.append((show(made, execution, one), expected(one)))
        return [shown for shown, _ in pairs], [one for _, one in pairs] + [
            expected(one) for one in all_wanted[len(found) :]
        ]


def _of(given: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    yield from (given.get(name) or {}).items()


# ── what is seen ─────────────────────────────────────────────────────────────────────────────────────────────

COURSE = ["CREATED", "RUNNING"]


def show(made: Stage, execution: Execution, wanted: Mapping[str, Any]) -> Shown:
    """An execution in the words of an outcome; what need not be told is only there where `wanted` tells it."""
    shown: Shown = {"states": [state.value for state, _ in execution.histories]}
    labels = {name: value for name, value in execution.labels.items() if not name.startswith("system.")}
    if labels:
        shown["labels"] = labels
    if execution.outputs:
        shown["outputs"] = dict(execution.outputs)
    more: Mapping[str, Callable[[], Any]] = {
        "flow": lambda: execution.flow.id,
        "inputs": lambda: dict(execution.inputs),
        "error": lambda: execution.error,
        "took": lambda: f"PT{round((execution.histories[-1][1] - execution.created).total_seconds())}S",
        "said": lambda: list(_said(made, execution)),
        "parent": lambda: _number(made, execution.parent_id),
        "trigger": lambda: dict((execution.trigger or {}).get("variables", {})),
    }
    shown |= {name: tell() for name, tell in more.items() if name in wanted}
    runs = wanted.get("runs") or []
    told = [*runs, *([{}] * len(execution.runs))]
    shown["runs"] = [_show_run(execution, run, each) for run, each in zip(execution.in_order(), told, strict=False)]
    return shown


def _number(made: Stage, id_: str | None) -> int | None:
    ids = [each.id for each in made.executions()]
    return ids.index(id_) + 1 if id_ in ids else None


def _said(made: Stage, execution: Execution) -> Iterator[str]:
    for run, level, text in made.lines(execution.id):
        if Level(level).rank >= Level.INFO.rank:
            yield f"{run.task} {level} {text}"


def _show_run(execution: Execution, run: TaskRun, wanted: Mapping[str, Any]) -> Shown:
    shown: Shown = {"task": run.task, "states": [state.value for state, _ in run.histories]}
    if run.value is not None:
        shown["value"] = run.value
    if run.parent is not None:
        parent = execution.runs[run.parent]
        shown["in"] = parent.task if parent.value is None else f"{parent.task}[{parent.value}]"
    if run.outputs:
        shown["outputs"] = _plain(run.outputs)
    if len(run.attempts) != _usual_attempts(run):
        shown["attempts"] = len(run.attempts)
    if "error" in wanted:
        shown["error"] = run.error
    if "iteration" in wanted:
        shown["iteration"] = run.iteration
    return shown


def _usual_attempts(run: TaskRun) -> int:
    return int(run.kind is not Kind.FLOWABLE and any(state == "RUNNING" for state, _ in run.histories))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def expected(wanted: Mapping[str, Any]) -> Shown:
    """An outcome as it is told, with its short forms written out."""
    whole: Shown = {"runs": [], **_course(wanted)}
    whole["runs"] = [_course(run) for run in whole["runs"]]
    return whole


def _course(told: Mapping[str, Any]) -> Shown:
    """`state: S` is short for the usual course to S, `states: A B` for a list."""
    course = dict(told)
    if "state" in course:
        course["states"] = [*COURSE, course.pop("state")]
    elif isinstance(course.get("states"), str):
        course["states"] = course["states"].split()
    return course


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────


def fits(wanted: Any, found: Any) -> bool:
    """Equal, where `like: PATTERN` stands for every text that fits it; `*` is anything."""
    if isinstance(wanted, str) and wanted.startswith(_LIKE):
        parts = wanted.removeprefix(_LIKE).split("*")
        return isinstance(found, str) and re.fullmatch(".*".join(map(re.escape, parts)), found, re.DOTALL) is not None
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return wanted.keys() == found.keys() and all(fits(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(fits, wanted, found))
    return type(wanted) is type(found) and bool(wanted == found)


def settled(wanted: Any, found: Any) -> Any:
    """`wanted` with what fits its patterns in their place, so that a comparison shows the rest."""
    if isinstance(wanted, str) and wanted.startswith(_LIKE):
        return found if fits(wanted, found) else wanted
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return {key: settled(value, found.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, Sequence) and not isinstance(wanted, str) and isinstance(found, list):
        return [settled(each, found[n] if n < len(found) else None) for n, each in enumerate(wanted)]
    return wanted
