"""Restart, replay, and states changed by people: an execution goes on, as itself or as another one.

Whoever held it takes it up: an agent at once, a `run` when a person asks for it (`penstock run --resume`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from penstock.errors import NotFound, Refused
from penstock.execution import reopening
from penstock.execution.apply import begin, extend
from penstock.execution.decide import due
from penstock.execution.event import Event, ExecutionCreated, ExecutionReopened, StatusChanged
from penstock.execution.inheriting import inherit, moved_to, renamed_files
from penstock.execution.model import Execution, TaskRun
from penstock.execution.reopening import REPLAYED
from penstock.execution.state import State
from penstock.flow.inputs import given_value, put_value
from penstock.flow.model import Flow, nothing
from penstock.operations.handover import hand_over, latest_agent
from penstock.operations.request import Words, say
from penstock.operations.start import Intake, crowded, refuse_blocked, stored_values
from penstock.ports.files import Files
from penstock.ports.presence import Presence
from penstock.ports.storage import execution_files
from penstock.ports.store import AGENT, Creation, Session, Store


@dataclass(frozen=True, slots=True)
class Revision:
    """A flow to go on with, its text kept by `digest` already; `source` tells where it is from."""

    flow: Flow
    digest: str
    number: int
    source: Mapping[str, Any] = field(default_factory=nothing)


def restart(execution: str, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow) -> Execution:
    """Go on at everything that has failed. Raises NotFound, Refused (it runs, was killed, or nothing has failed)."""
    return _reopen(store, presence, flow, execution, lambda now: [reopening.restart(flow, now, by=by, at=at)])


def change_status(
    execution: str, run: str, state: State, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow
) -> Execution:
    """Give a task run another state, and go on from there. Raises NotFound, Refused (it is not over, was killed)."""

    def words(now: Execution) -> Sequence[Event]:
        return [reopening.change_status(flow, now, run, state, by=by, at=at)]

    return _reopen(store, presence, flow, execution, words)


def set_status(
    execution: str, state: State, *, by: str, at: datetime, store: Store, presence: Presence, flow: Flow
) -> Execution:
    """Give an execution that is over another state; nothing of it runs. Raises NotFound, Refused."""
    return say(store, presence, flow, execution, lambda _: [StatusChanged(at=at, by=by, state=state)])


def _reopen(store: Store, presence: Presence, flow: Flow, execution: str, words: Words) -> Execution:
    after = say(store, presence, flow, execution, words)
    hand_over(store, presence, flow, after)
    return after


# ── as another execution ──


@dataclass(frozen=True, slots=True)
class Wanted:
    """Another execution, `id`, that goes on from where `old` stands: on `revision`, with `inputs` for those that are
    to be others, and `breakpoints` of its own."""

    id: str
    old: Execution
    revision: Revision
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    breakpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """What it takes to admit another execution, and to hand it over."""

    store: Store
    presence: Presence
    files: Files
    intake: Intake | None = None


def restart_as(wanted: Wanted, means: Means, *, by: str, at: datetime) -> Execution:
    """Restart on another revision: as another execution (Kestra core, ExecutionService.restart). Raises Refused."""
    return _go_on(wanted, means, lambda flow, old: reopening.restart(flow, old, by=by, at=at), at)


def replay_from(wanted: Wanted, run: str, means: Means, *, by: str, at: datetime) -> Execution:
    """Run it once more from one task run on, keeping what came before. Raises Refused."""
    return _go_on(wanted, means, lambda flow, old: reopening.replay(flow, old, run, by=by, at=at), at)


def replay(wanted: Wanted, means: Means, *, at: datetime) -> Execution:
    """Run it once more, whole. Raises Refused (the flow is disabled or cannot run here), InvalidInputs."""
    flow = wanted.revision.flow
    _refuse_flow(flow)
    created = _created(wanted, at, means.intake)
    labels = {**created.labels, REPLAYED: "true"}
    created = replace(created, labels=labels, attempt_number=created.attempt_number + 1)
    execution = begin(created)
    limit = flow.concurrency.limit if flow.concurrency is not None else None
    excess = crowded(execution, created, flow.concurrency.behavior) if flow.concurrency is not None else None
    return _admit(wanted, means, Creation(execution, (created,), due(flow, execution), limit=limit, crowded=excess))


_Plan = Callable[[Flow, Execution], ExecutionReopened]


def _go_on(wanted: Wanted, means: Means, plan: _Plan, at: datetime) -> Execution:
    flow, old = wanted.revision.flow, wanted.old
    _refuse_flow(flow)
    if wanted.revision.digest != old.flow_digest:
        old = moved_to(flow, old)
    opened = plan(flow, old)
    created = _created(wanted, at, means.intake)
    events = (created, *inherit(old, opened, wanted.id, at=at))
    execution = extend(begin(created), events[1:])
    return _admit(wanted, means, Creation(execution, events, due(flow, execution)))


def _admit(wanted: Wanted, means: Means, creation: Creation) -> Execution:
    """Durable when this returns (P1). Its files are the old one's under its own name: contents are kept once."""
    store, files, old = means.store, means.files, wanted.old
    for uri in files.list(execution_files(old.flow, old.id)):
        files.name(renamed_files(uri, old.id, wanted.id), files.resolve(uri))
    [written] = store.create([creation], session=_session_for(store, old), told=True)
    assert isinstance(written, Execution), "its id was drawn anew"
    hand_over(store, means.presence, wanted.revision.flow, written)
    holder = store.holder(written.id)
    if holder is not None:
        means.presence.poke(holder.id)
    return written


