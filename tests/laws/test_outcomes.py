"""The core's outcome is the reference's, over random flows and random fates: failures, retries, timeouts, pauses,
kills, all of them nested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows_strategy import Dice, random_flow
from laws.carried_out import CarriedOut, key_of
from laws.course import Opened, Run
from laws.fates import Fates, Place
from laws.plain import plain
from laws.reference import Reference
from penstock.execution.model import Execution, TaskRun
from penstock.flow.model import Flow, Kind, Retry, Task
from unit.execution.course import START

Told = dict[str, Any]
seeds = st.integers(min_value=0, max_value=1 << 40)


def made(seed: int, most_tasks: int = 12) -> Flow:
    """The flow of that seed."""
    return plain(random_flow(Dice(str(seed)), name=f"f{seed}", most_tasks=most_tasks))


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
            "course": _course(run.course, killed=killed),
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
    carried = CarriedOut(made(seed, most_tasks), Fates.of(str(seed)))
    carried.run()
    return carried


def differs(carried: CarriedOut, kind: type[Reference] = Reference) -> str | None:
    """What is not as the reference has it."""
    execution = carried.execution
    wanted = kind.outcome_of(carried.course.flow, carried.fates, START)
    killed = wanted.state == "KILLED"
    if execution.state != wanted.state or execution.outputs != wanted.outputs:
        return f"{execution.state} {execution.outputs}, not {wanted.state} {wanted.outputs}"
    here, there = told_by_core(execution, killed=killed), told_by_reference(wanted.runs, killed=killed)
    first = next((pair for pair in zip_longest(here, there) if pair[0] != pair[1]), None)
    return None if first is None else f"{first[0]}\nnot {first[1]}"


def compare(seed: int, most_tasks: int = 12) -> CarriedOut:
    carried = carried_out(seed, most_tasks)
    difference = differs(carried)
    if difference is not None:
        log = "\n".join(map(repr, carried.course.log))
        raise AssertionError(f"seed {seed}: {difference}\n{carried.course.flow!r}\n{carried.fates!r}\n{log}")
    orderly(carried.execution)
    return carried


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


@settings(max_examples=400)
@given(seed=seeds)
def test_the_outcome_is_the_references(seed: int) -> None:
    compare(seed)


@pytest.mark.long
@settings(max_examples=20_000)
@given(seed=seeds)
def test_the_outcome_is_the_references_over_many_flows(seed: int) -> None:
    compare(seed, most_tasks=25)


def test_everything_happens_in_these_fates() -> None:
    """What never happens is not compared."""
    states: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for seed in range(250):
        carried = compare(seed)
        states[carried.execution.state.value] += 1
        for run in carried.execution.in_order():
            task = carried.course.flow.by_id[run.task]
            types[task.type.rpartition(".")[2]] += 1
            states.update(f"{task.kind.value} {state}" for state, _ in run.histories)
            _note(states, run)
    assert states.keys() >= {"SUCCESS", "WARNING", "FAILED", "KILLED"}
    assert states.keys() >= {f"{Kind.FLOWABLE.value} {state}" for state in ("PAUSED", "SKIPPED", "WARNING", "KILLED")}
    assert states.keys() >= {"worker RETRYING", "inline RETRYING", "worker KILLING", "a timeout", "deep"}
    assert any(state.endswith("CANCELLED") for state in states)
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

    def stop(self, run: Run, at: datetime, state: str, children: datetime) -> None:
        return


@pytest.mark.parametrize("kind", [ErrorsAfterWarnings, NoFinally, OwnRetryAlone, HoldsNothing, KillsNothing])
def test_a_rule_that_is_changed_is_noticed(kind: type[Reference]) -> None:
    assert any(differs(carried_out(seed), kind) for seed in range(100))
