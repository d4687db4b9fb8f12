"""The exit codes: what a script may rely on."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Why the program ended. 5 to 8 and 124 are said by `run`; a command with other meanings has them in its help."""

    FINE = 0
    FINDINGS = 1
    """There are findings, or the run failed."""
    USAGE = 2
    """Wrong usage, or something cannot be read or written."""
    UNREACHABLE = 3
    UNAUTHORISED = 4
    KILLED = 5
    WARNED = 6
    CANCELLED = 7
    PAUSED = 8
    BUG = 70
    TIMED_OUT = 124
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143
