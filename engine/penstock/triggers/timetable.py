"""Which triggers are due when: a heap over their next moments, at the cost of what is due, never of all. Pure.

A trigger gives one slot at a time unless it is `concurrent` (Kestra's `allowConcurrent`): while an execution of it goes
on its further slots are held, and given one after the other as each ends; whether a slot that was held for long is
still wanted is said by the policy about missed ones. What one look after a pause makes up for is settled at that look,
by `due_slots`: however long the made-up slots take, nothing is counted twice.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from penstock.diagnostic import FlowName
from penstock.triggers.schedule import Schedule, due_slots

_MOST_OUTDATED = 100
"""The heap is cleared of what does not count any more when that is more than this and half of it."""


class Key(NamedTuple):
    """Which trigger."""

    flow: FlowName
    trigger: str


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be started now: `slots`, oldest first, maybe none. Every slot up to `reached` is dealt with then.

    `skipped` were left out by the policy or their lateness; `left` are more than one look makes up for, from the first
    to the last of `left_range`.
    """

    key: Key
    slots: tuple[datetime, ...]
    reached: datetime
    skipped: int = 0
    left: int = 0
    left_range: tuple[datetime, datetime] | None = None


@dataclass(slots=True)
class _Entry:
    """One trigger. `pending` are slots that are settled to be given, and `then` is its cursor when they all are."""

    schedule: Schedule
    reached: datetime
    turn: int
    pending: deque[datetime] = field(default_factory=deque)
    then: datetime | None = None
    is_busy: bool = False

    def moment(self) -> datetime | None:
        """When it has something to give; None while it is held, and where nothing comes any more."""
        if self.is_busy:
            return None
        return self.pending[0] if self.pending else self.schedule.next_after(self.reached)


class Timetable:
    """`up_since` is when whoever asks began to look: slots from then on are not missed while they are fresh.

    `put`, `drop`, `began`, `ended` and each slot that is given cost the logarithm of the number of triggers, at most.
    For one thread at a time.
    """

    def __init__(self, up_since: datetime) -> None:
        self._up_since = up_since
        self._entries: dict[Key, _Entry] = {}
        self._heap: list[tuple[datetime, int, Key]] = []
        self._turn = 0

    def put(self, key: Key, schedule: Schedule, reached: datetime) -> None:
        """A trigger with its cursor: new, or in the place of an earlier one of that name. What is settled of one that
        is the same and has come as far stays settled. No execution of it goes on until `began` says so."""
        entry = _Entry(schedule, reached, turn=0)
        known = self._entries.get(key)
        if known is not None and (known.schedule, known.reached) == (schedule, reached):
            entry.pending, entry.then = known.pending, known.then
        self._entries[key] = entry
        self._push(key)

    def drop(self, key: Key) -> None:
        self._entries.pop(key, None)

    def began(self, key: Key) -> None:
        """An execution of it goes on: unless it is concurrent it gives nothing until `ended`."""
        entry = self._entries.get(key)
        if entry is not None and not entry.schedule.concurrent:
            entry.is_busy = True
            self._outdate(entry)

    def ended(self, key: Key) -> None:
        """No execution of it goes on any more."""
        entry = self._entries.get(key)
        if entry is not None and entry.is_busy:
            entry.is_busy = False
            self._push(key)

    def next_due(self) -> datetime | None:
        """The earliest moment at which `due` has an answer; None when only `put` or `ended` can bring one about."""
        while self._heap:
            moment, turn, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is not None and entry.turn == turn:
                return moment
            heappop(self._heap)
        return None

    def coming(self, until: datetime) -> list[Key]:
        """The triggers that have something to give by then; in no order. Costs a look at each of them."""
        found, at = [], [0]
        while at:
            here = at.pop()
            if here >= len(self._heap) or self._heap[here][0] > until:
                continue  # nothing below it in the heap comes earlier
            _, turn, key = self._heap[here]
            entry = self._entries.get(key)
            if entry is not None and entry.turn == turn:
                found.append(key)
            at += (2 * here + 1, 2 * here + 2)
        return found

    def due(self, now: datetime) -> list[Due]:
        """What is to be started at `now`. Whoever is given a slot of a trigger that is not concurrent says `ended`
        when its execution is over, or when there was none. A trigger is named twice where all that was held was too
        late, and the next slot is not."""
        self._up_since = min(self._up_since, now)  # the clock was set back
        found: list[Due] = []
        while (moment := self.next_due()) is not None and moment <= now:
            _, _, key = heappop(self._heap)
            found.append(self._give(key, self._entries[key], now))
            self._push(key)
        return found

    def _give(self, key: Key, entry: _Entry, now: datetime) -> Due:
        skipped, left, left_range = 0, 0, None
        if not entry.pending:
            settled = due_slots(entry.schedule, entry.reached, now, up_since=self._up_since)
            entry.pending.extend(settled.fire)
            entry.then, skipped, left, left_range = settled.reached, settled.skipped, settled.left, settled.left_range
        late = entry.schedule.late_maximum_delay
        while late is not None and entry.pending and now - entry.pending[0] > late:
            entry.pending.popleft()  # it was held until it was too late
            skipped += 1
        slots: tuple[datetime, ...]
        if entry.schedule.concurrent:
            slots = tuple(entry.pending)
            entry.pending.clear()
        else:
            slots = (entry.pending.popleft(),) if entry.pending else ()
            entry.is_busy = bool(slots)
        if not entry.pending and entry.then is not None:
            entry.reached = entry.then
        elif slots:
            entry.reached = slots[-1]
        return Due(key, slots, entry.reached, skipped, left, left_range)

    def _push(self, key: Key) -> None:
        entry = self._entries[key]
        self._outdate(entry)
        moment = entry.moment()
        if moment is not None:
            heappush(self._heap, (moment, entry.turn, key))
        if len(self._heap) > 2 * len(self._entries) + _MOST_OUTDATED:
            live = {(entry.turn, key) for key, entry in self._entries.items()}
            self._heap = [each for each in self._heap if each[1:] in live]
            heapify(self._heap)

    def _outdate(self, entry: _Entry) -> None:
        """Whatever the heap holds of it does not count any more."""
        self._turn += 1
        entry.turn = self._turn
