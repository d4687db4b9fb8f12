"""The core's outcome is the reference's, over random flows and random fates: failures, retries, timeouts, pauses,
kills, promises, calls of other flows and loops of executions, all of them nested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from laws.carried_out import CarriedOut, key_of
from laws.course import Moment, Opened, Outcome, Run, soft
from laws.fates import Fates, Place
from laws.plain import made
from laws.reference import Reference
from penstock.execution.model import Execution, TaskRun
from penstock.flow.model import Kind, Retry, Task
from unit.execution.course import START

Told = dict[str, Any]
seeds = st.integers(min_value=0, max_value=1 << 40)


def told_by_core(execution: Execution, *, killed: bool) -> list[Told]:
    runs = list(execution.in_order())
    return [
        {
            "key": key_of(run),
            "in": key_of(execution.runs[run.parent]) if run.parent is not None else None,
            "value": run.value,
            "iteration": run.iteration,
            "course": _course([(str(state), at) for state, at in run.histories], killed=killed),
            "attempts": len(run.attempts),
            "outputs": _outputs(run.outputs, killed=killed),
        }
        for run in _by_time(runs, lambda run: run.histories[0][1], key_of)
    ]


def told_by_reference(runs: list[Run], *, killed: bool) -> list[Told]:
    return [
        {
            "key": run.key,
            "in": run.parent,
            "value": run.value,
            "iteration": run.iteration,
            "course": _course([(step.state, step.at) for step in run.course], killed=killed),
            "attempts": len(run.tries),
            "outputs": _outputs(run.outputs, killed=killed),
        }
        for run in _by_time(runs, lambda run: run.created, lambda run: run.key)
    ]


def _by_time(runs: list[Any], created: Any, key: Any) -> list[Any]:
    """In the order of their creation; those of one moment by what they are."""
    return sorted(runs, key=lambda run: (created(run), key(run)))


def _course(histories: list[tuple[str, datetime]], *, killed: bool) -> list[Any]:
    return [state for state, _ in histories] if killed else [(state, at - START) for state, at in histories]


def _outputs(outputs: Mapping[str, object] | None, *, killed: bool) -> object:
    return None if killed else dict(outputs or {})


def carried_out(seed: int, most_tasks: int = 12) -> CarriedOut:
    carried = CarriedOut(made(str(seed), most_tasks), Fates.of(str(seed)))
    carried.run()
    return carried


def differs(carried: CarriedOut, kind: type[Reference] = Reference) -> str | None:
    """What is not as the reference has it, of any of the executions."""
    outcomes = kind.outcomes_of(carried.course.flow, carried.fates, START)
    wanted = {each.name: each for outcome in outcomes for each in outcome.whole()}
    if carried.executions.keys() != wanted.keys():
        return f"executions {carried.executions.keys() ^ wanted.keys()} are not in both: {sorted(wanted)}"
    told = ((name, _differs(each.execution, wanted[name])) for name, each in carried.executions.items())
    return next((f"{name}: {what}" for name, what in told if what is not None), None)


def _differs(execution: Execution, wanted: Outcome) -> str | None:
    if (execution.state, execution.outputs) != (wanted.state, wanted.outputs):
        return f"{execution.state} {execution.outputs}, not {wanted.state} {wanted.outputs}"
    if sorted(execution.broken) != sorted(wanted.broken):
        return f"{execution.broken} were broken, not {wanted.broken}"
    here, there = told_by_core(execution, killed=wanted.cut), told_by_reference(wanted.runs, killed=wanted.cut)
    first = next((pair for pair in zip_longest(here, there) if pair[0] != pair[1]), None)
    return None if first is None else f"{first[0]}\nnot {first[1]}"


def compare(seed: int, most_tasks: int = 12) -> CarriedOut:
    """Raises AssertionError, with the smallest flow of that seed that does not do."""
    carried = carried_out(seed, most_tasks)
    difference = differs(carried)
    if difference is not None:
        fewer = next(fewer for fewer in range(1, most_tasks + 1) if differs(carried_out(seed, fewer)) is not None)
        raise AssertionError(_report(seed, fewer))
    for each in carried.executions.values():
        orderly(each.execution)
    return carried


def _report(seed: int, most_tasks: int) -> str:
    carried = carried_out(seed, most_tasks)
    difference = differs(carried) or ""
    log = "\n".join(map(repr, carried.executions.get(difference.partition(":")[0], carried.first).course.log))
    again = f"compare({seed}, {most_tasks})"
    return f"{again}: {difference}\n{carried.course.flow!r}\n{carried.fates!r}\n{log}"


def orderly(execution: Execution) -> None:
    """Everything has ended; a task run comes after its parent, after those before it in its lane, and none is lost."""
    runs = list(execution.in_order())
    assert all(run.state.is_terminal and not run.orphan for run in runs)
    assert [run.histories[0][1] for run in runs] == sorted(run.histories[0][1] for run in runs)
    for run in runs:
        assert run.parent is None or execution.runs[run.parent].ordinal < run.ordinal
        before = [each for each in runs if _lane(each) == _lane(run) and each.position < run.position]
        assert [each.position for each in before] == list(range(run.position))
        assert all(each.histories[-1][1] <= run.histories[0][1] for each in before)
    assert len({key_of(run) for run in runs}) == len(runs)


def _lane(run: TaskRun) -> tuple[object, ...]:
    return run.parent, run.phase, run.lane


# A seed that is smaller makes no smaller flow: `compare` looks for that itself.
NOT_SHRUNK = (Phase.explicit, Phase.generate)


@settings(max_examples=140, phases=NOT_SHRUNK)
@given(seed=seeds)
def test_the_outcome_is_the_references(seed: int) -> None:
    compare(seed)


@pytest.mark.long
@settings(max_examples=20_000, phases=NOT_SHRUNK)
@given(seed=seeds)
def test_the_outcome_is_the_references_over_many_flows(seed: int) -> None:
    compare(seed, most_tasks=20)


def test_everything_happens_in_these_fates() -> None:
    """What never happens is not compared."""
    states: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for seed in range(250):
        for name, each in compare(seed).executions.items():
            depth = name.count("/")
            states[f"{each.execution.state.value} below" if depth else each.execution.state.value] += 1
            states.update(f"promise {promise}" for promise in each.execution.broken)
            states["tried again"] += name.endswith("'")
            states["called by what was called"] += depth > 1
            for run in each.execution.in_order():
                task = each.course.flow.by_id[run.task]
                types[task.type.rpartition(".")[2]] += 1
                states.update(f"{task.kind.value} {state}" for state, _ in run.histories)
                _note(states, run)
    assert states.keys() >= {"SUCCESS", "WARNING", "FAILED", "KILLED"}
    assert states.keys() >= {f"{Kind.FLOWABLE.value} {state}" for state in ("PAUSED", "SKIPPED", "WARNING", "KILLED")}
    assert states.keys() >= {"worker RETRYING", "inline RETRYING", "worker KILLING", "a timeout", "deep"}
    assert states.keys() >= {f"executable {state}" for state in ("SKIPPED", "WARNING", "FAILED", "KILLING", "RETRYING")}
    assert states.keys() >= {"RETRIED", "RETRIED below", "CANCELLED", "CANCELLED below", "KILLED below"}
    assert states.keys() >= {"promise in_time", "promise holds", "tried again", "called by what was called"}
    assert types.keys() >= {
        "Sequential",
        "Parallel",
        "If",
        "Switch",
        "ForEach",
        "EachParallel",
        "Pause",
        "Dag",
        "AllowFailure",
        "LoopUntil",
        "Approval",
        "Subflow",
        "ForEachItem",
        "Loop",
    }


def _note(states: Counter[str], run: TaskRun) -> None:
    states["a timeout"] += any(attempt.state == "KILLED" for attempt in run.attempts)
    states["deep"] += len(run.path) > 1


# ── references that err: the comparison must notice ──────────────────────────────────────────────────────────


class ErrorsAfterWarnings(Reference):
    """Runs the errors list after a warning too."""

    def main(self, parent: Run | None, place: Place, opened: Opened) -> tuple[datetime, set[str], bool]:
        end, states, ran_out = super().main(parent, place, opened)
        return end, states | ({"FAILED"} if "WARNING" in states else set()), ran_out


class NoFinally(Reference):
    """Forgets the finally lists."""

    def body(
        self, parent: Run | None, place: Place, opened: Opened, errors: Sequence[Task], finally_: Sequence[Task]
    ) -> tuple[datetime, str]:
        return super().body(parent, place, opened, errors, finally_[:0])


class OwnRetryAlone(Reference):
    """Knows no retry but the task's own."""

    def retry_of(self, task: Task) -> Retry | None:
        return task.retry


class HoldsNothing(Reference):
    """Begins tasks while a person holds the execution."""

    def free(self, at: datetime) -> datetime:
        return at


class KillsNothing(Reference):
    """Lets what has begun go on after a kill."""

    def cut(self, runs: Sequence[Run], moment: Moment, state: str, *, stops: bool = True) -> datetime:
        return moment.at


class TriesNothingAnew(Reference):
    """Has no execution try again what another has failed at."""

    def fail_or_leave(self, task: Task, run: Run, retry: Retry, end: datetime) -> None:
        run.take(soft(task, "FAILED"), end)


KINDS = [ErrorsAfterWarnings, NoFinally, OwnRetryAlone, HoldsNothing, KillsNothing, TriesNothingAnew]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_that_is_changed_is_noticed(kind: type[Reference]) -> None:
    assert any(differs(carried_out(seed), kind) for seed in range(100))
