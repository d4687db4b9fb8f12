"""The flows that may be called: of the tree around what a person runs, else of what is deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from penstock.agent.calling import Callee, Callees
from penstock.diagnostic import FlowName
from penstock.errors import NotFound, Refused
from penstock.execution.model import Execution
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile, find_flows, flows_below
from penstock.flow.model import Dialect, Flow
from penstock.flow.parse import parse_flow
from penstock.settings import load_settings


@dataclass(slots=True)
class TreeCallees(Callees):
    """Each flow as it stands in the tree when it is first called: so one process sees one version of it.

    `pin` keeps the text of a flow, `source_of` tells where it is from. Thread-safe.
    """

    pin: Callable[[Flow, bytes], str]
    source_of: Callable[[str, bytes, str], Mapping[str, Any]]
    _known: dict[tuple[str, FlowName, str], Callee] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def callee(self, caller: Execution, name: FlowName, revision: int | None) -> Callee:
        root = Path(str(caller.source["folder"]))
        if revision not in (None, 1):
            raise NotFound(
                f"there is no revision {revision} of {name} here",
                help="a run knows each flow as it stands in the tree, as revision 1",
            )
        key = str(root), name, caller.dialect
        with self._lock:
            if key not in self._known:
                self._known[key] = self._read(root, name, Dialect(caller.dialect))
            return self._known[key]

    def _read(self, root: Path, name: FlowName, dialect: Dialect) -> Callee:
        for file in _candidates(root):
            source = file.read()
            if name.id.encode() not in source:
                continue
            parsed = parse_flow(source, file.shown, catalog=load_catalog(), dialect=dialect)
            if parsed.name != name:
                continue
            if parsed.flow is None:
                problem = next((each.message for each in parsed.diagnostics if each.is_error), "it is not valid")
                raise Refused(problem, help=f"`penstock validate {file.shown}` tells more")
            told = self.source_of(str(file.path), source, name.namespace)
            return Callee(parsed.flow, self.pin(parsed.flow, source), source={**told, "folder": str(root)})
        raise NotFound(f"there is no flow {name} in {root}")


def _candidates(root: Path) -> Iterator[FlowFile]:
    """What is a flow by the layout of the tree; then whatever else may be one."""
    usual = flows_below(root, load_settings(folder=root).flows, root)
    yield from usual
    seen = {str(file.place) for file in usual}
    yield from (file for file in find_flows(["."], root) if str(file.place) not in seen)


@dataclass(frozen=True, slots=True)
class KnownCallees(Callees):
    """By where the caller is from."""

    tree: Callees
    deployed: Callees

    def callee(self, caller: Execution, name: FlowName, revision: int | None) -> Callee:
        known = self.tree if "folder" in caller.source else self.deployed
        return known.callee(caller, name, revision)
