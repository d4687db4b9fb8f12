"""A flow file to a Flow: what it becomes when it is sound, and how little it takes to be read."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.diagnostic import FlowName, Position, Severity
from penstock.flow.canonical import canonical_form
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.defaults import Default
from penstock.flow.model import (
    Backoff,
    Check,
    CheckBehavior,
    CheckStyle,
    Concurrency,
    Dialect,
    Excess,
    Flow,
    InputType,
    Kind,
    Level,
    RetryBehavior,
    Sla,
    SlaBehavior,
    SlaType,
    TaskCache,
)
from penstock.flow.parse import ParsedFlow, parse_flow

CATALOG = load_catalog()
HEAD = "id: f\nnamespace: company.team\n"
LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
CORE = "io.kestra.plugin.core"


def parse(source: str, **more: object) -> ParsedFlow:
    return parse_flow(source, "f.yaml", catalog=CATALOG, **more)  # type: ignore[arg-type]


def flow_of(source: str, **more: object) -> Flow:
    parsed = parse(source, **more)
    assert parsed.flow is not None, parsed.diagnostics
    return parsed.flow


WHOLE = f"""\
id: whole
namespace: company.team
description: All of it
labels:
  team: data
  tier: 1
  live: true
variables: {{greeting: hello}}
inputs:
  - id: day
    type: DATE
    defaults: "2024-01-01"
  - name: count
    type: INT
    required: false
    min: 1
retry: {{type: constant, interval: PT1S, maxAttempt: 2}}
tasks:
  - id: choose
    type: {CORE}.flow.Switch
    value: "{{{{ inputs.count }}}}"
    cases:
      1:
        - id: one
          type: {LOG}
          message: one
      other: []
    defaults:
      - id: other
        type: {LOG}
        message: other
  - id: last
    type: {RETURN}
    format: x
    retry:
      type: exponential
      interval: PT1S
      maxInterval: PT10S
      delayFactor: 3
      maxAttempts: 5
      behavior: CREATE_NEW_EXECUTION
    timeout: PT2M
    runIf: "{{{{ true }}}}"
    allowFailure: true
    logLevel: WARN
    disabled: false
errors:
  - id: oops
    type: {LOG}
    message: oops
outputs:
  - id: result
    type: STRING
    value: "{{{{ outputs.last.value }}}}"
triggers:
  - id: daily
    type: {CORE}.trigger.Schedule
    cron: "0 9 * * *"
    inputs: {{count: 3}}
