"""What stands between one process and its store: where it may crash, be kept waiting, or be overtaken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import Retryable, Stalled
from penstock.ports.store import Store


class Gone(Stalled):
    """The process that asked is dead: nothing it does reaches the world any more."""


@dataclass(slots=True)
class Fate:
    """What befalls a process. Appends, and calls of the store, are counted from 1.

    `crash_at` is the append at which it dies, before or after the commit. `busy_at` are calls to which somebody else
    holds the write lock. `overtaken_at` are appends before which somebody else appends.
    """

    crash_at: int | None = None
    crash_after_commit: bool = False
    busy_at: frozenset[int] = frozenset()
    overtaken_at: frozenset[int] = frozenset()


@dataclass(slots=True)
class Door:
    """The store as one process sees it. Implements `Store` by passing on."""

    store: Store
    fate: Fate
    overtake: Callable[[str], None]
    told: Callable[[str], None]
    dead: bool = False
    appends: int = 0
    calls: int = 0
    _passed: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.store, name)

        def passed(*args: Any, **kwargs: Any) -> Any:
            self._enter()
            return method(*args, **kwargs)

        return passed

    def append(self, execution: Any, events: Any, **kwargs: Any) -> Any:
        self._enter()
        self.appends += 1
        if self.appends in self.fate.overtaken_at:
            self.overtake(execution.id)
        crashes = self.appends == self.fate.crash_at
        if crashes and not self.fate.crash_after_commit:
            self._die("crash before a commit")
        try:
            return self.store.append(execution, events, **kwargs)
        finally:
            if crashes:
                self._die("crash after a commit")

    def _enter(self) -> None:
        if self.dead:
            raise Gone("this process is dead")
        self.calls += 1
        if self.calls in self.fate.busy_at:
            self.told("store busy")
            raise Retryable("the store is busy")

    def _die(self, how: str) -> None:
        self.dead = True
        self.told(how)
        raise Gone("the process died")
