"""Which files of a tree are files of which namespace: one rule for a folder on the disk and for a tree in Git.

Where `penstock.yaml` names globs for a namespace (`files`), those are its files; each is called by its path from the
folder that its glob begins with. Else they are (Kestra's git plugin, 2026: NamespaceSync, SyncNamespaceFiles):

    <namespace>/files/**    of that namespace
    _files/**               of every namespace of the repository; a file of the namespace's own wins over one of these

Both are looked for where the flows are: at the root, or in the folder that the agent is told with `--path`. Whatever
has a part beginning with `.git` in its path is left out, as Kestra leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from penstock.errors import UserError
from penstock.flow.layout.flow_layout import COMMON_FILES as COMMON
from penstock.flow.layout.flow_layout import OWN_FILES as OWN
from penstock.glob import literal_folder, matcher


@dataclass(frozen=True, slots=True)
class NamespaceLayout:
    """`declared` are the globs by namespace, `folder` is where the flows are; both from the root of the tree."""

    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""

    def folders(self, namespace: str) -> list[str]:
        """The folders (or files) that hold all files of a namespace; empty text is the root."""
        if namespace in self.declared:
            return [literal_folder(glob) for glob in self.declared[namespace]]
        return [self._below(f"{namespace}/{OWN}"), self._below(COMMON)]

    def files(self, namespace: str, paths: Iterable[str]) -> dict[str, str]:
        """Of `paths` those of a namespace: where each lies, by what it is called, sorted."""
        known = sorted(path for path in paths if not _is_gits(path))
        found: dict[str, str] = {}
        if namespace in self.declared:
            for glob in self.declared[namespace]:
                is_meant, folder = matcher([glob]), literal_folder(glob)
                found |= {_from(folder, path): path for path in known if is_meant(path)}
        else:
            for folder in reversed(self.folders(namespace)):
                found |= {_from(folder, path): path for path in known if path.startswith(f"{folder}/")}
        return dict(sorted(found.items()))

    def concerns(self, path: str) -> bool:
        """Whether a file may be one of some namespace."""
        if _is_gits(path):
            return False
        if any(_may_mean(glob, path) for globs in self.declared.values() for glob in globs):
            return True
        lead = self._below("")
        first, _, rest = path.removeprefix(lead).partition("/")
        return path.startswith(lead) and bool(rest) and (first == COMMON or rest.startswith(f"{OWN}/"))

    def _below(self, path: str) -> str:
        return f"{self.folder}/{path}" if self.folder else path


def _may_mean(glob: str, path: str) -> bool:
    """A glob that is malformed means nothing here; whoever reads the files of its namespace is told."""
    try:
        return matcher([glob])(path)
    except UserError:
        return False


def _from(folder: str, path: str) -> str:
    return path.rpartition("/")[2] if path == folder else path[len(folder) + 1 :] if folder else path


def _is_gits(path: str) -> bool:
    return any(part.startswith(".git") for part in path.split("/"))
