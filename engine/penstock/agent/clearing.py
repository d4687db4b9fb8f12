"""Frees what attempts hold on their runners, and comes back later where a runner could not be reached."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from penstock.errors import PenstockError, Retryable, UserError
from penstock.ports.runner import Runners


class Clearing:
    """Thread-safe."""

    def __init__(self, runners: Runners) -> None:
        self._runners = runners
        self._lock = threading.Lock()
        self._used: dict[str, tuple[str, ...]] = {}
        self._left: dict[str, tuple[str, ...]] = {}
        self._is_unswept = False

    def note(self, name: str, kinds: Iterable[str]) -> None:
        """The attempt `name` has used runners of these kinds."""
        with self._lock:
            self._used[name] = tuple(kinds)

    def clear(self, name: str) -> None:
        """Free what the attempt held: its end is recorded. What cannot be freed now is left for later."""
        with self._lock:
            kinds = self._used.pop(name, ())
        self._remove(name, kinds)

    def sweep(self, kept: Callable[[], set[str]]) -> int:
        """Free all but `kept`, which is asked after looking; how much."""
        self._is_unswept = False
        found: list[tuple[str, str]] = []
        for kind in self._runners.kinds:
            try:
                found += [(kind, name) for name in self._runners.get(kind).names()]
            except Retryable:
                self._is_unswept = True
            except UserError:
                continue  # a runner that cannot be had here holds nothing of ours
        if not found:
            return 0
        keep = kept()
        doomed = [(kind, name) for kind, name in found if name not in keep]
        for kind, name in doomed:
            self._remove(name, (kind,))
        return len(doomed)

    def tidy(self) -> bool:
        """Try again what could not be freed; whether a whole sweep is owed as well."""
        with self._lock:
            left, self._left = self._left, {}
        for name, kinds in left.items():
            self._remove(name, kinds)
        return self._is_unswept

    def _remove(self, name: str, kinds: tuple[str, ...]) -> None:
        for kind in kinds:
            try:
                self._runners.get(kind).remove(name)
            except PenstockError:
                with self._lock:
                    self._left[name] = kinds
