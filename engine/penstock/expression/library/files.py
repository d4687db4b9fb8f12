"""Functions about files that are not read: their size, and whether they are there or empty."""

from __future__ import annotations

from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope


@function(
    "fileSize",
    "path",
    ("namespace", None),
    impure=True,
    slow=True,
    says="The bytes of a file of this execution, or of a namespace.",
    example="{{ fileSize('data/input.csv') }}",
)
def _file_size(scope: Scope, path: object, namespace: object) -> int:
    return scope.world.file_size(*_named(path, namespace))


@function(
    "fileExists",
    "path",
    ("namespace", None),
    impure=True,
    slow=True,
    says="Whether there is such a file of this execution, or of a namespace.",
    example="{{ fileExists('data/input.csv') }}",
)
def _file_exists(scope: Scope, path: object, namespace: object) -> bool:
    return scope.world.file_exists(*_named(path, namespace))


@function(
    "isFileEmpty",
    "path",
    ("namespace", None),
    impure=True,
    slow=True,
    says="Whether a file of this execution, or of a namespace, has no bytes.",
    example="{{ isFileEmpty('data/input.csv') }}",
)
def _is_file_empty(scope: Scope, path: object, namespace: object) -> bool:
    return scope.world.file_is_empty(*_named(path, namespace))


@function(
    "fileEmpty",
    "path",
    ("namespace", None),
    impure=True,
    slow=True,
    says="The older name of `isFileEmpty`.",
    example="{{ fileEmpty('data/input.csv') }}",
    instead="isFileEmpty",
)
def _file_empty(scope: Scope, path: object, namespace: object) -> bool:
    return scope.world.file_is_empty(*_named(path, namespace))


def _named(path: object, namespace: object) -> tuple[str, str | None]:
    place = arguments.optional_text(namespace, "the argument `namespace`")
    return arguments.text(path, "the argument `path`"), place
