"""Triggers by a person's word: how each stands, enable and disable them, run a range of their slots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound, Refused, UserError
from penstock.execution.event import Instant
from penstock.flow.inputs import given_value, resolve_inputs
from penstock.flow.model import Flow, InputType, Trigger, nothing
from penstock.operations.start import Intake, Start, refuse_blocked, rendered
from penstock.ports.deployment import Backfill, BackfillState, Cursor, Deployed
from penstock.ports.store import Store
from penstock.triggers.backfill import slots_between
from penstock.triggers.schedule import TYPE, Schedule, trigger_variables

EARLIEST_YEAR = 1972
"""No schedule has slots before."""


class Standing(StrEnum):
    """Whether a trigger fires: DISABLED by its own word, HELD by its flow's."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class TriggerStatus:
    """One trigger of a deployed flow. `reason` says why it does not fire. `schedule` is None where it is none, or
    cannot be read. `last` is its latest slot that yielded an execution, with that execution's id."""

    deployed: Deployed
    trigger: Trigger
    standing: Standing
    reason: str
    schedule: Schedule | None
    last: tuple[Instant, str] | None

    def coming(self, after: datetime) -> Iterator[datetime]:
        """Its fire times after `after`, in its own zone; none where it does not fire."""
        if self.standing is not Standing.ENABLED or self.schedule is None:
            return
        at = self.schedule.next_after(after)
        while at is not None:
            yield at.astimezone(self.schedule.zone)
            at = self.schedule.next_after(at)


def trigger_statuses(store: Store, deployed: Iterable[Deployed], *, zone: str) -> list[TriggerStatus]:
    """Every trigger of `deployed`, in their order; `zone` is of schedules that name none."""
    cursors = {(cursor.flow, cursor.trigger): cursor for cursor in store.cursors()}
    fired = store.fired_last()
    found = []
    for each in deployed:
        for trigger in each.triggers:
            cursor = cursors.get((each.flow, trigger.id))
            try:
                schedule, fault = (Schedule.of(trigger, zone) if trigger.type == TYPE else None), ""
            except ValueError as error:
                schedule, fault = None, str(error)
            standing, reason = _standing(each, trigger, cursor, schedule, fault)
            last = fired.get((each.flow, trigger.id))
            found.append(TriggerStatus(each, trigger, standing, reason, schedule, last))
    return found


def _standing(
    deployed: Deployed, trigger: Trigger, cursor: Cursor | None, schedule: Schedule | None, fault: str
) -> tuple[Standing, str]:
    if trigger.disabled:
        return Standing.DISABLED, "`disabled: true` in its file"
    if cursor is not None and cursor.disabled:
        own_end = ", or its `stopAfter`" if schedule is not None and schedule.stop_after else ""
        return Standing.DISABLED, f"by `penstock triggers disable`{own_end}"
    if deployed.disabled:
        return Standing.HELD, "the flow is disabled"
    if deployed.blocked:
        return Standing.HELD, f"the flow cannot run here: {', '.join(deployed.blocked)}"
    if fault:
        return Standing.HELD, fault
    if schedule is None:
        return Standing.HELD, "this version does not fire triggers of its type"
    return Standing.ENABLED, ""


# ── enable and disable ──


def enable(store: Store, deployed: Deployed, trigger_id: str, *, zone: str, at: datetime) -> bool:
    """Let a trigger fire again; False when it was not disabled. Its cursor begins at `at`: nothing before that was
    missed (P4). Raises NotFound, Refused (its file says `disabled: true`)."""
    trigger = trigger_of(deployed, trigger_id)
    if trigger.disabled:
        raise Refused(
            f"the trigger `{trigger.id}` of {deployed.flow} is disabled in its file",
            help=f"remove `disabled: true` from it in {deployed.path}",
        )
    cursor = _cursor(store, deployed, trigger)
    if cursor is None or not cursor.disabled:
        return False
    store.set_cursors([Cursor(deployed.flow, trigger.id, at, _fingerprint(deployed, trigger, zone))])
    return True