"""


def test_a_whole_flow() -> None:
    flow = flow_of(WHOLE)
    assert flow.name == FlowName("company.team", "whole")
    assert flow.source_digest == sha256(WHOLE.encode()).hexdigest()
    assert dict(flow.labels) == {"team": "data", "tier": "1", "live": "true"}
    assert [(one.id, one.type, one.required, dict(one.rules)) for one in flow.inputs] == [
        ("day", InputType.DATE, True, {}),
        ("count", InputType.INT, False, {"min": 1}),
    ]
    assert flow.retry is not None
    assert (flow.retry.backoff, flow.retry.interval, flow.retry.max_attempts) == (
        Backoff.CONSTANT,
        timedelta(seconds=1),
        2,
    )
    choose, last = flow.tasks
    assert choose.kind is Kind.FLOWABLE
    assert {name: [task.id for task in tasks] for name, tasks in choose.branches.items()} == {
        "cases.1": ["one"],
        "defaults": ["other"],
    }
    assert choose.properties["cases"] == ("1", "other")
    assert dict(last.properties) == {"format": "x"}
    assert last.retry is not None
    assert (last.retry.factor, last.retry.max_interval, last.retry.behavior) == (
        3.0,
        timedelta(seconds=10),
        RetryBehavior.CREATE_NEW_EXECUTION,
    )
    assert (last.timeout, last.run_if, last.allow_failure, last.log_level) == (
        timedelta(minutes=2),
        "{{ true }}",
        True,
        Level.WARN,
    )
    assert last.range.start == Position(32, 5)
    assert [task.id for task in flow.errors] == ["oops"]
    assert flow.outputs[0].type is InputType.STRING
    assert (flow.triggers[0].properties["cron"], dict(flow.triggers[0].inputs)) == ("0 9 * * *", {"count": 3})


@pytest.mark.parametrize(
    ("written", "gate"),
    [
        ("when: '{{ inputs.a }}'", "{{ inputs.a }}"),
        ("when: false", "false"),
        ("when: 'false', runIf: 'true'", "true"),
        ("when: null", None),
    ],
)
def test_a_task_may_say_when_for_run_if(written: str, gate: str | None) -> None:
    inputs = "inputs: [{id: a, type: BOOL}]\n"
    [task] = flow_of(f"{HEAD}{inputs}tasks: [{{id: t, type: {RETURN}, {written}}}]").tasks
    assert (task.run_if, dict(task.properties)) == (gate, {})


def test_labels_may_be_a_list() -> None:
    source = HEAD + f"labels:\n  - key: a\n    value: b\ntasks:\n  - id: t\n    type: {LOG}\n    message: x\n"
    assert dict(flow_of(source).labels) == {"a": "b"}


def test_a_timeout_may_be_an_expression_and_pause_has_two_spellings() -> None:
    source = HEAD + (
        f"variables: {{t: PT1S}}\ntasks:\n  - id: t\n    type: {LOG}\n    message: x\n    timeout: '{{{{ vars.t }}}}'\n"
        f"  - id: p\n    type: {CORE}.flow.Pause\n    delay: PT1S\n"
    )
    log, pause = flow_of(source).tasks
    assert log.timeout == "{{ vars.t }}"
    assert dict(pause.properties) == {"pauseDuration": "PT1S"}


def test_a_dag_keeps_what_each_task_waits_for() -> None:
    source = HEAD + (
        f"tasks:\n  - id: d\n    type: {CORE}.flow.Dag\n    tasks:\n"
        f"      - task: {{id: a, type: {LOG}, message: x}}\n"
        f"      - task: {{id: b, type: {LOG}, message: x}}\n        dependsOn: [a]\n"
    )
    [dag] = flow_of(source).tasks
    assert [task.id for task in dag.branches["tasks"]] == ["a", "b"]
    assert dag.properties["dependsOn"] == {"a": [], "b": ["a"]}


def test_a_limit_of_executions_is_read_with_what_becomes_of_one_too_many() -> None:
    tasks = f"tasks:\n  - id: t\n    type: {LOG}\n    message: x\n"
    assert flow_of(HEAD + tasks).concurrency is None
    assert flow_of(HEAD + "concurrency:\n  limit: 3\n" + tasks).concurrency == Concurrency(3, Excess.QUEUE)
    told = "concurrency:\n  limit: 1\n  behavior: CANCEL\n"
    assert flow_of(HEAD + told + tasks).concurrency == Concurrency(1, Excess.CANCEL)


def test_what_has_no_effect_is_told() -> None:
    parsed = parse(HEAD + f"workerGroup:\n  key: x\ntasks:\n  - id: t\n    type: {LOG}\n    message: x\n")
    assert parsed.flow is not None
    assert [(one.code, one.severity, one.range.start) for one in parsed.diagnostics] == [
        ("PEN703", Severity.WARNING, Position(3, 1)),
    ]


def test_a_file_that_is_no_flow_is_noted() -> None:
    for source in ("", "# nothing\n", "a: 1\n"):
        parsed = parse(source)
        assert (parsed.is_flow, parsed.flow) == (False, None)
        assert [(one.code, one.severity) for one in parsed.diagnostics] == [("PEN113", Severity.INFO)]


@pytest.mark.parametrize("source", ["- a\n", "5\n", "text\n"])
def test_a_list_or_a_bare_value_is_an_error(source: str) -> None:
    [found] = parse(source).diagnostics
    assert (found.code, found.is_error, found.range.start) == ("PEN112", True, Position(1, 1))


DEFAULTS = (
    HEAD
    + f"""\
pluginDefaults:
  - type: io.kestra.plugin.core.debug
    values: {{format: from the prefix}}
  - type: {LOG}
    forced: true
    values: {{level: WARN}}
  - type: {LOG}
    values: {{message: [first], level: ERROR}}
