"""Starting an execution: inputs resolved, the flow pinned, and admitted once it is durable (P1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from penstock.diagnostic import FlowName
from penstock.errors import Refused
from penstock.execution.apply import begin, extend
from penstock.execution.decide import due
from penstock.execution.event import Event, ExecutionCreated, ExecutionEnded, ExecutionQueued
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.inputs import InvalidInputs, Problem, given_value, resolve_inputs
from penstock.flow.model import Excess, Flow, Input, InputType, RetryBehavior, nothing
from penstock.ports.deployment import Deployed, Generation, Slot
from penstock.ports.storage import belongs
from penstock.ports.store import Creation, Session, Store

CORRELATION = "system.correlationId"

TOO_MANY = "Flow is FAILED due to concurrency limit exceeded"


@dataclass(frozen=True, slots=True)
class Start:
    """What is wanted: an execution `id` of `flow`, with raw inputs as they were given.

    `flow_digest` is of the source text, which must be kept already. `source` tells where it is from: repository,
    commit, path, blob, dirty; `files` is the tree that its namespace files are read from, `<commit>:<folder>`, or
    `folder` where that is one on this machine.
    """

    id: str
    flow: Flow
    flow_digest: str
    revision: int = 1
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
    trigger: Mapping[str, Any] | None = None
    schedule_date: datetime | None = None
    source: Mapping[str, Any] = field(default_factory=nothing)
    slot: Slot | None = None


def start_of(
    deployed: Deployed,
    flow: Flow,
    inputs: Mapping[str, Any],
    *,
    repository: str,
    id_: str,
    generation: Generation | None = None,
) -> Start:
    """What is asked for when a deployed flow is to be started, while `generation` is in force."""
    source = {
        "repository": repository,
        "commit": deployed.commit,
        "path": deployed.path,
        "blob": deployed.blob,
        "dirty": False,
        "generation": deployed.generation,
    }
    if generation is not None:
        source["files"] = f"{generation.commit}:{generation.folder}"
    return Start(
        id=id_, flow=flow, flow_digest=deployed.source_digest, revision=deployed.revision, inputs=inputs, source=source
    )


def prepare(wanted: Start, *, at: datetime) -> Creation:
    """The execution as it is to be admitted, and as it is where its flow has as many as it may have.

    Raises InvalidInputs (nothing was created) and Refused for a flow that is disabled or cannot run here.
    """
    flow = wanted.flow
    if flow.disabled:
        raise Refused(f"the flow {flow.name} is disabled", help="remove `disabled: true` from it")
    refuse_blocked(flow)
    created = ExecutionCreated(
        at=at,
        id=wanted.id,
        namespace=flow.namespace,
        flow_id=flow.id,
        revision=wanted.revision,
        flow_digest=wanted.flow_digest,
        inputs=_resolved(flow, wanted),
        labels={**flow.labels, **wanted.labels, CORRELATION: wanted.labels.get(CORRELATION, wanted.id)},
        trigger=wanted.trigger,
        schedule_date=wanted.schedule_date,
        source=wanted.source,
        dialect=flow.dialect.value,
    )
    execution = begin(created)
    if flow.concurrency is None:
        return Creation(execution, (created,), due(flow, execution), wanted.slot)
    crowded = _crowded(execution, created, flow.concurrency.behavior)
    return Creation(
        execution, (created,), due(flow, execution), wanted.slot, limit=flow.concurrency.limit, crowded=crowded
    )


def _resolved(flow: Flow, wanted: Start) -> dict[str, Any]:
    """The values of the inputs; a file among them is the execution's own (see `penstock.operations.file_inputs`)."""
    resolved = resolve_inputs(flow.inputs, wanted.inputs)
    given = [(each, given_value(resolved, each.id)) for each in flow.inputs if each.type is InputType.FILE]
    not_its_own = [(each, value) for each, value in given if not (value is None or belongs(str(value), wanted.id))]
    if not_its_own:
        raise InvalidInputs(foreign(each, value) for each, value in not_its_own)
    return resolved


def foreign(declared: Input, value: object) -> Problem:
    """What is said of a file that an execution may not have."""
    sentence = f"Unable to read the file '{value}' as it didn't belong to the current execution"
    return Problem(declared.id, f"Invalid input for `{declared.id}`, {sentence}")


def _crowded(execution: Execution, created: ExecutionCreated, behavior: Excess) -> tuple[Execution, tuple[Event, ...]]:
    """What becomes of one execution too many (Kestra 0.21: QUEUED, CANCELLED, or FAILED with a sentence)."""
    event: Event
    match behavior:
        case Excess.QUEUE:
            event = ExecutionQueued(at=created.at)
        case Excess.CANCEL:
            event = ExecutionEnded(at=created.at, state=State.CANCELLED)
        case Excess.FAIL:
            event = ExecutionEnded(at=created.at, state=State.FAILED, error=TOO_MANY)
    return extend(execution, (event,)), (created, event)


def start(
    store: Store, wanted: Start, *, session: Session | None, at: datetime, told: bool = False
) -> Execution | None:
    """Admit the execution. None when its slot, or its id, is taken already: it is there, nothing is to be done.

    `told`: `session` is somebody else's, and is to hear of it. Raises what `prepare` raises.
    """
    [admitted] = store.create([prepare(wanted, at=at)], session=session, told=told)
    return admitted if isinstance(admitted, Execution) else None


def blocked_types(flow: Flow) -> list[str]:
    """The types of tasks in `flow` that are known and cannot run here, each once, in order."""
    return list(dict.fromkeys(task.type for task in flow.walk() if not task.runnable and not task.disabled))


def refuse_blocked(flow: Flow) -> None:
    """Raises Refused, naming the types (or the behaviour of a retry), when `flow` cannot run here."""
    blocked = blocked_types(flow)
    if blocked:
        names = ", ".join(f"`{name}`" for name in blocked)
        raise Refused(
            f"the flow {flow.name} cannot run here: {names} cannot run in this version",
            help="`penstock types --runnable` lists what can",
        )
    retries = [flow.retry, *(task.retry for task in flow.walk())]
    if any(retry is not None and retry.behavior is RetryBehavior.CREATE_NEW_EXECUTION for retry in retries):
        raise Refused(
            f"the flow {flow.name} cannot run here: a retry with CREATE_NEW_EXECUTION cannot run in this version",
            help="use RETRY_FAILED_TASK, which tries the failed task again",
        )


def name_of(text: str) -> FlowName | None:
    """`namespace/id` as a name; None when it is not of that form."""
    namespace, slash, flow_id = text.partition("/")
    return FlowName(namespace, flow_id) if slash and namespace and flow_id and "/" not in flow_id else None
