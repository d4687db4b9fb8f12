"""The Schedule trigger: which of its slots are due, which are made up for, and what its executions are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from penstock.duration import parse_duration
from penstock.flow.model import Trigger
from penstock.triggers.cron import Cron, count_between, next_after, previous_before

TYPE = "io.kestra.plugin.core.trigger.Schedule"

MOST_CATCH_UPS = 100
"""One start makes up for at most so many slots of a trigger (P4); how many were left is told."""

MOST_COUNTED = 1_000
"""What was passed over is counted up to here: a look at a schedule of seconds after a year must not take a minute."""

ON_TIME = timedelta(seconds=60)
"""A slot that is not older than this was not missed, whatever the policy about missed ones."""

_TICK = timedelta(microseconds=1)
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")
_WIDEST_OFFSET = 18  # hours, as java.time.ZoneOffset has it


class Recover(StrEnum):
    """What is made up for after a pause of the agent."""

    ALL = "ALL"
    LAST = "LAST"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A Schedule trigger, read. `zone_name` stands beside every fire time that is shown.

    `concurrent`: its executions may go on at the same time. `stop_after` are states; an execution that ends in one of
    them disables the trigger.
    """

    cron: Cron
    zone: tzinfo
    zone_name: str
    late_maximum_delay: timedelta | None = None
    recover: Recover = Recover.ALL
    concurrent: bool = False
    stop_after: tuple[str, ...] = ()

    @classmethod
    def of(cls, trigger: Trigger, default_zone: str) -> Schedule:
        """Raises ValueError with a sentence."""
        told = trigger.properties
        name = str(told.get("timezone") or default_zone)
        recover = told.get("recoverMissedSchedules") or Recover.ALL
        if recover not in [policy.value for policy in Recover]:
            raise ValueError(f"recoverMissedSchedules is `{recover}`, and may be {', '.join(Recover)}")
        late = told.get("lateMaximumDelay")
        return cls(
            cron=Cron.parse(str(told.get("cron", "")), with_seconds=told.get("withSeconds") is True),
            zone=zone_of(name),
            zone_name=name,
            late_maximum_delay=parse_duration(str(late)) if late is not None else None,
            recover=Recover(recover),
            concurrent=told.get("allowConcurrent") is True,
            stop_after=_states(told.get("stopAfter")),
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
    policy or their lateness; `left` are more than one start makes up for, from the first to the last of `left_range`:
    a backfill may have them. Both are counted up to `MOST_COUNTED`."""

    fire: tuple[datetime, ...]
    reached: datetime
    skipped: int = 0
    left: int = 0
    left_range: tuple[datetime, datetime] | None = None


def due_slots(schedule: Schedule, reached: datetime, now: datetime, *, up_since: datetime | None = None) -> DueSlots:
    """The slots after `reached` and not after `now`, by the policy. Nothing fires when the clock has stepped back.

    A slot was missed when it is older than `ON_TIME`, or came before `up_since`, when whoever asks began to look; but
    the newest slot of all, while it is no older than that, is on time in any case. What is on time fires. Of what was
    missed ALL fires the oldest hundred, LAST the newest one if nothing is on time, NONE nothing.
    """
    first = schedule.next_after(reached)
    if first is None or first > now:
        return DueSlots((), reached)
    following = schedule.next_after(first)
    if following is None or following > now:
        return _one_due(schedule, first, now)
    newest = previous_before(schedule.cron, schedule.zone, now + _TICK) or first
    late = schedule.late_maximum_delay
    start = now - late - _TICK if late is not None and now - reached > late else reached
    on_time = tuple(
        slot
        for slot in _walk(schedule, max(start, now - ON_TIME - _TICK), now)
        if slot == newest or up_since is None or slot >= up_since
    )
    if up_since is None:
        on_time = on_time[-1:]
    end = on_time[0] - _TICK if on_time else now
    missed: tuple[datetime, ...] = ()
    left = 0
    left_range: tuple[datetime, datetime] | None = None
    if schedule.recover is Recover.ALL:
        missed = tuple(islice(_walk(schedule, start, end), MOST_CATCH_UPS))
        further = schedule.next_after(missed[-1]) if len(missed) == MOST_CATCH_UPS else None
        last = previous_before(schedule.cron, schedule.zone, end + _TICK)
        if further is not None and last is not None and further <= last:
            left = count_between(schedule.cron, schedule.zone, missed[-1], last, MOST_COUNTED)
            left_range = (further, last)
    elif schedule.recover is Recover.LAST and not on_time and newest > start:
        missed = (newest,)
    fire = missed + on_time
    passed = count_between(schedule.cron, schedule.zone, reached, newest, MOST_COUNTED)
    return DueSlots(fire, newest, max(passed - len(fire) - left, 0), left, left_range)


def _one_due(schedule: Schedule, slot: datetime, now: datetime) -> DueSlots:
    """As nearly every look finds it, at a fifth of the cost."""
    age, late = now - slot, schedule.late_maximum_delay
    if (late is not None and age > late) or (age > ON_TIME and schedule.recover is Recover.NONE):
        return DueSlots((), slot, skipped=1)
    return DueSlots((slot,), slot)


def _walk(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    at = schedule.next_after(after)
    while at is not None and at <= until:
        yield at
        at = schedule.next_after(at)


def trigger_variables(schedule: Schedule, slot: datetime) -> Mapping[str, Any]:
    """What `trigger.*` is for the execution of a slot: in the schedule's zone, as Kestra gives it."""
    following = schedule.next_after(slot)
    before = previous_before(schedule.cron, schedule.zone, slot)
    return {
        "date": slot.astimezone(schedule.zone).isoformat(),
        "next": following.astimezone(schedule.zone).isoformat() if following is not None else None,
        "previous": before.astimezone(schedule.zone).isoformat() if before is not None else None,
    }


def _states(told: Any) -> tuple[str, ...]:
    match told:
        case None:
            return ()
        case [*states]:
            return tuple(map(str, states))
    raise ValueError(f"stopAfter is `{told}`, and is a list of states")


def zone_of(name: str) -> tzinfo:
    """A zone of the IANA database, or an offset as Java reads one (`+02:00`, `UTC+2`, `Z`). Raises ValueError."""
    offset = _OFFSET.fullmatch(name)
    if name == "Z":
        return UTC
    if offset is not None:
        hours, minutes, seconds = (int(part or 0) for part in offset.group(2, 3, 4))
        if hours <= _WIDEST_OFFSET and minutes < 60 and seconds < 60:
            size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
            return timezone(-size if offset[1] == "-" else size)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"timezone '({name})' is not a valid time-zone ID") from error