def disable(store: Store, deployed: Deployed, trigger_id: str, *, zone: str, at: datetime) -> bool:
    """Keep a trigger from firing until it is enabled, whatever is deployed meanwhile; False when it was disabled
    already. Raises NotFound."""
    trigger = trigger_of(deployed, trigger_id)
    cursor = _cursor(store, deployed, trigger)
    if cursor is not None and cursor.disabled:
        return False
    if cursor is None:
        cursor = Cursor(deployed.flow, trigger.id, at, _fingerprint(deployed, trigger, zone))
    store.set_cursors([replace(cursor, disabled=True)])
    return True


def trigger_of(deployed: Deployed, trigger_id: str) -> Trigger:
    """The trigger of that id. Raises NotFound."""
    for trigger in deployed.triggers:
        if trigger.id == trigger_id:
            return trigger
    ids = [trigger.id for trigger in deployed.triggers]
    there = f"it has {', '.join(f'`{id_}`' for id_ in ids)}" if ids else "it has none"
    raise NotFound(
        f"the flow {deployed.flow} has no trigger `{trigger_id}`", help=did_you_mean(trigger_id, ids) or there
    )


def _cursor(store: Store, deployed: Deployed, trigger: Trigger) -> Cursor | None:
    key = (deployed.flow, trigger.id)
    return next((cursor for cursor in store.cursors() if (cursor.flow, cursor.trigger) == key), None)


def _fingerprint(deployed: Deployed, trigger: Trigger, zone: str) -> str:
    """Of the slots that it has now; empty while it has none, which is how the scheduler marks what is held."""
    if trigger.type != TYPE or deployed.disabled or deployed.blocked:
        return ""
    try:
        return Schedule.of(trigger, zone).fingerprint
    except ValueError:
        return ""


# ── backfills ──


@dataclass(frozen=True, slots=True)
class BackfillWish:
    """What is wanted: the slots of `trigger` from `start` to `end`, both included. `missing_only` leaves out those
    that ran already; `inputs` are raw, and go over the trigger's own."""

    trigger: str
    start: datetime
    end: datetime
    missing_only: bool = False
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)


def begin_backfill(
    store: Store,
    deployed: Deployed,
    flow: Flow,
    wish: BackfillWish,
    *,
    id_: str,
    zone: str,
    at: datetime,
    intake: Intake,
) -> Backfill:
    """Have the agent run a range of slots, from its next look on. What lies after `at` is left to the trigger itself.

    Raises NotFound, Refused (it has no slots there, the flow cannot start, another backfill runs some of them),
    UserError (the range), InvalidInputs.
    """
    from penstock.expression import is_slow  # only here: most of what is asked of triggers renders nothing

    schedule = schedule_of(deployed, wish.trigger, zone)
    trigger = trigger_of(deployed, wish.trigger)
    start, end = wish.start.astimezone(UTC), min(wish.end.astimezone(UTC), at)
    _refuse_range(wish, start, at)
    if flow.disabled:
        raise Refused(f"the flow {flow.name} is disabled", help="remove `disabled: true` from it")
    refuse_blocked(flow)
    first = next(slots_between(schedule, start, end), None)
    if first is None:
        following = schedule.next_after(end)
        raise Refused(
            f"`{trigger.id}` has no slot from {_shown(start, schedule)} to {_shown(end, schedule)}",
            help=f"the next one is {_shown(following, schedule)}" if following is not None else None,
        )
    for other in store.backfills():
        if (other.flow, other.trigger) == (deployed.flow, trigger.id) and other.start <= end and start <= other.end:
            raise Refused(
                f"the backfill {other.id} of `{trigger.id}` runs slots of that range already",
                help=f"`penstock backfill --cancel {other.id}` ends it",
            )
    _refuse_secrets(flow, wish)
    if not is_slow(trigger.inputs):  # else the agent is to say what its secrets and keys come to
        wanted = slot_start(Start(id_, flow, deployed.source_digest), trigger, schedule, first)
        resolve_inputs(flow.inputs, slot_inputs(wanted, trigger, intake, at=at, over=wish.inputs))
    backfill = Backfill(
        id=id_,
        flow=deployed.flow,
        trigger=trigger.id,
        start=start,
        end=end,
        created=at,
        missing_only=wish.missing_only,
        inputs=wish.inputs,
        labels=wish.labels,
    )
    store.put_backfill(backfill)
    return backfill


