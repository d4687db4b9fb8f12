"""One who works off a timetable while the clock jumps, executions end when they like, and the power fails.

The clock is a random history of steps forward and back, of seconds to days. What was given is compared with every slot
there is: nothing twice, nothing out of turn, nothing lost that the policy keeps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from flows_strategy import Dice, chance, one_of
from penstock.diagnostic import FlowName
from penstock.flow.model import Trigger
from penstock.triggers.cron import Cron
from penstock.triggers.schedule import ON_TIME, TYPE, Recover, Schedule
from penstock.triggers.timetable import Due, Key, Timetable
from unit.triggers.stepping import all_between, at

ZONE = ZoneInfo("Europe/Berlin")
START = at("2026-10-23T22:10:00+02:00")
FIRST, LAST = START - timedelta(days=40), START + timedelta(days=60)
CRONS = ("*/10 * * * *", "0 */2 * * *", "30 2 * * *", "*/15 0-9 6 * * *", "15,45 1-3 * * *")
STEPS_S = ((0, 3), (1, 90), (30, 900), (600, 9_000), (3_600, 100_000), (86_400, 500_000))


@lru_cache
def slots_of(cron: str) -> list[datetime]:
    """Every slot there is while these clocks run."""
    return all_between(parsed(cron), ZONE, FIRST, LAST)


def parsed(cron: str) -> Cron:
    return Cron.parse(cron, with_seconds=cron.count(" ") == 5)


def between(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    slots = slots_of(schedule.cron.text)
    return slots[bisect_right(slots, after) : bisect_right(slots, until)]


def random_schedule(dice: Dice) -> Schedule:
    cron = one_of(dice, CRONS)
    told = {
        "cron": cron,
        "withSeconds": cron.count(" ") == 5,
        "timezone": ZONE.key,
        "recoverMissedSchedules": one_of(dice, [Recover.ALL, Recover.ALL, Recover.LAST, Recover.NONE]).value,
        "allowConcurrent": chance(dice, 40),
    }
    if chance(dice, 30):
        told["lateMaximumDelay"] = one_of(dice, ["PT40S", "PT20M", "PT6H"])
    return Schedule.of(Trigger("t", TYPE, told), "UTC")


@dataclass
class World:
    """`cursors` and `running` are what a store would keep; all else is lost when the power fails."""

    dice: Dice
    now: datetime = START
    latest: datetime = START
    schedules: dict[Key, Schedule] = field(default_factory=dict)
    cursors: dict[Key, datetime] = field(default_factory=dict)
    running: Counter[Key] = field(default_factory=Counter)
    given: dict[Key, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    told_left: dict[Key, list[tuple[datetime, datetime]]] = field(default_factory=lambda: defaultdict(list))
    happened: Counter[str] = field(default_factory=Counter)
    is_calm: bool = False

    def __post_init__(self) -> None:
        for number in range(1 + self.dice.randrange(3)):
            key = Key(FlowName("a.b", f"f{number}"), "t")
            self.schedules[key] = random_schedule(self.dice)
            self.cursors[key] = self.now
        self.restart()

    def live(self, steps: int) -> None:
        for _ in range(steps):
            move = one_of(self.dice, [self.pass_time, self.pass_time, self.look, self.look, self.end_one, self.disturb])
            move()

    # ── what may happen ──

    def pass_time(self) -> None:
        least, most = one_of(self.dice, STEPS_S)
        step = timedelta(seconds=self.dice.randint(least, most))
        if chance(self.dice, 25):
            self.happened["back"] += 1
            step = -step
        self.now = min(max(self.now + step, FIRST), LAST - timedelta(days=10))
        self.latest = max(self.latest, self.now)

    def end_one(self) -> None:
        going = [key for key, count in self.running.items() if count]
        if going:
            key = one_of(self.dice, going)
            self.running[key] -= 1
            if not self.running[key]:
                self.timetable.ended(key)

    def disturb(self) -> None:
        if chance(self.dice, 30):
            self.restart()
        else:
            self.put(one_of(self.dice, list(self.schedules)))

    def restart(self) -> None:
        self.happened["restart"] += 1
        self.timetable, self.up_since = Timetable(self.now), self.now
        self.settled_until = dict(self.cursors)
        for key in self.schedules:
            self.put(key)

    def put(self, key: Key) -> None:
        """As after every commit to the repository: the same trigger with the cursor that the store knows."""
        self.timetable.put(key, self.schedules[key], self.cursors[key])
        if self.running[key]:
            self.timetable.began(key)

    # ── looking ──

    def look(self) -> None:
        self.up_since = min(self.up_since, self.now)
        expected = {key: self._fresh(key) for key in self.schedules if self._is_free(key)}
        due = self.timetable.due(self.now)
        coming = self.timetable.next_due()
        assert coming is None or coming > self.now
        now_given: dict[Key, list[datetime]] = defaultdict(list)
        for each in due:
            if not self._start(each, now_given):
                self.happened["crash"] += 1
                self.restart()
                return
        for key, fresh in expected.items():
            if self.schedules[key].concurrent:
                assert set(fresh) <= set(now_given[key]), (key, fresh, now_given[key])
            else:
                assert now_given[key] or not fresh, (key, fresh)
            self.settled_until[key] = max(self.settled_until[key], self.now)

    def _start(self, due: Due, now_given: dict[Key, list[datetime]]) -> bool:
        """Whether the power lasts: an execution and its slot are written at once, the cursor beyond it later."""
        key, schedule = due.key, self.schedules[due.key]
        if due.left_range is not None:
            self.happened["left"] += 1
            self.told_left[key].append(due.left_range)
        for slot in due.slots:
            if self._power_fails():
                return False
            assert slot <= self.now
            assert between(schedule, slot - timedelta(microseconds=1), slot) == [slot]
            assert not self.given[key] or slot > self.given[key][-1], (key, slot, self.given[key][-3:])
            late = schedule.late_maximum_delay
            assert late is None or self.now - slot <= late
            assert schedule.concurrent or not self.running[key]
            assert slot > self.cursors[key]
            self.happened["given"] += 1
            self.given[key].append(slot)
            now_given[key].append(slot)
            self.cursors[key] = slot
            if chance(self.dice, 90):
                self.running[key] += 1
            else:
                self.timetable.ended(key)  # it could not start
        if self._power_fails():
            return False
        assert due.reached >= self.cursors[key]
        self.cursors[key] = due.reached
        return True

    def _power_fails(self) -> bool:
        return not self.is_calm and chance(self.dice, 3)

    def _is_free(self, key: Key) -> bool:
        return self.schedules[key].concurrent or not self.running[key]

    def _fresh(self, key: Key) -> list[datetime]:
        """The slots that every policy keeps: of the last minute, while somebody was there to look."""
        schedule = self.schedules[key]
        since = max(self.cursors[key], self.settled_until[key], self.up_since - timedelta(microseconds=1))
        oldest = min(ON_TIME, schedule.late_maximum_delay or ON_TIME)
        return [slot for slot in between(schedule, since, self.now) if self.now - slot <= oldest]

    # ── in the end ──

    def calm(self) -> None:
        """The clock is where it was at most, every execution ends, and what is due is worked off."""
        self.is_calm = True
        self.now = self.latest
        for _ in range(10_000):
            while any(self.running.values()):
                self.end_one()
            coming = self.timetable.next_due()
            if coming is None or coming > self.now:
                break
            self.look()
        for key, schedule in self.schedules.items():
            assert between(schedule, self.cursors[key], self.now) == []
            slots, given = between(schedule, START, self.cursors[key]), set(self.given[key])
            assert given <= set(slots)
            if schedule.recover is Recover.ALL and schedule.late_maximum_delay is None:
                lost = [slot for slot in slots if slot not in given]
                ranges = self.told_left[key]
                assert all(any(first <= slot <= last for first, last in ranges) for slot in lost), (key, lost[:3])


def history(dice: Dice) -> World:
    """One life, lived to its end. Raises AssertionError."""
    world = World(dice)
    world.live(8 + dice.randrange(30))
    world.calm()
    return world