tasks:
  - id: a
    type: {RETURN}
  - id: b
    type: {RETURN}
    format: own
  - id: c
    type: {LOG}
    message: [second]
    level: DEBUG
"""
)


def test_plugin_defaults_are_merged_before_anything_is_required() -> None:
    flow = flow_of(DEFAULTS)
    assert [dict(task.properties) for task in flow.tasks] == [
        {"format": "from the prefix"},
        {"format": "own"},
        {"message": ["first", "second"], "level": "WARN"},
    ]


def test_defaults_from_outside_are_weaker_than_the_flows_own() -> None:
    outside = [
        Default("io.kestra.plugin.core.debug", {"timeout": "PT1H", "format": "outside"}),
        Default("io.kestra", {"timeout": "PT2H"}),
    ]
    flow = flow_of(DEFAULTS, defaults=outside, unknown_types=None)
    assert flow.tasks[0].timeout == timedelta(hours=1)
    assert flow.tasks[0].properties["format"] == "from the prefix"


def test_a_fault_in_a_default_is_told_once_at_the_default() -> None:
    source = (
        HEAD
        + f"""\
pluginDefaults:
  - type: {RETURN}
    values: {{timeout: soon}}
tasks:
  - id: a
    type: {RETURN}
  - id: b
    type: {RETURN}
"""
    )
    found = [one for one in parse(source).diagnostics if one.is_error]
    assert [(one.code, one.range.start) for one in found] == [("PEN208", Position(5, 23))]


def test_unknown_types_are_as_bad_as_one_says() -> None:
    source = HEAD + "tasks:\n  - id: t\n    type: com.example.Thing\n    anything: goes\n"
    assert parse(source).flow is None
    warned = parse(source, unknown_types=Severity.WARNING)
    assert [one.severity for one in warned.diagnostics] == [Severity.WARNING]
    assert warned.flow is not None
    [task] = warned.flow.tasks
    assert (task.runnable, task.kind, dict(task.properties)) == (False, Kind.WORKER, {"anything": "goes"})
    assert parse(source, unknown_types=None).diagnostics == ()


def test_a_comment_on_the_line_ignores_a_finding_but_no_error_of_structure() -> None:
    source = (
        HEAD
        + f"workerGroup: # penstock: ignore[PEN703]\n  key: x\ntasks:\n  - id: t\n    type: {LOG}\n    message: x\n"
    )
    assert parse(source).diagnostics == ()
    wrong = HEAD + f"tasks:\n  - id: t\n    type: {LOG}x # penstock: ignore[PEN210, PEN1]\n"
    assert [one.code for one in parse(wrong).diagnostics] == ["PEN210"]


def test_an_expression_that_does_not_parse_is_told_where_it_stands() -> None:
    message = "    message: |\n      fine {{ flow.id }}\n      and {{ 1 + }} not\n"
    source = HEAD + f"tasks:\n  - id: t\n    type: {LOG}\n{message}"
    [found] = parse(source).diagnostics
    assert found.code == "PEN301"
    assert found.range.start.line == 8
    assert 11 <= found.range.start.column <= 19
    [lenient] = parse(source, dialect=Dialect.V0_21).diagnostics
    assert lenient.severity is Severity.WARNING


def test_older_names_of_types_are_resolved_and_noted() -> None:
    source = HEAD + "tasks:\n  - id: t\n    type: io.kestra.core.tasks.log.Log\n    message: x\n"
    parsed = parse(source)
    assert [(one.code, one.severity) for one in parsed.diagnostics] == [("PEN701", Severity.INFO)]
    assert parsed.flow is not None
    assert parsed.flow.tasks[0].type == LOG
    assert parse(source, dialect=Dialect.V2).flow is None


_KEYS = st.sampled_from(
    [
        "id",
        "namespace",
        "tasks",
        "type",
        "inputs",
        "triggers",
        "labels",
        "retry",
        "cases",
        "errors",
        "pluginDefaults",
        "outputs",
        "values",
        "cron",
        "dependsOn",
        "task",
        "conditions",
        "timeout",
        "taskRunner",
        "onResume",
        "listeners",
        "key",
        "then",
        "defaults",
        "itemType",
        "min",
        "max",
        "validator",
        "timezone",
        "interval",
        "finally",
    ]
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 9),
    st.text("ab{}% |'\"", max_size=8),
    st.floats(-2, 2),
    st.sampled_from(
        [
            LOG,
            RETURN,
            f"{CORE}.flow.Switch",
            f"{CORE}.flow.Dag",
            f"{CORE}.flow.Pause",
            f"{CORE}.flow.If",
            f"{CORE}.trigger.Schedule",
            "STRING",
            "INT",
            "ARRAY",
            "SELECT",
            "constant",
            "PT1S",
            "@daily",
            "* * * * *",
        ]
    ),
)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=25
)


@given(st.dictionaries(_KEYS, _TREES, min_size=1, max_size=7))
@settings(max_examples=250, deadline=None)
def test_parsing_never_raises_whatever_stands_where(tree: dict[str, object]) -> None:
    import json

    parsed = parse(json.dumps({"id": "f", "namespace": "n", **tree}))
    if not any(found.is_error for found in parsed.diagnostics):
        assert parsed.flow is not None


def test_what_a_flow_promises_asks_and_does_afterwards() -> None:
    flow = flow_of(
        HEAD
        + f"""\
