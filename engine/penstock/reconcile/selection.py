"""Which files of a tree are flows, and how they are read: what its own `penstock.yaml` and ignore files say. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import PurePosixPath

from penstock import __version__
from penstock.diagnostic import Diagnostic
from penstock.errors import UserError
from penstock.flow.defaults import Default, outside_defaults
from penstock.flow.ignore import Pattern, glob_regex, is_ignored, read_patterns
from penstock.flow.layout import IGNORE_FILES, LAYOUTS, may_hold_a_flow
from penstock.flow.model import Dialect
from penstock.flow.namespace_layout import NamespaceLayout
from penstock.settings import PROJECT_FILE, refuse_other_version, repository_settings


def steers(path: str) -> bool:
    """Whether a file says which others are flows, or how they are read."""
    return path == PROJECT_FILE or PurePosixPath(path).name in IGNORE_FILES


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
    diagnostics: tuple[Diagnostic, ...] = ()
    problem: str | None = None

    @classmethod
    def of(cls, steering: Mapping[str, bytes], *, prefix: str, dialect: Dialect) -> Selection:
        """From the steering files of a tree, by path. `prefix` limits to a folder; `dialect` AUTO leaves the dialect
        to the repository."""
        settings = repository_settings(steering.get(PROJECT_FILE), PROJECT_FILE)
        problem = next((_told(found) for found in settings.diagnostics if found.is_error), None)
        try:
            refuse_other_version(settings)
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
            diagnostics=settings.diagnostics,
            problem=problem,
        )

    @staticmethod
    def base(prefix: str, dialect: Dialect) -> str:
        """What every digest of this version, folder and dialect begins with."""
        return sha256(json.dumps([__version__, prefix.strip("/"), dialect.value]).encode()).hexdigest()[:16] + ":"

    def takes(self, path: str) -> bool:
        """Whether `path` may hold a flow."""
        pure = PurePosixPath(path)
        if not may_hold_a_flow(pure.name) or any(part.startswith(".") for part in pure.parts):
            return False
        if self.prefix and not pure.is_relative_to(self.prefix):
            return False
        if self.globs and not any(pattern.fullmatch(path) for glob in self.globs for pattern in _patterns(glob)):
            return False
        return not self._is_ignored(path, pure)

    def _is_ignored(self, path: str, pure: PurePosixPath) -> bool:
        return any(
            is_ignored(path if folder == "." else str(pure.relative_to(folder)), patterns)
            for folder, patterns in self.ignores.items()
            if folder == "." or pure.is_relative_to(folder)
        )


@lru_cache(maxsize=256)
def _patterns(glob: str) -> tuple[re.Pattern[str], ...]:
    """A glob takes what it names, and where that is a folder, all that is below it."""
    plain = "/" + glob.removeprefix("./").rstrip("/")
    return glob_regex(plain), glob_regex(plain + "/**")


def _told(found: Diagnostic) -> str:
    start = found.range.start
    return f"{found.file}:{start.line}:{start.column}: {found.code} {found.message}"
