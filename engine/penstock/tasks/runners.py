"""The properties of the task runners: where a script's program runs."""

from __future__ import annotations

from penstock.tasks.base import Properties


class Process(Properties):
    """Runs the program as a process on the machine of the worker, in a private folder."""
