"""The sources of a working tree: the files that a person names, and the repository that they are a part of."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.flow.layout.flow_layout import COMMON_FILES, OWN_FILES
from penstock.flow.layout.tree import STDIN, FlowFile, find_flows, flows_below, repository_around
from penstock.glob import literal_folder
from penstock.settings import Settings, load_settings
from penstock.validation.sources import Sources


def sources_in(folder: Path, paths: Sequence[str], settings: Settings, *, stdin: bytes | None = None) -> Sources:
    """What `paths` name, seen from `folder`, whose settings are given; all flows of the repository without paths.

    The other flows of the repository around the first path are listened to as well. Raises NotFound, UserError.
    """
    given = find_flows(paths, folder, stdin=stdin)
    here = folder.resolve()
    named = [name for name in paths if name != STDIN]
    if paths:
        root = repository_around(here / named[0] if named else here, here)
    else:
        root = settings.project.parent if settings.project is not None else here
    if root is None:
        return Sources(tuple(given), is_whole=False, root=str(here))
    own = settings if settings.project is not None and settings.project.parent == root else load_settings(folder=root)
    around: list[FlowFile] = []
    if paths:
        known = {file.path.resolve() for file in given}
        around = [file for file in flows_below(root, own.flows, here) if file.path not in known]
    return Sources(
        tuple(given), tuple(around), files=own.files, namespace_files=_namespace_files(root, own.files), root=str(root)
    )


def _namespace_files(root: Path, declared: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The files that may belong to a namespace, by their paths from the root on."""
    found: set[str] = set()
    for globs in declared.values():
        for glob in globs:
            found.update(_below(root, literal_folder(glob)))
    found.update(_below(root, COMMON_FILES))
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    for name in names:
        found.update(_below(root, f"{name}/{OWN_FILES}"))
    return tuple(sorted(found))


def _below(root: Path, folder: str) -> list[str]:
    place = root / folder
    if place.is_file():
        return [folder]
    lead = len(str(root)) + 1
    return [
        os.path.join(here, name)[lead:].replace(os.sep, "/")  # noqa: PTH118 - as many as a repository has
        for here, folders, names in os.walk(place)
        if _only_seen(folders)
        for name in names
    ]


def _only_seen(folders: list[str]) -> bool:
    """Keeps a walk out of what is hidden."""
    folders[:] = [name for name in folders if not name.startswith(".")]
    return True
