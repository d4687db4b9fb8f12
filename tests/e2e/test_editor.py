"""The schema for editors, proven by a real yaml-language-server: what it offers, tells and refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from language_server import LanguageServer
from language_server.installed import language_server
from penstock.flow.catalogue.catalog import load_catalog
from penstock.tasks.publish import folder
from program import penstock

ROOT = Path(__file__).resolve().parents[2]
CORE = "io.kestra.plugin.core."
LOG = CORE + "log.Log"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
DAILY = CORE + "trigger.Schedule\n    cron: '@daily'"


def started(schema: Path) -> LanguageServer:
    """A server that has read the schema: what it tells of a document first is then what it means."""
    program = language_server()
    if isinstance(program, str):
        pytest.skip(program)
    server = LanguageServer(program, schema)
    server.open("first.yaml", "namespace: a.b\n")
    assert sorted(each["message"] for each in server.findings("first.yaml")) == [
        'Missing property "id".',
        'Missing property "tasks".',
    ]
    return server


@pytest.fixture(scope="module")
def editor() -> Iterator[LanguageServer]:
    server = started(folder() / "flow.schema.json")
    yield server
    server.close()


def flow(body: str) -> str:
    """A flow of which `body` is the rest."""
    return f"id: a\nnamespace: b.c\n{body}"


def within(flowable: str, *lines: str) -> str:
    """A flow's tasks: one flowable, with those lines."""
    return f"tasks:\n  - id: f\n    type: {CORE}flow.{flowable}\n" + "".join(f"    {line}\n" for line in lines)


A_TASK = "  - id: one\n    type: io.kestra.plugin.core.log.Log\n    message: m\n"

A_NOT = f"      - type: {CORE}condition.Not\n        conditions:\n"

