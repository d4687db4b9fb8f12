"""Executions that call others, in the simulator's world: no child is lost or made twice, and every parent hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.adapters.sqlite import SqliteStore
from penstock.execution.event import KillRequested
from sim.door import Fate
from sim.world import Parts, World

SEEDS = range(25)
Record = Callable[[str, object], None]


def play(seed: int, fate: Fate | None = None, parts: Parts | None = None) -> World:
    """One seed. A failure tells which."""
    world = World(seed, parts or Parts(), fate, calls=True)
    try:
        world.play()
    except Exception as error:
        error.add_note(f"seed {seed}, with calls")
        raise
    return world


def test_nothing_is_lost_or_made_twice_and_everything_drains(record_property: Record) -> None:
    exercised: Counter[str] = Counter()
    killed = 0
    for seed in SEEDS:
        world = play(seed)
        exercised.update(world.exercised)
        killed += cascades(world)

    record_property("exercised", dict(exercised))
    assert {"child born", "child refused", "called later", "person: kill", "crash after a commit"} <= exercised.keys()
    assert killed > 0


def cascades(world: World) -> int:
    """How many executions were killed because the one that had called them was."""
    logs = [world.store.events(execution) for execution in world.everything()]
    return sum(isinstance(event, KillRequested) and "execution" in event.by for log in logs for event in log)


def calm_ones(count: int, *, most: int) -> list[World]:
    """Worlds in which nothing goes wrong and executions are called, of at most so many appends."""
    found: list[World] = []
    for seed in range(1_000):
        world = play(seed, Fate())
        assert world.process is not None
        if world.exercised["child born"] > 1 and world.process.door.appends <= most:
            found.append(world)
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize("count", [1, pytest.param(4, marks=pytest.mark.long)])
def test_a_crash_at_every_append_before_and_after_its_commit(count: int) -> None:
    for calm in calm_ones(count, most=30):
        assert calm.process is not None
        for crash_at in range(1, calm.process.door.appends + 1):
            for after in (False, True):
                play(calm.number, Fate(crash_at=crash_at, crash_after_commit=after))


@pytest.mark.long
def test_a_store_that_is_busy_at_any_one_call() -> None:
    [calm] = calm_ones(1, most=30)
    assert calm.process is not None

    for call in range(1, calm.process.door.calls + 1):
        play(calm.number, Fate(busy_at=frozenset({call})))


def test_the_store_that_ships_gives_the_same_histories(tmp_path: Path) -> None:
    for seed in (4, 51):
        opened: list[SqliteStore] = []

        def on_disk(seed: int = seed, opened: list[SqliteStore] = opened) -> SqliteStore:
            opened.append(SqliteStore(tmp_path / f"{seed}.db"))
            return opened[0]

        here, there = play(seed), play(seed, parts=Parts(store=on_disk))
        told = [(here.store.events(each), there.store.events(each)) for each in here.everything()]
        same = here.everything() == there.everything()
        opened[0].close()

        assert same
        assert [in_memory for in_memory, _ in told] == [on_the_disk for _, on_the_disk in told]
