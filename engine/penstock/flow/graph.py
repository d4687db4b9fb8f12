"""The topology of a flow: nodes, edges, and boxes within boxes, as plain data; as text, Mermaid and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from penstock.flow.model import Flow, Task

_FLOW = "io.kestra.plugin.core.flow."
_SIDE_BY_SIDE = frozenset({_FLOW + "Parallel", _FLOW + "EachParallel"})
_DAG = _FLOW + "Dag"
_LOOPS = frozenset({_FLOW + "ForEach", _FLOW + "EachSequential", _FLOW + "EachParallel", _FLOW + "LoopUntil"})
_HANDLERS = ("errors", "finally", "afterExecution")


@dataclass(frozen=True, slots=True)
class Node:
    """A task or trigger. `boxes` are the branches of a flowable, in order; a plain task has none."""

    id: str
    type: str
    role: str  # "task" or "trigger"
    disabled: bool = False
    boxes: tuple[Box, ...] = ()

    @property
    def short_type(self) -> str:
        return ".".join(self.type.split(".")[-2:])


@dataclass(frozen=True, slots=True)
class Box:
    """One branch: its name (`tasks`, `then`, `cases.KEY`, `errors` …) and what lies in it.

    `order` is `sequence`, `parallel`, or `dag`; `loops` says that it is gone through once for each value.
    """

    name: str
    nodes: tuple[Node, ...]
    order: str = "sequence"
    loops: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` follows `source`. `label` is the branch it enters by, or empty."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole flow. Ids of tasks and triggers are unique among themselves; a trigger's node is `trigger:<id>`."""

    flow: str
    triggers: tuple[Node, ...]
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def graph_of(flow: Flow) -> Graph:
    """The topology of a flow, disabled tasks included and marked."""
    lists = (
        ("tasks", flow.tasks),
        ("errors", flow.errors),
        ("finally", flow.finally_),
        ("afterExecution", flow.after_execution),
    )
    boxes = tuple(Box(name, _nodes(tasks)) for name, tasks in lists if tasks)
    triggers = tuple(Node(f"trigger:{one.id}", one.type, "trigger", one.disabled) for one in flow.triggers)
    edges = [Edge(one.id, flow.tasks[0].id, "starts") for one in triggers if flow.tasks]
    for _, tasks in lists:
        edges += _edges(tasks, "sequence")
    return Graph(str(flow.name), triggers, boxes, tuple(edges))


def _nodes(tasks: tuple[Task, ...]) -> tuple[Node, ...]:
    return tuple(
        Node(
            task.id,
            task.type,
            "task",
            task.disabled,
            tuple(Box(name, _nodes(children), _order(task, name), _loops(task, name))
                  for name, children in task.branches.items()),
        )
        for task in tasks
    )  # fmt: skip


def _order(task: Task, branch: str) -> str:
    if branch != "tasks":
        return "sequence"
    return "dag" if task.type == _DAG else "parallel" if task.type in _SIDE_BY_SIDE else "sequence"


def _loops(task: Task, branch: str) -> bool:
    return branch == "tasks" and task.type in _LOOPS


def _edges(tasks: tuple[Task, ...], order: str) -> Iterator[Edge]:
    if order == "sequence":
        for before, after in pairwise(tasks):
            yield Edge(before.id, after.id)
    for task in tasks:
        for name, children in task.branches.items():
            inner = _order(task, name)
            if inner == "dag":
                yield from _dag_edges(task)
            else:
                entered = children if inner == "parallel" else children[:1]
                for child in entered:
                    yield Edge(task.id, child.id, name)
            yield from _edges(children, inner)


def _dag_edges(task: Task) -> Iterator[Edge]:
    needs = task.properties.get("dependsOn", {})
    for child in task.branches.get("tasks", ()):
        for needed in needs.get(child.id, ()):
            yield Edge(needed, child.id)
        if not needs.get(child.id):
            yield Edge(task.id, child.id, "tasks")


