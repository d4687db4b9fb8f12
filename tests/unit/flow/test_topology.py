"""The canonical form of a flow, and its topology as data, text and Mermaid."""

from __future__ import annotations

import json

from penstock.flow.canonical import canonical_digest, canonical_form
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.graph import as_json, as_mermaid, as_text, graph_of
from penstock.flow.model import Flow
from penstock.flow.parse import parse_flow

CATALOG = load_catalog()
CORE = "io.kestra.plugin.core"

SOURCE = f"""\
id: f
namespace: n
inputs:
  - {{id: i, type: INT, defaults: 1}}
tasks:
  - id: choose
    type: {CORE}.flow.If
    condition: "{{{{ inputs.i > 1 }}}}"
    then:
      - {{id: yes, type: {CORE}.log.Log, message: x}}
      - {{id: more, type: {CORE}.log.Log, message: x, disabled: true}}
    else:
      - id: fan
        type: {CORE}.flow.Parallel
        tasks:
          - {{id: left, type: {CORE}.log.Log, message: x}}
          - {{id: right, type: {CORE}.log.Log, message: x}}
  - id: each
    type: {CORE}.flow.ForEach
    values: [1, 2]
    timeout: PT60S
    tasks:
      - {{id: one, type: {CORE}.log.Log, message: x}}
errors:
  - {{id: oops, type: {CORE}.log.Log, message: x}}
triggers:
  - {{id: daily, type: {CORE}.trigger.Schedule, cron: "@daily"}}
"""


def flow_of(source: str) -> Flow:
    parsed = parse_flow(source, "f", catalog=CATALOG)
    assert parsed.flow is not None, parsed.diagnostics
    return parsed.flow


def test_how_a_flow_is_written_does_not_change_its_digest() -> None:
    other = SOURCE.replace("timeout: PT60S", "timeout: PT1M # a minute").replace(
        "id: f\nnamespace: n", "namespace: 'n'\nid: \"f\""
    )
    assert other != SOURCE
    assert canonical_digest(flow_of(other)) == canonical_digest(flow_of(SOURCE))


def test_what_a_flow_means_changes_its_digest() -> None:
    digest = canonical_digest(flow_of(SOURCE))
    changes = [
        ("PT60S", "PT61S"), ("values: [1, 2]", "values: [2, 1]"), ("disabled: true", "disabled: false"),
        ("defaults: 1", "defaults: 2"), ('"@daily"', '"@hourly"'), ("id: oops", "id: ups"),
        ("errors:", "concurrency: {limit: 1}\nerrors:"),
    ]  # fmt: skip
    digests = {canonical_digest(flow_of(SOURCE.replace(old, new))) for old, new in changes}
    assert digest not in digests
    assert len(digests) == len(changes)


def test_the_canonical_form_is_json_without_defaults() -> None:
    form = canonical_form(flow_of(SOURCE))
    assert json.loads(json.dumps(form)) == form
    assert form["inputs"] == [{"id": "i", "type": "INT", "defaults": 1}]
    each = form["tasks"][1]
    assert (each["timeout"], each["properties"]) == ("PT1M", {"values": [1, 2]})
    assert "range" not in each


def test_the_topology_as_text() -> None:
    assert as_text(graph_of(flow_of(SOURCE))) == (
        "n/f\n"
        "⚡ daily  trigger.Schedule\n"
        "├─ choose  flow.If\n"
        "│  ├─ [then]\n"
        "│  │  ├─ yes  log.Log\n"
        "│  │  └─ more  log.Log (disabled)\n"
        "│  └─ [else]\n"
        "│     └─ fan  flow.Parallel\n"
        "│        └─ [tasks, side by side]\n"
        "│           ├─ left  log.Log\n"
        "│           └─ right  log.Log\n"
        "└─ each  flow.ForEach\n"
        "   └─ [tasks, each value]\n"
        "      └─ one  log.Log\n"
        "errors:\n"
        "└─ oops  log.Log\n"
    )


def test_the_topology_as_json_nests_boxes() -> None:
    data = as_json(graph_of(flow_of(SOURCE)))
    assert json.loads(json.dumps(data)) == data
    assert [box["name"] for box in data["boxes"]] == ["tasks", "errors"]
    choose = data["boxes"][0]["nodes"][0]
    assert [(box["name"], [node["id"] for node in box["nodes"]]) for box in choose["boxes"]] == [
        ("then", ["yes", "more"]), ("else", ["fan"]),
    ]  # fmt: skip
    edges = {(edge["source"], edge["target"], edge["label"]) for edge in data["edges"]}
    assert edges == {
        ("trigger:daily", "choose", "starts"), ("choose", "each", ""), ("choose", "yes", "then"), ("yes", "more", ""),
        ("choose", "fan", "else"), ("fan", "left", "tasks"), ("fan", "right", "tasks"), ("each", "one", "tasks"),
    }  # fmt: skip


def test_the_topology_of_a_dag_follows_its_dependencies() -> None:
    source = (
        f"id: f\nnamespace: n\ntasks:\n  - id: d\n    type: {CORE}.flow.Dag\n    tasks:\n"
        f"      - task: {{id: a, type: {CORE}.log.Log, message: x}}\n"
        f"      - task: {{id: b, type: {CORE}.log.Log, message: x}}\n        dependsOn: [a]\n"
    )
    graph = graph_of(flow_of(source))
    assert [(edge.source, edge.target) for edge in graph.edges] == [("d", "a"), ("a", "b")]


def test_the_topology_as_mermaid_escapes_and_nests() -> None:
    text = as_mermaid(graph_of(flow_of(SOURCE)))
    assert text.startswith("flowchart TD\n")
    assert text.count("subgraph") == text.count("\n" + " " * 2 + "end") + text.count("    end") == 5
    assert '|"then"|' in text
    assert '"⚡ daily"' in text


def test_what_is_done_afterwards_stands_in_the_topology() -> None:
    told = f"  - {{id: told, type: {CORE}.log.Log, message: x}}\n  - {{id: kept, type: {CORE}.log.Log, message: x}}\n"
    graph = graph_of(flow_of(SOURCE + "afterExecution:\n" + told))
    assert as_text(graph).endswith("afterExecution:\n├─ told  log.Log\n└─ kept  log.Log\n")
    assert [(edge.source, edge.target) for edge in graph.edges][-1] == ("told", "kept")
    assert 'afterExecution"' in as_mermaid(graph)
