"""The judge: reads what the store holds of one execution, and trusts nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from penstock.execution.apply import begin, extend, fold
from penstock.execution.decide import decide
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    ChildEnded,
    ChildRefused,
    ChildStarted,
    Evaluated,
    EvaluationFailed,
    Event,
    ExecutionCreated,
    ExecutionInherited,
    ExecutionReopened,
    ExitRequested,
    KillRequested,
    LabelsChanged,
    LabelsSet,
    PauseRequested,
    ResumeRequested,
    RunForced,
    StatusChanged,
    TaskRunReleased,
    TaskRunRetrying,
    Unqueued,
    VariablesChanged,
)
from penstock.execution.legality import refuse
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.operations.again import successor_id
from penstock.ports.store import Store
from sim.runner import Violation

FACTS = (
    KillRequested
    | PauseRequested
    | ResumeRequested
    | AttemptStarted
    | AttemptEnded
    | AttemptLost
    | Evaluated
    | EvaluationFailed
    | LabelsChanged
    | VariablesChanged
    | ExitRequested
    | ChildStarted
    | ChildRefused
    | ChildEnded
    | ExecutionInherited
    | ExecutionReopened
    | LabelsSet
    | RunForced
    | StatusChanged
    | Unqueued
)


def check(store: Store, flows: Mapping[str, Flow], execution: str) -> None:
    """Raises Violation unless the execution is there, its log is legal, and the projection is the log's fold."""
    projection = store.load(execution)
    if projection is None:
        raise Violation(f"{execution} was acknowledged and is not there (P1)")
    log = store.events(execution)
    check_log(flows[projection.flow_digest], log)
    if projection.state is State.RETRIED and store.load(successor_id(projection)) is None:
        raise Violation(f"{execution} is RETRIED, and nothing tries it again")
    if fold(log) != projection:
        raise Violation(f"{execution}: the projection is not the fold of its log (P2)")


def check_log(flow: Flow, log: list[Event]) -> None:
    """Facts are legal where they stand; decisions are exactly what follows there; retries keep their delay."""
    created = log[0]
    if not isinstance(created, ExecutionCreated):
        raise Violation(f"the log begins with {created}")
    execution = begin(created)
    until: dict[str, TaskRunRetrying] = {}
    at = 1
    while at < len(log):
        event = log[at]
        if isinstance(event, FACTS):
            batch: tuple[Event, ...] = (event,)
        else:
            batch = decide(flow, execution, event.at)
            if not batch or tuple(log[at : at + len(batch)]) != batch:
                raise Violation(f"{execution.id}/{at + 1}: {event} does not follow; what follows is {batch}")
        for each in batch:
            refused = refuse(execution, each)
            if refused is not None:
                raise Violation(f"{execution.id}/{at + 1}: {each} is not legal: {refused.reason} (P2)")
            execution = extend(execution, (each,))
            match each:
                case TaskRunRetrying():
                    until[each.run] = each
                case TaskRunReleased() if each.run in until and each.at < until.pop(each.run).until:
                    raise Violation(f"{execution.id}/{at + 1}: {each} comes before its delay is over")
                case _:
                    pass
        at += len(batch)


def _last(store: Store, execution: str) -> Execution | None:
    """The execution, or the one that has tried it again last."""
    found = store.load(execution)
    while found is not None and found.state is State.RETRIED:
        found = store.load(successor_id(found))
    return found


def check_kin(store: Store, executions: Sequence[str]) -> None:
    """Every child is there that a parent tells of, each was told of once, and no end is told that has not come."""
    told: Counter[str] = Counter()
    for execution in executions:
        for event in store.events(execution):
            if isinstance(event, ChildStarted):
                told[event.child] += 1
                child = store.load(event.child)
                if child is None or child.caller is None or child.caller.run != event.run:
                    raise Violation(f"{execution} has called {event.child}, which is not there as its child")
            if isinstance(event, ChildEnded):
                child = _last(store, event.child)
                if child is None or not child.is_over or child.state is not event.state:
                    raise Violation(f"{execution} has heard of an end of {event.child} that it has not come to")
    for execution in executions:
        loaded = store.load(execution)
        assert loaded is not None
        if told[execution] != int(loaded.caller is not None and loaded.attempt_number == 1):
            raise Violation(f"{execution} was told of {told[execution]} times")
        if loaded.is_over and any(not loaded.runs[run].orphan for run in loaded.children):
            raise Violation(f"{execution} is over, and waits for {loaded.children}")
