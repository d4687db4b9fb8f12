"""The sources of a Git revision: what its own `penstock.yaml` and ignore files make of its tree, without a checkout."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.adapters.git import GitReading
from penstock.errors import NotFound, UserError
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.catalogue.plugins import CatalogFile, refuse_too_large
from penstock.flow.layout.tree import STDIN, FlowFile
from penstock.flow.model import Dialect
from penstock.ports.git import UNKNOWN_SIZE, Blob
from penstock.reconcile.selection import Selection, steers
from penstock.settings import PROJECT_FILE, Settings, repository_settings
from penstock.validation.sources import Sources


@dataclass(frozen=True, slots=True)
class AtRevision:
    """What a revision holds, and how it wants to be judged."""

    sources: Sources
    settings: Settings
    catalog: Catalog


class Revisions:
    """The revisions of the repository around `folder`. Files are shown as they would be in the working tree there."""

    def __init__(self, folder: Path, *, objects: Mapping[str, str] | None = None) -> None:
        """`objects` lead to a push that is not let in yet. Raises NotFound outside of a Git repository."""
        self._git = GitReading(folder, objects=objects)
        inside = "." if self._git.is_bare else os.path.relpath(folder.resolve(), self._git.root)
        self._here = "" if inside == "." else Path(inside).as_posix()

    def base(self, revision: str, head: str | None) -> str:
        """The commit that is compared with: of `revision`, or where it is empty where `head` (by default HEAD) has
        left the default branch. Raises NotFound."""
        return self._git.commit(revision) if revision else self._git.fork_point(self._git.commit(head or "HEAD"))

    def sources(self, revision: str, paths: Sequence[str], *, may_lack: bool = False) -> AtRevision:
        """The files that `paths` name in a revision, all flows without paths, with its settings and types.

        A path that is not there is NotFound, and so is a revision without flows, unless it `may_lack` them: what is
        compared with may not have them yet.
        """
        if STDIN in paths and not may_lack:
            raise UserError("standard input is of no revision", help="name files and folders")
        commit = self._git.commit(revision)
        blobs = {blob.path: blob for blob in self._git.blobs(commit)}
        root = self._project(blobs)
        lead = f"{root}/" if root else ""
        own = {path[len(lead) :]: blob for path, blob in blobs.items() if path.startswith(lead)}
        selection, settings = self._selected(own, root)
        taken = [path for path in own if selection.takes(path)]
        given = self._given([name for name in paths if name != STDIN], own, lead, selection, may_lack=may_lack)
        if not paths:
            given = {path: self._shown(lead + path) for path in taken}
            if not given and not may_lack:
                raise NotFound(f"there are no flows at {revision}", help="name the files or folders")
        sources = Sources(
            tuple(self._file(own[path], shown) for path, shown in sorted(given.items(), key=lambda item: item[1])),
            tuple(self._file(own[path], self._shown(lead + path)) for path in taken if path not in given),
            files=settings.files,
            namespace_files=tuple(path for path in own if selection.namespace_files.concerns(path)),
            root=str(self._git.root / root),
            read_all=self._read,
        )
        return AtRevision(sources, settings, selection.catalog)

    def _project(self, blobs: Mapping[str, Blob]) -> str:
        """The folder that the nearest `penstock.yaml` upward lies in, else the one that the person is in."""
        folder = self._here
        while True:
            if posixpath.join(folder, PROJECT_FILE) in blobs:
                return folder
            if not folder:
                return self._here
            folder = posixpath.dirname(folder)

    def _selected(self, own: Mapping[str, Blob], root: str) -> tuple[Selection, Settings]:
        steering = [blob for path, blob in own.items() if steers(path)]
        texts = dict(zip([path for path in own if steers(path)], self._git.read(steering), strict=True))
        selection = Selection.of(texts, prefix="", dialect=Dialect.AUTO)
        if selection.problem is not None:
            raise UserError(selection.problem, help="it is the file of that revision")
        if selection.catalogs:
            wanted = [own[path] for path in selection.catalog_paths(own)]
            refuse_too_large({blob.path: blob.size for blob in wanted})
            contents = zip(wanted, self._git.read(wanted), strict=True)
            selection = selection.knowing([CatalogFile(blob.path, data) for blob, data in contents])
        settings = repository_settings(texts.get(PROJECT_FILE), self._shown(posixpath.join(root, PROJECT_FILE)))
        return selection, replace(settings, project=self._git.root / root / PROJECT_FILE)

    def _given(
        self, paths: Sequence[str], own: Mapping[str, Blob], lead: str, selection: Selection, *, may_lack: bool
    ) -> dict[str, str]:
        """Where the files lie that paths name, and how they are shown."""
        anywhere = replace(selection, globs=())
        found: dict[str, str] = {}
        for name in paths:
            where = self._place(name)
            path = where[len(lead) :] if where.startswith(lead) else None
            below = [] if path is None else [
                one for one in own if (not path or one.startswith(path + "/")) and anywhere.takes(one)
            ]  # fmt: skip
            if path is not None and path in own:
                below = [path]
            elif not below and not may_lack:
                raise NotFound(f"{name} is not in that revision", help="name a file or a folder that it has")
            for one in below:
                absolute = str(self._git.root / (lead + one)) if Path(name).is_absolute() else None
                found.setdefault(one, absolute or self._shown(lead + one))
        return found

    def _place(self, name: str) -> str:
        """A path, as a person types it, from the root of the repository on; empty text is the root itself."""
        if Path(name).is_absolute():
            where = os.path.relpath(os.path.realpath(name), self._git.root).replace(os.sep, "/")
        else:
            where = posixpath.normpath(posixpath.join(self._here, name.replace(os.sep, "/")))
        return "" if where == "." else where

    def _shown(self, path: str) -> str:
        return posixpath.relpath(path, self._here) if self._here else path

    def _file(self, blob: Blob, shown: str) -> FlowFile:
        return FlowFile(shown, self._git.root / blob.path, blob=blob.id)

    def _read(self, files: Sequence[FlowFile]) -> Iterator[bytes]:
        return self._git.read(Blob(file.shown, file.blob or "", UNKNOWN_SIZE) for file in files)
