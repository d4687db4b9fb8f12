"""What tasks may ask and have done about other executions, over the store: as a person would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.diagnostic import FlowName
from penstock.errors import NotFound
from penstock.execution.model import Execution
from penstock.execution.state import TERMINAL
from penstock.flow.model import Flow, Level
from penstock.operations import request
from penstock.operations.overrule import is_awaited
from penstock.operations.start import Intake
from penstock.operations.transcript import entry, said, transcript, with_what_left
from penstock.ports.clock import Clock
from penstock.ports.executions import Executions, Purge, Purged, Selection
from penstock.ports.files import Files
from penstock.ports.logs import Logs
from penstock.ports.presence import Presence
from penstock.ports.storage import execution_files
from penstock.ports.store import Iterations, Query, Store

ALL = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StoredExecutions(Executions):
    """`flow_of` gives the flow that an execution is pinned to."""

    store: Store
    presence: Presence
    logs: Logs
    files: Files
    clock: Clock
    intake: Intake
    flow_of: Callable[[Execution], Flow]

    def count(self, wanted: Selection) -> int:
        return self.store.count(_query(wanted))

    def resume(self, execution: str, values: Mapping[str, Any], *, by: str) -> None:
        request.resume(
            execution,
            values=values,
            by=by,
            at=self.clock.now(),
            store=self.store,
            presence=self.presence,
            flow=self.flow_of(self._loaded(execution)),
            intake=self.intake,
        )

    def kill(self, execution: str, *, by: str, cascade: bool) -> None:
        flow, at = self.flow_of(self._loaded(execution)), self.clock.now()
        store, presence = self.store, self.presence
        request.kill(execution, by=by, at=at, store=store, presence=presence, flow=flow, cascade=cascade)

    def log(self, execution: str, *, tasks: Sequence[str] | None, least: Level) -> Iterator[dict[str, Any]]:
        loaded = with_what_left(self._loaded(execution), lambda: self.store.events(execution))
        for line in transcript(self.logs, loaded, min_level=least):
            told = entry(loaded, line)
            if tasks is None or told["taskId"] in tasks:
                yield told

    def purge(self, wanted: Selection, what: Purge) -> Purged:
        states = tuple(state for state in wanted.states or TERMINAL if state.is_terminal)
        found = self.store.summaries(replace(_query(wanted), states=states, limit=ALL)) if states else []
        total = Purged()
        for each in found:
            if wanted.execution not in (None, each.id):
                continue
            loaded = self.store.load(each.id)
            if loaded is not None and loaded.is_over and not is_awaited(self.store, loaded):
                total += self._purge(loaded, what)
        return total

    def _purge(self, execution: Execution, what: Purge) -> Purged:
        """One of them, with the iterations of its Loops: these count by what they have left alone."""
        gone = Purged(
            executions=int(what.execution),
            logs=_lines(execution) if what.logs else 0,
            metrics=_metrics(execution) if what.metrics else 0,
            storage=self._drop_files(execution) if what.storage else 0,
        )
        called = Query(caller=execution.id, iterations=Iterations.ALONE, limit=ALL)
        for each in self.store.summaries(called):
            loaded = self.store.load(each.id)
            if loaded is not None and loaded.is_over:
                gone += replace(self._purge(loaded, what), executions=0)
        if what.logs:
            self.logs.delete(execution.id)
        if what.execution:
            self.store.delete(execution.id)
        return gone

    def _drop_files(self, execution: Execution) -> int:
        folder = execution_files(execution.flow, execution.id)
        count = sum(1 for _ in self.files.list(folder))
        self.files.delete(folder)
        return count

    def _loaded(self, execution: str) -> Execution:
        loaded = self.store.load(execution)
        if loaded is None:
            raise NotFound(f"there is no execution {execution}")
        return loaded


def _query(wanted: Selection) -> Query:
    flow = FlowName(wanted.namespace or "", wanted.flow_id) if wanted.flow_id is not None else None
    return Query(
        flow=flow,
        namespace=wanted.namespace if flow is None else None,
        states=wanted.states,
        before=wanted.before,
        after=wanted.after,
    )


def _lines(execution: Execution) -> int:
    """How many lines its attempts have said."""
    attempts = [attempt for run in execution.runs.values() for attempt in run.attempts]
    own = sum(1 for run in execution.runs.values() for _ in said(execution.id, run))
    return own + sum(int(attempt.log.get("lines", 0)) for attempt in attempts)


def _metrics(execution: Execution) -> int:
    return sum(len(attempt.metrics) for run in execution.runs.values() for attempt in run.attempts)
