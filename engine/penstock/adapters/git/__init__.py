"""Git, by its own program: a mirror that is read by object id, a branch of results that is only added to."""

from __future__ import annotations

from penstock.adapters.git.address import Credentials
from penstock.adapters.git.mirror import GitMirror
from penstock.adapters.git.namespace_files import MirrorTrees
from penstock.adapters.git.quarantine import quarantine
from penstock.adapters.git.reading import GitReading
from penstock.adapters.git.results import GitResultsBranch

__all__ = ["Credentials", "GitMirror", "GitReading", "GitResultsBranch", "MirrorTrees", "quarantine"]
