"""What each flowable is to the reference: which lanes it opens, when, and what else there is to its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from laws.course import FALSE, STOPS, Lane, NotRendered, Opened, Run, seconds, soft
from laws.fates import Fates, Key, Place
from penstock.execution.instants import iso
from penstock.flow.model import Task


class Asked(Protocol):
    """What a flowable asks of the reference."""

    fates: Fates

    def ask(self, key: Key, name: str, at: datetime, asked: int = 1) -> tuple[datetime, str]: ...

    def ask_all(self, key: Key, names: Sequence[str], at: datetime, asked: int = 1) -> tuple[datetime, list[str]]: ...

    def tasks(self, parent: Run | None, place: Place, opened: Opened) -> tuple[datetime, set[str]]: ...


def _sequential(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del reference, run, limit
    return Opened([Lane(task.branches.get("tasks", ()))], at)


def _parallel(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del reference, run, limit
    lanes = [Lane([each]) for each in task.branches.get("tasks", ()) if not each.disabled]
    others = {"CANCEL": "CANCELLED", "FAIL": "FAILED"}.get(task.properties.get("onChildFailure", ""))
    return Opened(lanes, at, int(task.properties.get("concurrent") or 0), others=others)


def _dag(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    """A disabled task is not there: who needs it needs what it would have needed."""
    opened = _parallel(reference, task, run, limit, at)
    needs, place = task.properties["dependsOn"], {lane.tasks[0].id: n for n, lane in enumerate(opened.lanes)}

    def of(name: str) -> set[int]:
        return {each for needed in needs[name] for each in ({place[needed]} if needed in place else of(needed))}

    return replace(opened, needs=[of(lane.tasks[0].id) for lane in opened.lanes])


def _if(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, text = reference.ask(run.key, "condition", at)
    run.shows.append((at, {"evaluationResult": text not in FALSE}))
    return Opened([Lane(task.branches.get("else" if text in FALSE else "then", ()))], at)


def _switch(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, value = reference.ask(run.key, "case", at)
    fits = value in task.properties["cases"]
    if not fits and "defaults" not in task.branches:
        raise NotRendered(at)
    run.shows.append((at, {"value": value, "defaults": not fits}))
    return Opened([Lane(task.branches.get(f"cases.{value}" if fits else "defaults", ()))], at)


def _for_each(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, text = reference.ask(run.key, "values", at)
    tasks, width = task.branches.get("tasks", ()), task.properties.get("concurrencyLimit", 1)
    return Opened([Lane(tasks, value, n) for n, value in enumerate(json.loads(text))], at, int(width))


def _each_parallel(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    at, text = reference.ask(run.key, "value", at)
    tasks = task.branches.get("tasks", ())
    lanes = [Lane([each], value, n) for n, value in enumerate(json.loads(text)) for each in tasks]
    return Opened(lanes, at, int(task.properties.get("concurrent") or 0))


def _pause(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    """After its `onPause` it waits for a person, or for its delay, or for its timeout: what comes first."""
    delay = None
    if "delay" in task.properties:
        at, text = reference.ask(run.key, "delay", at)
        delay = seconds(text, at)
    at, states = reference.tasks(run, run.key[1], Opened([Lane(task.branches.get("onPause", ()))], at))
    if states & STOPS:
        return Opened([], at, states=frozenset(states))
    run.take("PAUSED", at)
    person = reference.fates.patience(run.key)
    then = str(task.properties.get("behavior", "RESUME"))
    if limit is not None and (delay is None or limit < delay):
        delay, then = limit, "FAIL"
    elapsed = delay is not None and delay <= person
    at += delay if elapsed and delay is not None else person
    opened = Opened([Lane(task.branches.get("tasks", ()))], at, states=frozenset(states))
    fails = elapsed and then == "FAIL"
    if fails and (task.branches.get("errors") or task.branches.get("finally")):
        run.take("RUNNING", at)
        run.shows.append((at, {"resumed": {"on": iso(at), "to": "FAILED"}}))
        return Opened([], at, states=frozenset({*states, "FAILED"}))
    if fails or (elapsed and then == "CANCEL"):
        run.take(soft(task, "FAILED") if fails else "CANCELLED", at)
        return opened
    run.take("RUNNING", at)
    to = {"WARN": "WARNING"}.get(then, "RUNNING") if elapsed else "SUCCESS"
    run.shows.append((at, {"resumed": {"on": iso(at), "to": to}}))
    return replace(opened, least="WARNING" if elapsed and then == "WARN" else "SUCCESS")


@dataclass
class _Until:
    """The rounds of a LoopUntil: another one until its condition holds, or patience is over."""

    reference: Asked
    run: Run
    most: int
    last: datetime
    interval: timedelta
    fails: bool
    made: int = 1
    objects: bool = False

    def next(self, end: datetime) -> tuple[datetime, datetime | None]:
        at, text = self.reference.ask(self.run.key, "condition", end, self.made)
        if text not in FALSE:
            return at, None
        if self.made >= self.most or at > self.last:
            self.objects = self.fails
            return at, None
        self.made += 1
        self.run.shows.append((at + self.interval, {"iterationCount": self.made}))
        return at, at + self.interval


def _loop_until(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    del limit
    since, names = at, [name for name in ("checkFrequency", "failOnMaxReached") if name in task.properties]
    at, [text, *fails] = reference.ask_all(run.key, names, since)
    bounds = json.loads(text)
    last, interval = since + seconds(bounds["maxDuration"], at), seconds(bounds["interval"], at)
    run.shows.append((at, {"iterationCount": 1}))
    rounds = _Until(reference, run, bounds["maxIterations"], last, interval, fails == ["true"])
    tasks = task.branches.get("tasks", ())
    return Opened([Lane(tasks, iteration=0)], at, rounds=None if all(each.disabled for each in tasks) else rounds)


def _approval(reference: Asked, task: Task, run: Run, limit: timedelta | None, at: datetime) -> Opened:
    """After its `onWait` it waits for a person's yes or no; when its time is over, for nothing (Kestra core 2.0)."""
    is_automatic, states, due = False, set[str](), dict[str, str]()
    if "autoApprove" in task.properties:
        at, text = reference.ask(run.key, "autoApprove", at)
        is_automatic = text == "true"
    decision = "APPROVED"
    if not is_automatic:
        at, states = reference.tasks(run, run.key[1], Opened([Lane(task.branches.get("onWait", ()))], at))
        if states & STOPS:
            return Opened([], at, states=frozenset(states))
        run.take("PAUSED", at)
        person = reference.fates.patience(run.key)
        elapsed = limit is not None and limit < person
        due = {} if limit is None else {"due": iso(at + limit)}
        at += limit if elapsed and limit is not None else person
        run.take("RUNNING", at)
        decision = "EXPIRED" if elapsed else reference.fates.decision(run.key) or "APPROVED"
    told = {"decision": decision, "auto": is_automatic}
    run.shows.append((at, told if is_automatic else {**told, **due, "on": iso(at)}))
    branch, behavior, usual = _ANSWERS[decision]
    then = str(task.properties.get(behavior, usual))
    lanes = [Lane(task.branches.get(branch, ()))]
    return Opened(lanes, at, states=frozenset(states), becomes=_BECOMES[then], leaves=then in _LEAVES)


