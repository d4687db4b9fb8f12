"""Starts what is due: each slot of each schedule once, its execution and the trigger's cursor in one append (P4).

What is due is the timetable's to say; this brings it what is deployed, and its answers into the store.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from penstock import failpoint
from penstock.agent.news import News, Teller, Topic
from penstock.agent.starter import Starter
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
from penstock.execution.model import Execution
from penstock.failpoint import Failpoint
from penstock.flow.model import Flow, Trigger
from penstock.ports.deployment import SCHEDULED, Cursor, Deployed, Slot
from penstock.ports.store import Creation, Unadmitted
from penstock.triggers.schedule import TYPE, Schedule
from penstock.triggers.timetable import Due, Key, Timetable

MOST_AT_ONCE = 100
"""So many executions are admitted in one transaction."""

LONGEST_NAP = timedelta(seconds=5)
"""A clock that is set forward is noticed after so long."""

_TOGETHER = timedelta(seconds=0.5)
"""What is due within so long of one another is read ahead together."""

_SHORTEST_NAP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Start:
    """A slot on its way to its execution."""

    key: Key
    slot: datetime
    creation: Creation
    flow: Flow


@dataclass(slots=True)
class Scheduler:
    """`step` is for one thread at a time; `hear` may be called from any."""

    starter: Starter
    tell: Teller
    lateness: float = 0.0
    """Of the slot that was started last, in seconds."""
    fired: int = 0
    """Slots that were started, since this began."""
    is_stale: bool = False
    """Somebody else has changed cursors or backfills: all is read again at the next step."""
    _timetable: Timetable = field(init=False)
    _schedules: dict[Key, tuple[Trigger, Schedule]] = field(default_factory=dict)
    _keys: dict[FlowName, list[Key]] = field(default_factory=dict)
    _deployed: dict[FlowName, Deployed] = field(default_factory=dict)
    _active: dict[str, Key] = field(default_factory=dict)
    _ended: deque[tuple[Key, Execution]] = field(default_factory=deque)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._timetable = Timetable(self.starter.clock.now())

    # ── what is deployed ──

    def refresh(self, names: Iterable[FlowName] | None = None) -> None:
        """Put on the timetable what the store says of `names`; of everything, when none are given."""
        with self._lock:
            cursors = {Key(cursor.flow, cursor.trigger): cursor for cursor in self.starter.store.cursors()}
            if names is None:
                self._deployed = self.starter.store.deployed()
                concerned = {*self._deployed, *self._keys}
                self._active = {id_: Key(*trigger) for id_, trigger in self.starter.store.active_triggers().items()}
            else:
                concerned = set(names)
                for name in concerned:
                    found = self.starter.store.deployed_flow(name)
                    if found is None:
                        self._deployed.pop(name, None)
                    else:
                        self._deployed[name] = found
            fresh: list[Cursor] = []
            active = set(self._active.values())
            for name in concerned:
                fresh += self._put(name, cursors, active)
            if fresh:
                self.starter.store.begin_cursors(fresh)

    def _put(self, name: FlowName, cursors: Mapping[Key, Cursor], active: set[Key]) -> list[Cursor]:
        """The triggers of one flow, each with its cursor; the cursors that begin now.

        A trigger that is held (disabled, blocked, its flow disabled) is told apart by an empty fingerprint: when it is
        enabled again, nothing before that was missed.
        """
        deployed = self._deployed.get(name)
        now, fresh = self.starter.clock.now(), list[Cursor]()
        before, kept = self._keys.pop(name, []), []
        is_held = deployed is not None and (deployed.disabled or bool(deployed.blocked))
        for trigger in deployed.triggers if deployed is not None else ():
            if trigger.type != TYPE:
                continue
            key = Key(name, trigger.id)
            cursor = cursors.get(key)
            schedule = self._read(name, trigger)
            if is_held or trigger.disabled or schedule is None:
                if cursor is not None and cursor.fingerprint:
                    fresh.append(Cursor(name, trigger.id, cursor.reached, "", cursor.disabled))
                continue
            if cursor is None or cursor.fingerprint != schedule.fingerprint:
                disabled = cursor is not None and cursor.disabled
                cursor = Cursor(name, trigger.id, now, schedule.fingerprint, disabled)
                fresh.append(cursor)
            if not cursor.disabled:
                kept.append(key)
                self._schedules[key] = (trigger, schedule)
                self._timetable.put(key, schedule, cursor.reached)
                if key in active:
                    self._timetable.began(key)
        if kept:
            self._keys[name] = kept
        for key in set(before) - set(kept):
            self._schedules.pop(key, None)
            self._timetable.drop(key)
        return fresh

    def _read(self, name: FlowName, trigger: Trigger) -> Schedule | None:
        try:
            return self.starter.schedule_of(trigger)
        except ValueError as error:
            self._trouble(f"{name}: the trigger `{trigger.id}` cannot be read: {error}", name, trigger.id)
            return None

    # ── what is due ──

    def step(self) -> int:
        """Start every slot that is due; how many executions came of it."""
        with self._lock:
            if self.is_stale:
                self.is_stale = False
                self.refresh()
            self._take_ends()
            due = self._timetable.due(self.starter.clock.now())
            started, moved = 0, []
            wanted: list[_Start] = []
            for each in due:
                self._tell_passed_over(each)
                wanted += self._wanted(each)
                moved.append(each)
            for at in range(0, len(wanted), MOST_AT_ONCE):
                started += self._begin(wanted[at : at + MOST_AT_ONCE])
            self._move_cursors(moved)
            self._read_ahead()
            return started

    def _read_ahead(self) -> None:
        """Read the flows that fire next while there is time, so that they start when they are due."""
        coming = self._timetable.next_due()
        if coming is None or not timedelta(0) < coming - self.starter.clock.now() < 2 * LONGEST_NAP:
            return
        for key in self._timetable.coming(coming + _TOGETHER)[:MOST_AT_ONCE]:
            with suppress(PenstockError):  # whoever starts it hears of it
                self.starter.flow_of(self._deployed[key.flow])

    def wait(self) -> timedelta:
        """How long until something is due, as far as is known now."""
        with self._lock:
            if self.is_stale or self._ended:
                return timedelta(0)
            coming = self._timetable.next_due()
        if coming is None:
            return LONGEST_NAP
        return max(min(coming - self.starter.clock.now(), LONGEST_NAP), _SHORTEST_NAP)

    def _wanted(self, due: Due) -> list[_Start]:
        """The starts of one trigger's slots. One that cannot be started is told, and its slot is over."""
        deployed, (trigger, schedule) = self._deployed[due.key.flow], self._schedules[due.key]
        wanted = []
        for slot in due.slots:
            try:
                flow = self.starter.flow_of(deployed)
                when = Slot(deployed.flow, trigger.id, slot, SCHEDULED, alone=not schedule.concurrent)
                creation = self.starter.of_slot(deployed, flow, trigger, schedule, when)
            except (PenstockError, ValueError) as error:
                text = error.message if isinstance(error, PenstockError) else str(error)
                said = f"{due.key.flow}: the slot {slot.isoformat()} of `{trigger.id}` cannot start: {text}"
                self._trouble(said, due.key.flow, trigger.id)
                self._timetable.ended(due.key)
                continue
            wanted.append(_Start(due.key, slot, creation, flow))
        return wanted

    def _begin(self, wanted: Sequence[_Start]) -> int:
        self._active |= {each.creation.execution.id: each.key for each in wanted}  # before it can end
        written = self.starter.begin([(each.creation, each.flow) for each in wanted])
        failpoint.reached(Failpoint.SLOT_STARTED)
        count = 0
        for each, result in zip(wanted, written, strict=True):
            if isinstance(result, Execution):
                count += 1
                self.fired += 1
                self.lateness = (self.starter.clock.now() - each.slot).total_seconds()
                self._told(each, result, self.lateness)
                continue
            self._active.pop(each.creation.execution.id, None)
            if result is Unadmitted.KNOWN:
                self._timetable.ended(each.key)
            else:  # the store knows of an execution that we have not heard of: all is read again, this slot with it
                self.is_stale = True
        return count

    def _move_cursors(self, moved: Sequence[Due]) -> None:
        """Beyond what was started: what was passed over, or could not start, is dealt with too."""
        if self.is_stale:
            return
        cursors = [
            Cursor(due.key.flow, due.key.trigger, due.reached, self._schedules[due.key][1].fingerprint)
            for due in moved
            if due.key in self._schedules
        ]
        if cursors:
            self.starter.store.advance_cursors(cursors)

    # ── hearing ──

    def hear(self, execution: Execution) -> bool:
        """An execution that is over lets its trigger go on; whether it was one of a trigger. Takes no lock."""
        key = self._active.pop(execution.id, None) if execution.is_over else None
        if key is not None:
            self._ended.append((key, execution))
        return key is not None

    def _take_ends(self) -> None:
        stopped = []
        while self._ended:
            key, execution = self._ended.popleft()
            self._timetable.ended(key)
            schedule = self._schedules.get(key)
            if schedule is not None and execution.state.value in schedule[1].stop_after:
                stopped.append(
                    Cursor(key.flow, key.trigger, self.starter.clock.now(), schedule[1].fingerprint, disabled=True)
                )
                del self._schedules[key]
                self._timetable.drop(key)
                text = f"{key.flow}: `{key.trigger}` is disabled: `stopAfter` names {execution.state}"
                self._say(Topic.TRIGGER_FAULT, text, key.flow, key.trigger)
        if stopped:
            self.starter.store.set_cursors(stopped)

    # ── telling ──

    def _told(self, start: _Start, execution: Execution, late: float) -> None:
        flow, trigger = start.key
        fields = {"flow": str(flow), "trigger": trigger, "slot": start.slot.isoformat(), "late_s": round(late, 3)}
        text = f"{flow}: `{trigger}` fired for {start.slot.isoformat()}"
        self.tell(News(self.starter.clock.now(), Topic.FIRED, text, {**fields, "execution": execution.id}))

    def _tell_passed_over(self, due: Due) -> None:
        if due.left:
            flow, trigger = due.key
            how_many = f"{due.left} more slots" if due.left < 1_000 else "1,000 or more slots"
            text = f"{flow}: {how_many} of `{trigger}` were missed and are not made up for"
            if due.left_range is not None:
                start, end = (moment.isoformat() for moment in due.left_range)
                text += f"; `penstock backfill {flow} {trigger} --start {start} --end {end}` runs them"
            self._say(Topic.PASSED_OVER, text, flow, trigger)

    def _trouble(self, text: str, flow: FlowName, trigger: str) -> None:
        self._say(Topic.TRIGGER_FAULT, text, flow, trigger)

    def _say(self, topic: Topic, text: str, flow: FlowName, trigger: str) -> None:
        self.tell(News(self.starter.clock.now(), topic, text, {"flow": str(flow), "trigger": trigger}, is_trouble=True))
