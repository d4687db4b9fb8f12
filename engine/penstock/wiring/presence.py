"""The sessions of a data folder: who works there now. It opens nothing else, and imports next to nothing."""

from __future__ import annotations

from pathlib import Path

from penstock.adapters.presence import FilePresence
from penstock.ports.presence import AGENT_PLACE, Presence


def presence_in(data: Path) -> Presence:
    """The sessions of a data folder, which need not be there."""
    return FilePresence(data / "sessions")


def poke_agent(data: Path) -> bool:
    """Have the agent of a data folder look at its repository now. False where none listens."""
    return presence_in(data).poke(AGENT_PLACE)