PLACES = {
    "tasks": ("task", "tasks:\n  - id: x\n    HERE\n"),
    "errors": ("task", f"tasks:\n{A_TASK}errors:\n  - id: x\n    HERE\n"),
    "finally": ("task", f"tasks:\n{A_TASK}finally:\n  - id: x\n    HERE\n"),
    "afterExecution": ("task", f"tasks:\n{A_TASK}afterExecution:\n  - id: x\n    HERE\n"),
    "triggers": ("trigger", f"tasks:\n{A_TASK}triggers:\n  - id: x\n    HERE\n"),
    "then": ("task", within("If", "condition: c", "then:", "  - id: x", "    HERE")),
    "else": ("task", within("If", "condition: c", "then: []", "else:", "  - id: x", "    HERE")),
    "errors of a task": ("task", within("Sequential", "tasks: []", "errors:", "  - id: x", "    HERE")),
    "cases": ("task", within("Switch", "value: v", "cases:", "  v:", "    - id: x", "      HERE")),
    "defaults of a Switch": ("task", within("Switch", "value: v", "defaults:", "  - id: x", "    HERE")),
    "task of a Dag": ("task", within("Dag", "tasks:", "  - task:", "      id: x", "      HERE")),
    "onPause": ("task", within("Pause", "onPause:", "  id: x", "  HERE")),
    "two levels down": (
        "task",
        within("Parallel", "tasks:", "  - id: e", f"    type: {CORE}flow.ForEach", "    values: []", "    tasks:",
               "      - id: x", "        HERE"),
    ),
    "taskRunner": ("runner", f"tasks:\n  - id: s\n    type: {SHELL}\n    commands: []\n    taskRunner:\n      HERE\n"),
    "conditions of a condition": (
        "condition",
        f"tasks: []\ntriggers:\n  - id: t\n    type: {DAILY}\n    conditions:\n{A_NOT}          - HERE\n",
    ),
    "conditions": ("condition", f"tasks: []\ntriggers:\n  - id: t\n    type: {DAILY}\n    conditions:\n      - HERE\n"),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_the_types_that_fit_are_offered_wherever_one_stands(editor: LanguageServer, place: str) -> None:
    group, body = PLACES[place]
    name, text = f"{place}.yaml", flow(body.replace("HERE", "type: "))
    editor.open(name, text)
    offered = editor.completions(name, text, text[: text.index("type: \n")] + "type: ")
    catalog = load_catalog()
    known = {each for each in catalog.names(group) if (info := catalog.find(each)) is not None and not info.deprecated}
    assert known <= offered.keys()
    others = {
        each for other in ("task", "trigger", "runner", "condition") if other != group for each in catalog.names(other)
    }
    assert not others & offered.keys()


SOME = {
    "task": (f"type: {LOG}", 'Missing property "message".', {"message", "level", "retry", "timeout"}),
    "trigger": (f"type: {CORE}trigger.Schedule", 'Missing property "cron".', {"cron", "timezone", "inputs"}),
    "runner": ("type: io.kestra.plugin.scripts.runner.docker.Docker", "", {"pullPolicy", "volumes"}),
}


@pytest.mark.parametrize("place", [place for place, (group, _) in PLACES.items() if group in SOME])
def test_the_type_says_what_is_offered_beside_it_and_what_is_missed(editor: LanguageServer, place: str) -> None:
    group, body = PLACES[place]
    line, missed, wanted = SOME[group]
    indent = " " * next(len(each) - len(each.lstrip()) for each in body.splitlines() if each.endswith("HERE"))
    name, text = f"beside {place}.yaml", flow(body.replace("HERE", f"{line}\n{indent}colour: red\n{indent}"))
    editor.open(name, text)
    messages = [each["message"] for each in editor.findings(name)]
    assert "Property colour is not allowed." in messages
    assert not missed or missed in messages
    assert wanted <= editor.completions(name, text, f"colour: red\n{indent}").keys()


SOUND = flow(f"""\
inputs:
  - id: n
    type: INT
    defaults: 3
tasks:
  - id: new
    type: {LOG}
    message: ["{{{{ inputs.n }}}}", b]
    level: "{{{{ inputs.n > 2 ? 'INFO' : 'WARN' }}}}"
    timeout: "{{{{ vars.long }}}}"
  - id: old
    type: io.kestra.core.tasks.log.Log
    message: m
  - id: ours
    type: com.example.Unknown
    anything: goes
""")


def test_sound_flows_are_left_in_peace(editor: LanguageServer) -> None:
    flows = {path.name: path.read_text() for path in (ROOT / "examples" / "flows").rglob("*.yaml")} | {"sound": SOUND}
    assert len(flows) > 5
    for name, text in flows.items():
        editor.open(f"sound/{name}.yaml", text)
    assert {name: editor.findings(f"sound/{name}.yaml") for name in flows} == {name: [] for name in flows}


def test_faults_are_marked_where_they_stand(editor: LanguageServer) -> None:
    text = SOUND.replace("type: INT", "type: INTEGER").replace("message: m", "message: m\n    level: LOUD")
    editor.open("broken.yaml", text)
    starts = [each["range"]["start"] for each in editor.findings("broken.yaml")]
    found = {(start["line"], start["character"]) for start in starts}
    lines = text.splitlines()
    assert found == {
        (row, lines[row].index(word)) for word in ("INTEGER", "LOUD") for row in range(len(lines)) if word in lines[row]
    }


def test_what_is_deprecated_is_accepted_explained_and_not_offered(editor: LanguageServer) -> None:
    text = flow(f"tasks:\n  - id: e\n    type: {CORE}debug.Echo\n    format: x\n    runIf: 'true'\n    \n")
    editor.open("old.yaml", text)
    assert editor.findings("old.yaml") == []
    assert f"Deprecated: use {LOG}" in editor.hover("old.yaml", text, f"type: {CORE}deb").replace("\\", "")
    old = flow("taskDefaults: []\n\ntasks: []\n")
    editor.open("older.yaml", old)
    assert "Deprecated" in editor.hover("older.yaml", old, "taskDef")
    offered = editor.completions("older.yaml", old, "taskDefaults: []\n").keys()
    assert "pluginDefaults" in offered
    assert "listeners" not in offered


def test_a_type_and_a_property_are_explained(editor: LanguageServer) -> None:
    text = flow(f"tasks:\n  - id: e\n    type: {CORE}http.Request\n    uri: http://a\n    method: GET\n")
    editor.open("hover.yaml", text)
    over_type = editor.hover("hover.yaml", text, f"type: {CORE}http.Req")
    assert over_type.startswith("#### Request\n\nSends an HTTP request.")
    assert LOG not in over_type
    schema = load_catalog().schema(CORE + "http.Request")
    assert schema is not None
    assert schema["properties"]["method"]["description"] in editor.hover("hover.yaml", text, "    meth")


def test_a_name_is_offered_with_what_it_does(editor: LanguageServer) -> None:
    text = flow("tasks:\n  - id: e\n    type: \n")
    editor.open("offer.yaml", text)
    documentation = editor.completions("offer.yaml", text, "type: ")[LOG]["documentation"]
    assert documentation["value"] == "Writes to the log."


def test_snippets_begin_a_task(editor: LanguageServer) -> None:
    text = flow("tasks:\n  - \n")
    editor.open("snippet.yaml", text)
    assert editor.completions("snippet.yaml", text, "  - ")["a task"]["insertText"].startswith("id: ")


def test_a_teams_own_types_are_offered_as_well(tmp_path: Path) -> None:
    own = {"title": "Loads a table", "properties": {"type": {"const": "com.acme.Load"}, "table": {"type": "string"}}}
    (tmp_path / "load.json").write_text(json.dumps(own | {"required": ["table"], "additionalProperties": False}))
    (tmp_path / "penstock.yaml").write_text("catalogs: load.json\n")
    printed = penstock("schema", cwd=tmp_path)
    (tmp_path / "flow.schema.json").write_text(printed.out)
    server = started(tmp_path / "flow.schema.json")
    text = flow("tasks:\n  - id: mine\n    type: com.acme.Load\n    tabel: x\n  - id: more\n    type: \n")
    server.open("own.yaml", text)
    messages = [each["message"] for each in server.findings("own.yaml")]
    assert {'Missing property "table".', "Property tabel is not allowed."} <= set(messages)
    assert {"com.acme.Load", LOG} <= server.completions("own.yaml", text, "id: more\n    type: ").keys()
    server.close()
