"""TERM and HUP as exceptions of whoever waits for a run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(BaseException):
    """TERM: the same as Ctrl-C, with another exit code."""


class HungUp(BaseException):
    """The terminal is gone: leave the tasks running."""


@contextmanager
def heard_signals() -> Iterator[None]:
    """TERM and HUP as exceptions in this thread, for as long as the run is followed."""

    def terminated(*_: object) -> None:
        raise Terminated

    def hung_up(*_: object) -> None:
        raise HungUp

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, terminated)}
    if hasattr(signal, "SIGHUP"):
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hung_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
