"""What the expressions of a flow may name: the variables that are ever there, and what the flow declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.diagnostic import suggest
from penstock.flow.leaves import leaves
from penstock.flow.rules.declared import input_lists
from penstock.flow.rules.templates import mapping_of
from penstock.flow.survey import Path, Site, Survey
from penstock.flow.words import Dialect

_FLOW = "io.kestra.plugin.core.flow."
_SET_VARIABLES = "io.kestra.plugin.core.execution.SetVariables"
_TEMPLATE = _FLOW + "Template"
_FOR_EACH_ITEM = _FLOW + "ForEachItem"
_SPLIT = ("_split", "_items", "_merge")
"""The tasks that a ForEachItem becomes, behind its own id (Kestra 0.21, ForEachItem.allChildTasks)."""

_ALWAYS = frozenset(
    {
        "flow", "execution", "task", "taskrun", "parent", "parents", "inputs", "outputs", "vars", "labels", "tasks",
        "trigger", "envs", "globals", "kestra", "namespace", "error", "workingDir", "outputDir", "response", "schedule",
    }
)  # fmt: skip


def variables_of(dialect: Dialect) -> frozenset[str]:
    """The variables that may be there (Kestra docs, Expression Usage, 2026-06); `item` belongs to the loops of 2.0."""
    return _ALWAYS | {"item"} if dialect in (Dialect.AUTO, Dialect.V2) else _ALWAYS


@dataclass(frozen=True, slots=True)
class Declared:
    """What a flow declares. An input is its id split at dots; None stands for a collection that is open to others."""

    inputs: frozenset[tuple[str, ...]] | None
    groups: frozenset[tuple[str, ...]]
    """The beginnings of inputs that lie within groups."""
    input_names: frozenset[str]
    vars: frozenset[str] | None
    labels: frozenset[str]
    tasks: Mapping[str, Site]
    is_whole: bool
    """Every task is known: no type that may bring some of its own."""

    def has_input(self, keys: tuple[str | int | None, ...]) -> bool:
        """Whether a walk leads to an input, into one, or to a group of some."""
        if self.inputs is None or keys in self.groups:
            return True
        if None not in keys:
            return any(keys[:size] in self.inputs for size in range(1, len(keys) + 1))
        return any(all(key is None or key == step for key, step in zip(keys, one, strict=False)) for one in self.inputs)

    def task(self, name: str) -> Site | None:
        """The task of that id, or the ForEachItem that becomes it."""
        found = self.tasks.get(name)
        if found is None:
            for ending in _SPLIT:
                base = self.tasks.get(name.removesuffix(ending))
                if name.endswith(ending) and base is not None and base.type == _FOR_EACH_ITEM:
                    return base
        return found

    def names(self, variable: str) -> frozenset[str]:
        """What may stand behind a variable, as far as the flow says so."""
        match variable:
            case "inputs":
                return self.input_names
            case "vars":
                return self.vars or frozenset()
            case "labels":
                return self.labels
            case "outputs" | "tasks":
                return frozenset(self.tasks)
        return frozenset()


def declared(survey: Survey) -> Declared:
    """What a survey's flow declares."""
    inputs = _inputs(survey)
    return Declared(
        inputs,
        frozenset(one[:size] for one in inputs or () for size in range(1, len(one))),
        frozenset(".".join(one) for one in inputs or ()),
        _vars(survey),
        frozenset(_labels(survey.flow.get("labels"))),
        {site.id: site for site in survey.tasks if site.id is not None},
        all(site.info is not None and site.type != _TEMPLATE for site in survey.tasks),
    )


def _inputs(survey: Survey) -> frozenset[tuple[str, ...]] | None:
    entries = survey.flow.get("inputs")
    if entries is not None and not isinstance(entries, list):
        return None
    found = []
    for leaf in leaves(entries or ()):
        if leaf.name is None or leaf.raw.get("type") == "REUSABLE_INPUTS":
            return None
        found.append(tuple(leaf.name.split(".")))
    return frozenset(found)


def asked_on_resume(survey: Survey, path: Path) -> frozenset[str]:
    """The inputs that a Pause asks for, for a text that stands among them."""
    for list_path, entries in input_lists(survey):
        if list_path != ("inputs",) and path[: len(list_path)] == list_path:
            return frozenset(leaf.name for leaf in leaves(entries) if leaf.name is not None)
    return frozenset()


def _vars(survey: Survey) -> frozenset[str] | None:
    given = survey.flow.get("variables")
    if given is not None and not isinstance(given, dict):
        return None
    names = set(mapping_of(given))
    for site in survey.tasks:
        if site.type == _SET_VARIABLES or site.info is None:
            added = site.raw.get("variables")
            if site.info is not None and not isinstance(added, dict):
                return None
            names |= set(mapping_of(added))
    return frozenset(names)


def _labels(given: Any) -> Iterator[str]:
    if isinstance(given, dict):
        yield from given
    for item in given if isinstance(given, list) else ():
        if isinstance(item, dict) and isinstance(item.get("key"), str):
            yield item["key"]


def spelled(variable: str, name: str) -> str:
    """How an expression names it: `inputs.name`, `inputs['my-name']`."""
    if all(step.isidentifier() for step in name.split(".")):
        return f"{variable}.{name}"
    return f"{variable}['{name}']"


def near(variable: str, name: str, known: frozenset[str]) -> str | None:
    """`did you mean `inputs.name`?`, or None when nothing is near."""
    close = suggest(name, known, most=1)
    return f"did you mean `{spelled(variable, close[0])}`?" if close else None
