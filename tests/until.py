"""The one way to wait for real parts: look every 10 ms, and fail with what was seen last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

EVERY_S = 0.01
_never = threading.Event()


def until(condition: Callable[[], T], within: timedelta | float = 5.0) -> T:
    """The first true value of `condition`. Fails when there is none within that time (seconds, or a timedelta)."""
    seconds = within.total_seconds() if isinstance(within, timedelta) else within
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s; last seen: {value!r}")
        _never.wait(EVERY_S)
