"""Which files of a tree are flows, and how they are read: what its own `penstock.yaml` and ignore files say. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import PurePosixPath

from penstock import __version__
from penstock.diagnostic import Diagnostic, Severity
from penstock.errors import UserError
from penstock.flow.catalogue.catalog import Catalog, load_catalog
from penstock.flow.catalogue.plugin_files import chosen, within_repository
from penstock.flow.catalogue.plugins import CatalogFile, read_plugin_types
from penstock.flow.defaults import Default, outside_defaults
from penstock.flow.layout.flow_layout import IGNORE_FILES, LAYOUTS, may_hold_a_flow
from penstock.flow.layout.ignore import Pattern, glob_regex, is_ignored, read_patterns
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.flow.model import Dialect
from penstock.settings import PROJECT_FILE, refuse_other_version, repository_settings

_UNKNOWN = {"error": Severity.ERROR, "warning": Severity.WARNING, "ignore": None}


def steers(path: str) -> bool:
    """Whether a file says which others are flows, or how they are read."""
    return path == PROJECT_FILE or path.rpartition("/")[2] in IGNORE_FILES


@dataclass(frozen=True, slots=True)
class Selection:
    """`digest` is of everything that decides what is read and how: where it changes, everything is read anew.

    `problem` is why nothing may be read: `penstock.yaml` is wrong, or asks for another version of Penstock.
    """

    prefix: str
    globs: tuple[str, ...]
    ignores: Mapping[str, tuple[Pattern, ...]]
    dialect: Dialect
    defaults: tuple[Default, ...]
    namespace_files: NamespaceLayout
    digest: str
    unknown_types: Severity | None = Severity.ERROR
    catalogs: tuple[str, ...] = ()
    """The files and folders of the tree that describe types of other plugins."""
    catalog: Catalog = field(default_factory=load_catalog, repr=False)
    diagnostics: tuple[Diagnostic, ...] = ()
    problem: str | None = None

    @classmethod
    def of(cls, steering: Mapping[str, bytes], *, prefix: str, dialect: Dialect) -> Selection:
        """From the steering files of a tree, by path. `prefix` limits to a folder; `dialect` AUTO leaves the dialect
        to the repository."""
        settings = repository_settings(steering.get(PROJECT_FILE), PROJECT_FILE)
        problem = next((_told(found) for found in settings.diagnostics if found.is_error), None)
        catalogs: tuple[str, ...] = ()
        try:
            refuse_other_version(settings)
            catalogs = within_repository(settings.catalogs, str(settings.sources["catalogs"]))
        except UserError as error:
            problem = error.message
        folder = prefix.strip("/")
        globs = settings.flows if settings.flows is not None else (() if folder else LAYOUTS)
        ignores = {
            str(PurePosixPath(path).parent): read_patterns(content.decode("utf-8", "replace"))
            for path, content in steering.items()
            if PurePosixPath(path).name in IGNORE_FILES
        }
        told = sha256()
        for path, content in sorted(steering.items()):
            told.update(json.dumps([path, len(content)]).encode() + content)
        return cls(
            prefix=folder,
            globs=tuple(globs),
            ignores=ignores,
            dialect=dialect if dialect is not Dialect.AUTO else Dialect(settings.dialect),
            defaults=outside_defaults(settings.defaults),
            namespace_files=NamespaceLayout(settings.files, folder),
            digest=cls.base(prefix, dialect) + told.hexdigest()[:32],
            unknown_types=_UNKNOWN[settings.unknown_types],
            catalogs=catalogs,
            diagnostics=settings.diagnostics,
            problem=problem,
        )

    def describes(self, path: str) -> bool:
        """Whether a file belongs to a catalogue: it decides how flows are read."""
        return any(path == name or name == "." or path.startswith(f"{name}/") for name in self.catalogs)

    def catalog_paths(self, there: Collection[str]) -> list[str]:
        """The files of the catalogues, of those that are there. Raises UserError for a catalogue that is not there."""
        return [path for name in self.catalogs for path in chosen(name, there, name, PROJECT_FILE)]

    def knowing(self, files: Sequence[CatalogFile]) -> Selection:
        """With the types that the files of its catalogues describe. Raises UserError for what cannot be read."""
        catalog = load_catalog().with_plugins(read_plugin_types(files))
        return replace(
            self, catalog=catalog, digest=f"{self.digest}:{sha256(catalog.fingerprint().encode()).hexdigest()[:16]}"
        )

    @staticmethod
    def base(prefix: str, dialect: Dialect) -> str:
        """What every digest of this version, folder and dialect begins with."""
        return sha256(json.dumps([__version__, prefix.strip("/"), dialect.value]).encode()).hexdigest()[:16] + ":"

    def takes(self, path: str) -> bool:
        """Whether `path` may hold a flow."""
        parts = path.split("/")
        if not may_hold_a_flow(parts[-1]) or any(part.startswith(".") for part in parts):
            return False
        if self.prefix and not path.startswith(f"{self.prefix}/"):
            return False
        if self.globs and not any(pattern.fullmatch(path) for glob in self.globs for pattern in _patterns(glob)):
            return False
        return not self._is_ignored(path)

    def _is_ignored(self, path: str) -> bool:
        return any(
            is_ignored(path if folder == "." else path[len(folder) + 1 :], patterns)
            for folder, patterns in self.ignores.items()
            if folder == "." or path.startswith(f"{folder}/")
        )


@lru_cache(maxsize=256)
def _patterns(glob: str) -> tuple[re.Pattern[str], ...]:
    """A glob takes what it names, and where that is a folder, all that is below it."""
    plain = "/" + glob.removeprefix("./").rstrip("/")
    return glob_regex(plain), glob_regex(plain + "/**")


def _told(found: Diagnostic) -> str:
    start = found.range.start
    return f"{found.file}:{start.line}:{start.column}: {found.code} {found.message}"
