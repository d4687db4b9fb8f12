"""Git, by its own program: a mirror that is read by object id, a branch of results that is only added to.

Each part is opened when it is first asked for: whoever reads a revision needs no branch of results.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.adapters.git.address import Credentials
    from penstock.adapters.git.mirror import GitMirror
    from penstock.adapters.git.namespace_files import MirrorTrees
    from penstock.adapters.git.reading import GitReading
    from penstock.adapters.git.results import GitResultsBranch

__all__ = ["Credentials", "GitMirror", "GitReading", "GitResultsBranch", "MirrorTrees"]

_PART_OF = {
    "Credentials": "address", "GitMirror": "mirror", "GitReading": "reading", "GitResultsBranch": "results",
    "MirrorTrees": "namespace_files",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """What is asked for here by its name, from the part that it lives in."""
    part = _PART_OF.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{part}"), name)
