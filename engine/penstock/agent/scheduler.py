"""Starts what is due: each slot of each schedule once, its execution and the trigger's cursor in one append (P4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from penstock.diagnostic import FlowName
from penstock.errors import NotFound, PenstockError, Refused
from penstock.execution.model import Execution
from penstock.expression import render_value
from penstock.flow.model import Flow, Trigger
from penstock.operations.start import Start, start
from penstock.ports.clock import Clock
from penstock.ports.store import Cursor, Deployed, Session, Slot, Store
from penstock.triggers.schedule import TYPE, Schedule, due_slots, trigger_variables

Teller = Callable[[str], None]


@dataclass(slots=True)
class Scheduler:
    """One step at a time. `flow_of` gives the flow of a deployed revision; `zone` is the agent's own."""

    store: Store
    session: Session
    clock: Clock
    zone: str
    repository: str
    flow_of: Callable[[Deployed], Flow]
    new_id: Callable[[], str]
    tell: Teller

    def step(self) -> list[Execution]:
        """Start every slot that is due. A trigger that cannot be read, or a start that is refused, is told."""
        now = self.clock.now()
        cursors = {(cursor.flow, cursor.trigger): cursor for cursor in self.store.cursors()}
        fresh: list[Cursor] = []
        started: list[Execution] = []
        for deployed in self.store.deployed().values():
            if deployed.disabled or deployed.blocked:
                continue
            flow = self.flow_of(deployed)
            for trigger, schedule in self._schedules(flow):
                cursor = cursors.get((deployed.flow, trigger.id))
                if cursor is None or cursor.fingerprint != schedule.fingerprint:
                    fresh.append(Cursor(deployed.flow, trigger.id, now, schedule.fingerprint))
                elif not cursor.disabled:
                    moved = self._fire(deployed, flow, trigger, schedule, cursor, now, started)
                    fresh += [moved] if moved is not None else []
        if fresh:
            self.store.set_cursors(fresh)
        return started

    def start_named(self, name: FlowName, inputs: Mapping[str, Any] | None = None) -> Execution:
        """Start a deployed flow by name, now. Raises NotFound, Refused, InvalidInputs."""
        deployed = self.store.deployed().get(name)
        if deployed is None:
            raise NotFound(f"the flow {name} is not deployed", help="`penstock agent status` lists what is")
        flow = self.flow_of(deployed)
        execution = self._start(deployed, flow, inputs or {}, trigger=None, slot=None, date=None)
        assert execution is not None
        return execution

    def _schedules(self, flow: Flow) -> Iterator[tuple[Trigger, Schedule]]:
        for trigger in flow.triggers:
            if trigger.type != TYPE or trigger.disabled:
                continue
            try:
                yield trigger, Schedule.of(trigger, self.zone)
            except ValueError as error:
                self.tell(f"{flow.name}: the trigger `{trigger.id}` cannot be read: {error}")

    def _fire(
        self,
        deployed: Deployed,
        flow: Flow,
        trigger: Trigger,
        schedule: Schedule,
        cursor: Cursor,
        now: datetime,
        started: list[Execution],
    ) -> Cursor | None:
        """Start the due slots; the cursor when it has to be moved beyond them."""
        due = due_slots(schedule, cursor.reached, now)
        for slot in due.fire:
            try:
                execution = self._fire_slot(deployed, flow, trigger, schedule, slot)
            except PenstockError as error:
                self.tell(f"{flow.name}: the slot {slot.isoformat()} of `{trigger.id}` cannot start: {error.message}")
                continue
            started += [execution] if execution is not None else []
        if due.left:
            self.tell(f"{flow.name}: {due.left} more slots of `{trigger.id}` were missed and are not made up for")
        return replace(cursor, reached=due.reached) if due.reached != cursor.reached else None

    def _fire_slot(
        self, deployed: Deployed, flow: Flow, trigger: Trigger, schedule: Schedule, slot: datetime
    ) -> Execution | None:
        told = trigger_variables(schedule, slot)
        given = render_value(dict(trigger.inputs), {"trigger": told, "flow": {"id": flow.id}, "vars": flow.variables})
        if not isinstance(given, Mapping):
            raise Refused(f"the inputs of `{trigger.id}` are no map")
        which = {"id": trigger.id, "type": trigger.type, "variables": dict(told)}
        return self._start(deployed, flow, given, which, Slot(deployed.flow, trigger.id, slot), slot)

    def _start(
        self,
        deployed: Deployed,
        flow: Flow,
        inputs: Mapping[str, Any],
        trigger: Mapping[str, Any] | None,
        slot: Slot | None,
        date: datetime | None,
    ) -> Execution | None:
        wanted = Start(
            id=self.new_id(),
            flow=flow,
            flow_digest=deployed.source_digest,
            revision=deployed.revision,
            inputs=inputs,
            trigger=trigger,
            schedule_date=date,
            source={
                "repository": self.repository,
                "commit": deployed.commit,
                "path": deployed.path,
                "blob": deployed.blob,
                "dirty": False,
            },
            slot=slot,
        )
        return start(self.store, wanted, session=self.session, at=self.clock.now())
