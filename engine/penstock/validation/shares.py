"""The same work for many things, shared among processes that are forked for it, where that is safe and pays."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def processes_for(count: int, *, pays_from: int) -> int:
    """One, unless there are many things, several cores, and forking is safe: Linux, one thread."""
    if count < pays_from or sys.platform != "linux" or threading.active_count() > 1:
        return 1
    return min(len(os.sched_getaffinity(0)), 8)


def shared(things: Sequence[T], work: Callable[[T], str], processes: int) -> list[str]:
    """What `work` makes of each thing, a line of text, in order. What it raises is raised.

    Each process takes every n-th thing, this one too. A child leaves its lines in memory that both have; one that
    does not end well has left nothing, and its share is done here.
    """
    if processes < 2 or sys.platform != "linux":
        return [work(thing) for thing in things]
    if things:
        work(things[0])  # what is made once, as compiled schemas, is made before it would be made in each
    results = [""] * len(things)
    children: dict[int, tuple[int, int]] = {}
    try:
        for share in range(1, processes):
            memory = os.memfd_create("penstock-share")
            child = os.fork()
            if child == 0:
                _work(things[share::processes], work, memory)
            children[child] = (share, memory)
        results[::processes] = [work(thing) for thing in things[::processes]]
        for child, (share, memory) in list(children.items()):
            _, status = os.waitpid(child, 0)
            del children[child]
            with os.fdopen(memory, "rb") as file:
                file.seek(0)
                lines = file.read().decode("utf-8", "surrogatepass").split("\n") if status == 0 else []
            mine = things[share::processes]
            results[share::processes] = lines if len(lines) == len(mine) else [work(thing) for thing in mine]
    finally:
        for child, (_, memory) in children.items():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(memory)
    return results


def _work(things: Sequence[T], work: Callable[[T], str], memory: int) -> None:
    """In a child: do the share, and leave without a word. What goes wrong is done again in the parent, and told."""
    code = 1
    try:
        gc.disable()
        lines = "\n".join([work(thing) for thing in things])
        with os.fdopen(memory, "wb") as file:
            file.write(lines.encode("utf-8", "surrogatepass"))
        code = 0
    finally:
        os._exit(code)
