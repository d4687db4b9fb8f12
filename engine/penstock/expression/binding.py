"""Arguments put to the parameters of what is called."""

from __future__ import annotations

from penstock.expression.errors import ExpressionSyntaxError
from penstock.expression.nodes import Literal, Node
from penstock.expression.registry import REQUIRED, Spec

_NULL = Literal(0, 0, None)
"""Stands for every argument that is left out and is null then; nothing looks where it stands."""

Place = tuple[int, int]
"""From where, and how wide."""


def bound(spec: Spec, kind: str, arguments: list[Node], named: dict[str, Node], place: Place) -> tuple[Node, ...]:
    """One node per parameter, and what is left when it takes any number. `place` is the whole call's.

    Raises ExpressionSyntaxError for an argument too many, unknown, given twice or missing.
    """
    parameters = spec.parameters
    if len(arguments) == len(parameters) and not named:
        return tuple(arguments)
    start, width = place
    if len(arguments) > len(parameters) and not spec.variadic:
        most = f"{len(parameters)} argument{'' if len(parameters) == 1 else 's'}"
        message = f"the {kind} `{spec.name}` takes {most}, not {len(arguments)}"
        raise ExpressionSyntaxError(message, offset=start, width=width)
    if named:
        _check_names(spec, kind, len(arguments), named, start)
    nodes = list(arguments)
    for parameter in parameters[len(arguments) :]:
        given = named.get(parameter.name)
        if given is None:
            if parameter.default is REQUIRED:
                message = f"the {kind} `{spec.name}` expects an argument `{parameter.name}`"
                raise ExpressionSyntaxError(message, offset=start, width=width)
            given = _NULL if parameter.default is None else Literal(start, 0, parameter.default)
        nodes.append(given)
    return tuple(nodes)


def _check_names(spec: Spec, kind: str, placed: int, named: dict[str, Node], start: int) -> None:
    """Every argument by name must be one of the parameters that none by place has filled."""
    from penstock.diagnostic import did_you_mean

    names = [parameter.name for parameter in spec.parameters]
    for name, node in named.items():
        if name not in names:
            message = f"the {kind} `{spec.name}` has no argument `{name}`"
            help_ = did_you_mean(name, names)
            raise ExpressionSyntaxError(message, offset=start, width=len(name), help=help_)
        if names.index(name) < placed:
            message = f"the argument `{name}` of `{spec.name}` is given twice"
            raise ExpressionSyntaxError(message, offset=node.offset, width=node.width)
