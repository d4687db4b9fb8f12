"""Which sessions on this machine are alive, and how to poke one: a lock that dies with its process, and a socket."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

AGENT_PLACE = "agent"
"""What the agent of a folder is poked by, whichever session it is."""


class Presence(Protocol):
    """One data folder's sessions. Thread-safe."""

    def hold(self, session: str, on_poke: Callable[[], None]) -> AbstractContextManager[None]:
        """Be alive as `session` within the context: the lock is held, and `on_poke` is called (from a thread of
        its own) whenever somebody pokes. Raises Conflict when somebody else is that session."""
        ...

    def is_alive(self, session: str) -> bool:
        """Whether a process holds the lock of `session`: true at once after its start, false at once after its
        death, however it died."""
        ...

    def poke(self, session: str) -> bool:
        """Tell `session` that there is news in the store. False when nobody listened: it finds out by itself."""
        ...

    def hold_agent(self, on_poke: Callable[[], None] | None = None) -> AbstractContextManager[bool]:
        """The one place of the agent of this folder; yields False when another agent has it. Whoever has it hears
        pokes of `AGENT_PLACE`: somebody has pushed, or has changed what the agent is to do."""
        ...