def _session_for(store: Store, old: Execution) -> Session | None:
    holder = store.holder(old.id)
    return latest_agent(store) if holder is not None and holder.kind == AGENT else holder


def _refuse_flow(flow: Flow) -> None:
    if flow.disabled:
        raise Refused(f"the flow {flow.name} is disabled", help="remove `disabled: true` from it")
    refuse_blocked(flow)


def _created(wanted: Wanted, at: datetime, intake: Intake | None) -> ExecutionCreated:
    old, revision = wanted.old, wanted.revision
    created = ExecutionCreated(
        at=at,
        id=wanted.id,
        namespace=old.flow.namespace,
        flow_id=old.flow.id,
        revision=revision.number,
        flow_digest=revision.digest,
        labels=old.labels,
        trigger=old.trigger,
        source={**old.source, **revision.source},
        dialect=revision.flow.dialect.value,
        original_id=old.original_id or old.id,
        parent_id=old.id,
        attempt_number=old.attempt_number,
        breakpoints=wanted.breakpoints,
    )
    return replace(created, inputs=_inputs(wanted, begin(created), intake))


def _inputs(wanted: Wanted, execution: Execution, intake: Intake | None) -> dict[str, Any]:
    """The old values, but for those that are given, or that the flow did not have before."""
    old, flow = wanted.old, wanted.revision.flow
    kept: dict[str, Any] = {}
    asked = []
    for each in flow.inputs:
        value = given_value(old.inputs, each.id)
        if given_value(wanted.inputs, each.id) is not None or value is None:
            asked.append(each)
        else:
            put_value(kept, each.id, renamed_files(value, old.id, wanted.id))

    fresh = stored_values(flow, asked, wanted.inputs, execution, _beside(kept, intake))
    for each in asked:
        put_value(kept, each.id, given_value(fresh, each.id))
    return kept


def _beside(kept: Mapping[str, Any], intake: Intake | None) -> Intake | None:
    """`intake` whose expressions see the values that are `kept` too."""
    if intake is None:
        return None
    render = intake.render

    def with_kept(
        flow: Flow, execution: Execution, value: Any, more: Mapping[str, Any], /, *, typed: bool = False
    ) -> Any:
        seen = {**more, "inputs": {**kept, **more.get("inputs", {})}}
        return render(flow, execution, value, seen, typed=typed)

    return replace(intake, render=with_kept)


def named_run(execution: Execution, *, run: str | None = None, task: str | None = None) -> TaskRun:
    """The task run whose id begins with `run`, or the latest one of `task`, or of `task=value` in a loop.

    Raises NotFound, or Refused where several fit.
    """
    if run is not None:
        found = [each for each in execution.in_order() if each.id.startswith(run)]
        if len(found) > 1:
            raise Refused(f"`{run}` begins the ids of {len(found)} task runs of the execution {execution.id}")
    else:
        name, given, value = (task or "").partition("=")
        fits = [each for each in execution.in_order() if each.task == name]
        found = [each for each in fits if not given or value in (each.value, "/".join(each.path))]
        if len(found) > 1:
            told = ", ".join(f"{name}={'/'.join(each.path)}" for each in found[:4] if each.path)
            raise Refused(f"there are {len(found)} task runs of `{name}`", help=f"name one: {told}" if told else None)
    if not found:
        known = ", ".join(dict.fromkeys(each.task for each in execution.in_order()))
        raise NotFound(f"the execution {execution.id} has no task run `{run or task}`", help=f"it has: {known}")
    return found[0]
