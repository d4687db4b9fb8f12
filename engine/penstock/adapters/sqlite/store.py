"""The store over SQLite: executions as logs with projections, and everything that is a query over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw

from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.claims import claims_of
from penstock.adapters.sqlite.connection import Database
from penstock.adapters.sqlite.rows import (
    cursor_of,
    deployed_of,
    deployed_text,
    instant,
    micros,
    micros_or_none,
    session_of,
    summary_of,
    where_of,
)
from penstock.diagnostic import FlowName
from penstock.errors import Conflict, NotFound
from penstock.execution.codec import decode_event, dump_header, dump_run, encode_event, load_header, load_run
from penstock.execution.event import Event, Instant
from penstock.execution.model import Execution
from penstock.execution.snapshot import restore
from penstock.ports.store import (
    Claimable,
    Cursor,
    Deployed,
    Fenced,
    Observation,
    Query,
    Session,
    Slot,
    Store,
    Summary,
)


class SqliteStore(Store):
    """One file, opened (and made, and migrated) at once. Raises Stalled when that cannot be.

    `read_only` makes nothing and migrates nothing: every method that would write raises Stalled.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = Database(path, read_only=read_only)

    # ── sessions ──

    def open_session(self, *, name: str, kind: str, pid: int, at: Instant) -> Session:
        def work(connection: apsw.Connection) -> Session:
            epoch = int(connection.execute(sql.NEXT_EPOCH).get)
            session = Session(f"{kind}-{epoch}", name, kind, epoch, pid, at, renewed=at)
            row = (session.id, name, kind, epoch, pid, micros(at), micros(at))
            connection.execute(sql.INSERT_SESSION, row)
            return session

        return self._database.write(work)

    def renew_session(self, session: Session, *, at: Instant) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.execute(sql.RENEW_SESSION, (micros(at), session.id))
            if not connection.changes():
                raise Fenced(f"the session {session.id} was closed by somebody else")

        self._database.write(work)

    def close_session(self, session: Session, *, at: Instant) -> None:
        self._database.write(lambda connection: connection.execute(sql.CLOSE_SESSION, (micros(at), session.id)))

    def sessions(self, *, open_only: bool = True) -> list[Session]:
        with self._database.reading() as connection:
            return [session_of(row) for row in connection.execute(sql.OPEN_SESSIONS if open_only else sql.SESSIONS)]

    def take_over(self, execution: str, *, by: Session) -> None:
        def work(connection: apsw.Connection) -> None:
            if connection.execute(sql.STANDING, (execution,)).get is None:
                raise NotFound(f"there is no execution {execution}")
            holder = connection.execute(sql.HOLDER, (execution,)).fetchone()
            if holder is not None and session_of(holder).epoch > by.epoch:
                raise Fenced(f"the execution {execution} is held by a later session, {holder[0]}")
            connection.execute(sql.TAKE_OVER, (by.id, execution))

        self._database.write(work)

    def holder(self, execution: str) -> Session | None:
        with self._database.reading() as connection:
            row = connection.execute(sql.HOLDER, (execution,)).fetchone()
        return session_of(row) if row is not None else None

    # ── executions ──

    def create(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        due: Instant | None,
        session: Session | None,
        slot: Slot | None = None,
    ) -> bool:
        rows = _event_rows(execution, events)
        header = _header_row(execution, due)
        identity = (
            execution.id,
            execution.flow.namespace,
            execution.flow.id,
            execution.revision,
            execution.state.value,
            micros(execution.created),
        )
        ended, seq, wake_at, ready, running, is_over, text = header[1:]
        row = (*identity, ended, seq, wake_at, session.id if session else None, ready, running, is_over, text)

        def work(connection: apsw.Connection) -> bool:
            if connection.execute(sql.STANDING, (execution.id,)).fetchone() is not None:
                return False
            if slot is not None:
                key = (slot.flow.namespace, slot.flow.id, slot.trigger)
                at = micros(slot.date)
                if connection.execute(sql.SLOT_TAKEN, (*key, at, slot.origin)).fetchone() is not None:
                    return False
                connection.execute(sql.INSERT_SLOT, (*key, at, slot.origin, execution.id))
                connection.execute(sql.ADVANCE_CURSOR, (at, *key))
            connection.execute(sql.INSERT_EXECUTION, row)
            connection.executemany(sql.INSERT_EVENT, rows)
            connection.executemany(sql.UPSERT_RUN, _run_rows(execution, events))
            return True

        return self._database.write(work)

    def append(
        self, execution: Execution, events: Sequence[Event], *, due: Instant | None, session: Session | None
    ) -> None:
        rows = _event_rows(execution, events)
        runs = _run_rows(execution, events)
        header = _header_row(execution, due)
        before = execution.seq - len(events)

        def work(connection: apsw.Connection) -> None:
            standing = connection.execute(sql.STANDING, (execution.id,)).fetchone()
            if standing is None:
                raise NotFound(f"there is no execution {execution.id}")
            if session is not None and standing[1] != session.id:
                raise Fenced(f"the execution {execution.id} is held by session {standing[1]}, not by {session.id}")
            if standing[0] != before:
                raise Conflict(f"the execution {execution.id} stands at {standing[0]}, not at {before}")
            connection.executemany(sql.INSERT_EVENT, rows)
            connection.executemany(sql.UPSERT_RUN, runs)
            connection.execute(sql.UPDATE_EXECUTION, (*header, execution.id))
            if session is None:
                connection.execute(sql.INSERT_TOUCH, (execution.id,))

        self._database.write(work)

    def load(self, execution: str) -> Execution | None:
        with self._database.reading() as connection:
            header = connection.execute(sql.HEADER, (execution,)).get
            if header is None:
                return None
            runs = [load_run(body) for (body,) in connection.execute(sql.RUNS, (execution,))]
        return restore(load_header(header), runs)

    def events(self, execution: str, *, after: int = 0) -> list[Event]:
        with self._database.reading() as connection:
            rows: list[Any] = connection.execute(sql.EVENTS, (execution, after)).fetchall()
        return [decode_event(*row) for row in rows]

    def find(self, prefix: str, *, limit: int = 10) -> list[str]:
        with self._database.reading() as connection:
            bounds = (prefix, prefix + "\U0010ffff", limit)
            return [id_ for (id_,) in connection.execute(sql.FIND, bounds)]

    def summaries(self, query: Query) -> list[Summary]:
        where, values = where_of(query)
        with self._database.reading() as connection:
            statement = sql.SUMMARIES + where + sql.NEWEST_FIRST
            return [summary_of(row) for row in connection.execute(statement, (*values, query.limit))]

    def delete(self, execution: str) -> None:
        def work(connection: apsw.Connection) -> None:
            for statement in sql.DELETIONS:
                connection.execute(statement, (execution,))

        self._database.write(work)

    # ── work, as queries ──

    def claimable(self, session: Session, *, limit: int) -> list[Claimable]:
        with self._database.reading() as connection:
            return claims_of(connection, session.id, limit)

    def due(self, session: Session, *, now: Instant, limit: int) -> list[str]:
        with self._database.reading() as connection:
            return [id_ for (id_,) in connection.execute(sql.DUE, (session.id, micros(now), limit))]

    def next_due(self, session: Session) -> Instant | None:
        with self._database.reading() as connection:
            at = connection.execute(sql.NEXT_DUE, (session.id,)).get
        return instant(at) if at is not None else None

    def unfinished(self, session: Session) -> list[str]:
        with self._database.reading() as connection:
            return [id_ for (id_,) in connection.execute(sql.UNFINISHED, (session.id,))]

    def orphaned(self) -> list[tuple[str, Session]]:
        with self._database.reading() as connection:
            return [(row[0], session_of(row[1:])) for row in connection.execute(sql.ORPHANED)]

    def touched(self, session: Session, *, after: int) -> tuple[list[str], int]:
        with self._database.reading() as connection:
            last = int(connection.execute(sql.LAST_TOUCH).get)
            if last == after:
                return [], after
            ids = [id_ for (id_,) in connection.execute(sql.TOUCHED, (after, last, session.id))]
        return ids, last

    # ── what is deployed ──

    def deploy(self, *, accepted: Iterable[Deployed], removed: Iterable[FlowName], observation: Observation) -> None:
        taken, gone = list(accepted), list(removed)

        def work(connection: apsw.Connection) -> None:
            for each in taken:
                row = (each.flow.namespace, each.flow.id, deployed_text(each))
                connection.execute(sql.SET_DEPLOYED, row)
            for name in gone:
                connection.execute(sql.REMOVE_DEPLOYED, (name.namespace, name.id))
                connection.execute(sql.REMOVE_CURSORS, (name.namespace, name.id))
            connection.execute(sql.SET_OBSERVATION, _observation_row(observation))

        self._database.write(work)

    def deployed(self) -> dict[FlowName, Deployed]:
        with self._database.reading() as connection:
            found = [deployed_of(body) for (body,) in connection.execute(sql.DEPLOYED)]
        return {each.flow: each for each in found}

    def observe(self, observation: Observation) -> None:
        row = _observation_row(observation)
        self._database.write(lambda connection: connection.execute(sql.SET_OBSERVATION, row))

    def observation(self, source: str) -> Observation | None:
        with self._database.reading() as connection:
            row = connection.execute(sql.OBSERVATION, (source,)).fetchone()
        return Observation(row[0], row[1], instant(row[2]), row[3]) if row is not None else None

    def observations(self) -> list[Observation]:
        with self._database.reading() as connection:
            rows: list[Any] = connection.execute(sql.OBSERVATIONS).fetchall()
        return [Observation(row[0], row[1], instant(row[2]), row[3]) for row in rows]

    def cursors(self) -> list[Cursor]:
        with self._database.reading() as connection:
            return [cursor_of(row) for row in connection.execute(sql.CURSORS)]

    def set_cursors(self, cursors: Iterable[Cursor]) -> None:
        rows = [
            (each.flow.namespace, each.flow.id, each.trigger, micros(each.reached), each.fingerprint, each.disabled)
            for each in cursors
        ]
        self._database.write(lambda connection: connection.executemany(sql.SET_CURSOR, rows))

    # ── results ──

    def unrecorded(self, sink: str, *, limit: int, kind: str) -> list[str]:
        with self._database.reading() as connection:
            return [id_ for (id_,) in connection.execute(sql.UNRECORDED, (sink, kind, limit))]

    def mark_recorded(self, sink: str, executions: Iterable[str], *, place: str, at: Instant) -> None:
        rows = [(sink, execution, place, micros(at)) for execution in executions]
        self._database.write(lambda connection: connection.executemany(sql.INSERT_RECORDED, rows))

    # ── itself ──

    def commits(self) -> int:
        return self._database.commits

    def close(self) -> None:
        self._database.close()


