"""Why a flow is updated: what differs between its text there and the one that is wanted, in a line."""

from __future__ import annotations

from penstock.difference.compare import differences
from penstock.difference.operations import Add, Change, Move, Operation, Remove, Rename
from penstock.difference.tree import Key, Model, default_types, model_of
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.reading.document import read_document

_MOST = 3


def what_differs(old: str, new: str, catalog: Catalog) -> str:
    """Names of what differs, never values: one of them might be a secret. Empty where both mean the same."""
    values = [read_document(text.encode("utf-8", "surrogatepass"), "").value for text in (old, new)]
    if not isinstance(values[0], dict):
        return "what is there cannot be read"
    defaulted = frozenset().union(*map(default_types, values))
    before, after = (_model(value, catalog, defaulted) for value in values)
    said = list(dict.fromkeys(_told(one) for one in differences(before, after)))
    more = [f"and {len(said) - _MOST} more"] if len(said) > _MOST else []
    return ", ".join([*said[:_MOST], *more])


def _model(value: object, catalog: Catalog, defaulted: frozenset[str]) -> Model:
    assert isinstance(value, dict), "it is valid, or was looked at"
    return model_of(value, catalog, defaulted)


def _told(operation: Operation) -> str:
    match operation:
        case Change():
            path = ".".join(map(str, operation.path))
            return f"`{path}` of {_part(operation.key)}" if operation.key.id else f"`{path}`"
        case Rename():
            return f"{_part(operation.key)} is now `{operation.new.id}`"
        case Add():
            return f"{_part(operation.part.key)} is new"
        case Remove():
            return f"{_part(operation.part.key)} is gone"
        case Move():
            return f"{_part(operation.key)} has moved"


def _part(key: Key) -> str:
    return f"{key.kind.value} `{key.id}`"
