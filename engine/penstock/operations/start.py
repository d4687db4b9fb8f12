"""Starting an execution: inputs resolved, the flow pinned, and admitted once it is durable (P1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from penstock.diagnostic import FlowName
from penstock.errors import Refused
from penstock.execution.apply import begin, extend
from penstock.execution.decide import due
from penstock.execution.event import Caller, Event, ExecutionCreated, ExecutionEnded, ExecutionQueued
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.inputs import InvalidInputs, Problem, given_value, put_value, resolve_inputs
from penstock.flow.model import Dialect, Excess, Flow, Input, InputType, nothing
from penstock.operations.checks import failure as failure_of
from penstock.operations.checks import unmet
from penstock.operations.intake import Intake as Intake
from penstock.ports.deployment import Deployed, Generation, Slot
from penstock.ports.storage import belongs
from penstock.ports.store import Creation, Session, Store

SYSTEM = "system."
"""What labels begin with that only the system sets."""
CORRELATION = SYSTEM + "correlationId"

TOO_MANY = "Flow is FAILED due to concurrency limit exceeded"


@dataclass(frozen=True, slots=True)
class Start:
    """What is wanted: an execution `id` of `flow`, with raw inputs as they were given.

    `flow_digest` is of the source text, which must be kept already. `source` tells where it is from: repository,
    commit, path, blob, dirty; `within` is the generation that was in force; `files` is the tree that its namespace
    files are read from, `<commit>:<folder>`, or `folder` where that is one on this machine. `caller` is the task run
    that calls it.
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
    breakpoints: tuple[str, ...] = ()
    caller: Caller | None = None


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
        source["within"] = generation.number
    return Start(
        id=id_, flow=flow, flow_digest=deployed.source_digest, revision=deployed.revision, inputs=inputs, source=source
    )


def prepare(wanted: Start, *, at: datetime, intake: Intake | None = None) -> Creation:
    """The execution as it is to be admitted, and as it is where its flow has as many as it may have.

    Without an `intake` defaults stay as they are written, and secrets are refused. Raises InvalidInputs (nothing was
    created), Refused for a flow that is disabled, cannot run here, or whose checks block it, and what rendering raises.
    """
    flow = wanted.flow
    if flow.disabled:
        raise Refused(f"the flow {flow.name} is disabled", help="remove `disabled: true` from it")
    refuse_blocked(flow)
    created = _created(wanted, at)
    created = replace(created, inputs=stored_values(flow, flow.inputs, wanted.inputs, begin(created), intake))
    failed = unmet(flow, created, intake)
    told = tuple({"message": each.message, "style": each.style.value} for each in failed)
    return admission(flow, replace(created, checks=told), wanted.slot, failure=failure_of(failed))


def admission(
    flow: Flow, created: ExecutionCreated, slot: Slot | None = None, *, failure: str | None = None
) -> Creation:
    """What is asked of the store for an execution of `flow` that begins with `created`, or is over at once with a
    `failure`."""
    execution = begin(created)
    if failure is not None:
        ended = ExecutionEnded(at=created.at, state=State.FAILED, error=failure)
        return Creation(extend(execution, (ended,)), (created, ended), None, slot)
    if flow.concurrency is None:
        return Creation(execution, (created,), due(flow, execution), slot)
    excess = crowded(execution, created, flow.concurrency.behavior)
    return Creation(execution, (created,), due(flow, execution), slot, limit=flow.concurrency.limit, crowded=excess)


def _created(wanted: Start, at: datetime) -> ExecutionCreated:
    """The first event, without inputs."""
    flow = wanted.flow
    return ExecutionCreated(
        at=at,
        id=wanted.id,
        namespace=flow.namespace,
        flow_id=flow.id,
        revision=wanted.revision,
        flow_digest=wanted.flow_digest,
        labels=_labels(flow, wanted),
        trigger=wanted.trigger,
        schedule_date=wanted.schedule_date,
        source=wanted.source,
        dialect=flow.dialect.value,
        breakpoints=wanted.breakpoints,
        caller=wanted.caller,
    )


def _labels(flow: Flow, wanted: Start) -> dict[str, str]:
    """Those of the flow but for what it tells the system, those given, and what the execution belongs to."""
    own = {key: value for key, value in flow.labels.items() if not key.startswith(SYSTEM)}
    return {**own, **wanted.labels, CORRELATION: wanted.labels.get(CORRELATION, wanted.id)}


