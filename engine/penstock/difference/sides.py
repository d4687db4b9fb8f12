"""The two sets of flows that are compared: their files by path and content, and how their repositories read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from penstock.diagnostic import FlowName
from penstock.difference.tree import Model, default_types, model_of
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.defaults import Default
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.flow.reading.document import Document, read_document

Texts = Callable[[Iterable[str]], Mapping[str, bytes]]
"""The contents of blobs by their ids."""

Types = Callable[[], Mapping[FlowName, frozenset[str]]]
"""The types of all parts of every flow of the head: asked for only where plugin defaults of the repository differ."""


@dataclass(frozen=True, slots=True)
class Side:
    """`label` is how a person would say which it is. `flows` are the files that may hold a flow, `files` those that
    may be namespace files: ids of contents by path. Paths that are no flows are in neither."""

    label: str
    flows: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    layout: NamespaceLayout = field(default_factory=NamespaceLayout)
    defaults: tuple[Default, ...] = ()


@dataclass(slots=True)
class Found:
    """One file of a side, read. `name` is None where it names no flow; `problem` is why it cannot be read."""

    path: str
    document: Document
    name: FlowName | None
    problem: str | None

    @classmethod
    def of(cls, path: str, data: bytes) -> Found:
        document = read_document(data, path)
        root = document.value
        name = None
        if isinstance(root, dict) and isinstance(root.get("id"), str) and isinstance(root.get("namespace"), str):
            name = FlowName(root["namespace"], root["id"])
        error = next((one for one in document.diagnostics if one.is_error), None)
        problem = f"line {error.range.start.line}: {error.message}" if error is not None else None
        return cls(path, document, name if problem is None else None, problem)

    @property
    def default_types(self) -> frozenset[str]:
        return default_types(self.document.value)

    def model(self, catalog: Catalog, defaulted: frozenset[str]) -> Model:
        return model_of(self.document.value, catalog, defaulted)
