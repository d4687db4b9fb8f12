"""The part of the store that says which results have not arrived where they are to be."""

from __future__ import annotations

import json
from collections.abc import Iterable

import apsw

from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.connection import Database
from penstock.adapters.sqlite.rows import micros, micros_or_none
from penstock.execution.event import Instant


class OutboxTables:
    """What `penstock.ports.store` has under \"results\"."""

    _database: Database

    def unrecorded(self, sink: str, *, limit: int, now: Instant) -> list[str]:
        with self._database.reading() as connection:
            return [id_ for (id_,) in connection.execute(sql.UNRECORDED, (sink, micros(now), limit))]

    def count_unrecorded(self, sink: str) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(sql.COUNT_UNRECORDED, (sink,)).get)

    def knows_sink(self, sink: str) -> bool:
        with self._database.reading() as connection:
            return any(connection.execute(statement, (sink,)).get is not None for statement in sql.KNOWS_SINK)

    def mark_recorded(self, sink: str, executions: Iterable[str], *, place: str, at: Instant) -> None:
        ids = list(executions)
        rows = [(sink, execution, place, micros(at)) for execution in ids]

        def work(connection: apsw.Connection) -> None:
            connection.executemany(sql.INSERT_RECORDED, rows)
            connection.executemany(sql.TAKEN, [(sink, execution) for execution in ids])

        self._database.write(work)

    def put_off(self, sink: str, execution: str, *, until: Instant | None, error: str) -> int:
        row = (sink, execution, micros_or_none(until), error)
        return self._database.write(lambda connection: int(connection.execute(sql.PUT_OFF, row).get))

    def given_up(self, sink: str) -> list[tuple[str, str]]:
        with self._database.reading() as connection:
            return [(id_, error) for id_, error in connection.execute(sql.GIVEN_UP, (sink,))]

    def forget_recorded(self, sinks: Iterable[str]) -> None:
        names = json.dumps(sorted(sinks))
        self._database.write(lambda connection: connection.execute(sql.FORGET_RECORDED, (names,)))
