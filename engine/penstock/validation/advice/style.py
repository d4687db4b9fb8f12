"""Matters of taste, on which a repository may agree: none of them is judged unless it asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from penstock.diagnostic import Severity
from penstock.flow.leaves import leaves, name_of
from penstock.flow.survey import Path, Survey

_FLOW_ORDER = (
    "id", "namespace", "revision", "description", "labels", "disabled", "inputs", "variables", "pluginDefaults",
    "taskDefaults", "concurrency", "retry", "tasks", "errors", "finally", "afterExecution", "outputs", "triggers",
    "listeners",
)  # fmt: skip
_PART_ORDER = ("id", "type", "description")
LONGEST_SCRIPT = 50
"""Lines; what is longer has tests of its own elsewhere."""

_MANNERS = {
    "kebab-case": r"[a-z0-9]+(?:-[a-z0-9]+)+",
    "snake_case": r"[a-z0-9]+(?:_[a-z0-9]+)+",
    "camelCase": r"[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]*)+",
    "PascalCase": r"(?:[A-Z][a-z0-9]+)+",
}


def keys_in_order(survey: Survey) -> None:
    """PEN801: `id` and `type` come first, and a flow is told from its name to what starts it."""
    _in_order(survey, (), survey.flow, _FLOW_ORDER)
    for site in (*survey.tasks, *survey.triggers):
        _in_order(survey, site.path, site.raw, _PART_ORDER)


def _in_order(survey: Survey, path: Path, keys: Iterable[str], order: Sequence[str]) -> None:
    """The first key that stands behind one that should come after it; keys of no rank come last."""
    document, last, before = survey.document, -1, ""
    placed = sorted(keys, key=lambda key: document.key_range_of((*path, key)).start)
    for key in placed:
        rank = order.index(key) if key in order else len(order)
        if rank < last:
            survey.report(
                "PEN801", f"`{key}` usually stands before `{before}`", (*path, key), at_key=True, severity=Severity.INFO
            )
            return
        last, before = rank, key


def ids_in_one_manner(survey: Survey) -> None:
    """PEN802: the ids of tasks, triggers and inputs are written alike; those of one word fit every manner."""
    places = [((*site.path, "id"), site.id) for site in (*survey.tasks, *survey.triggers)]
    declared = survey.flow.get("inputs")
    places += [
        (("inputs", *leaf.path, "id" if "id" in leaf.raw else "name"), name_of(leaf.raw))
        for leaf in leaves(declared if isinstance(declared, list) else [])
    ]
    manners = [(path, name, manner_of(name)) for path, name in places if name is not None]
    known = [manner for _, _, manner in manners if manner is not None]
    if len(set(known)) < 2:
        return
    usual = max(dict.fromkeys(known), key=known.count)
    for path, name, manner in manners:
        if manner is not None and manner != usual:
            survey.report(
                "PEN802", f"`{name}` is written in {manner}, and most ids of this flow in {usual}", path,
                severity=Severity.INFO,
            )  # fmt: skip


def manner_of(name: str) -> str | None:
    """The manner in which an id is written; None for one word, which fits all, and for what fits none."""
    return next((manner for manner, pattern in _MANNERS.items() if re.fullmatch(pattern, name)), None)


def flow_is_described(survey: Survey) -> None:
    """PEN803: a flow says what it is for."""
    told = survey.flow.get("description")
    if told is None or (isinstance(told, str) and not told.strip()):
        survey.report("PEN803", "the flow does not say what it is for", ("id",), severity=Severity.INFO)


def scripts_are_short(survey: Survey) -> None:
    """PEN804: a long program lives in a file, where it can be tested."""
    for site in survey.tasks:
        script = site.raw.get("script")
        lines = script.rstrip("\n").count("\n") + 1 if isinstance(script, str) else 0
        if lines > LONGEST_SCRIPT:
            survey.report(
                "PEN804", f"the script has {lines} lines, and more than {LONGEST_SCRIPT} belong into a file",
                (*site.path, "script"), at_key=True, severity=Severity.INFO,
            )  # fmt: skip
