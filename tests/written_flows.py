"""Random flows as people write them, random edits of them, and other ways of writing the same: drawn from a seed."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

CORE = "io.kestra.plugin.core."
SCRIPT = "io.kestra.plugin.scripts.python.Script"
_WORDS = ["load", "extract", "report", "clean", "notify", "merge", "check", "publish", "archive", "score"]
_VALUES: list[Any] = [0, 1, 2.5, True, False, "", "yes", "PT1M", "{{ inputs.day }}", "a: b # c", "ü – “q”", "1", None]

Mapping = dict[str, Any]


class Writer:
    """Writes one flow; ids are never given twice."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self._made = 0

    def name(self) -> str:
        self._made += 1
        return f"{self.dice.choice(_WORDS)}{self._made}"

    def flow(self) -> Mapping:
        dice = self.dice
        flow: Mapping = {"id": "nightly", "namespace": "laws", "tasks": self.tasks(0)}
        if dice.random() < 0.5:
            flow["inputs"] = [
                {"id": self.name(), "type": dice.choice(["STRING", "INT"])} for _ in range(dice.randint(1, 3))
            ]
        if dice.random() < 0.4:
            flow["outputs"] = [{"id": self.name(), "type": "STRING", "value": self.value()}]
        if dice.random() < 0.5:
            flow["triggers"] = [self.trigger() for _ in range(dice.randint(1, 2))]
        if dice.random() < 0.4:
            flow["errors"] = self.tasks(2)
        if dice.random() < 0.5:
            flow["variables"] = {self.name(): self.tree(2) for _ in range(dice.randint(1, 3))}
        if dice.random() < 0.4:
            flow["labels"] = {"team": "data", "tier": dice.choice(["gold", "tin"])}
        return flow

    def tasks(self, depth: int) -> list[Mapping]:
        return [self.task(depth) for _ in range(self.dice.randint(1, 4 - depth))]

    def task(self, depth: int) -> Mapping:
        dice, name = self.dice, self.name()
        if depth < 2 and dice.random() < 0.4:
            return self.flowable(name, depth + 1)
        task: Mapping = {"id": name, "type": CORE + "log.Log", "message": self.value()}
        if dice.random() < 0.4:
            lines = [f"print({dice.randint(0, 9)})  # {dice.choice(_WORDS)}" for _ in range(dice.randint(1, 8))]
            task = {"id": name, "type": SCRIPT, "script": "\n".join(lines) + "\n", "env": {"A": "1", "B": self.value()}}
        if dice.random() < 0.3:
            task["timeout"] = dice.choice(["PT60S", "PT1M", "PT2H", "{{ vars.limit }}"])
        if dice.random() < 0.2:
            task["retry"] = {"type": "constant", "interval": "PT30S", "maxAttempts": dice.randint(2, 4)}
        if dice.random() < 0.2:
            task["dependsOnFiles"] = [self.tree(1) for _ in range(dice.randint(0, 3))]
        return task

    def flowable(self, name: str, depth: int) -> Mapping:
        match self.dice.randrange(6):
            case 0:
                return {"id": name, "type": CORE + "flow.Parallel", "tasks": self.tasks(depth)}
            case 1:
                return {
                    "id": name, "type": CORE + "flow.If", "condition": "{{ inputs.on }}",
                    "then": self.tasks(depth), "else": self.tasks(depth),
                }  # fmt: skip
            case 2:
                cases = {"a": self.tasks(depth), "b": self.tasks(depth)}
                return {"id": name, "type": CORE + "flow.Switch", "value": "{{ inputs.on }}", "cases": cases}
            case 3:
                inner = [{"task": self.task(2)} for _ in range(2)]
                inner.append({"task": self.task(2), "dependsOn": [inner[0]["task"]["id"]]})
                return {"id": name, "type": CORE + "flow.Dag", "tasks": inner}
            case 4:
                return {"id": name, "type": CORE + "flow.ForEach", "values": [1, 2, 3], "tasks": self.tasks(depth)}
        return {"id": name, "type": CORE + "flow.Sequential", "tasks": self.tasks(depth), "errors": self.tasks(2)}

    def trigger(self) -> Mapping:
        cron = self.dice.choice(["@daily", "0 0 * * *", "*/5 * * * *", "0 9 * * MON"])
        return {"id": self.name(), "type": CORE + "trigger.Schedule", "cron": cron, "inputs": {"day": self.value()}}

    def value(self) -> Any:
        return self.dice.choice([value for value in _VALUES if value is not None])

    def tree(self, depth: int) -> Any:
        roll = self.dice.random()
        if depth == 0 or roll < 0.4:
            return self.dice.choice(_VALUES)
        if roll < 0.7:
            return {self.dice.choice("pqrstu"): self.tree(depth - 1) for _ in range(self.dice.randint(0, 3))}
        return [self.tree(depth - 1) for _ in range(self.dice.randint(0, 4))]


