"""Values that are written for what is declared: by a trigger for the flow's inputs, by the flow for its outputs."""

from __future__ import annotations

from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.leaves import leaves
from penstock.flow.survey import Path, Survey
from penstock.flow.words import Dialect, InputType

_TYPES = tuple(str(kind) for kind in InputType if kind not in ("FILE", "FORM", "REUSABLE_INPUTS"))
"""Those whose values can be judged where they are written. No set: what is asked for may be any value of YAML."""


def triggers_give_values_of_their_type(survey: Survey) -> None:
    """PEN243: what a trigger gives an input is a value of its type, where it holds no expression."""
    declared = survey.flow.get("inputs")
    if not isinstance(declared, list) or survey.is_faulty(("inputs",)):
        return
    known = {leaf.name: leaf for leaf in leaves(declared) if leaf.raw.get("type") in _TYPES}
    for site in survey.triggers:
        given = site.raw.get("inputs")
        noun = site.type.rpartition(".")[2]
        for name, value in given.items() if isinstance(given, dict) else ():
            if name not in known or value is None or _holds_template(value):
                continue
            from penstock.flow.declaration import declared_input  # only here: few triggers give anything
            from penstock.flow.inputs import fault_of

            fault = fault_of(declared_input(known[name].raw, known[name]), value)
            if fault is not None:
                told = f"Invalid value for input '{name}' supplied by {noun} Trigger '{site.id}'"
                _report(survey, f"{told}: {fault}", (*site.path, "inputs", name))


def outputs_have_values_of_their_type(survey: Survey) -> None:
    """PEN243: what an output says is a value of its type, where it holds no expression."""
    entries = survey.flow.get("outputs")
    for at, raw in enumerate(entries if isinstance(entries, list) else []):
        path: Path = ("outputs", at)
        if not isinstance(raw, dict) or raw.get("value") is None or raw.get("type") not in _TYPES:
            continue
        if survey.is_faulty(path) or not isinstance(raw["value"], str | int | float) or _holds_template(raw["value"]):
            continue
        from penstock.flow.declaration import declared_input
        from penstock.flow.inputs import fault_of

        declared = declared_input({"id": raw.get("id"), "type": raw["type"]} | _item_type(raw))
        fault = fault_of(declared, raw["value"])
        if fault is not None:
            _report(survey, f"Invalid value for output '{raw.get('id')}': {fault}", (*path, "value"))


def _report(survey: Survey, message: str, path: Path) -> None:
    """Kestra 2 refuses such a flow, 1 its executions."""
    severity = Severity.ERROR if survey.dialect is Dialect.V2 else Severity.WARNING
    first = message.splitlines()[0].removesuffix(" with errors:")
    survey.report("PEN243", first, path, severity=severity)


def _holds_template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _item_type(raw: dict[str, Any]) -> dict[str, Any]:
    return {"itemType": raw["itemType"]} if isinstance(raw.get("itemType"), str) else {}