draft: true
sla:
  - {{id: quick, type: MAX_DURATION, duration: PT1H, behavior: CANCEL, labels: {{late: true}}}}
  - {{id: sane, type: EXECUTION_ASSERTION, assert: "{{{{ true }}}}", behavior: NONE}}
checks:
  - {{condition: "{{{{ inputs is not empty }}}}", message: Give me inputs}}
  - {{when: "{{{{ true }}}}", condition: older, message: m, style: ERROR, behavior: FAIL_EXECUTION}}
tasks:
  - {{id: t, type: {RETURN}, taskCache: {{enabled: true, ttl: PT2H}}}}
afterExecution:
  - {{id: group, type: {CORE}.flow.Sequential, tasks: [{{id: told, type: {LOG}, message: x}}]}}
"""
    )
    assert flow.draft
    assert flow.sla == (
        Sla("quick", SlaType.MAX_DURATION, SlaBehavior.CANCEL, duration=timedelta(hours=1), labels={"late": "true"}),
        Sla("sane", SlaType.EXECUTION_ASSERTION, SlaBehavior.NONE, assertion="{{ true }}"),
    )
    assert flow.checks == (
        Check("{{ inputs is not empty }}", "Give me inputs"),
        Check("{{ true }}", "m", CheckStyle.ERROR, CheckBehavior.FAIL_EXECUTION),
    )
    assert flow.by_id["t"].cache == TaskCache(enabled=True, ttl=timedelta(hours=2))
    assert [task.id for task in flow.walk()] == ["t", "group", "told"]
    assert [task.id for task in flow.ancestors(flow.by_id["told"])] == ["group"]
    form = canonical_form(flow)
    assert form["sla"][0] == {
        "id": "quick", "type": "MAX_DURATION", "behavior": "CANCEL", "duration": "PT1H", "labels": {"late": "true"},
    }  # fmt: skip
    assert form["checks"][0] == {"when": "{{ inputs is not empty }}", "message": "Give me inputs"}
    assert form["tasks"][0]["cache"] == {"enabled": True, "ttl": "PT2H"}
    assert form["afterExecution"][0]["id"] == "group"


def test_what_an_input_depends_on_belongs_to_the_canonical_form() -> None:
    flow = flow_of(
        HEAD
        + f"""\
inputs:
  - {{id: a, type: STRING, prefill: p}}
  - {{id: g, type: FORM, dependsOn: {{inputs: [a]}}, inputs: [{{id: b, type: INT}}]}}
tasks: [{{id: t, type: {LOG}, message: x}}]
"""
    )
    assert canonical_form(flow)["inputs"] == [
        {"id": "a", "type": "STRING", "prefill": "p"},
        {"id": "g.b", "type": "INT", "dependsOn": [{"inputs": ["a"]}]},
    ]