def as_json(graph: Graph) -> dict[str, Any]:
    """The graph as JSON data, `schemaVersion` 1."""
    return {
        "schemaVersion": 1,
        "flow": graph.flow,
        "triggers": [_node_json(node) for node in graph.triggers],
        "boxes": [_box_json(box) for box in graph.boxes],
        "edges": [{"source": edge.source, "target": edge.target, "label": edge.label} for edge in graph.edges],
    }


def _node_json(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "type": node.type,
        "role": node.role,
        "disabled": node.disabled,
        "boxes": [_box_json(box) for box in node.boxes],
    }


def _box_json(box: Box) -> dict[str, Any]:
    return {
        "name": box.name,
        "order": box.order,
        "loops": box.loops,
        "nodes": [_node_json(node) for node in box.nodes],
    }


def as_text(graph: Graph) -> str:
    """The graph as an indented tree of lines that a terminal can show."""
    lines = [graph.flow]
    for node in graph.triggers:
        off = " (disabled)" if node.disabled else ""
        lines.append(f"⚡ {node.id.removeprefix('trigger:')}  {node.short_type}{off}")
    for box in graph.boxes:
        if box.name != "tasks":
            lines.append(f"{box.name}:")
        lines += _tree(box, "")
    return "\n".join(lines) + "\n"


def _tree(box: Box, indent: str) -> Iterator[str]:
    for at, node in enumerate(box.nodes):
        last = at == len(box.nodes) - 1
        off = " (disabled)" if node.disabled else ""
        yield f"{indent}{'└─' if last else '├─'} {node.id}  {node.short_type}{off}"
        below = indent + ("   " if last else "│  ")
        for inner, branch in enumerate(node.boxes):
            if _is_plain(node, branch):
                yield from _tree(branch, below)
                continue
            end = inner == len(node.boxes) - 1
            yield f"{below}{'└─' if end else '├─'} [{_title(branch)}]"
            yield from _tree(branch, below + ("   " if end else "│  "))


def _is_plain(node: Node, branch: Box) -> bool:
    return len(node.boxes) == 1 and branch.name == "tasks" and branch.order == "sequence" and not branch.loops


def _title(box: Box) -> str:
    words = [box.name.removeprefix("cases.") if box.name.startswith("cases.") else box.name]
    if box.loops:
        words.append("each value")
    if box.order == "parallel":
        words.append("side by side")
    return ", ".join(words)


def as_mermaid(graph: Graph) -> str:
    """The graph in Mermaid's flowchart language; boxes are subgraphs, error handlers are entered by dashed lines."""
    names = _Names()
    lines = ["flowchart TD"]
    lines += [f'  {names[node.id]}(["⚡ {_escaped(node.id.removeprefix("trigger:"))}"])' for node in graph.triggers]
    for box in graph.boxes:
        if box.name == "tasks":
            lines += _mermaid_box(box, names, "  ")
        else:
            lines += _subgraph(names[f"box:{box.name}"], box.name, box, names, "  ")
    for edge in graph.edges:
        arrow = "-.->" if edge.label in _HANDLERS else "-->"
        shown = "" if edge.label in ("tasks", "starts") else _escaped(edge.label.removeprefix("cases."))
        label = f'|"{shown}"|' if shown else ""
        lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


class _Names(dict[str, str]):
    """Mermaid ids, one for each id of ours, in the order of first use."""

    def __missing__(self, key: str) -> str:
        self[key] = f"n{len(self)}"
        return self[key]


def _mermaid_box(box: Box, names: _Names, indent: str) -> Iterator[str]:
    for node in box.nodes:
        label = f"{_escaped(node.id)}<br/><small>{_escaped(node.short_type)}</small>"
        yield f'{indent}{names[node.id]}["{label}"]'
        for branch in node.boxes:
            title = f"{node.id}: {_title(branch)}"
            yield from _subgraph(names[f"box:{node.id}:{branch.name}"], title, branch, names, indent)


def _subgraph(name: str, title: str, box: Box, names: _Names, indent: str) -> Iterator[str]:
    yield f'{indent}subgraph {name}["{_escaped(title)}"]'
    yield from _mermaid_box(box, names, indent + "  ")
    yield f"{indent}end"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
