"""The iterations of a Loop: which value is whose, and what they leave for the tasks after it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from penstock.errors import UserError
from penstock.execution.event import Caller, ExecutionCreated, Instant
from penstock.execution.executable.loop import COLLECTED
from penstock.execution.identity import child_id
from penstock.execution.instants import iso
from penstock.execution.model import Execution, TaskRun
from penstock.expression.budget import Budget, Meter
from penstock.expression.errors import ExpressionError
from penstock.expression.formats import ion
from penstock.expression.stringify import to_json
from penstock.flow.foreach_item import outputs_name
from penstock.flow.model import Flow, Task
from penstock.ports.files import Files
from penstock.ports.storage import task_file

MOST_INDEXED = 8
"""Of so many files it is known where their lines begin."""

MOST_AT_HAND = 8_192
"""Values of more characters lie in a file: the task run is written again with each portion of its iterations."""

_LISTED = "listed"
"""The fact that says where a list of values lies: each on a line, with its key where it has one."""


def count_lines(files: Files, uri: str) -> int:
    """How many values a file has."""
    return len(_offsets(files, files.resolve(uri)))


def laid_aside(
    flow: Flow, execution: Execution, run: TaskRun, facts: Mapping[str, Any], files: Files
) -> Mapping[str, Any]:
    """`facts`, with a long list of values in a file in place of the values."""
    values, keys = facts["values"], facts.get("keys")
    if sum(map(len, values)) + sum(map(len, keys or ())) + len(values) <= MOST_AT_HAND:
        return facts
    pairs = zip(values, keys, strict=True) if keys is not None else ((value,) for value in values)
    text = "".join(f"{json.dumps(pair)}\n" for pair in pairs)
    uri = task_file(flow.name, execution.id, run.task, run.id, "values.ndjson")
    files.name(uri, files.put(text.encode()))
    return {_LISTED: uri, "count": facts["count"]}


def created(execution: Execution, run: TaskRun, index: int, depth: int, files: Files, at: Instant) -> ExecutionCreated:
    """The iteration as it begins: with the inputs, labels and variables of the execution that it is of."""
    assert run.family is not None
    item = _item(run, index, files)
    outer, parents = execution.source.get("item"), list[Any]()
    of = {"id": execution.id, "startDate": iso(execution.created), "originalId": execution.original_id or execution.id}
    if outer is not None:
        parents = [*outer["parents"], {name: value for name, value in outer.items() if name != "parents"}]
    return ExecutionCreated(
        at=at,
        id=child_id(execution.id, run.id, index, len(run.attempts)),
        namespace=execution.flow.namespace,
        flow_id=execution.flow.id,
        revision=execution.revision,
        flow_digest=execution.flow_digest,
        inputs=execution.inputs,
        labels=execution.labels,
        trigger=execution.trigger,
        source={"of": of, **execution.source, "loop": run.task, "item": {**item, "parents": parents}},
        dialect=execution.dialect,
        caller=Caller(execution.id, run.id, index, run.family.waits, depth),
    )


def _item(run: TaskRun, index: int, files: Files) -> dict[str, Any]:
    facts = run.facts
    if "uri" in facts:
        return {"value": _line(files, facts["uri"], index), "index": index}
    if _LISTED in facts:
        value, *key = json.loads(_line_at(files, facts[_LISTED], index))
        return {"value": value, "index": index, **({"key": key[0]} if key else {})}
    item = {"value": facts["values"][index], "index": index}
    return {**item, "key": facts["keys"][index]} if "keys" in facts else item


def _line_at(files: Files, uri: str, index: int) -> str:
    digest = files.resolve(uri)
    with files.open(digest) as file:
        file.seek(_offsets(files, digest)[index])
        return file.readline().decode("utf-8", errors="replace").strip()


def _line(files: Files, uri: str, index: int) -> str:
    """A value of a file: what it is in Ion, or else the line as it stands. Raises UserError."""
    text = _line_at(files, uri, index)
    try:
        values = ion.read(text, Meter(Budget()), most=2)
    except ExpressionError:
        return text
    if values == [None]:
        raise UserError("Found a null value in the ION file")
    if len(values) != 1 or isinstance(values[0], int | float | Decimal | date):
        return text
    [value] = values
    return value if isinstance(value, str) else to_json(value, Meter(Budget()))


def _offsets(files: Files, digest: str) -> array[int]:
    return _indexed(_Opened(files), digest)


class _Opened:
    """Files, which are all the same to the index of a content: that is told by its digest alone."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opened)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=MOST_INDEXED)
def _indexed(opened: _Opened, digest: str) -> array[int]:
    """Where each line begins that has something on it."""
    offsets, at = array("q"), 0
    with opened.files.open(digest) as file:
        for line in file:
            if line.strip():
                offsets.append(at)
            at += len(line)
    return offsets


def keep_outputs(
    flow: Flow, execution: Execution, run: TaskRun, child: Execution, outputs: Mapping[str, Any] | None, files: Files
) -> None:
    """Lay aside what an iteration has left, until all are over. Doing it again changes nothing."""
    assert child.caller is not None
    if outputs is None:
        return
    item = child.source["item"]
    told = {"value": item["value"], "iteration": item["index"], **({"key": item["key"]} if "key" in item else {})}
    text = json.dumps({"item": told, "outputs": outputs}, ensure_ascii=False)
    files.name(_place(flow, execution, run, child.caller.index), files.put(f"{text}\n".encode()))


def collected(flow: Flow, execution: Execution, run: TaskRun, files: Files) -> dict[str, Any]:
    """What all iterations have left, in their order: as a list, or as a file where it is to be stored."""
    task = flow.by_id[run.task]
    base = _place(flow, execution, run, None)
    uris = sorted(files.list(base), key=lambda uri: int(uri[len(base) :].split("/")[0]))
    lines = [_text(files, uri) for uri in uris]
    if _stores(task, run):
        uri = task_file(flow.name, execution.id, run.task, run.id, "outputs.ion")
        files.name(uri, files.put("".join(lines).encode()))
        return {COLLECTED: {"uri": uri}}
    return {COLLECTED: {"outputs": [json.loads(line) for line in lines]}}


def _stores(task: Task, run: TaskRun) -> bool:
    wished = str(task.properties.get("fetchType") or "AUTO")
    return wished == "STORE" or (wished == "AUTO" and "uri" in run.facts)


def _place(flow: Flow, execution: Execution, run: TaskRun, index: int | None) -> str:
    name = "iterations/" if index is None else f"iterations/{outputs_name(index)}"
    return task_file(flow.name, execution.id, run.task, run.id, name)


def _text(files: Files, uri: str) -> str:
    with files.open(files.resolve(uri)) as file:
        return file.read().decode()
