"""Work that is shared among processes: the same results in the same order, whatever becomes of a child."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from penstock.validation.shares import processes_for, shared


def shout(text: str, *, parent: int = 0, ends_by: str = "") -> str:
    if parent and os.getpid() != parent:
        if ends_by == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif ends_by == "raise":
            raise RuntimeError("in a child")
    return f"{text.upper()} é"


forks = pytest.mark.skipif(sys.platform != "linux", reason="work is shared among processes on Linux alone")


def children() -> set[str]:
    """The processes that are children of this one, the dead that nobody has waited for included."""
    tasks = Path("/proc/self/task")
    return {child for task in tasks.iterdir() for child in (task / "children").read_text().split()}


WORDS = [f"word{n}" for n in range(11)]
SHOUTED = [f"WORD{n} é" for n in range(11)]


@pytest.mark.parametrize("processes", [1, 2, 3, 8, 20])
def test_results_come_in_order(processes: int) -> None:
    assert shared(WORDS, shout, processes) == SHOUTED
    assert shared([], shout, processes) == []


@pytest.mark.parametrize("ends_by", ["kill", "raise"])
def test_the_share_of_a_child_that_ends_badly_is_done_here(ends_by: str) -> None:
    assert shared(WORDS, partial(shout, parent=os.getpid(), ends_by=ends_by), 3) == SHOUTED


@forks
def test_what_goes_wrong_here_is_raised_and_no_child_is_left() -> None:
    def refuse(text: str) -> str:
        if text == "word4":
            raise ValueError(text)
        return text

    before = children()
    with pytest.raises(ValueError, match="word4"):
        shared(WORDS, refuse, 2)
    assert children() <= before


@forks
@pytest.mark.parametrize("ends_by", ["kill", "raise"])
def test_a_child_that_ends_badly_is_not_left_unburied(ends_by: str) -> None:
    before = children()
    shared(WORDS, partial(shout, parent=os.getpid(), ends_by=ends_by), 3)
    assert children() <= before


def test_few_things_are_not_shared() -> None:
    assert processes_for(5, pays_from=6) == 1
