"""The part of the store that says what is deployed, from where, and how far each trigger has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import apsw

from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.connection import Database
from penstock.adapters.sqlite.rows import (
    backfill_of,
    backfill_text,
    cursor_of,
    deployed_of,
    deployed_text,
    instant,
    micros,
    observation_of,
    observation_row,
    tree_file_of,
    tree_file_text,
)
from penstock.diagnostic import FlowName
from penstock.errors import Conflict
from penstock.execution.event import Instant
from penstock.ports.deployment import (
    Backfill,
    BackfillState,
    Cursor,
    Deployed,
    Generation,
    Observation,
    Publication,
    TreeFile,
    TreeMark,
)

_OPEN = (BackfillState.RUNNING, BackfillState.PAUSED)


class DeploymentTables:
    """What `penstock.ports.store` has under \"what is deployed\" and \"triggers\"."""

    _database: Database

    # ── what is deployed ──

    def publish(self, publication: Publication, observation: Observation) -> None:
        seen = observation_row(observation)

        def work(connection: apsw.Connection) -> None:
            _publish(connection, publication)
            connection.execute(sql.SET_OBSERVATION, seen)

        self._database.write(work)

    def generation(self) -> Generation | None:
        with self._database.reading() as connection:
            return _generation(connection)

    def pinned_commits(self) -> set[str]:
        with self._database.reading() as connection:
            found = {commit for (commit,) in connection.execute(sql.PINNED)}
            now = _generation(connection)
        return found | ({now.commit} if now is not None else set())

    def deployed(self) -> dict[FlowName, Deployed]:
        with self._database.reading() as connection:
            found = [deployed_of(body) for (body,) in connection.execute(sql.DEPLOYED)]
        return {each.flow: each for each in found}

    def deployed_flow(self, flow: FlowName) -> Deployed | None:
        with self._database.reading() as connection:
            body = connection.execute(sql.DEPLOYED_FLOW, (flow.namespace, flow.id)).get
        return deployed_of(body) if body is not None else None

    def revisions(self, flow: FlowName) -> list[Deployed]:
        with self._database.reading() as connection:
            rows: list[Any] = connection.execute(sql.REVISIONS, (flow.namespace, flow.id)).fetchall()
        return [deployed_of(body) for (body,) in rows]

    def last_revisions(self, flows: Iterable[FlowName]) -> dict[FlowName, int]:
        with self._database.reading() as connection:
            found = {flow: connection.execute(sql.LAST_REVISION, (flow.namespace, flow.id)).get for flow in flows}
        return {flow: revision for flow, revision in found.items() if revision is not None}

    def text(self, digest: str) -> bytes | None:
        with self._database.reading() as connection:
            body = connection.execute(sql.TEXT, (digest,)).get
        return body if body is None else bytes(body)

    def tree(self, source: str) -> tuple[TreeMark | None, list[TreeFile]]:
        with self._database.reading() as connection:
            row = connection.execute(sql.TREE_MARK, (source,)).fetchone()
            files = [tree_file_of(body) for (body,) in connection.execute(sql.TREE, (source,))]
        return (TreeMark(source, *row) if row is not None else None), files

    def observe(self, observation: Observation) -> None:
        row = observation_row(observation)
        self._database.write(lambda connection: connection.execute(sql.SET_OBSERVATION, row))

    def observation(self, source: str) -> Observation | None:
        with self._database.reading() as connection:
            row = connection.execute(sql.OBSERVATION, (source,)).fetchone()
        return observation_of(row) if row is not None else None

    def observations(self) -> list[Observation]:
        with self._database.reading() as connection:
            return [observation_of(row) for row in connection.execute(sql.OBSERVATIONS)]

    # ── triggers ──

    def cursors(self) -> list[Cursor]:
        with self._database.reading() as connection:
            return [cursor_of(row) for row in connection.execute(sql.CURSORS)]

    def set_cursors(self, cursors: Iterable[Cursor]) -> None:
        self._write_cursors(sql.SET_CURSOR, cursors)

    def begin_cursors(self, cursors: Iterable[Cursor]) -> None:
        self._write_cursors(sql.BEGIN_CURSOR, cursors)

    def _write_cursors(self, statement: str, cursors: Iterable[Cursor]) -> None:
        rows = [
            (each.flow.namespace, each.flow.id, each.trigger, micros(each.reached), each.fingerprint, each.disabled)
            for each in cursors
        ]
        self._database.write(lambda connection: connection.executemany(statement, rows))

    def advance_cursors(self, cursors: Iterable[Cursor]) -> None:
        rows = [(micros(each.reached), each.flow.namespace, each.flow.id, each.trigger) for each in cursors]
        self._database.write(lambda connection: connection.executemany(sql.ADVANCE_CURSOR, rows))

    def fired_last(self) -> dict[tuple[FlowName, str], tuple[Instant, str]]:
        found: dict[tuple[FlowName, str], tuple[Instant, str]] = {}
        key: Any = ("", "", "")
        with self._database.reading() as connection:
            while (key := connection.execute(sql.NEXT_FIRED, key).fetchone()) is not None:
                row: Any = connection.execute(sql.LAST_SLOT, key).fetchone()
                found[FlowName(key[0], key[1]), key[2]] = (instant(row[0]), row[1])
        return found

    def slot_dates(self, flow: FlowName, trigger: str, *, start: Instant, end: Instant) -> set[Instant]:
        bounds = (flow.namespace, flow.id, trigger, micros(start), micros(end))
        with self._database.reading() as connection:
            return {instant(date) for (date,) in connection.execute(sql.SLOT_DATES, bounds)}

    def active_triggers(self) -> dict[str, tuple[FlowName, str]]:
        with self._database.reading() as connection:
            rows: list[Any] = connection.execute(sql.ACTIVE_TRIGGERS).fetchall()
        return {id_: (FlowName(namespace, flow), trigger) for id_, namespace, flow, trigger in rows}

    def put_backfill(self, backfill: Backfill) -> None:
        row = _backfill_row(backfill)
        self._database.write(lambda connection: connection.execute(sql.SET_BACKFILL, row))

    def change_backfill(self, id_: str, change: Callable[[Backfill], Backfill]) -> Backfill | None:
        def work(connection: apsw.Connection) -> Backfill | None:
            body: Any = connection.execute(sql.BACKFILL, (id_,)).get
            if body is None:
                return None
            changed = change(backfill_of(body))
            connection.execute(sql.SET_BACKFILL, _backfill_row(changed))
            return changed

        return self._database.write(work)

    def backfills(self, *, open_only: bool = True) -> list[Backfill]:
        with self._database.reading() as connection:
            rows: list[Any] = connection.execute(sql.OPEN_BACKFILLS if open_only else sql.BACKFILLS).fetchall()
        return [backfill_of(body) for (body,) in rows]


