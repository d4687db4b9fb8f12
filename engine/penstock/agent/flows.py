"""The flow that an execution is pinned to: its text by digest, parsed once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict

from penstock.errors import NotFound, Stalled
from penstock.execution.model import Execution
from penstock.flow.catalog import load_catalog
from penstock.flow.model import Dialect, Flow
from penstock.flow.parse import parse_flow
from penstock.ports.files import Files

MOST_KEPT = 200


class PinnedFlows:
    """Thread-safe. `remember` spares the caller who has just parsed a flow from parsing it again."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._kept: OrderedDict[tuple[str, str], Flow] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, flow: Flow, source: bytes) -> str:
        """Keep the text of `flow` for as long as executions may be pinned to it; its digest."""
        digest = self._files.put(source)
        self._keep((digest, flow.dialect.value), flow)
        return digest

    def flow(self, execution: Execution) -> Flow:
        key = (execution.flow_digest, execution.dialect)
        with self._lock:
            flow = self._kept.get(key)
            if flow is not None:
                self._kept.move_to_end(key)
                return flow
        try:
            with self._files.open(execution.flow_digest) as file:
                source = file.read()
        except NotFound as error:
            raise Stalled(
                f"the flow text {execution.flow_digest[:12]}… of execution {execution.id} is gone from the data folder",
                help="restore the data folder from a backup, or delete the execution",
            ) from error
        path = str(execution.source.get("path") or f"{execution.flow}.yaml")
        parsed = parse_flow(source, path, catalog=load_catalog(), dialect=Dialect(execution.dialect))
        if parsed.flow is None:
            problem = next((each.message for each in parsed.diagnostics if each.is_error), "it is not valid")
            raise Stalled(
                f"the flow {execution.flow} that execution {execution.id} is pinned to cannot be read by this version: "
                f"{problem}",
                help="run the version of Penstock that accepted it, or delete the execution",
            )
        self._keep(key, parsed.flow)
        return parsed.flow

    def _keep(self, key: tuple[str, str], flow: Flow) -> None:
        with self._lock:
            self._kept[key] = flow
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