_ANSWERS = {
    "APPROVED": ("onApprove", "approveBehavior", "CONTINUE"),
    "DENIED": ("onDeny", "denyBehavior", "CANCEL"),
    "EXPIRED": ("", "expireBehavior", "CANCEL"),
}
"""What runs then, and what says what becomes of it."""

_BECOMES = {
    "CONTINUE": None,
    "WARN": "WARNING",
    "FAIL": "FAILED",
    "SUCCEED": "SUCCESS",
    "CANCEL": "CANCELLED",
    "KILL": "KILLED",
}
_LEAVES = ("SUCCEED", "CANCEL", "KILL")


Open = Callable[[Asked, Task, Run, timedelta | None, datetime], Opened]

FLOWABLES: dict[str, Open] = {
    "Sequential": _sequential,
    "AllowFailure": _sequential,
    "Dag": _dag,
    "WorkingDirectory": _sequential,
    "Parallel": _parallel,
    "If": _if,
    "Switch": _switch,
    "ForEach": _for_each,
    "EachParallel": _each_parallel,
    "Pause": _pause,
    "LoopUntil": _loop_until,
    "Approval": _approval,
    "ForEachItem": _sequential,
}

WAITS_ITSELF = ("Pause", "Approval")
"""Whose timeout bounds the wait, and not what goes on within."""