def _backfill_row(backfill: Backfill) -> tuple[str, int, bool, str, str, str]:
    flow, is_open = backfill.flow, backfill.state in _OPEN
    return (backfill.id, micros(backfill.created), is_open, flow.namespace, flow.id, backfill_text(backfill))


def _generation(connection: apsw.Connection) -> Generation | None:
    row = connection.execute(sql.GENERATION).fetchone()
    return Generation(row[0], row[1], row[2], instant(row[3])) if row is not None else None


def _publish(connection: apsw.Connection, wanted: Publication) -> None:
    if wanted.generation is not None:
        new, now = wanted.generation, _generation(connection)
        if now is not None and now.number >= new.number:
            raise Conflict(f"the generation {now.number} is in force: {new.number} cannot follow it")
        connection.execute(sql.INSERT_GENERATION, (new.number, new.source, new.commit, micros(new.at)))
    connection.executemany(sql.INSERT_TEXT, list(wanted.texts.items()))
    for each in wanted.accepted:
        text = deployed_text(each)
        connection.execute(sql.SET_DEPLOYED, (each.flow.namespace, each.flow.id, text))
        connection.execute(sql.SET_REVISION, (each.flow.namespace, each.flow.id, each.revision, text))
    for name in wanted.removed:
        connection.execute(sql.REMOVE_DEPLOYED, (name.namespace, name.id))
        connection.execute(sql.REMOVE_CURSORS, (name.namespace, name.id))
        connection.execute(sql.REMOVE_BACKFILLS, (name.namespace, name.id))
    mark = wanted.mark
    if mark is not None:
        if wanted.is_whole:
            connection.execute(sql.CLEAR_TREE, (mark.source,))
        rows = [(mark.source, file.path, tree_file_text(file)) for file in wanted.files]
        connection.executemany(sql.SET_TREE_FILE, rows)
        connection.executemany(sql.REMOVE_TREE_FILE, [(mark.source, path) for path in wanted.gone])
        connection.execute(sql.SET_TREE_MARK, (mark.source, mark.commit, mark.rules))
