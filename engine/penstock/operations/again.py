"""The execution that tries once more what another has failed at."""

from __future__ import annotations

from penstock.execution.event import ExecutionCreated, Instant
from penstock.execution.identity import derive_id
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.operations.start import admission
from penstock.ports.store import Creation, Store


def successor(flow: Flow, execution: Execution, at: Instant) -> Creation:
    """What is made in one transaction with the end of `execution`: its inputs again, under an id that follows from it.

    It waits for its moment like any execution with a date, and counts for the limit of its flow meanwhile.
    """
    created = ExecutionCreated(
        at=at,
        id=successor_id(execution),
        namespace=execution.flow.namespace,
        flow_id=execution.flow.id,
        revision=execution.revision,
        flow_digest=execution.flow_digest,
        inputs=execution.inputs,
        labels=execution.labels,
        trigger=execution.trigger,
        schedule_date=execution.again_at,
        source=execution.source,
        dialect=execution.dialect,
        original_id=execution.original_id or execution.id,
        parent_id=execution.id,
        attempt_number=execution.attempt_number + 1,
        original_created=execution.original_created or execution.created,
        caller=execution.caller,
    )
    return admission(flow, created)


def successor_id(execution: Execution) -> str:
    """The id of the execution that follows on one that is RETRIED."""
    return derive_id(execution.id, None, "retry", execution.attempt_number + 1)


def followed_by(store: Store, execution: Execution) -> Execution | None:
    """The execution that tries `execution` once more; None where none does, or where it was deleted."""
    return store.load(successor_id(execution)) if execution.state is State.RETRIED else None


def last_of(store: Store, execution: Execution) -> Execution:
    """The last of those that try `execution` again, or itself: what it has come to is what that one comes to."""
    last = execution
    while (after := followed_by(store, last)) is not None:
        last = after
    return last
