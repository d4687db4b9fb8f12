"""Parts of the engine's machine that a container wants to see: read in full, and held against what is granted.

A path is only as good as what lies there when the engine follows it. Whoever may write to a folder may put a link in
the place of what is in it, so below a source that tasks may write nothing can be bound; below one that they may only
read everything can, if no link leads out of it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_SOCKETS = frozenset({"docker.sock", "podman.sock", "containerd.sock", "crio.sock"})
"""Whoever reaches one of these owns the machine."""

_RUN = ("/run", "/var/run")
"""Where they lie, at places of many names: none of it is bound unless it is named itself."""

_OPTIONS = frozenset({"", "ro", "rw", "z", "Z", "nocopy"})
_READ_ONLY_OPTIONS = frozenset({"", "ro", "z", "nocopy"})

Followed = Callable[[str], str]
"""The path that a path of the engine's machine leads to, all links followed; the path itself where nobody can look."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A source that may be bound: a path, or the name of a volume. `/srv/rates:ro` is one that may only be read."""

    source: str
    is_read_only: bool = False

    @classmethod
    def read(cls, text: str) -> Grant:
        """Raises ValueError for a path that says `..`."""
        source = text.removesuffix(":ro")
        return cls(_normal(source), is_read_only=source != text)

    def covers(self, bind: Bind) -> bool:
        """Whether it is this very source, in a mode that is granted."""
        return bind.source == self.source and (bind.is_read_only or not self.is_read_only)

    def lies_above(self, path: str) -> bool:
        root = self.source.rstrip("/")
        return self.source.startswith("/") and path.startswith(f"{root}/") and path != self.source


@dataclass(frozen=True, slots=True)
class Bind:
    """`source:target[:options]`."""

    text: str
    source: str
    options: frozenset[str]

    @classmethod
    def read(cls, text: str) -> Bind:
        """Raises ValueError for a path that says `..`."""
        source, _, rest = text.partition(":")
        options = rest.partition(":")[2]
        return cls(text, _normal(source), frozenset(options.split(",")))

    @property
    def is_read_only(self) -> bool:
        return "ro" in self.options

    @property
    def granted(self) -> str:
        """The entry that would allow it."""
        return f"{self.source}:ro" if self.is_read_only else self.source


def objection(bind: Bind, grants: Iterable[str], written: Iterable[str], followed: Followed) -> str | None:
    """Why no grant covers a bind, as the end of a sentence; an empty text where a grant is all that it lacks.

    `written` are the grants of all namespaces: what one may write, another may stumble over.
    """
    mine = [Grant.read(text) for text in grants]
    exact = [grant for grant in mine if grant.covers(bind)]
    above = [grant for grant in mine if grant.is_read_only and bind.is_read_only and grant.lies_above(bind.source)]
    if bind.options - (_READ_ONLY_OPTIONS if bind.is_read_only else _OPTIONS):
        return f"no bind has the options `{','.join(sorted(bind.options))}`"
    target = followed(bind.source)
    if {posixpath.basename(bind.source), posixpath.basename(target)} & _SOCKETS:
        return "no engine's socket is ever bound"
    if not exact and not above:
        return ""
    for text in written:
        grant = Grant.read(text)
        if not grant.is_read_only and grant.lies_above(bind.source):
            return f"tasks may write to `{grant.source}`, and could put a link there: bind that"
    if not exact:
        if any(_meet(path, run) for path in (bind.source, target) for run in _RUN):
            return "no engine's socket is ever bound, and one may lie in it"
        if not any(Grant(followed(grant.source)).lies_above(target) for grant in above):
            return f"it leads to `{target}`"
    return None


def _meet(one: str, other: str) -> bool:
    """Whether one of two paths is the other, or lies in it."""
    return f"{one.rstrip('/')}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one.rstrip('/')}/")


def _normal(source: str) -> str:
    if ".." in source.split("/") or "\0" in source:
        raise ValueError(f"`{source}` says `..`, which no path to be bound does")
    if not source.startswith("/"):
        return source
    return "/" + posixpath.normpath(source).lstrip("/")
