"""kill -9 of the agent, by a seed: nothing told is lost, nothing finished runs again, each result is there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kill.harness import FAILPOINTS, Harness
from kill.judge import judge

RUNNING_KILLS = 35
KILLS_AT_EACH_POINT = 3


def play(harness: Harness, running: int, at_each: int) -> None:
    """So many kills while a task runs, and so many at each failpoint, in an order of the seed's."""
    harness.deploy()
    rounds = ["running"] * running + [point for point in FAILPOINTS for _ in range(at_each)]
    harness.dice.shuffle(rounds)
    for each in rounds:
        if each == "running":
            harness.kill_while_running()
        else:
            harness.kill_at(each)
    while harness.kills["while a task runs"] < running:
        harness.kill_while_running()
    harness.drain(60 + running / 4)
    print(f"seed {harness.seed}: {sum(harness.kills.values())} kills, {dict(harness.kills)}")
    print(f"{len(harness.acknowledged)} executions acknowledged, {len(harness.recorded())} on the branch")
    judge(harness)


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    harness = Harness(tmp_path, seed=20261128)
    play(harness, running=8, at_each=1)
    assert harness.kills["while a task runs"] >= 8
    assert all(harness.kills[point] >= 1 for point in FAILPOINTS)


@pytest.mark.long
def test_fifty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    harness = Harness(tmp_path, seed=20261123)
    play(harness, RUNNING_KILLS, KILLS_AT_EACH_POINT)
    assert harness.kills["while a task runs"] >= RUNNING_KILLS
    assert all(harness.kills[point] >= KILLS_AT_EACH_POINT for point in FAILPOINTS)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_kills(seed: int, tmp_path: Path) -> None:
    play(Harness(tmp_path, seed=seed), RUNNING_KILLS, KILLS_AT_EACH_POINT)
