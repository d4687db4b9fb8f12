"""The default store: one SQLite file, every append one durable transaction."""

from __future__ import annotations

from penstock.adapters.sqlite.kv import SqliteKv
from penstock.adapters.sqlite.store import SqliteStore

__all__ = ["SqliteKv", "SqliteStore"]
