"""One round of the main job: reconcile, start what is due and what is named, work it off, record, leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from penstock.agent.live import LiveSession
from penstock.agent.reconciler import Reconciled, Reconciler
from penstock.agent.recorder import Recorder
from penstock.agent.scheduler import Scheduler
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.operations.request import waiting


@dataclass(slots=True)
class Round:
    """What came of one round. `reconciled` is None when the repository could not be read; `fault` says why."""

    reconciled: Reconciled | None = None
    fault: PenstockError | None = None
    executions: list[Execution] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    recorded: int = 0
    record_fault: PenstockError | None = None


def run_once(
    live: LiveSession,
    reconciler: Reconciler,
    scheduler: Scheduler,
    recorder: Recorder | None,
    *,
    starts: Sequence[FlowName],
    tell: Callable[[str], None],
    on_reconciled: Callable[[Reconciled], None],
) -> Round:
    """A fault of the remote keeps nothing from running: what was deployed last stays in force."""
    result = Round()
    ids = _inherited(live)
    try:
        result.reconciled = reconciler.step()
        on_reconciled(result.reconciled)
    except PenstockError as error:
        result.fault = error
        tell(f"the repository cannot be read, what was deployed stays in force: {error.message}")
    begun = scheduler.step()
    for name in starts:
        try:
            begun.append(scheduler.start_named(name))
        except PenstockError as error:
            result.refused.append(f"{name}: {error.message}")
    for execution in begun:
        live.begin(execution.id)
    ids += [execution.id for execution in begun]
    live.wait(lambda: all(_rests(live, id_) for id_ in ids))
    result.executions = [loaded for id_ in ids if (loaded := live.store.load(id_)) is not None]
    if recorder is not None:
        result.recorded, result.record_fault = _record(recorder)
    return result


def _inherited(live: LiveSession) -> list[str]:
    """Take up what an agent that is gone has left; a `run` that is gone waits for `run --resume`."""
    ids = []
    for execution, session in live.store.orphaned():
        if session.kind == "agent" and session.id != live.session.id and not live.presence.is_alive(session.id):
            live.take_up(execution)
            ids.append(execution)
    return ids


def _rests(live: LiveSession, execution: str) -> bool:
    """Whether it is over, or only a person moves it on."""
    loaded = live.store.load(execution)
    if loaded is None or loaded.is_over:
        return True
    run = waiting(loaded)
    held_up = run is not None and (run.wake_at is None or run.then == "TIMEOUT")
    return loaded.state is State.PAUSED and (loaded.held or held_up)


def _record(recorder: Recorder) -> tuple[int, PenstockError | None]:
    count = 0
    try:
        while taken := recorder.step():
            count += taken
    except PenstockError as error:
        return count, error
    return count, None
