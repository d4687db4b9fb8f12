"""All facts of a repository, by the names they are asked for by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from penstock.diagnostic import Diagnostic, FlowName, Range, Severity
from penstock.flow.codes import help_for
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.validation.facts import Facts, Kept


@dataclass(frozen=True, slots=True)
class Told:
    """What one file says, and how the file is shown."""

    file: str
    facts: Facts

    def finding(
        self, code: str, severity: Severity, message: str, at: Range, hint: str | None = None, label: str = ""
    ) -> Diagnostic:
        """A finding about this flow."""
        return Diagnostic(code, severity, message, self.file, at, hint or help_for(code), label, self.facts.name)


@dataclass(frozen=True, slots=True)
class NamespaceTree:
    """The paths of a repository that may be namespace files, and which of them belong to which namespace."""

    layout: NamespaceLayout
    paths: tuple[str, ...] = ()


class Repository:
    """What all files say together. `is_whole`: it is a repository, and no handful of files; `files` is None where
    nobody knows which namespace files there are."""

    def __init__(self, told: Iterable[Told], *, is_whole: bool = True, files: NamespaceTree | None = None) -> None:
        self.told: Sequence[Told] = sorted(told, key=lambda one: one.file)
        self.is_whole = is_whole
        self._files = files
        self._provided: dict[str, frozenset[str]] = {}

    @cached_property
    def by_name(self) -> Mapping[FlowName, tuple[Told, ...]]:
        """Who defines a flow: more than one where two files claim the same."""
        found: dict[FlowName, tuple[Told, ...]] = {}
        for one in self.told:
            name = one.facts.name
            found[name] = (*found.get(name, ()), one)
        return found

    @cached_property
    def ids(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the flows of each namespace."""
        found: dict[str, list[str]] = {}
        for name in self.by_name:
            found.setdefault(name.namespace, []).append(name.id)
        return {namespace: tuple(sorted(ids)) for namespace, ids in found.items()}

    @cached_property
    def namespaces_of(self) -> Mapping[str, tuple[str, ...]]:
        """The namespaces that have a flow of an id."""
        found: dict[str, list[str]] = {}
        for name in self.by_name:
            found.setdefault(name.id, []).append(name.namespace)
        return {id_: tuple(sorted(namespaces)) for id_, namespaces in found.items()}

    def facts(self, name: FlowName) -> Facts | None:
        """Of a flow that exactly one file defines."""
        found = self.by_name.get(name, ())
        return found[0].facts if len(found) == 1 else None

    def provides(self, namespace: str, path: str) -> bool:
        """Whether a namespace file is there, or may be, because flows upload some."""
        if self._files is None or _holds(self._uploads, namespace, path):
            return True
        if namespace not in self._provided:
            self._provided[namespace] = frozenset(self._files.layout.files(namespace, self._files.paths))
        return path in self._provided[namespace]

    def sets(self, namespace: str, key: str) -> bool:
        """Whether a key is set by a flow, or may be: in that namespace or in one above it."""
        steps = namespace.split(".")
        return any(_holds(self._keys, ".".join(steps[:length]), key) for length in range(1, len(steps) + 1))

    @cached_property
    def _uploads(self) -> frozenset[Kept]:
        return frozenset(kept for one in self.told for kept in one.facts.files_kept)

    @cached_property
    def _keys(self) -> frozenset[Kept]:
        return frozenset(kept for one in self.told for kept in one.facts.keys_kept)


def _holds(store: frozenset[Kept], namespace: str, name: str) -> bool:
    """A name or a namespace that only the run knows may be any."""
    return any(Kept(place, what) in store for place in (namespace, None) for what in (name, None))
