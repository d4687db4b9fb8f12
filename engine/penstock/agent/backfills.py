"""Works off backfills: every slot of a range, as many at a time as is good, each once however often it is begun.

How far one has come is in the store, beside what a person says of it: it may be paused or cancelled at any moment.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from penstock.agent.news import News, Teller, Topic
from penstock.agent.starter import Starter
from penstock.errors import PenstockError, Refused
from penstock.execution.model import Execution
from penstock.flow.model import Flow
from penstock.ports.deployment import Backfill, BackfillState, Slot
from penstock.ports.store import Creation
from penstock.triggers.backfill import slots_between

MOST_AT_ONCE = 100
"""So many executions of one backfill are admitted in one transaction, and may be open at a time."""

LOOK_EVERY = timedelta(seconds=1)

_TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class Backfills:
    """`step` is for one thread at a time; `hear` may be called from any."""

    starter: Starter
    tell: Teller
    _open: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _waiting: bool = False

    def step(self) -> int:
        """Take each running backfill a little further; how many executions came of it."""
        running = [each for each in self.starter.store.backfills() if each.state is BackfillState.RUNNING]
        self._waiting = bool(running)
        return sum(self._advance(each) for each in running)

    def wait(self) -> timedelta | None:
        """How long until there may be more to do; None while nothing runs."""
        return LOOK_EVERY if self._waiting else None

    def hear(self, execution: Execution) -> bool:
        """An execution that is over makes room; whether it was one of a backfill."""
        backfill = self._open.pop(execution.id, None) if execution.is_over else None
        if backfill is None:
            return False
        self._counts[backfill] -= 1
        return True

    def _advance(self, backfill: Backfill) -> int:
        room = MOST_AT_ONCE - self._counts[backfill.id]
        if room <= 0:
            return 0
        try:
            return self._start_some(backfill, room)
        except (PenstockError, ValueError) as error:
            words = error.message if isinstance(error, PenstockError) else str(error)
            self._end(backfill, BackfillState.PAUSED, failed=words)
            self._say(backfill, f"is paused: {words}", is_trouble=True)
            return 0

    def _start_some(self, backfill: Backfill, room: int) -> int:
        deployed = self.starter.store.deployed_flow(backfill.flow)
        trigger = next((each for each in deployed.triggers if each.id == backfill.trigger), None) if deployed else None
        if deployed is None or trigger is None:
            raise Refused(f"the trigger `{backfill.trigger}` of {backfill.flow} is not deployed any more")
        flow, schedule = self.starter.flow_of(deployed), self.starter.schedule_of(trigger)
        after = backfill.start if backfill.reached is None else backfill.reached + _TICK
        slots = list(islice(slots_between(schedule, after, backfill.end), room))
        if not slots:
            self._end(backfill, BackfillState.DONE)
            self._say(backfill, f"is done: {backfill.started} executions were started")
            return 0
        ran = (
            self.starter.store.slot_dates(backfill.flow, backfill.trigger, start=slots[0], end=slots[-1])
            if backfill.missing_only
            else set()
        )
        more = {"inputs": backfill.inputs, "labels": backfill.labels}
        wanted = [
            (self.starter.of_slot(deployed, flow, trigger, schedule, _slot(backfill, date), **more), flow)
            for date in slots
            if date not in ran
        ]
        started = self._begin(backfill, wanted)
        self.starter.store.change_backfill(
            backfill.id, lambda now: replace(now, reached=slots[-1], started=now.started + started)
        )
        return max(started, 1)  # there may be more of the range, also where all of this part had run

    def _begin(self, backfill: Backfill, wanted: list[tuple[Creation, Flow]]) -> int:
        ids = [creation.execution.id for creation, _ in wanted]
        self._open |= dict.fromkeys(ids, backfill.id)  # before they can end
        self._counts[backfill.id] += len(ids)
        written = self.starter.begin(wanted)
        for id_, result in zip(ids, written, strict=True):
            if not isinstance(result, Execution) and self._open.pop(id_, None) is not None:
                self._counts[backfill.id] -= 1
        return sum(isinstance(result, Execution) for result in written)

    def _end(self, backfill: Backfill, state: BackfillState, *, failed: str | None = None) -> None:
        """Unless a person has said something meanwhile."""

        def change(now: Backfill) -> Backfill:
            return replace(now, state=state, failed=failed) if now.state is BackfillState.RUNNING else now

        self.starter.store.change_backfill(backfill.id, change)

    def _say(self, backfill: Backfill, text: str, *, is_trouble: bool = False) -> None:
        fields = {"backfill": backfill.id, "flow": str(backfill.flow), "trigger": backfill.trigger}
        said = f"the backfill {backfill.id} of {backfill.flow} `{backfill.trigger}` {text}"
        self.tell(News(self.starter.clock.now(), Topic.BACKFILL, said, fields, is_trouble))


def _slot(backfill: Backfill, date: datetime) -> Slot:
    return Slot(backfill.flow, backfill.trigger, date, backfill.id)
