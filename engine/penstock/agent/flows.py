"""The flow that an execution is pinned to: its text by digest, parsed once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from penstock.errors import NotFound, Stalled
from penstock.execution.model import Execution
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.looping import iteration_of
from penstock.flow.model import Dialect, Flow
from penstock.flow.parse import parse_flow
from penstock.flow.pinned import unpinned
from penstock.ports.files import Files

MOST_KEPT = 200


class PinnedFlows:
    """Thread-safe. `remember` spares the caller who has just parsed a flow from parsing it again."""

    def __init__(self, files: Files, published: Callable[[str], bytes | None]) -> None:
        """`published` gives the sources that a reconciliation has kept; those that a person runs are in `files`."""
        self._files = files
        self._published = published
        self._kept: OrderedDict[tuple[str, str], Flow] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, flow: Flow, source: bytes) -> str:
        """Keep the text of `flow` for as long as executions may be pinned to it; its digest."""
        digest = self._files.put(source)
        self._keep((digest, flow.dialect.value), flow)
        return digest

    def flow(self, execution: Execution) -> Flow:
        """The flow that an execution is pinned to. Raises Stalled when its text is gone or cannot be read any more."""
        path = str(execution.source.get("path") or f"{execution.flow}.yaml")
        flow = self.of_digest(execution.flow_digest, path, Dialect(execution.dialect))
        loop = execution.source.get("loop")
        return flow if loop is None else self._iteration(flow, execution, loop)

    def _iteration(self, flow: Flow, execution: Execution, loop: str) -> Flow:
        """What an iteration of a Loop of the flow runs. Made once for all of them."""
        key = (execution.flow_digest, f"{execution.dialect} {loop}")
        with self._lock:
            known = self._kept.get(key)
        if known is None:
            known = iteration_of(flow, loop)
            self._keep(key, known)
        return known

    def of_digest(self, digest: str, path: str, dialect: Dialect = Dialect.AUTO) -> Flow:
        """The flow whose text has that digest; `path` is how a fault of it is told. Raises Stalled."""
        key = (digest, dialect.value)
        with self._lock:
            flow = self._kept.get(key)
            if flow is not None:
                self._kept.move_to_end(key)
                return flow
        source = self._source(digest, path)
        text, defaults = unpinned(source)
        parsed = parse_flow(
            text, path, catalog=load_catalog(), dialect=dialect, defaults=defaults, unknown_types=None
        )  # types of other plugins were known where it was accepted; none of them runs
        if parsed.flow is None:
            problem = next((each.message for each in parsed.diagnostics if each.is_error), "it is not valid")
            raise Stalled(
                f"the flow {path} cannot be read by this version any more: {problem}",
                help="run the version of Penstock that accepted it, or delete what is pinned to it",
            )
        self._keep(key, parsed.flow)
        return parsed.flow

    def _source(self, digest: str, path: str) -> bytes:
        published = self._published(digest)
        if published is not None:
            return published
        try:
            with self._files.open(digest) as file:
                return file.read()
        except NotFound as error:
            raise Stalled(
                f"the text {digest[:12]}… of the flow {path} is gone from the data folder",
                help="restore the data folder from a backup, or delete what is pinned to it",
            ) from error

    def _keep(self, key: tuple[str, str], flow: Flow) -> None:
        with self._lock:
            self._kept[key] = flow
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
