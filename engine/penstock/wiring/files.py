"""Which tree the namespace files of an execution are read from, and how inputs that are files are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.ports.namespace_files import NamespaceFiles

if TYPE_CHECKING:
    from penstock.adapters.git import MirrorTrees

FLOW_FOLDERS = ("flows", "_flows")


@dataclass
class NamespaceSources:
    """`mirror` is the agent's, where there is one."""

    mirror: Path
    _folders: dict[str, NamespaceFiles] = field(default_factory=dict)

    def of(self, source: Mapping[str, Any]) -> NamespaceFiles:
        """The namespace files of what comes from `source` (see `penstock.operations.start.Start`)."""
        if isinstance(tree := source.get("files"), str):
            return self._trees.files(tree)
        if isinstance(folder := source.get("folder"), str):
            if folder not in self._folders:
                from penstock.adapters.namespace_files import FolderNamespaceFiles

                self._folders[folder] = FolderNamespaceFiles(Path(folder))
            return self._folders[folder]
        from penstock.adapters.namespace_files import NoNamespaceFiles

        return NoNamespaceFiles()

    @cached_property
    def _trees(self) -> MirrorTrees:
        from penstock.adapters.git import MirrorTrees

        return MirrorTrees(self.mirror)


def tree_around(flow: Path, namespace: str) -> Path:
    """The folder that a flow file is a part of: where `penstock.yaml` lies; else above the folder of flows that it is
    in (`<root>/flows/`, `<root>/_flows/`, `<root>/<namespace>/flows/`); else the Git tree; else its own folder."""
    from penstock.settings import git_root, project_file

    own = flow.absolute().parent
    if (project := project_file(own)) is not None:
        return project.parent
    for above in (own, *own.parents):
        if above.name in FLOW_FOLDERS:
            return above.parent.parent if above.parent.name == namespace else above.parent
    return git_root(own) or own
