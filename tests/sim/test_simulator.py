"""1,000 seeds of the executor and worker that ship, in a world of crashes; and the bugs that prove that it bites."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from penstock.adapters.sqlite import SqliteStore
from sim.bugs import BUGS
from sim.door import Fate
from sim.runner import Violation
from sim.world import Parts, World

SEEDS = 1_000
BATCH = 125

KINDS = {
    "answered later",
    "attempt adopted",
    "attempt ended FAILED",
    "attempt ended KILLED",
    "attempt ended SUCCESS",
    "attempt ended WARNING",
    "attempt lost",
    "attempt lost with its process",
    "attempt started",
    "clock set back",
    "closed after its end",
    "crash after a commit",
    "crash before a commit",
    "end read after a restart",
    "execution admitted",
    "execution taken over",
    "execution tried again",
    "exit requested",
    "fact told again",
    "halted before it began",
    "orderly restart",
    "overtaken",
    "person: kill",
    "person: change status",
    "person: force run",
    "person: labels",
    "person: pause",
    "person: refused",
    "person: replay",
    "person: replay from",
    "person: restart",
    "person: set status",
    "person: resume",
    "poke lost",
    "power failure",
    "process became a zombie",
    "process restarted",
    "promise broken",
    "shared directory freed",
    "store busy",
    "zombie fenced",
}
"""What must happen in every batch: a harness that exercises nothing proves nothing."""

Record = Callable[[str, object], None]


def play(seed: int, parts: Parts | None = None, fate: Fate | None = None) -> World:
    """One seed. A failure tells how to see it again."""
    world = World(seed, parts or Parts(), fate)
    try:
        world.play()
    except Exception as error:
        error.add_note(f"seed {seed}: replay it with `PYTHONPATH=engine:schemas:tests python -m sim --seed {seed}`")
        raise
    return world


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_nothing_is_lost_or_done_twice_and_everything_drains(first: int, record_property: Record) -> None:
    exercised: Counter[str] = Counter()
    for seed in range(first, first + BATCH):
        exercised.update(play(seed).exercised)

    record_property("exercised", dict(exercised))
    assert set(exercised) == KINDS


ROUND_AND_ROUND = [27, 64, *(pytest.param(seed, marks=pytest.mark.long) for seed in (4, 6, 82, 105))]
"""Seeds in which, all together, executions exit, break promises, are tried again and go on after their end."""


@pytest.mark.parametrize("seed", ROUND_AND_ROUND)
def test_a_crash_at_every_append_before_and_after_its_commit(seed: int) -> None:
    appends = count(seed)[0]

    crashes = [play(seed, fate=Fate(crash_at=n, crash_after_commit=after)) for n in appends for after in (False, True)]

    exercised = sum((world.exercised for world in crashes), Counter())
    assert exercised["crash before a commit"] == exercised["crash after a commit"] == len(appends)


@pytest.mark.parametrize("seed", [4, *(pytest.param(seed, marks=pytest.mark.long) for seed in (3, 6))])
def test_a_store_that_is_busy_at_any_one_call(seed: int) -> None:
    calls = count(seed)[1]

    worlds = [play(seed, fate=Fate(busy_at=frozenset({n}))) for n in calls]

    assert sum(world.exercised["store busy"] for world in worlds) >= len(calls) * 0.9


@pytest.mark.parametrize("seed", [2, pytest.param(4, marks=pytest.mark.long)])
def test_somebody_is_faster_at_every_append(seed: int) -> None:
    appends = count(seed)[0]

    worlds = [play(seed, fate=Fate(overtaken_at=frozenset({n}))) for n in appends]

    assert sum(world.exercised["overtaken"] for world in worlds) == len(appends)


def count(seed: int) -> tuple[range, range]:
    """The appends, and the calls of the store, of a seed in which nothing goes wrong."""
    process = play(seed, fate=Fate()).process
    assert process is not None
    return range(1, process.door.appends + 1), range(1, process.door.calls + 1)


@pytest.mark.parametrize("seeds", [range(15), pytest.param(range(15, 50), marks=pytest.mark.long)])
def test_the_store_that_ships_gives_the_same_histories(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        opened: list[SqliteStore] = []

        def on_disk(seed: int = seed, opened: list[SqliteStore] = opened) -> SqliteStore:
            opened.append(SqliteStore(tmp_path / f"{seed}.db"))
            return opened[0]

        here, there = play(seed), play(seed, Parts(store=on_disk))
        told = [(here.store.events(each), there.store.events(each)) for each in here.acknowledged]
        opened[0].close()

        assert here.acknowledged == there.acknowledged
        assert [in_memory for in_memory, _ in told] == [on_the_disk for _, on_the_disk in told]


REASONS = {
    "a settle without the sequence check": "does not follow|is not (legal|the fold of its log)|a process fails in calm",
    "a second claim of a claimed run": "was started (while an earlier attempt|without its intent)|is not to be started",
    "a dropped wake-up": "what must drain in calm does not",
    "an end applied twice": "AttemptEnded.*is not legal",
    "a retry that forgets its delay": "TaskRunReleased.*does not follow",
    "an answered question that stays open": "what must drain in calm does not",
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, record_property: Record) -> None:
    seed, why = first_violation(BUGS[bug])

    record_property("planted bug", f"{bug}: found at seed {seed}")
    assert re.search(REASONS[bug], why)


def first_violation(parts: Parts) -> tuple[int, str]:
    """The first seed at which the judge objects, and what it says."""
    for seed in range(SEEDS):
        try:
            World(seed, parts).play()
        except Violation as violation:
            return seed, str(violation)
    raise AssertionError(f"not found within {SEEDS} seeds")


def test_a_seed_decides_everything_in_every_process() -> None:
    assert told(11, hash_seed="1") == told(11, hash_seed="2") != ""


def told(seed: int, hash_seed: str) -> str:
    """What `python -m sim --seed` tells, in a process whose sets and maps have an order of their own."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("engine", "schemas", "tests"))
    run = subprocess.run(
        [sys.executable, "-m", "sim", "--seed", str(seed)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout
