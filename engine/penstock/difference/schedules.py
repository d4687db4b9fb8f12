"""When a flow fires next, before and after a change, as the clocks of its own zone show it; and who else does then.

Conditions of a trigger may let a slot pass: they are not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.diagnostic import FlowName
from penstock.difference.leaf import plain
from penstock.difference.normal import Kind
from penstock.difference.tree import ROOT, Model, Part
from penstock.triggers.cron import Cron
from penstock.triggers.schedule import zone_of

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
ON_DATES = "io.kestra.plugin.core.trigger.ScheduleOnDates"
NEXT = 5
HERD = 5
"""So many schedules that start in one minute are worth a word."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Timer:
    """A trigger with times of its own. `zone` is None where the server decides; `dates` are those of one with dates.

    `is_off` says that it fires never: it, or its flow, is disabled. `is_conditional`: it lets some of its slots pass.
    """

    trigger: str
    cron: str = ""
    with_seconds: bool = False
    zone: str | None = None
    dates: tuple[str, ...] = ()
    is_off: bool = False
    is_conditional: bool = False


@dataclass(frozen=True, slots=True)
class Fire:
    """One time. `clocks` is how far the clocks have been set since the time before it in the list."""

    at: datetime
    clocks: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Times:
    """What a timer comes to: `fires` are the next ones, `problem` is why there are none."""

    timer: Timer
    zone: str
    fires: tuple[Fire, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleDifference:
    """None is a trigger that is not there on that side."""

    trigger: str
    before: Times | None
    after: Times | None


@dataclass(frozen=True, slots=True)
class Herd:
    """A minute in which many schedules start, some of them because of the change."""

    at: datetime
    zone: str
    flows: tuple[FlowName, ...]
    changed: tuple[FlowName, ...]


def timers_of(model: Model) -> tuple[Timer, ...]:
    """Every trigger of a flow that has times."""
    is_off = plain(model.parts[ROOT].body.get("disabled")) is True
    return tuple(_timer(part, is_off) for part in model.of(Kind.TRIGGER) if part.type in (SCHEDULE, ON_DATES))


def _timer(part: Part, is_off: bool) -> Timer:
    body = {name: plain(value) for name, value in part.body.items()}
    dates, zone = body.get("dates"), body.get("timezone")
    return Timer(
        part.key.id,
        str(body.get("cron", "")),
        body.get("withSeconds") is True,
        str(zone) if zone is not None else None,
        tuple(map(str, dates)) if isinstance(dates, list) else (),
        is_off or body.get("disabled") is True,
        bool(body.get("conditions") or body.get("when")),
    )


def schedule_differences(
    before: Model, after: Model, names: dict[str, str], now: datetime, zone: str
) -> tuple[ScheduleDifference, ...]:
    """Of the triggers whose times differ. `names` are the new ids of triggers that were renamed."""
    old = {names.get(timer.trigger, timer.trigger): timer for timer in timers_of(before)}
    new = {timer.trigger: timer for timer in timers_of(after)}
    found = []
    for trigger in dict.fromkeys([*old, *new]):
        was, is_ = old.get(trigger), new.get(trigger)
        if was is None or is_ is None or _meaning(was) != _meaning(is_):
            found.append(ScheduleDifference(trigger, _times(was, now, zone), _times(is_, now, zone)))
    return tuple(found)


def _meaning(timer: Timer) -> object:
    try:
        cron = Cron.parse(timer.cron, with_seconds=timer.with_seconds)
    except ValueError:
        return timer.cron, timer.zone, timer.dates, timer.is_off
    return cron.wall, cron.is_fixed, timer.zone, timer.dates, timer.is_off


def _times(timer: Timer | None, now: datetime, default_zone: str) -> Times | None:
    if timer is None:
        return None
    zone = timer.zone or default_zone
    if timer.is_off:
        return Times(timer, zone, problem="disabled")
    try:
        fires = tuple(_fires(timer, zone, now))
    except ValueError as error:
        return Times(timer, zone, problem=str(error))
    return Times(timer, zone, fires, None if fires else "never fires again")


def _fires(timer: Timer, name: str, now: datetime) -> Iterator[Fire]:
    zone = zone_of(name)
    last = now.astimezone(zone)
    for at in _moments(timer, name, now):
        local = at.astimezone(zone)
        yield Fire(local, (local.utcoffset() or timedelta(0)) - (last.utcoffset() or timedelta(0)))
        last = local


def _moments(timer: Timer, name: str, now: datetime) -> Iterator[datetime]:
    from penstock.triggers.cron import next_after

    zone = zone_of(name)
    if timer.dates:
        read = [datetime.fromisoformat(text) for text in timer.dates]
        known = sorted(each if each.tzinfo else each.replace(tzinfo=zone) for each in read)
        yield from [each for each in known if each > now][:NEXT]
        return
    cron = Cron.parse(timer.cron, with_seconds=timer.with_seconds)
    at: datetime | None = now
    for _ in range(NEXT):
        at = next_after(cron, zone, at) if at is not None else None
        if at is None:
            return
        yield at


def herds(
    changed: Sequence[tuple[FlowName, ScheduleDifference]],
    all_timers: Iterable[tuple[FlowName, Timer]],
    default_zone: str,
) -> tuple[Herd, ...]:
    """The minutes in which a schedule that has changed joins many others. One word for each schedule is enough."""
    minutes: dict[datetime, str] = {}
    movers: dict[FlowName, set[str]] = {}
    for name, difference in changed:
        times = difference.after
        if times is None or not times.fires:
            continue
        movers.setdefault(name, set()).add(difference.trigger)
        first = times.fires[0].at
        minutes.setdefault(first.replace(second=0, microsecond=0), times.zone)
    if not minutes:
        return ()
    timers = [(name, timer) for name, timer in all_timers if not timer.is_off and timer.cron]
    found = []
    for minute, zone in minutes.items():
        meeting = [(name, timer) for name, timer in timers if _starts_in(timer, minute, default_zone)]
        if len(meeting) >= HERD:
            flows = tuple(sorted({name for name, _ in meeting}, key=str))
            brought = {name for name, timer in meeting if timer.trigger in movers.get(name, ())}
            found.append(Herd(minute, zone, flows, tuple(sorted(brought, key=str))))
    return tuple(sorted(found, key=lambda one: one.at))


def _starts_in(timer: Timer, minute: datetime, default_zone: str) -> bool:
    try:
        wall = Cron.parse(timer.cron, with_seconds=timer.with_seconds).wall
        local = minute.astimezone(zone_of(timer.zone or default_zone))
    except ValueError:
        return False
    return local.minute in wall.minutes and local.hour in wall.hours and wall.names(local.date())
