"""Presence in memory: one process, its sessions in a set; pokes are heard at once, in the thread that pokes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from penstock.errors import Conflict
from penstock.ports.presence import AGENT_PLACE, Presence


@dataclass
class MemoryPresence(Presence):
    """The same contract but for the thread: `on_poke` is called before `poke` returns, so nothing is random.

    `die` ends a session as kill -9 would: its context may still be entered, and nobody is there.
    """

    _held: dict[str, Callable[[], None]] = field(default_factory=dict)
    _has_agent: bool = False

    @contextmanager
    def hold(self, session: str, on_poke: Callable[[], None]) -> Iterator[None]:
        if session in self._held:
            raise Conflict(f"the session {session} is held by another process")
        self._held[session] = on_poke
        try:
            yield
        finally:
            if self._held.get(session) is on_poke:
                del self._held[session]

    def die(self, session: str) -> None:
        self._held.pop(session, None)

    def is_alive(self, session: str) -> bool:
        return session in self._held

    def poke(self, session: str) -> bool:
        on_poke = self._held.get(session)
        if on_poke is not None:
            on_poke()
        return on_poke is not None

    @contextmanager
    def hold_agent(self, on_poke: Callable[[], None] | None = None) -> Iterator[bool]:
        mine = not self._has_agent
        self._has_agent = True
        if mine and on_poke is not None:
            self._held[AGENT_PLACE] = on_poke
        try:
            yield mine
        finally:
            if mine:
                self._has_agent = False
                self._held.pop(AGENT_PLACE, None)