def _event_rows(execution: Execution, events: Sequence[Event]) -> list[tuple[str, int, str, int, int, str]]:
    first = execution.seq - len(events) + 1
    rows = []
    for seq, event in enumerate(events, first):
        name, version, body = encode_event(event)
        rows.append((execution.id, seq, name, version, micros(event.at), body))
    return rows


def _run_rows(execution: Execution, events: Sequence[Event]) -> list[tuple[str, int, str, str, str, int, str]]:
    """Exactly the task runs that the events touched."""
    touched = dict.fromkeys(run for event in events if (run := getattr(event, "run", None)) is not None)
    touched |= dict.fromkeys(run for event in events if (run := getattr(event, "paused", None)) is not None)
    rows = []
    for key in touched:
        run = execution.runs[key]
        ready = int(key in execution.ready)
        rows.append((execution.id, run.ordinal, run.id, run.task, run.state.value, ready, dump_run(run)))
    return rows


def _header_row(
    execution: Execution, due: Instant | None
) -> tuple[str, int | None, int, int | None, int, int, int, str]:
    idle = execution.held or execution.kill
    return (
        execution.state.value,
        micros_or_none(execution.ended),
        execution.seq,
        micros_or_none(due),
        0 if idle else len(execution.ready),
        len(execution.running),
        int(execution.is_over),
        dump_header(execution),
    )


def _observation_row(observation: Observation) -> tuple[str, str | None, int, str | None]:
    return (observation.source, observation.commit, micros(observation.at), observation.problem)