def written_flow(dice: Random) -> Mapping:
    return Writer(dice).flow()


def edited(dice: Random, flow: Mapping, times: int) -> Mapping:
    """Another flow, `times` edits away: of values, of keys, of items, and of whole tasks and where they stand."""
    writer = Writer(dice)
    writer._made = 1000  # its names are new ones
    flow = deepcopy(flow)
    for _ in range(times):
        _edit(dice, flow, writer)
    return flow


def _edit(dice: Random, flow: Mapping, writer: Writer) -> None:
    lists = [items for items in _lists_of_tasks(flow) if items]
    match dice.randrange(8) if lists else 7:  # an edit may have made of the only one a list of something else
        case 0:
            dice.choice(lists).append(writer.task(2))
        case 1:
            items = dice.choice(lists)
            if len(items) > 1:
                items.pop(dice.randrange(len(items)))
        case 2:
            dice.shuffle(dice.choice(lists))
        case 3:
            _move(dice, lists)
        case 4:
            item = dice.choice(dice.choice(lists))
            item.get("task", item)["id"] = writer.name()
        case _:
            _edit_value(dice, flow, writer)


def _move(dice: Random, lists: list[list[Any]]) -> None:
    source, target = dice.choice(lists), dice.choice(lists)
    at = dice.randrange(len(source))
    item = source[at]
    if len(source) < 2 or any(target is below for below in _lists_of_tasks(item)):
        return
    source.pop(at)
    target.insert(dice.randint(0, len(target)), item)


def _edit_value(dice: Random, flow: Mapping, writer: Writer) -> None:
    places = list(_places(flow))
    around, step = dice.choice(places)
    match dice.randrange(4):
        case 0 if isinstance(around, dict):
            around[dice.choice("vwxyz")] = writer.tree(2)
        case 0:
            around.insert(step, writer.tree(1))
        case 1 if not isinstance(around[step], list | dict):
            del around[step]
        case _ if isinstance(around[step], str) and "\n" in around[step]:
            lines = around[step].splitlines(keepends=True)
            lines.insert(dice.randint(0, len(lines)), "print('more')\n")
            around[step] = "".join(lines)
        case _ if not isinstance(around[step], list | dict):
            around[step] = writer.tree(1)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    steps = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for step, item in steps:
        if step not in ("id", "namespace", "type"):
            found.append((value, step))
        found += _places(item)
    return found


def _lists_of_tasks(value: Any) -> list[list[Any]]:
    found: list[list[Any]] = []
    if isinstance(value, dict):
        for item in value.values():
            if isinstance(item, list) and item and all(_is_task(one) for one in item):
                found.append(item)
            found += _lists_of_tasks(item)
    elif isinstance(value, list):
        for item in value:
            found += _lists_of_tasks(item)
    return found


def _is_task(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    inner = value.get("task", value)
    return isinstance(inner, dict) and "id" in inner and "trigger" not in str(inner.get("type")) and "type" in inner


def rewritten(dice: Random, value: Any) -> str:
    """YAML of the same value: keys in another order, other quotes, comments between."""
    return _block(dice, value, 0) + "\n"


def _block(dice: Random, value: Any, indent: int) -> str:
    pad = "  " * indent
    lines: list[str] = []
    if isinstance(value, dict) and value:
        names = list(value)
        dice.shuffle(names)
        for name in names:
            if dice.random() < 0.15:
                lines.append(f"{pad}# {dice.choice(_WORDS)}: {dice.randint(0, 99)}")
            lines.append(_entry(dice, f"{pad}{_text(dice, name)}:", value[name], indent))
        return "\n".join(lines)
    if isinstance(value, list) and value:
        return "\n".join(_entry(dice, f"{pad}-", item, indent) for item in value)
    return pad + _scalar(dice, value)


def _entry(dice: Random, head: str, value: Any, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return f"{head}\n{_block(dice, value, indent + 1)}"
    if isinstance(value, str) and value.endswith("\n") and value.strip() and dice.random() < 0.5:
        pad = "  " * (indent + 1)
        return f"{head} |\n" + "\n".join(pad + line for line in value.splitlines())
    end = f"  # {dice.choice(_WORDS)}" if dice.random() < 0.1 else ""
    return f"{head} {_scalar(dice, value)}{end}"


def _scalar(dice: Random, value: Any) -> str:
    if isinstance(value, str):
        return _text(dice, value)
    if value is None:
        return dice.choice(["null", "~"])
    return json.dumps(value)


def _text(dice: Random, value: str) -> str:
    if dice.random() < 0.4 and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    if value.isidentifier() and value.lower() not in ("yes", "no", "on", "off", "y", "n", "true", "false", "null"):
        return dice.choice([value, json.dumps(value)])
    return json.dumps(value, ensure_ascii=False)
