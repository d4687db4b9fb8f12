"""What `explain` tells of functions, filters and tests of expressions: how each is called, what it means."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import click

from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound, PenstockError
from penstock.expression import FILTERS, FUNCTIONS, LATER_FILTERS, LATER_FUNCTIONS, REFUSED, TESTS, Parameter, Spec
from penstock.expression import parse as parse_template
from penstock.expression.registry import REQUIRED
from penstock_cli.render.tables import SCHEMA_VERSION, show_value

KINDS: Mapping[str, tuple[Mapping[str, Spec], frozenset[str]]] = {
    "function": (FUNCTIONS, LATER_FUNCTIONS),
    "filter": (FILTERS, LATER_FILTERS),
    "test": (TESTS, frozenset()),
}
"""What is registered of a kind, and what is known and comes later."""

_WIDTH = 100


def explain_callable(kind: str, name: str, output: str) -> None:
    """Print one, of another kind where that alone has it; without a name all of the kind. Raises NotFound with what
    may have been meant."""
    kind = _kind_of(kind, name)
    specs, later = KINDS[kind]
    if not name:
        _list(kind, specs, output)
        return
    spec = specs.get(name)
    if spec is None:
        raise _absent(kind, name, later)
    if output == "text":
        click.echo("\n".join(lines_of(kind, spec)))
    else:
        show_value({"schemaVersion": SCHEMA_VERSION, **data_of(kind, spec)}, output)


def _kind_of(kind: str, name: str) -> str:
    """`dateAdd` is a filter, whatever a person takes it for."""
    having = [other for other, (specs, _) in KINDS.items() if name in specs]
    return having[0] if len(having) == 1 else kind


def _absent(kind: str, name: str, later: frozenset[str]) -> NotFound:
    if name in later:
        return NotFound(f"the {kind} `{name}` is known, and not available in this version")
    refusal = REFUSED[kind].get(name)
    if refusal is not None:
        return NotFound(refusal)
    near = did_you_mean(name, [*KINDS[kind][0], *later])
    return NotFound(f"there is no {kind} `{name}`", help=near or f"`penstock explain {kind}:` lists them")


def _list(kind: str, specs: Mapping[str, Spec], output: str) -> None:
    if output != "text":
        items = [data_of(kind, specs[name]) for name in sorted(specs)]
        show_value({"schemaVersion": SCHEMA_VERSION, "items": items}, output)
        return
    width = max(map(len, specs))
    for name in sorted(specs):
        click.echo(f"{name.ljust(width)}  {specs[name].says}".rstrip())


def lines_of(kind: str, spec: Spec) -> list[str]:
    """What a person reads: signature, meaning, an example with what it says."""
    lines = [f"{_signature(kind, spec)}  ({kind}{', deprecated' if spec.instead else ''})"]
    lines += textwrap.wrap(spec.says, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if spec.example:
        result = _result(spec.example)
        lines += ["", f"  {spec.example}"]
        lines += [f"  → {line}" if at == 0 else f"    {line}" for at, line in enumerate((result or "").splitlines())]
    if spec.since:
        lines += ["", f"Since Kestra {spec.since}."]
    if spec.instead:
        lines += ["", f"Deprecated: write `{spec.instead}`."]
    return lines


def _signature(kind: str, spec: Spec) -> str:
    parameters = [_parameter(one) for one in spec.parameters] + (["…"] if spec.variadic else [])
    listed = f"({', '.join(parameters)})" if parameters or kind == "function" else ""
    return {"function": "", "filter": "value | ", "test": "value is "}[kind] + spec.name + listed


def _parameter(parameter: Parameter) -> str:
    if parameter.default is REQUIRED:
        return parameter.name
    return f"{parameter.name}={_literal(parameter.default)}"


def _literal(value: object) -> str:
    """A default as an expression would write it."""
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)


def data_of(kind: str, spec: Spec) -> dict[str, Any]:
    """The same as data."""
    parameters = [
        {"name": one.name, "required": True}
        if one.default is REQUIRED
        else {"name": one.name, "required": False, "default": one.default}
        for one in spec.parameters
    ]
    return {
        "kind": kind, "name": spec.name, "signature": _signature(kind, spec), "parameters": parameters,
        "says": spec.says, "example": spec.example, "result": _result(spec.example) if spec.example else None,
        "since": spec.since, "instead": spec.instead,
    }  # fmt: skip


def _result(example: str) -> str | None:
    """What an example says, where nothing but itself decides that."""
    template = parse_template(example)
    if not template.is_pure or template.is_slow:
        return None
    try:
        return str(template.render({}))
    except PenstockError:
        return None  # it reads variables, which are not here
