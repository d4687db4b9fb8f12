"""Namespace files of a commit in the agent's mirror: read by object id, never checked out."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from penstock.adapters.git.mirror import GitMirror
from penstock.errors import NotFound, UserError
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.ports.git import Blob, Mirror
from penstock.ports.namespace_files import MOST_FILE_BYTES, MOST_FILES, NamespaceFile, NamespaceFiles
from penstock.settings import PROJECT_FILE, repository_settings

MOST_TREES = 4
"""So many trees are remembered: those of the generations that executions are pinned to now."""


@dataclass(frozen=True, slots=True)
class _Tree:
    layout: NamespaceLayout
    blobs: dict[str, Blob]


class MirrorTrees:
    """The trees of a mirror that lies in a folder, each listed once. Thread-safe, and beside whoever fetches: nothing
    is written, and what a commit holds does not change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[tuple[str, str], _Tree] = OrderedDict()
        self._lock = threading.Lock()

    def files(self, tree: str) -> NamespaceFiles:
        """Those of `<commit>:<folder>`."""
        return TreeNamespaceFiles(self, tree)

    def tree(self, name: str) -> _Tree:
        """Raises Retryable when it cannot be read."""
        commit, _, folder = name.partition(":")
        with self._lock:
            found = self._kept.get((commit, folder))
            if found is None:
                found = self._kept[(commit, folder)] = _read(self._mirror(), commit, folder)
            self._kept.move_to_end((commit, folder))
            while len(self._kept) > MOST_TREES:
                self._kept.popitem(last=False)
            return found

    def contents(self, blobs: Iterable[Blob]) -> Iterator[bytes]:
        """In the order asked, by one child process. Raises Retryable when one cannot be read."""
        return (content for _, content in self._mirror().read(blobs))

    def _mirror(self) -> Mirror:
        """One for each reader: a mirror remembers what it has found damaged, and one thread uses it at a time."""
        return GitMirror(str(self._folder), "HEAD", self._folder)


class TreeNamespaceFiles(NamespaceFiles):
    """The files of one tree."""

    def __init__(self, trees: MirrorTrees, tree: str) -> None:
        self._trees = trees
        self._tree = tree

    def list(self, namespace: str) -> Sequence[NamespaceFile]:
        tree = self._trees.tree(self._tree)
        found = tree.layout.files(namespace, tree.blobs)
        if len(found) > MOST_FILES:
            raise UserError(f"the namespace {namespace} has more than {MOST_FILES} files")
        return [NamespaceFile(name, tree.blobs[path].size) for name, path in found.items()]

    def open(self, namespace: str, path: str) -> BinaryIO:
        [(_, file)] = self.each(namespace, [path])
        return file

    def each(self, namespace: str, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        tree = self._trees.tree(self._tree)
        known = tree.layout.files(namespace, tree.blobs)
        wanted = list(paths)
        blobs = [_blob(tree, namespace, path, known.get(path)) for path in wanted]
        for path, content in zip(wanted, self._trees.contents(blobs), strict=True):
            yield path, io.BytesIO(content)


def _blob(tree: _Tree, namespace: str, path: str, where: str | None) -> Blob:
    if where is None:
        raise NotFound(
            f"there is no file `{path}` among those of the namespace {namespace}",
            help="links and submodules are not taken",
        )
    blob = tree.blobs[where]
    if blob.size > MOST_FILE_BYTES:
        raise UserError(f"a namespace file has at most {MOST_FILE_BYTES} bytes, and `{path}` has {blob.size}")
    return blob


def _read(mirror: Mirror, commit: str, folder: str) -> _Tree:
    blobs = {blob.path: blob for blob in mirror.blobs(commit)}
    source = None
    if PROJECT_FILE in blobs:
        [(_, source)] = mirror.read([blobs[PROJECT_FILE]])
    layout = NamespaceLayout(repository_settings(source, PROJECT_FILE).files, folder)
    return _Tree(layout, {path: blob for path, blob in blobs.items() if layout.concerns(path)})
