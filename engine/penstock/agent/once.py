"""One round of the main job: reconcile, start what is due and what is named, work it off, record, leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.agent.live import LiveSession
from penstock.agent.reconciler import Reconciled
from penstock.agent.service import AgentService
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
from penstock.execution.event import Event
from penstock.execution.model import Execution
from penstock.operations.request import waits_for_others, waits_for_person


@dataclass(slots=True)
class Round:
    """What came of one round. `reconciled` is None when nothing was new, or the repository could not be read: then
    `fault` says why. `errors` are in the files of the head."""

    reconciled: Reconciled | None = None
    fault: PenstockError | None = None
    errors: bool = False
    executions: list[Execution] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    recorded: int = 0
    record_faults: list[PenstockError] = field(default_factory=list)


def run_once(service: AgentService, *, starts: Sequence[FlowName]) -> Round:
    """A fault of the remote keeps nothing from running: what was deployed last stays in force."""
    result, live = Round(), service.live
    begun: dict[str, None] = {}

    def hear(execution: Execution, events: Sequence[Event]) -> None:
        del events
        begun[execution.id] = None

    live.executor.listen(service.hear)
    live.executor.listen(hear)
    begun |= dict.fromkeys(service.take_up())
    try:
        result.reconciled = service.reconcile()
    except PenstockError as error:
        result.fault = error
    seen = live.store.observation(service.reconciler.source)
    result.errors = result.fault is None and seen is not None and seen.problem is not None
    service.scheduler.refresh()
    service.start_due()
    for name in starts:
        try:
            begun[service.scheduler.starter.start_named(name).id] = None
        except PenstockError as error:
            result.refused.append(f"{name}: {error.message}")
    live.worker.fill()
    live.wait(lambda: all(_rests(live, id_) for id_ in tuple(begun)))
    result.executions = [loaded for id_ in begun if (loaded := live.store.load(id_)) is not None]
    if service.recorder is not None:
        result.recorded, result.record_faults = service.recorder.flush()
    return result


def _rests(live: LiveSession, execution: str) -> bool:
    """Whether it is over, or only a person moves it on, or those that it has called: each is looked at by itself."""
    loaded = live.store.load(execution)
    if loaded is None or loaded.is_over:
        return True
    return waits_for_person(loaded) or waits_for_others(loaded)
