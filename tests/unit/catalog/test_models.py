"""What may stand in a part of each family, and what may not: right and wrong ones, read as in a flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.judge import judge_of
from penstock.flow.model import Dialect
from penstock.flow.parse import ParsedFlow, parse_flow
from penstock.tasks.catalogue import KNOWN

CORE, SCRIPTS = "io.kestra.plugin.core.", "io.kestra.plugin.scripts."
LOG = {"id": "log", "type": CORE + "log.Log", "message": "m"}


def parsed(flow: dict[str, Any]) -> ParsedFlow:
    source = yaml.safe_dump({"id": "f", "namespace": "a.b"} | flow, sort_keys=False)
    return parse_flow(source, "f.yaml", catalog=load_catalog(), dialect=Dialect.AUTO)


def of_task(kind: str, properties: str) -> dict[str, Any]:
    return {"tasks": [{"id": "t", "type": kind} | yaml.safe_load(properties or "{}")]}


def of_trigger(kind: str, properties: str) -> dict[str, Any]:
    return {"tasks": [LOG], "triggers": [{"id": "t", "type": kind} | yaml.safe_load(properties or "{}")]}


def of_condition(kind: str, properties: str) -> dict[str, Any]:
    condition = {"type": CORE + "condition." + kind} | yaml.safe_load(properties or "{}")
    return of_trigger(CORE + "trigger.Flow", "") | {
        "triggers": [{"id": "t", "type": CORE + "trigger.Flow", "conditions": [condition]}]
    }


def told(flow: dict[str, Any]) -> list[str]:
    return [f"{one.code} {one.message}" for one in parsed(flow).diagnostics if one.severity.value != "information"]


PARTS = yaml.safe_load((Path(__file__).parent / "parts.yaml").read_text(encoding="utf-8"))


def right(group: str) -> list[Any]:
    """The parts of a group that are as they may be, each with its properties as text."""
    return [
        pytest.param(part["type"], yaml.safe_dump({key: part[key] for key in part if key != "type"}), id=part["type"])
        for part in PARTS[group]
    ]


@pytest.mark.parametrize(("kind", "properties"), right("tasks"))
def test_a_task_with_what_it_may_have(kind: str, properties: str) -> None:
    assert told(of_task(CORE + kind, properties)) == []


@pytest.mark.parametrize(("kind", "properties"), right("triggers"))
def test_a_trigger_with_what_it_may_have(kind: str, properties: str) -> None:
    assert told(of_trigger(CORE + kind, properties)) == []


@pytest.mark.parametrize(("kind", "properties"), right("conditions"))
def test_a_condition_with_what_it_may_have(kind: str, properties: str) -> None:
    assert told(of_condition(kind, properties)) == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        pytest.param(f"{CORE}dashboard.{kind}.{part['type']}", part, id=part["type"])
        for kind, group in (("chart", "charts"), ("data", "data"))
        for part in PARTS[group]
    ],
)
def test_a_part_of_a_dashboard_with_what_it_may_have(name: str, part: dict[str, Any]) -> None:
    judge = judge_of(load_catalog())
    assert judge.typed(name, part | {"type": name}) == []
    [found] = judge.typed(name, part | {"type": name, "colour": "red"})
    assert found.message == "unknown property `colour`"


def test_every_kind_of_part_has_one_that_is_right() -> None:
    tried = {CORE + part["type"] for group in ("tasks", "triggers") for part in PARTS[group]}
    tried |= {f"{CORE}condition.{part['type']}" for part in PARTS["conditions"]}
    waiting = {name for name in KNOWN if not name.startswith((SCRIPTS, CORE + "dashboard."))}
    assert waiting - tried == {CORE + "kv.Version"}, "which is a part of PurgeKV, and none of a flow"


@pytest.mark.parametrize("language", ["r", "ruby", "julia", "go", "powershell", "php", "groovy", "csharp"])
def test_scripts_of_every_language(language: str) -> None:
    say = f"{SCRIPTS}{language}."
    assert told(of_task(say + "Script", "{script: x, containerImage: i, env: {A: 1}, beforeCommands: [y]}")) == []
    assert (
        told(of_task(say + "Commands", "{commands: [x], taskRunner: {type: io.kestra.plugin.core.runner.Process}}"))
        == []
    )
    watching = "exitCondition: exit 1, edge: false, interval: PT10S, containerImage: i"
    assert told(of_trigger(say + "ScriptTrigger", f"{{script: x, {watching}}}")) == []
    assert told(of_trigger(say + "CommandsTrigger", f"{{commands: [x], {watching}}}")) == []


def test_what_the_jvm_evaluates() -> None:
    assert told(of_task(SCRIPTS + "groovy.Eval", "{script: x, outputs: [a]}")) == []
    assert told(of_task(SCRIPTS + "jython.FileTransform", "{script: x, from: 'kestra:///a', concurrent: 2}")) == []
    assert told(of_task(SCRIPTS + "nashorn.FileTransform", "{script: x, from: y, concurrent: 1}")) == [
        "PEN207 `1` must be at least 2"
    ]


@pytest.mark.parametrize(("kind", "properties", "message"), [
    ("flow.Dag", "{tasks: [{task: {id: a, type: io.kestra.plugin.core.debug.Return}, needs: [b]}]}",
     "PEN202 unknown property `needs`"),
    ("flow.Dag", "{tasks: [{dependsOn: []}]}", "PEN201 `task` is missing"),
    ("flow.Loop", "{values: [1], tasks: [{id: a, type: io.kestra.plugin.core.debug.Return}], fetchType: ALL}",
     "PEN205 `ALL` is not one of `AUTO`, `FETCH`, `STORE`"),
    ("flow.Subflow", "{namespace: x}", "PEN201 `flowId` is missing"),
    ("flow.Subflow", "{namespace: x, flowId: y, wait: '{{ 1 }}'}",
     "PEN203 expected true or false, got `{{ 1 }}`"),
    ("flow.Subflow", "{namespace: x, flowId: y, restartBehavior: RETRY}",
     "PEN205 `RETRY` is not one of `RETRY_FAILED`, `NEW_EXECUTION`"),
    ("flow.ForEachItem", "{items: x, namespace: x, flowId: y, batch: {row: 1}}", "PEN202 unknown property `row`"),
    ("flow.LoopUntil", ("{tasks: [{id: a, type: io.kestra.plugin.core.debug.Return}], condition: x, checkFrequency: "
     "{interval: 5s}}"), "PEN208 `5s` is not a duration"),
    ("flow.Sleep", "{}", "PEN201 `duration` is missing"),
    ("execution.Exit", "{state: DONE}",
     "PEN205 `DONE` is not one of `SUCCESS`, `WARNING`, `KILLED`, `FAILED`, `CANCELLED`, `CANCELED`"),
    ("execution.Count", "{startDate: x, expression: '{{ cout }}'}", "PEN302 there is no variable `cout`"),
    ("kv.Set", "{key: a, val: 1}", "PEN202 unknown property `val`"),
    ("kv.PurgeKV", "{behavior: {type: keys}}", None),
    ("state.Get", "{data: {}}", "PEN202 unknown property `data`"),
    ("log.PurgeLogs", "{logLevels: [LOUD], endDate: x}", None),
    ("storage.FilterItems", "{from: x, filterCondition: '{{ a }}', filterType: KEEP}",
     "PEN205 `KEEP` is not one of `INCLUDE`, `EXCLUDE`"),
    ("metric.Publish", "{metrics: [{type: sum, name: a, value: 1}]}", None),
])  # fmt: skip
def test_a_task_with_what_it_may_not_have(kind: str, properties: str, message: str | None) -> None:
    found = told(of_task(CORE + kind, properties))
    assert found
    assert message is None or message in found


@pytest.mark.parametrize(("kind", "properties", "message"), [
    ("trigger.Webhook", "{}", "PEN201 `key` is missing"),
    ("trigger.Flow", "{preconditions: {flows: []}}", "PEN201 `id` is missing"),
    ("trigger.Flow", "{preconditions: {id: p, timeWindow: {type: HOURLY}}}", ("PEN205 `HOURLY` is not one of "
     "`DURATION_WINDOW`, `SLIDING_WINDOW`, `DAILY_TIME_DEADLINE`, `DAILY_TIME_WINDOW`")),
    ("trigger.Flow", "{dependOn: []}", "PEN202 unknown property `dependOn`"),
    ("http.Trigger", "{uri: x, responseCondtion: '{{ 1 }}'}", "PEN202 unknown property `responseCondtion`"),
    ("trigger.ScheduleOnDates", "{dates: {a: b}}", None),
])  # fmt: skip
def test_a_trigger_with_what_it_may_not_have(kind: str, properties: str, message: str | None) -> None:
    found = told(of_trigger(CORE + kind, properties))
    assert found
    assert message is None or message in found


@pytest.mark.parametrize(("kind", "properties", "message"), [
    ("DayWeek", "{}", "PEN201 `dayOfWeek` is missing"),
    ("DayWeek", "{dayOfWeek: monday}", None),
    ("ExecutionStatus", "{states: [SUCCESS]}", "PEN202 unknown property `states`"),
    ("Not", "{conditions: [{type: io.kestra.plugin.core.condition.DayWeek}]}", "PEN201 `dayOfWeek` is missing"),
    ("Or", "{conditions: []}", "PEN206 must not be empty"),
])  # fmt: skip
def test_a_condition_with_what_it_may_not_have(kind: str, properties: str, message: str | None) -> None:
    found = told(of_condition(kind, properties))
    assert found
    assert message is None or message in found


def test_a_dag_whose_tasks_stand_there_themselves_is_told_once() -> None:
    bare = "{tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: m}]}"
    assert told(of_task(CORE + "flow.Dag", bare)) == ["PEN201 `task` is missing"]
    assert told(of_task(CORE + "flow.Dag", "{}")) == ["PEN201 `tasks` is missing"]
    assert told(of_task(CORE + "flow.Dag", "{tasks: []}")) == ["PEN225 No task defined"]


def test_tasks_within_a_part_that_cannot_run_are_judged_too() -> None:
    flow = of_task(CORE + "flow.Approval", "{onApprove: [{id: a, type: io.kestra.plugin.core.log.Log}]}")
    assert told(flow) == ["PEN201 `message` is missing"]


def test_a_flow_with_parts_that_cannot_run_is_built_and_says_so() -> None:
    flow = parsed(
        of_task(
            CORE + "flow.Template",
            "{namespace: n, templateId: x, errors: [{id: a, type: io.kestra.plugin.core.log.Log, message: m}]}",
        )
    ).flow
    assert flow is not None
    assert [(task.id, task.runnable) for task in flow.walk()] == [("t", False), ("a", True)]
