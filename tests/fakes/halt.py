"""A request to stop that a test holds in its hand."""

from __future__ import annotations

import threading
from datetime import timedelta

from penstock.ports.runner import Halt


class HandHalt(Halt):
    """Requested when `throw` was called."""

    def __init__(self, grace: float = 0.3) -> None:
        self._event = threading.Event()
        self._grace = timedelta(seconds=grace)

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    @property
    def grace(self) -> timedelta:
        return self._grace

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def throw(self) -> None:
        self._event.set()
