"""The key-value store of namespaces, in the store's own file."""

from __future__ import annotations

import json
from collections.abc import Sequence

import apsw

from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.connection import Database
from penstock.adapters.sqlite.rows import Row, instant, micros, micros_or_none
from penstock.errors import Refused
from penstock.execution.event import Instant
from penstock.ports.kv import Kv, KvEntry, KvType, checked_key, encoded


class SqliteKv(Kv):
    """Over a database that somebody else opens and closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, namespace: str, key: str, *, now: Instant) -> KvEntry | None:
        with self._database.reading() as connection:
            return _get(connection, namespace, key, now)

    def put(
        self,
        namespace: str,
        key: str,
        value: object,
        *,
        type: KvType,  # noqa: A002
        now: Instant,
        expires: Instant | None = None,
        description: str | None = None,
        overwrite: bool = True,
    ) -> KvEntry:
        checked_key(key)
        text = encoded(value)

        def work(connection: apsw.Connection) -> KvEntry:
            before = _get(connection, namespace, key, now)
            if before is not None and not overwrite:
                raise Refused(f"the key '{key}' exists already in the namespace '{namespace}'")
            created = before.created if before is not None else now
            said = description if description is not None or before is None else before.description
            row = (namespace, key, type.value, text, micros(created), micros(now), micros_or_none(expires), said)
            connection.execute(sql.KV_PUT, row)
            return _entry_of(row)

        return self._database.write(work)

    def delete(self, namespace: str, key: str, *, now: Instant) -> bool:
        def work(connection: apsw.Connection) -> bool:
            was_there = _get(connection, namespace, key, now) is not None
            connection.execute(sql.KV_DELETE, (namespace, key))
            return was_there

        return self._database.write(work)

    def entries(self, namespace: str, *, prefix: str = "", now: Instant) -> Sequence[KvEntry]:
        with self._database.reading() as connection:
            return [_entry_of(row) for row in connection.execute(sql.KV_ENTRIES, (namespace, prefix, micros(now)))]

    def namespaces(self, *, now: Instant) -> Sequence[str]:
        with self._database.reading() as connection:
            return [name for (name,) in connection.execute(sql.KV_NAMESPACES, (micros(now),))]

    def purge(self, *, now: Instant) -> int:
        def work(connection: apsw.Connection) -> int:
            connection.execute(sql.KV_PURGE, (micros(now),))
            return connection.changes()

        return self._database.write(work)


def _get(connection: apsw.Connection, namespace: str, key: str, now: Instant) -> KvEntry | None:
    row = connection.execute(sql.KV_GET, (namespace, key, micros(now))).fetchone()
    return _entry_of(row) if row is not None else None


def _entry_of(row: Row) -> KvEntry:
    namespace, key, kind, value, created, updated, expires, description = row
    return KvEntry(
        namespace,
        key,
        KvType(kind),
        json.loads(value),
        instant(created),
        instant(updated),
        instant(expires) if expires is not None else None,
        description,
    )
