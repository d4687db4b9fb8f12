"""Slips of the hand that a schema alone would tell at another place, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.diagnostic import Severity
from penstock.flow.catalogue.catalog import Catalog, load_catalog
from penstock.flow.judge import Judge
from penstock.flow.parse import parse_flow

CORE = "io.kestra.plugin.core"
HEAD = "id: f\nnamespace: n\n"
LOG = f"  - id: t\n    type: {CORE}.log.Log\n    message: x\n"
ASK = HEAD + "variables:\n  a:\n    b: 1\n    c: {d: 2}\n  e: '{\"f\": 3}'\ntasks:\n"
LOOP = HEAD + f"tasks:\n  - id: l\n    type: {CORE}.flow.ForEach\n    values: VALUES\n    tasks:\n      - id: t\n"
LOOP += f"        type: {CORE}.log.Log\n        message: x\n"
WAITS = f"triggers:\n  - id: w\n    type: {CORE}.trigger.Flow\n    preconditions:\n      id: p\n"
WAITS += "      flows: [{namespace: n, flowId: g}]\n"
SWITCH = f"tasks:\n  - id: s\n    type: {CORE}.flow.Switch\n    value: a\n    cases:\n"

FOUND = [
    (HEAD + "tasks:\n" + LOG.replace("type", "tyep"), "PEN201", 5, "`type` is missing", "did you mean `type`?"),
    (
        HEAD + "inputs:\n  - id: i\n    tpye: INT\ntasks:\n" + LOG,
        "PEN201", 5, "`type` is missing", "did you mean `type`?",
    ),
    (HEAD + "inputs:\n  - id: i\n    defaults: 3\ntasks:\n" + LOG, "PEN201", 4, "`type` is missing", None),
    (
        HEAD + f"tasks:\n  - id: t\n    type: {CORE}.http.Request\n    headers:\n      A: b\n      uri: http://x\n",
        "PEN201", 8, "`uri` is missing", "it stands within `headers`, a level too deep",
    ),
    (
        HEAD + f"pluginDefaults:\n  - type: {CORE}.log.Lgo\n    values: {{level: WARN}}\ntasks:\n" + LOG,
        "PEN210", 4, f"Invalid type: {CORE}.log.Lgo", f"did you mean `{CORE}.log.Log`?",
    ),
    (
        ASK + LOG.replace("message: x", 'message: "{{ vars.a.bb }}"'),
        "PEN229", 11, "the flow has no variable `a.bb`", "did you mean `vars.a.b`?",
    ),
    (
        ASK + LOG.replace("message: x", 'message: "{{ vars.a.c.dd.e }}"'),
        "PEN229", 11, "the flow has no variable `a.c.dd`", None,
    ),
    (
        HEAD + "tasks:\n" + LOG + WAITS + WAITS.replace("id: w", "id: v").replace("triggers:\n", ""),
        "PEN214", 16, "Duplicate preconditions with id [p]", "rename one of them",
    ),
    (LOOP.replace("VALUES", "astray"), "PEN203", 6, "a loop goes over a list, and `astray` is none", None),
    (LOOP.replace("VALUES", "[a, null]"), "PEN203", 6, "a loop cannot go over nothing", None),
    (
        HEAD + "inputs:\n  - id: i\n    type: BOOLEAN\n    defaults: [true]\ntasks:\n" + LOG,
        "PEN222", 6, "Invalid default for input 'i': a list is no single value", None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "message", "hint"), FOUND)
def test_a_slip_is_told_where_it_is(text: str, code: str, line: int, message: str, hint: str | None) -> None:
    found = parse_flow(text, "f", catalog=load_catalog()).diagnostics
    assert [(one.code, one.range.start.line, one.message) for one in found] == [(code, line, message)]
    assert hint is None or found[0].help == hint


def test_a_required_property_that_may_be_anything_is_not_nothing(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"value": {}, "note": {}}, "required": ["value"]}
    (tmp_path / "flow.json").write_text(json.dumps(schema), encoding="utf-8")
    judge = Judge(Catalog(tmp_path))
    assert judge.flow({"value": 0, "note": None}) == []
    assert [(one.path, one.message) for one in judge.flow({"value": None})] == [(("value",), "`value` has no value")]
    assert [(one.path, one.message) for one in judge.flow({})] == [((), "`value` is missing")]


@pytest.mark.parametrize(
    "text",
    [
        ASK + LOG.replace("message: x", 'message: "{{ vars.a.c.d }} {{ vars.e.f }} {{ vars.a.z ?? 1 }}"'),
        ASK + LOG.replace("message: x", 'message: "{{ vars.a[taskrun.id] }} {{ vars.a.b.c }}"'),
        LOOP.replace("VALUES", "'[\"a\"]'"),
        LOOP.replace("VALUES", '"{{ inputs.x ?? [] }}"'),
        LOOP.replace("VALUES", "{a: 1}"),
        HEAD + "pluginDefaults:\n  - type: io.kestra.plugin.scripts\n    values: {timeout: PT1S}\ntasks:\n" + LOG,
        HEAD + "pluginDefaults:\n  - type: io.kestra.core.tasks.log\n    values: {level: WARN}\ntasks:\n" + LOG,
    ],
)
def test_what_may_be_right_is_left_alone(text: str) -> None:
    found = parse_flow(text, "f", catalog=load_catalog()).diagnostics
    assert [one for one in found if one.severity is not Severity.INFO] == []


def test_an_unknown_type_of_a_plugin_default_is_as_grave_as_one_of_a_task() -> None:
    text = HEAD + "pluginDefaults:\n  - type: io.kestra.plugin.gcp\n    values: {projectId: p}\ntasks:\n" + LOG
    for severity in (Severity.ERROR, Severity.WARNING, None):
        found = parse_flow(text, "f", catalog=load_catalog(), unknown_types=severity).diagnostics
        assert [(one.code, one.severity) for one in found] == ([("PEN210", severity)] if severity else [])


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (HEAD + "inputs:\n  - {id: i, type: ARRAY, itemType: SELECT}\ntasks:\n" + LOG, "PEN221", 4),
        (HEAD + SWITCH + "      a: []\n      b: [{id: t, type: a.b.C}]\n", "PEN217", 8),
        (HEAD + SWITCH + "      b: [{id: t, type: a.b.C}]\n    defaults: []\n", "PEN217", 9),
    ],
)
def test_what_only_newer_versions_refuse_is_warned_of(text: str, code: str, line: int) -> None:
    found = parse_flow(text, "f", catalog=load_catalog(), unknown_types=None).diagnostics
    told = [(one.code, one.severity, one.range.start.line) for one in found]
    assert (code, Severity.WARNING, line) in told
