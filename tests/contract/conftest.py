"""Every store there is, for the tests of their contract. PostgreSQL joins here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.store import MemoryStore
from penstock.adapters.sqlite import SqliteStore
from penstock.ports.store import Session, Store

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "d" / "store.db")
    yield made
    made.close()


@pytest.fixture
def session(store: Store) -> Session:
    return store.open_session(name="host", kind="agent", pid=7, at=NOW)
