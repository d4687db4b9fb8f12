"""Files of namespaces that lie beside a program: `namespaceFiles` of scripts and of WorkingDirectory.

Globs are read as Kestra reads them: one that begins with a letter or digit fits at any depth, one with a slash before
it from the root alone (`scripts/*.sql`, `/readme.md`, `**/*.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO

from penstock.errors import UserError
from penstock.flow.model import Level
from penstock.glob import matcher
from penstock.tasks.base import Context
from penstock.tasks.scripts.files import Laid, inside, kept_aside
from penstock.tasks.scripts.model import NamespaceFiles

MOST_FILES = 10_000
MOST_BYTES = 1024**3
"""So many files, and so many bytes in all, are laid beside one program."""

_SMALL = 256 * 1024
"""A file of so many bytes (or fewer) is handed on in memory; a larger one by its path in the storage."""


class IfExists(StrEnum):
    """What becomes of a file where another namespace has laid one of the same path."""

    OVERWRITE = "OVERWRITE"
    FAIL = "FAIL"
    WARN = "WARN"
    IGNORE = "IGNORE"


def namespace_files(wish: NamespaceFiles | None, context: Context) -> Laid:
    """What `wish` lays into a working directory. Raises UserError, NotFound, Retryable."""
    if wish is None or not wish.enabled:
        return {}
    rule = _rule(wish.if_exists)
    is_meant, is_not_meant = _globs(wish.include), _globs(wish.exclude)
    laid: Laid = {}
    size = 0
    for namespace in wish.namespaces or [context.flow.namespace]:
        chosen: dict[str, PurePosixPath] = {}
        for file in context.namespace_files.list(namespace):
            if (wish.include and not is_meant(file.path)) or is_not_meant(file.path):
                continue
            name = f"{namespace}/{file.path}" if wish.folder_per_namespace else file.path
            path = inside(name, "namespaceFiles")
            if path in laid and not _is_replaced(rule, name, context):
                continue
            chosen[file.path] = path
            size += file.size
            if len(laid) + len(chosen) > MOST_FILES or size > MOST_BYTES:
                raise UserError(
                    f"`namespaceFiles` lays more than {MOST_FILES} files or {MOST_BYTES} bytes beside one program",
                    help="choose with `include` and `exclude`",
                )
        for original, content in context.namespace_files.each(namespace, chosen):
            laid[chosen[original]] = _handed_on(content, context)
    context.log(Level.INFO, f"Loaded {len(laid)} namespace files")
    return laid


def _is_replaced(rule: IfExists, name: str, context: Context) -> bool:
    match rule:
        case IfExists.OVERWRITE:
            return True
        case IfExists.FAIL:
            raise UserError(f"`namespaceFiles`: the file `{name}` exists already")
        case IfExists.WARN:
            context.log(Level.WARN, f"The namespace file `{name}` exists already, and is kept as it is")
        case IfExists.IGNORE:
            pass
    return False


def _rule(text: str | None) -> IfExists:
    try:
        return IfExists(text) if text is not None else IfExists.OVERWRITE
    except ValueError as error:
        raise UserError(f"`namespaceFiles.ifExists` is `{text}`", help=f"write one of {', '.join(IfExists)}") from error


def _globs(patterns: Iterable[str] | None) -> Callable[[str], bool]:
    return matcher([_glob(pattern) for pattern in patterns or ()])


def _glob(pattern: str) -> str:
    if pattern.startswith("/"):
        return pattern.lstrip("/")
    return f"**/{pattern}" if pattern[:1].isalnum() or pattern[:1] == "_" else pattern


def _handed_on(content: BinaryIO, context: Context) -> bytes | str:
    start = content.read(_SMALL + 1)
    if len(start) <= _SMALL:
        return start
    content.seek(0)
    return kept_aside(context.files.put(content), context)
