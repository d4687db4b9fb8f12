"""The Schedule trigger: which of its slots are due, which are made up for, and what its executions are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from penstock.duration import parse_duration
from penstock.flow.model import Trigger
from penstock.triggers.cron import Cron, next_after

TYPE = "io.kestra.plugin.core.trigger.Schedule"

MOST_CATCH_UPS = 100
"""One start makes up for at most so many slots of a trigger (P4); how many were left is told."""

ON_TIME = timedelta(seconds=60)
"""A slot that is not older than this was not missed, whatever the policy about missed ones."""


class Recover(StrEnum):
    """What is made up for after a pause of the agent."""

    ALL = "ALL"
    LAST = "LAST"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A Schedule trigger, read. `zone_name` stands beside every fire time that is shown."""

    cron: Cron
    zone: tzinfo
    zone_name: str
    late_maximum_delay: timedelta | None = None
    recover: Recover = Recover.ALL

    @classmethod
    def of(cls, trigger: Trigger, default_zone: str) -> Schedule:
        """Raises ValueError with a sentence."""
        told = trigger.properties
        name = str(told.get("timezone") or default_zone)
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"timezone '({name})' is not a valid time-zone ID") from error
        late = told.get("lateMaximumDelay")
        return cls(
            cron=Cron.parse(str(told.get("cron", "")), with_seconds=told.get("withSeconds") is True),
            zone=zone,
            zone_name=name,
            late_maximum_delay=parse_duration(str(late)) if late is not None else None,
            recover=Recover(told.get("recoverMissedSchedules") or Recover.ALL),
        )

    @property
    def fingerprint(self) -> str:
        """Of what defines its slots: when this changes, nothing before that was missed."""
        return sha256(f"{' '.join(self.cron.fields)}\x1f{self.zone_name}".encode()).hexdigest()[:16]

    def next_after(self, after: datetime) -> datetime | None:
        return next_after(self.cron, self.zone, after)


@dataclass(frozen=True, slots=True)
class DueSlots:
    """What is to fire now, oldest first. Every slot up to `reached` is dealt with; `skipped` were left out by the
    policy or their lateness, `left` are more than one start makes up for."""

    fire: tuple[datetime, ...]
    reached: datetime
    skipped: int = 0
    left: int = 0


def due_slots(schedule: Schedule, reached: datetime, now: datetime) -> DueSlots:
    """The slots after `reached` and not after `now`, by the policy. Nothing fires when the clock has stepped back."""
    slots: list[datetime] = []
    at = schedule.next_after(reached)
    while at is not None and at <= now and len(slots) < 10 * MOST_CATCH_UPS:
        slots.append(at)
        at = schedule.next_after(at)
    if not slots:
        return DueSlots((), reached)
    punctual = [
        slot for slot in slots if schedule.late_maximum_delay is None or now - slot <= schedule.late_maximum_delay
    ]
    if schedule.recover is Recover.LAST:
        chosen = punctual[-1:]
    elif schedule.recover is Recover.NONE:
        chosen = [slot for slot in punctual if now - slot <= ON_TIME][-1:]
    else:
        chosen = punctual[:MOST_CATCH_UPS]
    left = len(punctual) - len(chosen) if schedule.recover is Recover.ALL else 0
    skipped = len(slots) - len(chosen) - left
    return DueSlots(tuple(chosen), slots[-1], skipped, left)


def trigger_variables(schedule: Schedule, slot: datetime) -> Mapping[str, Any]:
    """What `trigger.*` is for the execution of a slot: in the schedule's zone, as Kestra gives it."""
    following = schedule.next_after(slot)
    before = _previous(schedule, slot)
    return {
        "date": slot.astimezone(schedule.zone).isoformat(),
        "next": following.astimezone(schedule.zone).isoformat() if following is not None else None,
        "previous": before.astimezone(schedule.zone).isoformat() if before is not None else None,
    }


def _previous(schedule: Schedule, slot: datetime) -> datetime | None:
    """The slot before: looked for in growing windows, as stepping goes forward only."""
    for window in (timedelta(hours=2), timedelta(days=8), timedelta(days=400), timedelta(days=3300)):
        found: datetime | None = None
        at = schedule.next_after(slot - window)
        while at is not None and at < slot:
            found, at = at, schedule.next_after(at)
        if found is not None:
            return found
    return None