def schedule_of(deployed: Deployed, trigger_id: str, zone: str) -> Schedule:
    """Raises NotFound, Refused where the trigger is no Schedule, or one that cannot be read."""
    trigger = trigger_of(deployed, trigger_id)
    if trigger.type != TYPE:
        raise Refused(
            f"the trigger `{trigger.id}` of {deployed.flow} has no slots: it is no Schedule",
            help=f"`penstock explain {trigger.type}` tells what it does",
        )
    try:
        return Schedule.of(trigger, zone)
    except ValueError as error:
        raise Refused(f"the trigger `{trigger.id}` of {deployed.flow} cannot be read: {error}") from error


def slot_start(wanted: Start, trigger: Trigger, schedule: Schedule, slot: datetime) -> Start:
    """`wanted` as the start of a slot: what expressions see of its trigger."""
    told = dict(trigger_variables(schedule, slot))
    of = {"id": trigger.id, "type": trigger.type, "variables": told}
    return replace(wanted, trigger=of, schedule_date=slot)


def slot_inputs(
    wanted: Start, trigger: Trigger, intake: Intake, *, at: datetime, over: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The raw inputs of a slot's execution: the trigger's own, rendered, and `over` in their place. Raises Refused, and
    what rendering raises."""
    own = rendered(wanted, dict(trigger.inputs), intake, at=at, more={})
    if not isinstance(own, Mapping):
        raise Refused(f"the inputs of `{trigger.id}` are no map")
    return {**own, **(over or {})}


def _refuse_secrets(flow: Flow, wish: BackfillWish) -> None:
    """What a backfill is given lies in the store for as long as it runs."""
    for each in flow.inputs:
        if each.type is InputType.SECRET and given_value(wish.inputs, each.id) is not None:
            raise Refused(
                f"the input `{each.id}` is a secret, and a backfill would keep it in clear",
                help="let the flow's default read it: defaults: \"{{ secret('NAME') }}\"",
            )


def _refuse_range(wish: BackfillWish, start: datetime, at: datetime) -> None:
    if wish.start > wish.end:
        raise UserError(f"the range begins at {wish.start.isoformat()}, after its end, {wish.end.isoformat()}")
    if start > at:
        raise Refused("the range lies in the future", help="what is due then is fired by the trigger itself")
    if start.year < EARLIEST_YEAR:
        raise UserError(f"the range begins at {wish.start.isoformat()}: there are no slots before {EARLIEST_YEAR}")


def pause_backfill(store: Store, prefix: str) -> Backfill:
    """Begin no further slot of it. Raises NotFound, Refused, UserError (several ids begin so)."""
    return _put(store, prefix, BackfillState.PAUSED, "paused", {BackfillState.RUNNING})


def resume_backfill(store: Store, prefix: str) -> Backfill:
    """Go on with it. Raises as `pause_backfill`."""
    return _put(store, prefix, BackfillState.RUNNING, "resumed", {BackfillState.PAUSED})


def cancel_backfill(store: Store, prefix: str) -> Backfill:
    """End it; the executions that it has started go on. Raises as `pause_backfill`."""
    return _put(store, prefix, BackfillState.CANCELLED, "cancelled", {BackfillState.RUNNING, BackfillState.PAUSED})


def _put(store: Store, prefix: str, state: BackfillState, verb: str, possible: set[BackfillState]) -> Backfill:
    def change(backfill: Backfill) -> Backfill:
        if backfill.state not in possible:
            raise Refused(f"the backfill {backfill.id} cannot be {verb}", help=f"its state is {backfill.state}")
        return replace(backfill, state=state, failed=None)

    found = _found(store, prefix)
    changed = store.change_backfill(found.id, change)
    if changed is None:
        raise NotFound(f"there is no backfill `{found.id}` any more")
    return changed


def _found(store: Store, prefix: str) -> Backfill:
    found = [each for each in store.backfills(open_only=False) if prefix and each.id.startswith(prefix)]
    exact = [each for each in found if each.id == prefix]
    if len(found) > 1 and not exact:
        raise UserError(
            f"`{prefix}` begins the ids of {len(found)} backfills", help=", ".join(each.id for each in found[:4])
        )
    if not found:
        raise NotFound(f"there is no backfill `{prefix}`", help="`penstock backfill --list` shows them")
    return exact[0] if exact else found[0]


def _shown(at: datetime, schedule: Schedule) -> str:
    return f"{at.astimezone(schedule.zone).isoformat()} ({schedule.zone_name})"
