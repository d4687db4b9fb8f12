"""What a verdict depends on beside the file: the program, the catalogue, and how files are judged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import penstock
from penstock.flow.catalogue.catalog import Catalog

_JUDGES = ("compose.py", "diagnostic.py", "duration.py", "expression", "flow", "triggers", "validation")
"""The rooms of this program that have a say in a verdict."""


def fingerprint(catalog: Catalog, *options: object) -> str:
    """Differs where a verdict may differ. The files of the program count by size and time: a checkout that is worked
    on has one version for many states."""
    told = sha256(repr((penstock.__version__, catalog.fingerprint(), options)).encode())
    folder = Path(penstock.__path__[0])
    for line in sorted(line for name in _JUDGES for line in _stamps(str(folder / name))):
        told.update(line.encode("utf-8", "surrogateescape"))
    return told.hexdigest()[:32]


def _stamps(path: str) -> Iterator[str]:
    if path.endswith(".py"):
        told = os.stat(path)  # noqa: PTH116 - two hundred files at every start
        yield f"{path} {told.st_size} {told.st_mtime_ns}\n"
        return
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                told = entry.stat()
                yield f"{entry.path} {told.st_size} {told.st_mtime_ns}\n"
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _stamps(entry.path)
