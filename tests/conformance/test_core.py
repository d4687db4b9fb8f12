"""Kestra's own cases on `decide` and `apply` alone: a list is the store, and results are what expressions render to.

Which cases are run is computed: those whose flows use only types and properties of the first house, and which need
no later operation (restart, replay, triggers). Of the others, what comes before that operation is compared as well.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ABSENT, CONFORMANCE
from penstock.errors import PenstockError
from penstock.execution import evaluation
from penstock.execution.apply import fold
from penstock.execution.event import AttemptEnded, AttemptStarted, Evaluated, EvaluationFailed, Event
from penstock.execution.identity import idempotency_key
from penstock.execution.model import ROOT, TaskRun
from penstock.execution.state import State
from penstock.execution.variables import Surroundings, variables
from penstock.expression import render, render_value
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.inputs import InvalidInputs, resolve_inputs
from penstock.flow.model import Dialect, Flow, Level
from penstock.flow.parse import parse_flow
from penstock.operations.request import answer, waiting
from penstock.tasks.base import TaskFailed
from penstock.tasks.registry import prepare, task_type
from unit.execution.course import START, Course

CORE = "io.kestra.plugin.core."
TYPES = {
    CORE + short
    for short in (
        "log.Log",
        "debug.Return",
        "debug.Echo",
        "execution.Fail",
        "output.OutputValues",
        *(f"flow.{flow}" for flow in ("Sequential", "Parallel", "If", "Switch", "ForEach", "EachSequential")),
        *(f"flow.{flow}" for flow in ("EachParallel", "Pause", "WorkingDirectory", "Dag", "AllowFailure", "Sleep")),
    )
}
FLOW = {"id", "namespace", "revision", "description", "labels", "variables", "inputs", "outputs", "tasks", "errors"}
FLOW |= {"finally", "disabled", "retry", "timeout", "pluginDefaults"}
INPUTS = {"STRING", "INT", "FLOAT", "BOOLEAN", "SELECT", "DATETIME", "DATE", "DURATION", "JSON"}
LATER_PROPERTIES = {"allowWarning", "logLevel", "logToFile", "workerGroup"}
LATER_OPERATIONS = re.compile(r"\b(replay|restart|fires)\b")

AROUND = Surroundings(
    envs={"test1": "true", "test2": "Pass by env"},
    globals={"string": "string", "int": 1, "bool": True, "nested": {"int": 2}},
)


@dataclass(frozen=True)
class Case:
    """One case of cases.json. `later` says what of it is not for this house; empty when it is selected."""

    number: int
    file: str
    inputs: Mapping[str, Any]
    state: str | None
    runs: int | None
    later: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name of its flow, and the values it is run with where there are several cases of one flow."""
        return ",".join([Path(self.file).name.split(".")[0], *(f"{value}"[:8] for value in self.inputs.values())])


def read_cases() -> list[Case]:
    """Every case whose flow is valid and runs at all, with what keeps it from being selected."""
    if not CONFORMANCE.is_dir():
        return []
    cases = []
    for number, raw in enumerate(json.loads((CONFORMANCE / "cases.json").read_text(encoding="utf-8"))):
        given = {key: value for key, value in (raw["inputs"] or {}).items() if not key.startswith("<")}
        if raw["expected_state"] not in ("INVALID", "REJECTED") and (CONFORMANCE / raw["file"]).is_file():
            later = tuple(what_is_later(CONFORMANCE / raw["file"], raw["notes"]))
            cases.append(Case(number, raw["file"], given, raw["expected_state"], raw["expected_taskruns"], later))
    return cases


