"""The cyclic collector, out of the way of what makes much, and keeps it all."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MOST_NEW = 50_000
"""After so many new containers it looks for cycles."""


def collector_slowed() -> None:
    """From here on it looks seldom: modules, flows and executions are plain values that live on, and hold no cycles. It
    takes a tenth of a loop's time otherwise, and as much of a start."""
    gc.set_threshold(MOST_NEW)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Trees of plain values hold no cycles: to look for some takes a fifth of the time, and finds none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
