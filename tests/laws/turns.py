"""What may put an end to an execution, in the order of time: people, promises, and task runs that leave it.

Kestra docs, SLA (2026-06): a promise that is broken has its labels put on, and the execution fails, is cancelled, or
goes on; what it asserts is looked at again whenever a task run is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from laws.course import Moment, Run, Turn
from laws.fates import Fates
from penstock.flow.model import Flow, Kind, Sla, SlaBehavior, SlaType

BECOMES = {SlaBehavior.FAIL: "FAILED", SlaBehavior.CANCEL: "CANCELLED", SlaBehavior.NONE: None}
TELLING = {"SUCCESS", "WARNING", "SKIPPED"}
"""What a task run has come to by itself that may break what a flow asserts."""


class Whole(Protocol):
    """What is asked of the reference."""

    flow: Flow
    fates: Fates
    start: datetime
    runs: list[Run]
    leaves: list[Turn]

    def kills(self) -> list[datetime]: ...


def turns_of(whole: Whole) -> Sequence[Turn]:
    """Of what is at one moment, a task run that leaves comes before what its end means to others."""
    kills = [Turn(Moment(kill), "KILLED", is_kill=True) for kill in whole.kills()]
    return sorted([*whole.leaves, *_promises(whole), *kills], key=lambda turn: (turn.moment, turn.sla or ""))


def _promises(whole: Whole) -> Iterator[Turn]:
    for sla in whole.flow.sla:
        moment = _broken(whole, sla)
        if moment is not None:
            yield Turn(moment, BECOMES[sla.behavior], sla=sla.id)


def _broken(whole: Whole, sla: Sla) -> Moment | None:
    """When it is, should the execution still go on then."""
    if sla.type is SlaType.MAX_DURATION:
        return Moment(whole.start + sla.duration) if sla.duration is not None else None
    return min((run.over for run in whole.runs if breaks(whole.fates, run)), default=None)


def breaks(fates: Fates, run: Run) -> bool:
    return run.task.kind in (Kind.WORKER, Kind.INLINE) and run.state in TELLING and fates.breaks(run.key)
