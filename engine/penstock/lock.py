"""Locks on open files and folders, of which the system lets go when their process dies. They are never waited for."""

from __future__ import annotations

import os


def is_locked(handle: int, *, shared: bool = False) -> bool:
    """Whether the lock was free, and is held now until `handle` is closed. Windows has none: there it always is."""
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
