"""Signals: as exceptions of whoever waits for a run, or counted by whoever stays."""

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


@contextmanager
def counted_signals() -> Iterator[list[int]]:
    """INT, TERM and HUP as a list that grows, in the order in which they came. Nothing is raised: an exception out of a
    handler may hit any line, also one of an import, and be taken there for something else."""
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        heard.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