def rendered(wanted: Start, value: Any, intake: Intake, *, at: datetime, more: Mapping[str, Any]) -> Any:
    """`value` with its expressions rendered, as the execution that is `wanted` will see the world, and `more`."""
    return intake.render(wanted.flow, begun(wanted, at), value, more)


def begun(wanted: Start, at: datetime) -> Execution:
    """The execution that is `wanted`, before it has inputs."""
    return begin(_created(wanted, at))


def stored_values(
    flow: Flow,
    declared: Sequence[Input],
    given: Mapping[str, Any],
    execution: Execution,
    intake: Intake | None,
) -> dict[str, Any]:
    """The values of inputs, of a flow or of a task that asks for some, as `execution` stores them: secrets sealed.

    It is the one way that inputs go, wherever they come from. A file among them is the execution's own (see
    `penstock.operations.file_inputs`). Raises InvalidInputs; Refused for a secret that nothing seals.
    """
    resolved = values_of(flow, declared, given, execution, intake)
    files = [(each, given_value(resolved, each.id)) for each in declared if each.type is InputType.FILE]
    not_its_own = [(each, value) for each, value in files if not (value is None or may_have(execution, str(value)))]
    if not_its_own:
        raise InvalidInputs(foreign(each, value) for each, value in not_its_own)
    return _sealed(declared, resolved, intake)


def may_have(execution: Execution, uri: str) -> bool:
    """Whether a file may be one of its inputs: its own, or one of the execution that calls it."""
    caller = execution.caller
    return belongs(uri, execution.id) or (caller is not None and belongs(uri, caller.execution))


def values_of(
    flow: Flow,
    declared: Sequence[Input],
    given: Mapping[str, Any],
    execution: Execution,
    intake: Intake | None,
) -> dict[str, Any]:
    """The values of inputs as expressions see them, rendered as `execution` sees the world. Raises InvalidInputs."""
    render = intake.renderer(flow, execution) if intake is not None else None
    return resolve_inputs(declared, given, render=render, literal=flow.dialect is Dialect.V0_21)


def _sealed(declared: Sequence[Input], resolved: dict[str, Any], intake: Intake | None) -> dict[str, Any]:
    """The values of inputs as they are stored. Raises Refused for a secret that nothing seals."""
    for each in declared:
        value = given_value(resolved, each.id) if each.type is InputType.SECRET else None
        if value is None:
            continue
        if intake is None:
            raise Refused(
                "Unable to use a `SECRET` input/output as encryption is not configured",
                help=f"the input `{each.id}` is a secret, and nothing here could keep it sealed",
            )
        put_value(resolved, each.id, intake.seal(value))
    kept: dict[str, Any] = intake.keep(resolved) if intake is not None else resolved
    return kept


def foreign(declared: Input, value: object) -> Problem:
    """What is said of a file that an execution may not have."""
    sentence = f"Unable to read the file '{value}' as it didn't belong to the current execution"
    return Problem(declared.id, f"Invalid input for `{declared.id}`, {sentence}", declared.range)


def crowded(execution: Execution, created: ExecutionCreated, behavior: Excess) -> tuple[Execution, tuple[Event, ...]]:
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
    store: Store,
    wanted: Start,
    *,
    session: Session | None,
    at: datetime,
    told: bool = False,
    intake: Intake | None = None,
) -> Execution | None:
    """Admit the execution. None when its slot, or its id, is taken already: it is there, nothing is to be done.

    `told`: `session` is somebody else's, and is to hear of it. Raises what `prepare` raises.
    """
    [admitted] = store.create([prepare(wanted, at=at, intake=intake)], session=session, told=told)
    return admitted if isinstance(admitted, Execution) else None


def blocked_types(flow: Flow) -> list[str]:
    """The types of tasks in `flow` that are known and cannot run here, each once, in order."""
    return list(dict.fromkeys(task.type for task in flow.walk() if not task.runnable and not task.disabled))


def refuse_blocked(flow: Flow) -> None:
    """Raises Refused, naming the types, when `flow` cannot run here."""
    blocked = blocked_types(flow)
    if blocked:
        names = ", ".join(f"`{name}`" for name in blocked)
        raise Refused(
            f"the flow {flow.name} cannot run here: {names} cannot run in this version",
            help="`penstock types --runnable` lists what can",
        )


def name_of(text: str) -> FlowName | None:
    """`namespace/id` as a name; None when it is not of that form."""
    namespace, slash, flow_id = text.partition("/")
    return FlowName(namespace, flow_id) if slash and namespace and flow_id and "/" not in flow_id else None
