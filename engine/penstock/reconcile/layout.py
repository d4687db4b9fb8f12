"""Which files of a tree are flows: Kestra's layouts, or everything below a folder that was named."""

from __future__ import annotations

from pathlib import PurePosixPath

SUFFIXES = frozenset({".yaml", ".yml"})
FOLDERS = frozenset({"flows", "_flows"})


def is_flow_path(path: str, prefix: str = "") -> bool:
    """Whether `path` may hold a flow: YAML, below `prefix` when it is given, else below a folder of flows.

    `flows/**`, `_flows/**` and `<namespace>/flows/*.yaml` are Kestra's (git plugin, 2026).
    """
    pure = PurePosixPath(path)
    if pure.suffix not in SUFFIXES or any(part.startswith(".") for part in pure.parts):
        return False
    if prefix.strip("/"):
        return pure.is_relative_to(prefix.strip("/"))
    return any(part in FOLDERS for part in pure.parts[:-1])
