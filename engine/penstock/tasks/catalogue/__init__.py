"""Models of the types that this version knows and cannot run: what may stand in a flow, family by family.

A type that learns to run takes its model along: it moves from `KNOWN` to the tables of `penstock.tasks.registry`.
Properties are those of every version of Kestra from 0.21 to 2.0 together, with marks for those that not all have
(kestra core/src/main/java/io/kestra/plugin/core, plugin-scripts, and Kestra's plugin pages, all as of 2026-10).
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.tasks.names import CORE, LANGUAGES, SCRIPTS

_FAMILIES: dict[str, dict[str, str]] = {
    "flowables": {
        "flow.Template": "Template",
        "flow.PurgeFlows": "PurgeFlows",
    },
    "executions": {
        "execution.Labels": "Labels", "execution.Exit": "Exit",
        "execution.SetVariables": "SetVariables", "execution.UnsetVariables": "UnsetVariables",
        "trigger.Toggle": "ToggleTrigger", "metric.Publish": "PublishMetrics", "metric.PurgeMetrics": "PurgeMetrics",
    },
    "keys": {
        "kv.Set": "SetKey", "kv.Get": "GetKey", "kv.GetKeys": "GetKeys", "kv.Delete": "DeleteKey",
        "kv.PurgeKV": "PurgeKeys", "kv.Version": "Versions",
        "state.Set": "SetState", "state.Get": "GetState", "state.Delete": "DeleteState",
    },
    "files": {
        "storage.Concat": "Concat", "storage.Split": "Split", "storage.Reverse": "Reverse", "storage.Size": "Size",
        "storage.Delete": "Delete", "storage.Write": "Write", "storage.DeduplicateItems": "DeduplicateItems",
        "storage.FilterItems": "FilterItems", "storage.LocalFiles": "LocalFiles",
        "storage.PurgeStorage": "PurgeStorage", "storage.PurgeCurrentExecutionFiles": "PurgeCurrentExecutionFiles",
        "namespace.UploadFiles": "UploadFiles", "namespace.DownloadFiles": "DownloadFiles",
        "namespace.DeleteFiles": "DeleteFiles", "namespace.PurgeFiles": "PurgeFiles",
    },
    "http": {"http.SseRequest": "SseRequest", "http.Trigger": "Trigger"},
    "triggers": {
        "trigger.ScheduleOnDates": "ScheduleOnDates", "trigger.Webhook": "Webhook", "trigger.Flow": "Flow",
        "trigger.BatchWebhook": "BatchWebhook", "trigger.McpToolTrigger": "McpToolTrigger",
    },
    "conditions": {
        f"condition.{name}": name
        for name in (
            "DateTimeBetween", "TimeBetween", "DayWeek", "DayWeekInMonth", "Weekend", "PublicHoliday",
            "ExecutionStatus", "ExecutionFlow", "ExecutionNamespace", "ExecutionLabels", "ExecutionOutputs",
            "HasRetryAttempt", "Expression", "Not", "Or", "MultipleCondition", "FlowCondition",
            "FlowNamespaceCondition",
        )
    },
    "dashboards": {
        **{f"dashboard.chart.{name}": name for name in ("Bar", "Pie", "Table", "TimeSeries", "Markdown")},
        "dashboard.chart.KPI": "Kpi",
        **{f"dashboard.data.{name}": "Data" for name in ("Executions", "Logs", "Metrics", "Triggers", "Flows")},
        **{f"dashboard.data.{name}KPI": "DataKpi" for name in ("Executions", "Logs", "Metrics", "Triggers", "Flows")},
    },
}  # fmt: skip
"""By module, the end of each type's name and the class of its model."""

_RUNNING_LANGUAGES = frozenset({"python", "shell", "node"})


def _scripts() -> Iterator[tuple[str, str]]:
    for folder in LANGUAGES:
        if folder not in _RUNNING_LANGUAGES:
            yield f"{folder}.Script", "ScriptTask"
            yield f"{folder}.Commands", "CommandsTask"
        yield f"{folder}.ScriptTrigger", "ScriptTrigger"
        yield f"{folder}.CommandsTrigger", "CommandsTrigger"
    for folder in ("groovy", "nashorn", "jython"):
        yield f"{folder}.Eval", "Eval"
        yield f"{folder}.FileTransform", "FileTransform"


KNOWN: dict[str, str] = {
    **{
        CORE + name: f"{__name__}.{module}:{model}"
        for module, family in _FAMILIES.items()
        for name, model in family.items()
    },
    **{SCRIPTS + name: f"{__name__}.scripts:{model}" for name, model in _scripts()},
}
"""By name, the model of a type's properties as `module:Class`."""