def what_is_later(file: Path, notes: str) -> Iterator[str]:
    flow = yaml.safe_load(file.read_text(encoding="utf-8"))
    for mapping in mappings_of(flow):
        kind = mapping.get("type")
        if isinstance(kind, str) and "." in kind:
            if load_catalog().canonical(kind) not in TYPES:
                yield f"type {kind}"
            yield from (f"property {name}" for name in sorted(LATER_PROPERTIES & mapping.keys()))
        if mapping.get("behavior") == "CREATE_NEW_EXECUTION":
            yield "retry in a new execution"
    yield from (f"property {name}" for name in sorted(flow.keys() - FLOW))
    declared = [*(flow.get("inputs") or ()), *(one for task in flow["tasks"] for one in task.get("onResume") or ())]
    yield from (f"input {one.get('type')}" for one in declared if one.get("type") not in INPUTS)
    if operation := LATER_OPERATIONS.search(notes):
        yield f"operation {operation[0]}"


def mappings_of(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from mappings_of(each)


CASES = read_cases()
SELECTED = [case for case in CASES if not case.later]
BEFORE_LATER = [
    case
    for case in CASES
    if case.later and all(each.startswith(("operation", "property allow")) for each in case.later)
]

pytestmark = pytest.mark.skipif(not CASES, reason=ABSENT)


# ── what else the originals assert, in our words ─────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Facts:
    """`states`, `outputs` and `attempts` by task id; `shown` are texts that a task's value holds; `passed` is how often
    a task run took on a state; `answers` are given to whoever waits, `then` is the state after them."""

    states: Mapping[str, str] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    value: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outputs: Any = ...
    passed: tuple[str, Mapping[str, int]] | None = None
    rests: tuple[str, int] | None = None
    then: str | None = None


FACTS: Mapping[str, Facts] = {
    "variables": Facts(value={"variable": "1 > 2 > 3", "env": "true Pass by env", "global": "string 1 true 2"}),
    "if-condition,True": Facts(states={"when-true": "SUCCESS"}),
    "if-condition,true": Facts(states={"when-true": "SUCCESS"}),
    "if-condition,1": Facts(states={"when-true": "SUCCESS"}),
    "if-condition,False": Facts(states={"when-false": "SUCCESS"}),
    "if-condition,false": Facts(states={"when-false": "SUCCESS"}),
    "if-condition,0": Facts(states={"when-false": "SUCCESS"}),
    "if-in-flowable,True": Facts(states={"after_if": "SUCCESS"}),
    "fail-on-condition,fail": Facts(states={"fail": "FAILED"}),
    "fail-on-condition,success": Facts(states={"fail": "SUCCESS"}),
    "task-runif": Facts(states={"executed": "SUCCESS", "notexecuted": "SKIPPED", "willfailedtheflow": "FAILED"}),
    "task-allow-failure-runnable": Facts(attempts={"fail": 3}),
    "task-allow-warning-runnable": Facts(attempts={"fail": 3}),
    "retry-success": Facts(attempts={"#0": 4}),
    "retry-failed": Facts(attempts={"#0": 5}),
    "retry-random": Facts(attempts={"#0": 3}),
    "retry-failed-task-duration": Facts(attempts={"#0": 3}),
    "retry-failed-flow-attempts": Facts(attempts={"#0": 4}),
    "retry-flowable": Facts(attempts={"#1": 3}),
    "retry-flowable-child": Facts(attempts={"#1": 3}),
    "retry-flowable-nested-child": Facts(attempts={"#2": 3}),
    "retry-flowable-parallel": Facts(attempts={"#1": 2, "#2": 2}),
    "flow-with-outputs": Facts(outputs={"key": '{"value":"flow-with-outputs"}'}),
    "flow-with-array-outputs": Facts(outputs={"myout": ["1rstValue", "2ndValue"]}),
    "flow-with-outputs-failed": Facts(outputs=None),
    "pause-delay": Facts(rests=("PAUSED", 1), passed=("pause", {"PAUSED": 1, "RUNNING": 2})),
    "pause-timeout": Facts(rests=("PAUSED", 1), passed=("pause", {"PAUSED": 1, "RUNNING": 1, "FAILED": 1})),
    "pause_no_tasks": Facts(then="SUCCESS"),
    "allow-failure": Facts(
        states={
            "first": "WARNING",
            "1-1-allow-failure": "WARNING",
            "1-1-1_seq": "FAILED",
            "1-1-1-1": "SUCCESS",
            "ko": "FAILED",
            "local-error": "SUCCESS",
            "1-2-todo": "SUCCESS",
            "switch": "SUCCESS",
            "last": "SUCCESS",
        }
    ),
    "allow-failure,1": Facts(states={"switch": "FAILED", "crash": "FAILED", "global-error": "SUCCESS"}),
    "working-directory-taskrun": Facts(value={"log-taskrun": "1"}),
    "pause_on_resume_optional": Facts(then="SUCCESS", values={"last": {"asked": "MISSING"}}),
}
AT_LEAST = {"retry-flowable-parallel"}


# ── driving ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class InlineContext:
    """What the inline types see of the world: their variables, and a list to talk to."""

    flow: Flow
    task: Any
    variables: Mapping[str, Any]
    said: list[tuple[Level, str]] = field(default_factory=list)
    course: Course | None = None

    @property
    def halt(self) -> InlineContext:
        return self

    def now(self) -> datetime:
        assert self.course is not None
        return self.course.now

    def wait(self, seconds: float) -> bool:
        """Nobody stops it: the time is over."""
        assert self.course is not None
        self.course.now += timedelta(seconds=seconds)
        return False

    def log(self, level: Level, message: str) -> None:
        self.said.append((level, message))

    def render(self, template: str) -> str:
        return str(render(template, self.variables))

    def render_value(self, value: Any) -> Any:
        return render_value(value, self.variables)


class Drive:
    """Answers what is asked, does inline tasks and lets time pass, until only a person could move it on."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.results: dict[str, AttemptEnded] = {}
        self.said: list[tuple[Level, str]] = []
        self.rests: list[tuple[str, int]] = []

    def go(self) -> None:
        course = self.course
        while not course.execution.is_over:
            course.settle()
            execution = course.execution
            if execution.asked:
                course.tell(self.answer(min(execution.asked)))
            elif todo := {**execution.inline, **execution.ready}:
                course.tell(*self.attempt(execution.runs[min(todo, key=todo.__getitem__)]))
            elif (moment := course.due()) is not None:
                self.rests.append((execution.state.value, len(execution.runs)))
                course.now = moment
            else:
                return

    def answer(self, key: str) -> Event:
        course, run = self.course, self.course.execution.runs.get(key)
        subject = key if key != ROOT else None
        seen = variables(course.flow, course.execution, run, AROUND)
        try:
            rendered = render_value(dict(evaluation.templates(course.flow, course.execution, key)), seen)
            assert isinstance(rendered, dict)
            values = evaluation.interpret(course.flow, course.execution, key, rendered)
        except PenstockError as error:
            return EvaluationFailed(at=course.now, run=subject, name="", message=error.message)
        return Evaluated(at=course.now, run=subject, values=values)

    def attempt(self, run: TaskRun) -> tuple[Event, Event]:
        course, number = self.course, len(run.attempts) + 1
        started = AttemptStarted(at=course.now, run=run.id, attempt=number, session="s", epoch=1)
        course.now += timedelta(milliseconds=1)
        running = replace(run, attempts=fold([*course.log, started]).runs[run.id].attempts)
        ended = self.result(running)
        self.results[idempotency_key("e1", run.id, run.iteration) + f"/{number}"] = ended
        return started, ended

    def result(self, run: TaskRun) -> AttemptEnded:
        course = self.course
        task = course.flow.by_id[run.task]
        seen = variables(course.flow, course.execution, run, AROUND)
        context = InlineContext(course.flow, task, seen, self.said, course)
        ended = AttemptEnded(at=course.now, run=run.id, attempt=len(run.attempts), state=State.SUCCESS)
        try:
            kind = task_type(task.type)
            result = kind.run(prepare(kind, task, context.render_value), context)  # type: ignore[arg-type]
        except TaskFailed as failure:
            return replace(ended, state=State.FAILED, error=failure.message, outputs=failure.outputs)
        except PenstockError as error:
            return replace(ended, state=State.FAILED, error=error.message)
        return replace(ended, state=result.state, outputs=result.outputs)


def drive(case: Case) -> Drive:
    source = (CONFORMANCE / case.file).read_bytes()
    parsed = parse_flow(source, case.file, catalog=load_catalog(), dialect=Dialect.V0_21)
    assert parsed.flow is not None, [found.message for found in parsed.diagnostics if found.is_error]
    given = {key: "a" * 11264 if value == "'a' * 11264" else value for key, value in case.inputs.items()}
    driven = Drive(Course(parsed.flow, inputs=inputs_of(parsed.flow, given)))
    driven.go()
    return driven


def inputs_of(flow: Flow, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the original starts it with: where it gives none, nobody reads the inputs, and a required one is absent."""
    try:
        return resolve_inputs(flow.inputs, given)
    except InvalidInputs:
        if given:
            raise
        return {}


# ── the tests ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_selection_is_computed_and_told(record_property: Callable[[str, object], None]) -> None:
    total = len(json.loads((CONFORMANCE / "cases.json").read_text(encoding="utf-8")))

    told = f"core conformance: {len(SELECTED)} selected of {total}, {len(BEFORE_LATER)} more up to a later operation"
    print(told)
    record_property("conformance", told)

    assert len(SELECTED) >= 40
    assert FACTS.keys() <= {case.key for case in SELECTED + BEFORE_LATER}


@pytest.mark.parametrize("case", SELECTED, ids=lambda case: case.key)
def test_a_case_comes_out_as_in_kestra(case: Case) -> None:
    compare(case, drive(case))


@pytest.mark.parametrize("case", BEFORE_LATER, ids=lambda case: case.key)
def test_a_case_comes_out_as_in_kestra_up_to_its_later_operation(case: Case) -> None:
    compare(case, drive(case))


def compare(case: Case, driven: Drive) -> None:
    course, facts = driven.course, FACTS.get(case.key, Facts())
    assert case.state in (None, course.execution.state.value)
    assert case.runs in (None, len(course.execution.runs))
    if facts.rests is not None:
        assert driven.rests[0] == facts.rests
    if facts.then is not None:
        assert waiting(course.execution) is not None
        course.tell(answer(course.flow, course.execution, {}, by="ada", at=course.now))
        driven.go()
        assert course.execution.state == facts.then
    assert fold(course.log) == course.execution
    by_task = {run.task: run for run in course.execution.in_order()}
    by_place = {f"#{run.ordinal}": run for run in course.execution.in_order()} | by_task
    assert {task: by_task[task].state for task in facts.states} == facts.states
    assert {task: (by_task[task].outputs or {})["value"] for task in facts.value} == facts.value
    assert {task: (by_task[task].outputs or {})["values"] for task in facts.values} == facts.values
    for place, attempts in facts.attempts.items():
        made = len(by_place[place].attempts)
        assert made >= attempts if case.key in AT_LEAST else made == attempts
    if facts.passed is not None:
        task, passed = facts.passed
        counted = Counter(state.value for state, _ in by_task[task].histories)
        assert {state: counted[state] for state in passed} == passed
    if facts.outputs is not ...:
        assert course.execution.outputs == facts.outputs


def test_a_scheduled_case_rests_until_its_date() -> None:
    case = next(case for case in SELECTED if case.key == "minimal")
    source = (CONFORMANCE / case.file).read_bytes()
    flow = parse_flow(source, case.file, catalog=load_catalog(), dialect=Dialect.V0_21).flow
    assert flow is not None
    driven = Drive(Course(flow, schedule_date=START + timedelta(seconds=1)))

    driven.go()

    assert driven.rests == [("CREATED", 0)]
    assert driven.course.execution.state is State.SUCCESS
