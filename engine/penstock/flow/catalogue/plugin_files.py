"""Which files `catalogs:` of penstock.yaml names: in a working tree, and among the paths of a commit."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import UserError
from penstock.flow.catalogue.catalog import Catalog, load_catalog
from penstock.settings.folder import git_root

if TYPE_CHECKING:  # most repositories name none: what reads catalogues is imported when there is one
    from penstock.flow.catalogue.plugins import CatalogFile
    from penstock.settings import Settings

_INDEX = "catalog.json"
_HELP = "`catalogs:` names files of JSON Schemas, or folders with them, within the repository"


def catalog_of(settings: Settings) -> Catalog:
    """The published catalogue, and what the catalogues of the settings add. Raises UserError with a place.

    What a repository names lies within it: whoever checks out somebody's flows reads no file of their own for them.
    In the user's own settings any file may be named, from there on.
    """
    if not settings.catalogs:
        return load_catalog()
    from penstock.flow.catalogue.plugins import read_plugin_types

    source = settings.sources["catalogs"]
    of_project = settings.project is not None and source.origin == "project"
    file = settings.project if of_project else settings.user
    base = file.parent if file is not None else Path.cwd()
    root = (git_root(base) or base).resolve() if of_project else None
    found = [each for name in settings.catalogs for each in _on_disk(name, base, root, str(source))]
    return load_catalog().with_plugins(read_plugin_types(found))


def _on_disk(name: str, base: Path, root: Path | None, place: str) -> Iterator[CatalogFile]:
    from penstock.flow.catalogue.plugins import MOST_BYTES, CatalogFile, refuse_too_large

    start = Path(os.path.normpath(base / Path(name).expanduser()))
    if root is not None and not _lies_within(start, root):
        raise _refusal(place, f"the catalogue `{name}` leads out of the repository")
    there = {path.as_posix(): path for path in _walk(start)}
    paths = [there[path] for path in chosen(start.as_posix(), there, name, place)]
    refuse_too_large({_shown(path): path.stat().st_size for path in paths})
    for path in paths:
        if root is not None and not _lies_within(path, root):
            raise _refusal(place, f"`{_shown(path)}` of the catalogue `{name}` is a link out of the repository")
        yield CatalogFile(_shown(path), _bytes(path, MOST_BYTES + 1))


def _shown(path: Path) -> str:
    """As a person in the working directory would type it."""
    return Path(os.path.relpath(path)).as_posix()


def _lies_within(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)


def _walk(start: Path) -> Iterator[Path]:
    """The file itself, or the files of a folder; links to folders are not followed."""
    if start.is_file():
        yield start
    for here, _, files in os.walk(start):
        for name in files:
            if (Path(here) / name).is_file():
                yield Path(here) / name


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        from penstock.flow.codes import UNREADABLE_CATALOG

        raise UserError(f"cannot read {path}: {error.strerror or error}", code=UNREADABLE_CATALOG) from error


def chosen(catalog: str, there: Collection[str], name: str, place: str) -> list[str]:
    """The paths that make up a catalogue, of those that are there: the file, or a folder's `.json` files, none hidden.

    Of a folder with an index, as Penstock publishes them, the index and the schemas of types. Raises UserError when
    there are none; `name` and `place` are how it is told.
    """
    if catalog in there:
        return [catalog]
    prefix = "" if catalog in ("", ".") else f"{catalog}/"
    below = sorted(path for path in there if path.startswith(prefix) and path.endswith(".json"))
    below = [path for path in below if not any(part.startswith(".") for part in path[len(prefix) :].split("/"))]
    if prefix + _INDEX in below:
        below = [path for path in below if path == prefix + _INDEX or path.startswith(f"{prefix}types/")]
    if not below:
        raise _refusal(place, f"there is no catalogue `{name}`: neither a file, nor a folder with `.json` files")
    return below


def within_repository(names: Sequence[str], place: str) -> tuple[str, ...]:
    """The catalogues that a repository's own `penstock.yaml` names, as paths of its tree. Raises UserError."""
    found = []
    for name in names:
        path = os.path.normpath(name).replace(os.sep, "/")
        if path.startswith(("/", "..")):
            raise _refusal(place, f"the catalogue `{name}` leads out of the repository")
        found.append(path)
    return tuple(found)


def _refusal(place: str, message: str) -> UserError:
    from penstock.flow.codes import UNREADABLE_CATALOG

    return UserError(f"{place}: {message}", help=_HELP, code=UNREADABLE_CATALOG)
