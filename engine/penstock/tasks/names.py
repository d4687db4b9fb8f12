"""Every type that Kestra 0.21 to 2.0 names in its core and its scripts: a table.

A name that has no implementation here is known all the same: a flow that uses it can be read, compared and told
about; it cannot be run. (Source: our dossier of Kestra, chapters 4 and 5.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.flow.model import Kind

CORE = "io.kestra.plugin.core."
SCRIPTS = "io.kestra.plugin.scripts."
DOCKER_RUNNER = SCRIPTS + "runner.docker.Docker"
DOCKER_COMMANDS = SCRIPTS + "docker.Commands"
DOCKER_RUN = "io.kestra.plugin.docker.Run"
_OLD = "io.kestra.core.tasks."
_CONDITIONS = "io.kestra.core.models.conditions.types."
_TRIGGERS = "io.kestra.core.models.triggers.types."


@dataclass(frozen=True, slots=True)
class Name:
    """A type by name. `group` is where it may stand; `aliases` are its older names; `deprecated` says what to use.

    `kind` is given for flowables alone that do not run yet. `as_task` is the task that it means where it stands as one,
    though it is none. `since` is the first version of Kestra that has it, where that is later than 0.21; `until` the
    first that has it no more; `enterprise`: only the Enterprise Edition has it.
    """

    name: str
    group: str
    title: str
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    kind: Kind | None = None
    as_task: str | None = None
    since: str | None = None
    until: str | None = None
    enterprise: bool = False


def _flow(
    name: str, title: str, *aliases: str, deprecated: str | None = None, kind: Kind | None = None,
    since: str | None = None, until: str | None = None,
) -> Name:  # fmt: skip
    return Name(f"{CORE}flow.{name}", "task", title, aliases, deprecated, kind, since=since, until=until)


def _task(
    name: str, title: str, *aliases: str, deprecated: str | None = None, since: str | None = None,
    until: str | None = None,
) -> Name:  # fmt: skip
    return Name(CORE + name, "task", title, aliases, deprecated, since=since, until=until)


def _condition(name: str, title: str, *more: str) -> Name:
    old = tuple(f"{prefix}{one}" for one in (f"{name}Condition", *more) for prefix in (_CONDITIONS, _CORE_CONDITIONS))
    return Name(_CORE_CONDITIONS + name, "condition", title, old, until="2.0")


_CORE_CONDITIONS = CORE + "condition."

FLOWABLES = (
    _flow("Sequential", "Tasks one after another", f"{_OLD}flows.Sequential"),
    _flow("Parallel", "Tasks at the same time", f"{_OLD}flows.Parallel"),
    _flow("Dag", "Tasks in the order of what they depend on", f"{_OLD}flows.Dag", kind=Kind.FLOWABLE),
    _flow("If", "Tasks under a condition", f"{_OLD}flows.If"),
    _flow("Switch", "Tasks by the value of an expression", f"{_OLD}flows.Switch"),
    _flow("ForEach", "Tasks once for each value", until="2.0"),
    _flow(
        "EachSequential", "Tasks for each value, one value after another", f"{_OLD}flows.EachSequential",
        deprecated="use io.kestra.plugin.core.flow.ForEach", until="2.0",
    ),
    _flow(
        "EachParallel", "Tasks for each value, all at the same time", f"{_OLD}flows.EachParallel",
        deprecated="use io.kestra.plugin.core.flow.ForEach with `concurrencyLimit: 0`", until="2.0",
    ),
    _flow("ForEachItem", "A flow once for each batch of a file's rows", f"{_OLD}flows.ForEachItem",
          kind=Kind.FLOWABLE, until="2.0"),
    _flow("Loop", "Tasks once for each value, each in an execution of its own", kind=Kind.FLOWABLE, since="2.0"),
    _flow("LoopUntil", "Tasks again and again until a condition holds", f"{CORE}flow.WaitFor", kind=Kind.FLOWABLE),
    _flow("AllowFailure", "Tasks whose failure only warns", f"{_OLD}flows.AllowFailure", kind=Kind.FLOWABLE),
    _flow("Subflow", "Another flow, started from this one", f"{_OLD}flows.Subflow", f"{_OLD}flows.Flow"),
    _flow("Pause", "A wait for a person or for a while", f"{_OLD}flows.Pause"),
    _flow(
        "WorkingDirectory", "Tasks that share one folder", f"{_OLD}flows.WorkingDirectory", f"{_OLD}flows.Worker",
    ),
    _flow("Template", "Tasks that are kept in a template", f"{_OLD}flows.Template",
          deprecated="use io.kestra.plugin.core.flow.Subflow", kind=Kind.FLOWABLE, until="2.0"),
    _flow("Sleep", "A wait for a fixed while"),
    _flow("Approval", "A wait for somebody to approve or deny", kind=Kind.FLOWABLE, since="2.0"),
    _flow("PurgeFlows", "Deletes old revisions of flows", since="2.0"),
)  # fmt: skip

TASKS = (
    _task("execution.Fail", "Fails the execution, always or under a condition", f"{_OLD}executions.Fail"),
    _task("execution.Labels", "Adds labels to the execution", f"{_OLD}executions.Labels"),
    _task("execution.Exit", "Ends the execution early in a given state", since="0.22"),
    _task("execution.Assert", "Fails unless all conditions hold", since="1.0"),
    _task("execution.SetVariables", "Sets variables of the execution", since="1.0"),
    _task("execution.UnsetVariables", "Removes variables of the execution", since="1.0"),
    _task("execution.Count", "Counts executions of flows", f"{_OLD}executions.Counts",
          deprecated="use io.kestra.plugin.kestra.executions.Count", until="2.0"),
    _task("execution.Resume", "Resumes a paused execution", f"{_OLD}executions.Resume", until="2.0"),
    _task(
        "execution.PurgeExecutions", "Deletes old executions with their logs and files",
        f"{_OLD}storages.Purge", f"{CORE}storage.Purge",
    ),
    _task("execution.Kill", "Kills an execution", since="2.0"),
    _task("log.Log", "Writes to the log", f"{_OLD}log.Log"),
    _task("log.Fetch", "Fetches logs into a file", f"{_OLD}log.Fetch",
          deprecated="use io.kestra.plugin.kestra.logs.Fetch", until="2.0"),
    _task("log.PurgeLogs", "Deletes old logs"),
    _task("debug.Return", "Returns a rendered text", f"{_OLD}debugs.Return"),
    _task("debug.Echo", "Writes a text to the log", f"{_OLD}debugs.Echo",
          deprecated="use io.kestra.plugin.core.log.Log", until="2.0"),
    _task("output.OutputValues", "Returns rendered values"),
    _task("kv.Set", "Sets a value by key"),
    _task("kv.Get", "Gets a value by key"),
    _task("kv.GetKeys", "Lists keys"),
    _task("kv.Delete", "Deletes a key"),
    _task("kv.PurgeKV", "Deletes keys, or old versions of their values", since="1.0"),
    _task("kv.Version", "Which versions of keys are old, for PurgeKV", since="1.3"),
    _task("state.Set", "Keeps a state between executions", f"{_OLD}states.Set",
          deprecated="use io.kestra.plugin.core.kv.Set", until="2.0"),
    _task("state.Get", "Gets a state that was kept", f"{_OLD}states.Get",
          deprecated="use io.kestra.plugin.core.kv.Get", until="2.0"),
    _task("state.Delete", "Deletes a state that was kept", f"{_OLD}states.Delete",
          deprecated="use io.kestra.plugin.core.kv.Delete", until="2.0"),
    _task("templating.TemplatedTask", "Runs a task that is written by a template",
          f"{_OLD}templating.TemplatedTask"),
    _task("namespace.UploadFiles", "Uploads files into a namespace"),
    _task("namespace.DownloadFiles", "Downloads files of a namespace"),
    _task("namespace.DeleteFiles", "Deletes files of a namespace"),
    _task("namespace.PurgeFiles", "Deletes old versions of the files of namespaces", since="1.2"),
    _task("metric.PurgeMetrics", "Deletes old metrics", since="2.0"),
    _task("metric.Publish", "Publishes metrics", since="0.23"),
    _task("storage.Concat", "Joins files", f"{_OLD}storages.Concat"),
    _task("storage.Split", "Splits a file", f"{_OLD}storages.Split"),
    _task("storage.Reverse", "Reverses the lines of a file", f"{_OLD}storages.Reverse"),
    _task("storage.Size", "Tells the size of a file", f"{_OLD}storages.Size"),
    _task("storage.Delete", "Deletes a file", f"{_OLD}storages.Delete"),
    _task("storage.PurgeStorage", "Deletes old files of executions", since="2.0"),
    _task("storage.Write", "Writes a text into a file", since="0.22"),
    _task("storage.DeduplicateItems", "Removes rows that stand in a file twice", f"{_OLD}storages.DeduplicateItems"),
    _task("storage.FilterItems", "Keeps the rows of a file that fit", f"{_OLD}storages.FilterItems"),
    _task(
        "storage.LocalFiles", "Puts files into a shared folder, and takes them out", f"{_OLD}storages.LocalFiles",
        deprecated="use `inputFiles` and `outputFiles`", until="2.0",
    ),
    _task(
        "storage.PurgeCurrentExecutionFiles", "Deletes the files of this execution",
        f"{_OLD}storages.PurgeExecution", f"{CORE}storage.PurgeExecution",
    ),
    _task("http.Request", "Sends an HTTP request", "io.kestra.plugin.fs.http.Request"),
    _task("http.Download", "Downloads a file over HTTP", "io.kestra.plugin.fs.http.Download"),
    _task("http.SseRequest", "Reads server-sent events", since="1.2"),
    _task("trigger.Toggle", "Enables or disables a trigger", f"{_OLD}trigger.Toggle", until="2.0"),
)  # fmt: skip

TRIGGERS = (
    Name(CORE + "trigger.Schedule", "trigger", "Starts at the times of a cron expression", (f"{_TRIGGERS}Schedule",)),
    Name(CORE + "trigger.ScheduleOnDates", "trigger", "Starts on given dates", (f"{_TRIGGERS}ScheduleOnDates",)),
    Name(CORE + "trigger.Webhook", "trigger", "Starts when an URL is called", (f"{_TRIGGERS}Webhook",)),
    Name(CORE + "trigger.Flow", "trigger", "Starts when other flows end", (f"{_TRIGGERS}Flow",)),
    Name(
        CORE + "http.Trigger", "trigger", "Starts when an HTTP answer fulfils a condition",
        ("io.kestra.plugin.fs.http.Trigger",),
    ),
    Name(CORE + "trigger.BatchWebhook", "trigger", "Starts for several calls of an URL at once", since="2.0"),
    Name(CORE + "trigger.McpToolTrigger", "trigger", "Offers the flow as a tool to agents", since="2.0"),
)  # fmt: skip

CONDITIONS = (
    _condition("DateTimeBetween", "The date lies between two moments"),
    _condition("TimeBetween", "The time of day lies between two times"),
    _condition("DayWeek", "The date is a given day of the week"),
    _condition("DayWeekInMonth", "The date is the first, second … given day of the week in its month"),
    _condition("Weekend", "The date lies on a weekend"),
    _condition("PublicHoliday", "The date is a public holiday"),
    _condition("ExecutionStatus", "The other execution ended in one of some states"),
    _condition("ExecutionFlow", "The other execution is one of a given flow"),
    _condition("ExecutionNamespace", "The other execution is one of a given namespace"),
    _condition("ExecutionLabels", "The other execution has given labels"),
    _condition("ExecutionOutputs", "The outputs of the other execution fulfil an expression"),
    _condition("HasRetryAttempt", "A task of the other execution was tried more than once"),
    _condition("Expression", "An expression is true", "VariableCondition"),
    _condition("Not", "None of some conditions holds together"),
    _condition("Or", "One of some conditions holds"),
    Name(
        _CORE_CONDITIONS + "MultipleCondition", "condition", "Several conditions hold within a time window",
        (_CONDITIONS + "MultipleCondition",), "use `preconditions` of the trigger", until="2.0",
    ),
    Name(
        _CORE_CONDITIONS + "FlowCondition", "condition", "The flow is a given one", (_CONDITIONS + "FlowCondition",),
        "use io.kestra.plugin.core.condition.ExecutionFlow", until="2.0",
    ),
    Name(
        _CORE_CONDITIONS + "FlowNamespaceCondition", "condition", "The flow lies in a given namespace",
        (_CONDITIONS + "FlowNamespaceCondition",), "use io.kestra.plugin.core.condition.ExecutionNamespace",
        until="2.0",
    ),
)  # fmt: skip

RUNNERS = (
    Name(CORE + "runner.Process", "runner", "Runs as a process on this machine"),
    Name(DOCKER_RUNNER, "runner", "Runs in a container", as_task=DOCKER_COMMANDS),
)

DASHBOARDS = (
    *(
        Name(f"{CORE}dashboard.chart.{name}", "chart", f"A {title} of a dashboard")
        for name, title in (
            ("Bar", "bar chart"), ("Pie", "pie chart"), ("Table", "table"), ("TimeSeries", "time series"),
            ("Markdown", "text"), ("KPI", "single figure"),
        )
    ),
    *(
        Name(f"{CORE}dashboard.data.{name}{suffix}", "data", f"{name} as {what} of a dashboard")
        for name in ("Executions", "Logs", "Metrics", "Triggers", "Flows")
        for suffix, what in (("", "rows"), ("KPI", "a single figure"))
    ),
)  # fmt: skip

LANGUAGES = {
    "python": "Python", "shell": "shell", "node": "Node.js", "r": "R", "ruby": "Ruby", "julia": "Julia", "go": "Go",
    "powershell": "PowerShell", "php": "PHP", "perl": "Perl", "lua": "Lua", "deno": "Deno", "bun": "Bun",
    "dotnet": ".NET", "csharp": "C#", "fsharp": "F#", "jbang": "JBang", "groovy": "Groovy",
}  # fmt: skip
_LATER = {"csharp": "1.3", "fsharp": "1.3"}
_JVM = {"groovy": "Groovy", "nashorn": "JavaScript (Nashorn)", "jython": "Python (Jython)"}
_GRAALVM = {"jython": "python"}


def _scripts() -> Iterator[Name]:
    for folder, language in LANGUAGES.items():
        at_hand = f"commands with {language} at hand" if folder != "shell" else "shell commands"
        say, since = f"{SCRIPTS}{folder}.", _LATER.get(folder)
        yield Name(f"{say}Script", "task", f"Runs a {language} script written in the flow", since=since)
        yield Name(f"{say}Commands", "task", f"Runs {at_hand}", since=since)
        since = since or "1.2"
        yield Name(f"{say}ScriptTrigger", "trigger", f"Starts when a {language} script says so", since=since)
        yield Name(f"{say}CommandsTrigger", "trigger", f"Starts when {at_hand} say so", since=since)
    yield Name(DOCKER_COMMANDS, "task", "Runs shell commands in a container")
    yield Name(DOCKER_RUN, "task", "Runs a container")
    for folder, language in _JVM.items():
        until = "2.0" if folder == "nashorn" else None
        instead = f"use io.kestra.plugin.graalvm.{_GRAALVM.get(folder, 'js')}"
        yield Name(
            f"{SCRIPTS}{folder}.Eval", "task", f"Evaluates {language} within the JVM", deprecated=f"{instead}.Eval",
            until=until,
        )  # fmt: skip
        yield Name(
            f"{SCRIPTS}{folder}.FileTransform", "task", f"Transforms a file row by row in {language}",
            deprecated=f"{instead}.FileTransform", until=until,
        )  # fmt: skip


NAMES: tuple[Name, ...] = (*FLOWABLES, *TASKS, *TRIGGERS, *CONDITIONS, *RUNNERS, *DASHBOARDS, *_scripts())
