"""Whether an execution keeps what its flow promises (`sla`).

How long it takes is a timer. An assertion is asked again when a task run has ended, once for all that have; one that
cannot be rendered says nothing (kestra core/.../services/SLAService.java).
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.duration import format_duration
from penstock.execution import evaluation
from penstock.execution.event import EvaluationRequested, Event, ExecutionLeaving, Instant, SlaViolated
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow, Sla, SlaBehavior

_ENDS = {
    SlaBehavior.FAIL: (State.FAILED, "failed"),
    SlaBehavior.CANCEL: (State.CANCELLED, "cancelled"),
}


def promises(flow: Flow, execution: Execution, now: Instant) -> Iterator[Event]:
    """Promises that were broken; the first that ends the execution is the last to be told of. Then what to ask."""
    open_ = _open(flow, execution)
    for sla in open_:
        reason = _broken(execution, sla, now)
        if reason is None:
            continue
        yield SlaViolated(at=now, sla=sla.id, reason=reason, labels=sla.labels)
        if sla.behavior in _ENDS:
            state, word = _ENDS[sla.behavior]
            error = f"Execution {word} due to SLA '{sla.id}' violated: {reason}"
            yield ExecutionLeaving(at=now, state=state, stop=True, error=error)
            return
    if execution.asks or execution.opened is None:
        return
    for sla in open_:
        if sla.assertion is not None and evaluation.assertion(sla.id) not in execution.judged:
            yield EvaluationRequested(at=now, run=None, names=(evaluation.assertion(sla.id),))
            return


def latest(flow: Flow, execution: Execution) -> Iterator[Instant]:
    """The moments by which the execution must be over."""
    for sla in _open(flow, execution):
        if sla.duration is not None:
            yield _began(execution) + sla.duration


def _open(flow: Flow, execution: Execution) -> list[Sla]:
    """The promises that can still be broken."""
    if not flow.sla or execution.is_leaving or execution.state.is_terminal:
        return []
    kept = [sla for sla in flow.sla if sla.id not in execution.broken]
    # Kestra sets its clock when an execution begins, and never again: one that is opened again may take its time.
    return kept if not execution.openings else [sla for sla in kept if sla.duration is None]


def _broken(execution: Execution, sla: Sla, now: Instant) -> str | None:
    """Why it is broken; None while it holds, and while nobody can tell."""
    if sla.duration is not None and now >= _began(execution) + sla.duration:
        taken = format_duration(now - _began(execution))
        return f"execution duration of {taken} exceed the maximum duration of {format_duration(sla.duration)}."
    if sla.assertion is not None and execution.facts.get(evaluation.assertion(sla.id)) is False:
        return f"assertion is false: {sla.assertion}."
    return None


def _began(execution: Execution) -> Instant:
    """An execution that waits for its date takes no time until then."""
    return max(execution.created, execution.schedule_date or execution.created)
