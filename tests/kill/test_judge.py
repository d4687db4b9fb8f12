"""The judge bites: each kind of wrong that the killing could bring about is found in notes that were doctored."""

from __future__ import annotations

from pathlib import Path

import pytest

from kill.harness import Harness
from kill.judge import judge, side_effects

FINE = [
    "start k1 10 1.0",
    "end k1 10 2.0",
    "start k2 11 2.5",
    "fail k2 11 3.0",
    "start k2 12 3.5",
    "end k2 12 4.0",
]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    made = Harness(tmp_path_factory.mktemp("judge"), seed=1)
    made.deploy()
    return made


def test_a_course_without_fault_passes(harness: Harness) -> None:
    harness.journal.write_text("\n".join(FINE) + "\n", encoding="utf-8")
    judge(harness)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["start k1 13 5.0", "end k1 13 6.0"], "k1 was started at 5.0 although it had ended"),
        (["start k3 13 5.0", "start k3 14 5.5", "end k3 14 6.0"], "k3 was started at 5.5 by 14 while 13"),
        (["start k3 13 5.0", "end k3 99 6.0"], "k3 ended at 6.0 in 99, which had not started it"),
        (["start k3 13 5.0"], "k3 was started by 13 and never ended"),
    ],
)
def test_tasks_that_run_again_twice_or_are_lost_are_found(harness: Harness, lines: list[str], words: str) -> None:
    harness.journal.write_text("\n".join([*FINE, *lines]) + "\n", encoding="utf-8")
    assert words in "\n".join(side_effects(harness))


def test_an_execution_that_was_acknowledged_and_never_arrived_is_found(tmp_path: Path) -> None:
    harness = Harness(tmp_path, seed=1)
    harness.deploy()
    harness.acknowledged.append("lost")
    with pytest.raises(AssertionError, match="lost was acknowledged and is not on the branch"):
        judge(harness)
