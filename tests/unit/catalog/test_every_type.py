"""Every type that Kestra 0.21 to 2.0 has in its core and its scripts is known, and known with its properties."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.parse import parse_flow
from penstock.tasks.names import NAMES
from penstock.tasks.registry import MODELS, TYPES, is_runnable, model_of

CORE, SCRIPTS = "io.kestra.plugin.core.", "io.kestra.plugin.scripts."

CATALOG = Catalog()

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "flows"

FLOWABLES = """Sequential Parallel Dag If Switch ForEach EachSequential EachParallel ForEachItem Loop LoopUntil
AllowFailure Subflow Pause WorkingDirectory Template Sleep Approval PurgeFlows"""
TASKS = """execution.Fail execution.Labels execution.Exit execution.Assert execution.SetVariables
execution.UnsetVariables execution.Count execution.Resume execution.PurgeExecutions execution.Kill log.Log log.Fetch
log.PurgeLogs debug.Return debug.Echo output.OutputValues kv.Set kv.Get kv.GetKeys kv.Delete kv.PurgeKV kv.Version
state.Set state.Get state.Delete templating.TemplatedTask namespace.UploadFiles namespace.DownloadFiles
namespace.DeleteFiles namespace.PurgeFiles metric.Publish metric.PurgeMetrics storage.Concat storage.Split
storage.Reverse storage.Size storage.Delete storage.Write storage.DeduplicateItems storage.FilterItems
storage.LocalFiles storage.PurgeCurrentExecutionFiles storage.PurgeStorage http.Request http.Download http.SseRequest
trigger.Toggle"""
TRIGGERS = """trigger.Schedule trigger.ScheduleOnDates trigger.Webhook trigger.Flow http.Trigger trigger.BatchWebhook
trigger.McpToolTrigger"""
CONDITIONS = """DateTimeBetween TimeBetween DayWeek DayWeekInMonth Weekend PublicHoliday ExecutionStatus ExecutionFlow
ExecutionNamespace ExecutionLabels ExecutionOutputs HasRetryAttempt Expression Not Or MultipleCondition FlowCondition
FlowNamespaceCondition"""
CHARTS = "Bar Pie Table TimeSeries Markdown KPI"
DATA = "Executions Logs Metrics Triggers Flows"
LANGUAGES = """python shell node r ruby julia go powershell php perl lua deno bun dotnet csharp fsharp jbang groovy"""

KNOWN = {
    "task": [
        *(f"{CORE}flow.{name}" for name in FLOWABLES.split()),
        *(CORE + name for name in TASKS.split()),
        *(f"{SCRIPTS}{name}.{kind}" for name in LANGUAGES.split() for kind in ("Script", "Commands")),
        *(f"{SCRIPTS}{name}.{kind}" for name in ("groovy", "nashorn", "jython") for kind in ("Eval", "FileTransform")),
        f"{SCRIPTS}docker.Commands",
        "io.kestra.plugin.docker.Run",
    ],
    "trigger": [
        *(CORE + name for name in TRIGGERS.split()),
        *(f"{SCRIPTS}{name}.{kind}" for name in LANGUAGES.split() for kind in ("ScriptTrigger", "CommandsTrigger")),
    ],
    "condition": [f"{CORE}condition.{name}" for name in CONDITIONS.split()],
    "runner": [f"{CORE}runner.Process", f"{SCRIPTS}runner.docker.Docker"],
    "chart": [f"{CORE}dashboard.chart.{name}" for name in CHARTS.split()],
    "data": [f"{CORE}dashboard.data.{name}{end}" for name in DATA.split() for end in ("", "KPI")],
}


@pytest.mark.parametrize("group", list(KNOWN))
def test_the_types_of_each_group_are_these(group: str) -> None:
    assert CATALOG.names(group) == sorted(KNOWN[group])


@pytest.mark.parametrize("name", [name for names in KNOWN.values() for name in names])
def test_each_has_a_schema_that_names_it(name: str) -> None:
    info, schema = CATALOG.find(name), CATALOG.schema(name)
    assert info is not None
    assert schema is not None
    assert info.has_schema
    known = schema["properties"]["type"]
    assert name in known.get("enum", [known.get("const")])
    assert {"task": {"id", "runIf"}, "trigger": {"id", "when"}}.get(info.group, set()) <= schema["properties"].keys()
    model = model_of(name)
    assert model is not None
    assert model.__doc__


def test_what_runs_is_what_has_something_that_does_it() -> None:
    runnable = {name for name in CATALOG.names() if (info := CATALOG.find(name)) is not None and info.runnable}
    assert runnable == {*TYPES, *MODELS}
    assert {name.name for name in NAMES if is_runnable(name.name)} == runnable
    assert f"{CORE}flow.Template" not in runnable


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda file: file.stem)
def test_no_example_has_a_property_that_its_types_lack(file: Path) -> None:
    parsed = parse_flow(file.read_bytes(), file.name, catalog=CATALOG)
    assert [found for found in parsed.diagnostics if found.is_error] == []
    assert parsed.flow is not None
