"""Random flows, and plausible answers to what they ask: drawn by hypothesis, or by a seed.

Both roll the same dice, so that a flow that hypothesis has shrunk and one that a simulator's seed has made are built
by the same lines.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from penstock.errors import UserError
from penstock.execution import evaluation
from penstock.execution.event import Evaluated, EvaluationFailed, Instant
from penstock.execution.model import ROOT, Execution
from penstock.flow.foreach_item import FOR_EACH_ITEM, tasks_of
from penstock.flow.looping import LOOP
from penstock.flow.model import (
    Backoff,
    Flow,
    InputType,
    Kind,
    Output,
    Retry,
    RetryBehavior,
    Sla,
    SlaBehavior,
    SlaType,
    Task,
)

T = TypeVar("T")

CORE = "io.kestra.plugin.core."
SUBFLOW = CORE + "flow.Subflow"
START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_DEPTH = 3


Dice = random.Random
"""What random choices are drawn from: a seed, or hypothesis (`st.randoms`). A roll of 0 is the simplest choice."""

dice_by_hypothesis = st.randoms(use_true_random=False)
"""Dice that hypothesis rolls, and shrinks."""

flows = dice_by_hypothesis.map(lambda dice: random_flow(dice))
"""Random flows."""


def one_of(dice: Dice, choices: Sequence[T]) -> T:
    return choices[dice.randrange(len(choices))]


def chance(dice: Dice, percent: int) -> bool:
    """True in so many of a hundred cases; the simplest is False."""
    return dice.randrange(100) >= 100 - percent


@dataclass(slots=True)
class _Builder:
    """One flow in the making. `left` is how many tasks may still be added."""

    dice: Dice
    left: int
    made: int = 0
    calls: bool = False
    """Whether tasks may call other flows."""
    approvals: bool = False
    loops: bool = False
    """Whether there are loops whose iterations are executions, and every answer that an Approval may lead to."""

    def tasks(self, depth: int, most: int = 3) -> tuple[Task, ...]:
        return tuple(self.task(depth) for _ in range(1 + self.dice.randrange(most) % max(1, self.left)))

    def some(self, depth: int, percent: int) -> tuple[Task, ...]:
        """Tasks in so many of a hundred cases, else none."""
        return self.tasks(depth, 2) if self.left > 0 and chance(self.dice, percent) else ()

    def task(self, depth: int) -> Task:
        self.made += 1
        self.left -= 1
        name = f"t{self.made}"
        deep = depth < MOST_DEPTH and self.left > 0 and chance(self.dice, 55)
        if deep:
            return self._dressed(self.flowable(name, depth + 1))
        if self.calls and chance(self.dice, 25):
            return self._dressed(self.call(name))
        if self.loops and self.left > 0 and chance(self.dice, 10):
            return self._dressed(self.loop(name, depth + 1))
        kind = one_of(self.dice, (Kind.INLINE, Kind.WORKER, Kind.WORKER))
        type_ = CORE + ("debug.Return" if kind is Kind.INLINE else "http.Request")
        return self._dressed(Task(name, type_, kind, retry=self.retry(35), timeout=self.timeout(kind)))

    def call(self, name: str) -> Task:
        """A Subflow, or a ForEachItem with its three parts."""
        switches = {each: False for each in ("wait", "transmitFailed") if chance(self.dice, 20)}
        if chance(self.dice, 60):
            limit = timedelta(seconds=5 + self.dice.randrange(60)) if chance(self.dice, 30) else None
            return Task(name, SUBFLOW, Kind.EXECUTABLE, switches, retry=self.retry(25), timeout=limit)
        whole = Task(name, FOR_EACH_ITEM, Kind.FLOWABLE, switches)
        return Task(name, FOR_EACH_ITEM, Kind.FLOWABLE, switches, {"tasks": tasks_of(whole)})

    def loop(self, name: str, depth: int) -> Task:
        """A Loop of Kestra 2.0."""
        properties: dict[str, Any] = {"values": "{{ values }}"}
        if chance(self.dice, 60):
            properties["concurrencyLimit"] = self.dice.randrange(3)
        if chance(self.dice, 25):
            properties["transmitFailed"] = False
        limit = timedelta(seconds=5 + self.dice.randrange(90)) if chance(self.dice, 20) else None
        branches = {"tasks": self.tasks(depth, 2), "errors": self.some(depth, 15), "finally": self.some(depth, 10)}
        branches = {branch: tasks for branch, tasks in branches.items() if tasks}
        return Task(name, LOOP, Kind.EXECUTABLE, properties, branches, retry=self.retry(20), timeout=limit)

    def flowable(self, name: str, depth: int) -> Task:
        short = one_of(self.dice, tuple(_FLOWABLES) if self.approvals else _WITHOUT_APPROVALS)
        properties, branches = _FLOWABLES[short](self, depth)
        branches["errors"] = self.some(depth, 15)
        branches["finally"] = self.some(depth, 10)
        return Task(
            name,
            CORE + "flow." + short,
            Kind.FLOWABLE,
            properties,
            {branch: tasks for branch, tasks in branches.items() if tasks},
            retry=self.retry(10),
            timeout=timedelta(seconds=90) if chance(self.dice, 30 if short in _PAUSABLE else 8) else None,
        )

    def _dressed(self, task: Task) -> Task:
        """`task` with the properties that every task may have."""
        return Task(
            task.id,
            task.type,
            task.kind,
            task.properties,
            task.branches,
            retry=task.retry,
            timeout=task.timeout,
            run_if="{{ wanted }}" if chance(self.dice, 15) else None,
            disabled=chance(self.dice, 6),
            allow_failure=chance(self.dice, 12),
            allow_warning=chance(self.dice, 8),
        )

    def retry(self, percent: int) -> Retry | None:
        if not chance(self.dice, percent):
            return None
        backoff = one_of(self.dice, tuple(Backoff))
        return Retry(
            backoff,
            interval=timedelta(seconds=1 + self.dice.randrange(20)),
            min_interval=timedelta(seconds=1),
            max_interval=timedelta(seconds=30) if backoff is not Backoff.CONSTANT else None,
            max_attempts=2 + self.dice.randrange(3) if chance(self.dice, 85) else None,
            max_duration=timedelta(seconds=100),
            warning_on_retry=chance(self.dice, 20),
            behavior=_behavior(self.dice),
        )

    def timeout(self, kind: Kind) -> timedelta | str | None:
        if kind is not Kind.WORKER or not chance(self.dice, 45):
            return None
        return "{{ limit }}" if chance(self.dice, 30) else timedelta(seconds=5 + self.dice.randrange(60))


_Made = tuple[dict[str, Any], dict[str, tuple[Task, ...]]]


def _sequential(builder: _Builder, depth: int) -> _Made:
    return {}, {"tasks": builder.tasks(depth)}


def _working_directory(builder: _Builder, depth: int) -> _Made:
    properties = {"outputFiles": ["*"]} if chance(builder.dice, 70) else {}
    return properties, {"tasks": builder.tasks(MOST_DEPTH)}


def _parallel(builder: _Builder, depth: int) -> _Made:
    return _side_by_side(builder), {"tasks": builder.tasks(depth, 4)}


def _if(builder: _Builder, depth: int) -> _Made:
    return {"condition": "{{ condition }}"}, {"then": builder.tasks(depth, 2), "else": builder.some(depth, 50)}


def _switch(builder: _Builder, depth: int) -> _Made:
    branches = {"cases.a": builder.tasks(depth, 2), "cases.b": builder.some(depth, 60)}
    branches["defaults"] = builder.some(depth, 50)
    cases = {branch.removeprefix("cases."): [] for branch, tasks in branches.items() if tasks and branch != "defaults"}
    return {"value": "{{ value }}", "cases": cases}, branches


def _for_each(builder: _Builder, depth: int) -> _Made:
    properties: dict[str, Any] = {"values": "{{ values }}"}
    limit = builder.dice.randrange(4)
    if limit < 3:
        properties["concurrencyLimit"] = (1, 0, 2)[limit]
    return properties, {"tasks": builder.tasks(depth, 2)}


def _each_parallel(builder: _Builder, depth: int) -> _Made:
    return {"value": "{{ values }}", "concurrent": builder.dice.randrange(3)}, {"tasks": builder.tasks(depth, 2)}


def _pause(builder: _Builder, depth: int) -> _Made:
    properties: dict[str, Any] = {}
    if chance(builder.dice, 60):
        properties["delay"] = "{{ delay }}"
    if chance(builder.dice, 50):
        properties["behavior"] = one_of(builder.dice, ("RESUME", "WARN", "FAIL", "CANCEL"))
    return properties, {"onPause": builder.some(depth, 25)[:1], "tasks": builder.some(depth, 40)}


def _approval(builder: _Builder, depth: int) -> _Made:
    properties: dict[str, Any] = {"autoApprove": "{{ auto }}"} if chance(builder.dice, 20) else {}
    for name in ("approveBehavior", "denyBehavior", "expireBehavior"):
        if chance(builder.dice, 30):
            choices = ("CONTINUE", "WARN", "FAIL", "CANCEL", "SUCCEED", "KILL")
            properties[name] = one_of(builder.dice, choices if builder.loops else choices[:4])
    branches = {"onWait": builder.some(depth, 30), "onApprove": builder.some(depth, 50)}
    return properties, {**branches, "onDeny": builder.some(depth, 40)}


def _dag(builder: _Builder, depth: int) -> _Made:
    tasks = builder.tasks(depth, 5)
    needs = {task.id: [one.id for one in tasks[:at] if chance(builder.dice, 40)] for at, task in enumerate(tasks)}
    return {**_side_by_side(builder), "dependsOn": needs}, {"tasks": tasks}


def _side_by_side(builder: _Builder) -> dict[str, Any]:
    properties: dict[str, Any] = {"concurrent": builder.dice.randrange(3)}
    if chance(builder.dice, 25):
        properties["onChildFailure"] = one_of(builder.dice, ("CONTINUE", "CANCEL", "FAIL"))
    return properties


def _loop_until(builder: _Builder, depth: int) -> _Made:
    properties: dict[str, Any] = {"condition": "{{ condition }}", "checkFrequency": {"interval": "{{ interval }}"}}
    if chance(builder.dice, 50):
        properties["failOnMaxReached"] = "{{ fail }}"
    return properties, {"tasks": builder.tasks(depth, 2)}


_FLOWABLES: Mapping[str, Callable[[_Builder, int], _Made]] = {
    "Sequential": _sequential,
    "Parallel": _parallel,
    "If": _if,
    "Switch": _switch,
    "ForEach": _for_each,
    "EachParallel": _each_parallel,
    "Pause": _pause,
    "AllowFailure": _sequential,
    "Dag": _dag,
    "Approval": _approval,
    "WorkingDirectory": _working_directory,
    "LoopUntil": _loop_until,
}


_WITHOUT_APPROVALS = tuple(name for name in _FLOWABLES if name != "Approval")
_PAUSABLE = frozenset({"Pause", "Approval"})


def random_flow(
    dice: Dice,
    *,
    name: str = "random",
    most_tasks: int = 14,
    calls: bool = False,
    approvals: bool = False,
    loops: bool = False,
) -> Flow:
    """A flow of about `most_tasks` tasks at the most, with every property that decisions read. With `calls` some call
    others, with `approvals` some wait for a yes or a no, with `loops` some have iterations that are executions."""
    builder = _Builder(dice, most_tasks, calls=calls, approvals=approvals, loops=loops)
    tasks = builder.tasks(0, 5)
    return Flow(
        "laws",
        name,
        tasks,
        errors=builder.some(1, 30),
        finally_=builder.some(1, 25),
        after_execution=builder.some(1, 20),
        sla=_promises(dice),
        retry=builder.retry(15),
        outputs=(Output("out", InputType.STRING, "{{ out }}"),) if chance(dice, 25) else (),
        source_digest=name,
    )


def _behavior(dice: Dice) -> RetryBehavior:
    return RetryBehavior.CREATE_NEW_EXECUTION if chance(dice, 30) else RetryBehavior.RETRY_FAILED_TASK


def _promises(dice: Dice) -> tuple[Sla, ...]:
    """Promises that are broken now and then."""
    promises: list[Sla] = []
    if chance(dice, 12):
        length = timedelta(seconds=30 + dice.randrange(300))
        promises.append(Sla("in_time", SlaType.MAX_DURATION, one_of(dice, tuple(SlaBehavior)), duration=length))
    if chance(dice, 12):
        behavior = one_of(dice, (SlaBehavior.NONE, *SlaBehavior))
        labels = {"sla": "broken"}
        promises.append(Sla("holds", SlaType.EXECUTION_ASSERTION, behavior, assertion="{{ holds }}", labels=labels))
    return tuple(promises)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────


def random_answer(dice: Dice, flow: Flow, execution: Execution, key: str, now: Instant) -> Evaluated | EvaluationFailed:
    """What the shell would have recorded for what `key` asks, had its expressions rendered to something plausible."""
    wanted = evaluation.templates(flow, execution, key)
    run = key if key != ROOT else None
    if chance(dice, 6):
        return EvaluationFailed(at=now, run=run, name=next(iter(wanted)), message="it could not be rendered")
    rendered = {name: _rendered(dice, flow, execution, key, name) for name in wanted}
    try:
        values: Mapping[str, Any] = evaluation.interpret(flow, execution, key, rendered)
    except UserError as error:
        return EvaluationFailed(at=now, run=run, name=next(iter(wanted)), message=error.message)
    return Evaluated(at=now, run=run, values=values)


def _rendered(dice: Dice, flow: Flow, execution: Execution, key: str, name: str) -> Any:
    match name:
        case "sla:holds":
            return "false" if chance(dice, 10) else "true"
        case "runIf" | "condition":
            return one_of(dice, ("true", "true", "true", "false", "0"))
        case "failOnMaxReached":
            return one_of(dice, (False, True, "true"))
        case "checkFrequency":
            interval = f"PT{dice.randrange(9)}S"
            return {"maxIterations": 1 + dice.randrange(3), "maxDuration": "PT2M", "interval": interval}
        case "batches":
            return dice.randrange(4)
        case "timeout":
            return one_of(dice, ("PT5S", "PT1M", "soon"))
        case "auto" | "autoApprove":
            return one_of(dice, ("false", "true"))
        case "delay" | "pauseDuration":
            return f"PT{1 + dice.randrange(100)}S"
        case "value" if "cases" in flow.by_id[execution.runs[key].task].properties:
            return one_of(dice, ("a", "b", "neither"))
        case "values" | "value":
            return json.dumps([f"v{n}" for n in range(one_of(dice, (2, 3, 1, 0, 4)))])
        case _:
            return f"of {name}"
