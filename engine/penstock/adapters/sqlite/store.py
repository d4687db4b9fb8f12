"""The store over SQLite: executions as logs with projections, and everything that is a query over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.claims import claims_of, queued_of
from penstock.adapters.sqlite.connection import Database
from penstock.adapters.sqlite.deployment import DeploymentTables
from penstock.adapters.sqlite.kv import SqliteKv
from penstock.adapters.sqlite.outbox import OutboxTables
from penstock.adapters.sqlite.rows import instant, micros, micros_or_none, session_of, summary_of, where_of
from penstock.errors import Conflict, NotFound
from penstock.execution.codec import decode_event, dump_header, dump_run, encode_event, load_header, load_run
from penstock.execution.event import (
    Caller,
    ChildEnded,
    ChildStarted,
    Event,
    ExecutionInherited,
    ExecutionReopened,
    Instant,
    IterationBegun,
    ResumeRequested,
    TaskRunEnded,
)
from penstock.execution.model import Execution
from penstock.execution.snapshot import restore
from penstock.ports.deployment import SCHEDULED
from penstock.ports.store import (
    AGENT,
    Claimable,
    Creation,
    Crowded,
    Fenced,
    Query,
    Session,
    Store,
    Summary,
    Unadmitted,
)


class SqliteStore(DeploymentTables, OutboxTables, Store):
    """One file, opened (and made, and migrated) at once. Raises Stalled when that cannot be.

    `read_only` makes nothing and migrates nothing: every method that would write raises Stalled.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = Database(path, read_only=read_only)
        self.kv = SqliteKv(self._database)

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

    def inherit(self, dead: Session, *, by: Session) -> list[str]:
        def work(connection: apsw.Connection) -> list[str]:
            ids = [id_ for (id_,) in connection.execute(sql.INHERITED, (dead.id,))]
            connection.execute(sql.INHERIT, (by.id, dead.id))
            return ids

        return self._database.write(work)

    def holder(self, execution: str) -> Session | None:
        with self._database.reading() as connection:
            return _holder(connection, execution)

    # ── executions ──

    def create(
        self, creations: Sequence[Creation], *, session: Session | None, told: bool = False
    ) -> list[Execution | Unadmitted]:
        wanted = [(each, _rows_of(each, session)) for each in creations]

        def work(connection: apsw.Connection) -> list[Execution | Unadmitted]:
            return [self._create(connection, each, rows, told=told) for each, rows in wanted]

        return self._database.write(work)

    def _create(
        self, connection: apsw.Connection, creation: Creation, rows: tuple[_Rows, _Rows | None], *, told: bool
    ) -> Execution | Unadmitted:
        execution, chosen = creation.execution, rows[0]
        if connection.execute(sql.STANDING, (execution.id,)).fetchone() is not None:
            return Unadmitted.KNOWN
        flow, slot = (execution.flow.namespace, execution.flow.id), creation.slot
        if slot is not None:
            key, at = (*flow, slot.trigger), micros(slot.date)
            if connection.execute(sql.SLOT_TAKEN, (*key, at, slot.origin)).fetchone() is not None:
                return Unadmitted.KNOWN
            if slot.alone and connection.execute(sql.ACTIVE_OF_TRIGGER, key).fetchone() is not None:
                return Unadmitted.HELD
            connection.execute(sql.INSERT_SLOT, (*key, at, slot.origin, execution.id))
            if slot.origin == SCHEDULED:
                connection.execute(sql.ADVANCE_CURSOR, (at, *key))
        if creation.crowded is not None and rows[1] is not None and creation.limit is not None:
            let_in = int(connection.execute(sql.LET_IN, (*flow, execution.id)).get)
            if let_in >= creation.limit:
                execution, chosen = creation.crowded[0], rows[1]
        connection.execute(sql.INSERT_EXECUTION, chosen.execution)
        connection.executemany(sql.INSERT_EVENT, chosen.events)
        connection.executemany(sql.UPSERT_RUN, chosen.runs)
        if told:
            connection.execute(sql.INSERT_TOUCH, (execution.id,))
        if chosen.outbox is not None:
            connection.execute(sql.INSERT_OUTBOX, chosen.outbox)
        return execution

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        due: Instant | None,
        session: Session | None,
        room: int | None = None,
        births: Sequence[Creation] = (),
    ) -> list[Execution | Unadmitted]:
        rows = _event_rows(execution, events)
        runs, dropped = _run_rows(execution, events), _dropped_rows(execution, events)
        heard = [(execution.id, each.run, each.index) for each in events if isinstance(each, ChildEnded)]
        awaited = [
            (execution.id, each.run, each.index, each.child)
            for each in events
            if isinstance(each, ChildStarted) and execution.waits_for(each.run)
        ]
        left = [
            (execution.id, each.run)
            for each in events
            if isinstance(each, TaskRunEnded) and (each.orphan or execution.spares)
        ]
        header = _header_row(execution, due)
        before = execution.seq - len(events)
        born = [(each, _rows_of(each, session)) for each in births] if session is not None else []

        def work(connection: apsw.Connection) -> list[Execution | Unadmitted]:
            standing = connection.execute(sql.STANDING, (execution.id,)).fetchone()
            if standing is None:
                raise NotFound(f"there is no execution {execution.id}")
            if session is not None and standing[1] != session.id:
                raise Fenced(f"the execution {execution.id} is held by session {standing[1]}, not by {session.id}")
            if standing[0] != before:
                raise Conflict(f"the execution {execution.id} stands at {standing[0]}, not at {before}")
            if room is not None:
                flow = execution.flow
                if int(connection.execute(sql.LET_IN, (flow.namespace, flow.id, execution.id)).get) >= room:
                    raise Crowded(f"{room} executions of {flow} go on already")
            connection.executemany(sql.INSERT_EVENT, rows)
            if dropped:
                connection.executemany(sql.DROP_RUN, dropped)
            connection.executemany(sql.UPSERT_RUN, runs)
            connection.executemany(sql.HEARD, heard)
            connection.executemany(sql.AWAIT, awaited)
            connection.executemany(sql.LEFT_ALONE, left)
            connection.execute(sql.UPDATE_EXECUTION, (*header, execution.id))
            holder = _holder(connection, execution.id) if session is None else session
            if session is None:
                connection.execute(sql.INSERT_TOUCH, (execution.id,))
            if (outbox := _outbox_row(execution, holder)) is not None:
                connection.execute(sql.INSERT_OUTBOX, outbox)
            if session is not None:
                return [self._create(connection, each, rows, told=False) for each, rows in born]
            return [self._create(connection, each, _rows_of(each, holder), told=True) for each in births]

        return self._database.write(work)

    def load(self, execution: str) -> Execution | None:
        with self._database.reading() as connection:
            header = connection.execute(sql.HEADER, (execution,)).get
            if header is None:
                return None
            runs = [load_run(body) for (body,) in connection.execute(sql.RUNS, (execution,))]
            living: list[Any] = connection.execute(sql.AWAITED, (execution,)).fetchall()
        return restore(load_header(header), runs, living)

    def events(self, execution: str, *, after: int = 0) -> list[Event]:
        with self._database.reading() as connection:
            rows: list[Any] = connection.execute(sql.EVENTS, (execution, after)).fetchall()
        return [decode_event(*row) for row in rows]

    def unheard(self, session: Session, *, limit: int) -> list[Execution]:
        with self._database.reading() as connection:
            return [load_header(text) for (text,) in connection.execute(sql.UNHEARD, (session.id, limit))]

    def hear(self, caller: Caller) -> None:
        row = (caller.execution, caller.run, caller.index)
        self._database.write(lambda connection: connection.execute(sql.HEARD, row))

    def called(self, execution: str, *, run: str | None = None, within: bool = False) -> list[str]:
        with self._database.reading() as connection:
            return [id_ for (id_,) in connection.execute(sql.CALLED, (execution, run, within))]

    def child(self, caller: Caller) -> str | None:
        with self._database.reading() as connection:
            row = (caller.execution, caller.run, caller.index)
            found = connection.execute(sql.CHILD, row).fetchone()
        return None if found is None else str(found[0])

    def bereaved(self, session: Session) -> list[str]:
        with self._database.reading() as connection:
            return [id_ for (id_,) in connection.execute(sql.BEREAVED, (session.id,))]

    def find(self, prefix: str, *, limit: int = 10) -> list[str]:
        with self._database.reading() as connection:
            bounds = (prefix, prefix + "\U0010ffff", limit)
            return [id_ for (id_,) in connection.execute(sql.FIND, bounds)]

    def summaries(self, query: Query) -> list[Summary]:
        where, values = where_of(query)
        with self._database.reading() as connection:
            statement = sql.SUMMARIES + where + sql.NEWEST_FIRST
            return [summary_of(row) for row in connection.execute(statement, (*values, query.limit))]

    def count(self, query: Query) -> int:
        where, values = where_of(query)
        with self._database.reading() as connection:
            return int(connection.execute(sql.COUNT + where, values).get)

    def delete(self, execution: str, *, at: int | None = None) -> None:
        def work(connection: apsw.Connection) -> None:
            standing = connection.execute(sql.STANDING, (execution,)).fetchone()
            if at is not None and standing is not None and standing[0] != at:
                raise Conflict(f"the execution {execution} stands at {standing[0]}, not at {at}")
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

    def at_work(self) -> list[tuple[str, Session]]:
        with self._database.reading() as connection:
            return [(row[0], session_of(row[1:])) for row in connection.execute(sql.AT_WORK)]

    def queued(self, session: Session) -> list[str]:
        with self._database.reading() as connection:
            return queued_of(connection, session.id)

    def touched(self, session: Session, *, after: int) -> tuple[list[str], int]:
        with self._database.reading() as connection:
            last = int(connection.execute(sql.LAST_TOUCH).get)
            if last == after:
                return [], after
            ids = [id_ for (id_,) in connection.execute(sql.TOUCHED, (after, last, session.id))]
        return ids, last

    # ── itself ──

    def commits(self) -> int:
        return self._database.commits

    def close(self) -> None:
        self._database.close()


def _holder(connection: apsw.Connection, execution: str) -> Session | None:
    row = connection.execute(sql.HOLDER, (execution,)).fetchone()
    return session_of(row) if row is not None else None


def _event_rows(execution: Execution, events: Sequence[Event]) -> list[tuple[str, int, str, int, int, str]]:
    first = execution.seq - len(events) + 1
    rows = []
    for seq, event in enumerate(events, first):
        name, version, body = encode_event(event)
        rows.append((execution.id, seq, name, version, micros(event.at), body))
    return rows


def _run_rows(execution: Execution, events: Sequence[Event]) -> list[tuple[str, int, str, str, str, int, str]]:
    """Exactly the task runs that the events touched, and that are there."""
    touched: dict[str, None] = {}
    for event in events:
        match event:
            case ResumeRequested(paused=str() as paused):
                touched[paused] = None
            case ExecutionReopened():
                touched |= dict.fromkeys(run for run, _ in (*event.runs, *event.marked))
            case ExecutionInherited():
                touched |= dict.fromkeys(execution.runs)
            case _:
                run = getattr(event, "run", None)
                if run is not None:
                    touched[run] = None
    rows = []
    for key in touched:
        if key in execution.runs:
            run = execution.runs[key]
            ready = int(key in execution.ready)
            rows.append((execution.id, run.ordinal, run.id, run.task, run.state.value, ready, dump_run(run)))
    return rows


def _dropped_rows(execution: Execution, events: Sequence[Event]) -> list[tuple[str, int]]:
    """The task runs that have left."""
    opened = [event for event in events if isinstance(event, ExecutionReopened | IterationBegun)]
    return [(execution.id, ordinal) for event in opened for ordinal in event.dropped]


def _header_row(
    execution: Execution, due: Instant | None
) -> tuple[str, int | None, int, int | None, int, int, int, int, str]:
    idle = execution.held or execution.is_leaving
    return (
        execution.state.value,
        micros_or_none(execution.ended),
        execution.seq,
        micros_or_none(due),
        0 if idle else len(execution.ready),
        len(execution.running),
        int(execution.is_over),
        int(execution.queued),
        dump_header(execution),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a creation writes."""

    execution: tuple[Any, ...]
    events: list[tuple[str, int, str, int, int, str]]
    runs: list[tuple[str, int, str, str, str, int, str]]
    outbox: tuple[str, int] | None


def _rows_of(creation: Creation, session: Session | None) -> tuple[_Rows, _Rows | None]:
    """Rows of the execution as it is let in, and as it is where there is no room."""
    slot = creation.slot
    trigger = slot.trigger if slot is not None and slot.origin == SCHEDULED else None
    free = _creation_rows(creation.execution, creation.events, creation.due, session, trigger)
    if creation.crowded is None:
        return free, None
    return free, _creation_rows(*creation.crowded, None, session, trigger)


def _creation_rows(
    execution: Execution,
    events: Sequence[Event],
    due: Instant | None,
    session: Session | None,
    trigger: str | None,
) -> _Rows:
    state, ended, seq, wake_at, *work, text = _header_row(execution, due)
    flow, created = execution.flow, micros(execution.created)
    identity = (execution.id, flow.namespace, flow.id, execution.revision, state, created)
    rest = (ended, seq, wake_at, session.id if session else None, *work, text)
    row = (*identity, *rest, trigger, execution.pinned_commit, *_caller_row(execution))
    return _Rows(row, _event_rows(execution, events), _run_rows(execution, events), _outbox_row(execution, session))


def _caller_row(execution: Execution) -> tuple[str | None, str | None, int | None, int, int]:
    caller = execution.caller
    if caller is None:
        return None, None, None, 0, 0
    return caller.execution, caller.run, caller.index, int(caller.waits), int(execution.is_iteration)


def _outbox_row(execution: Execution, session: Session | None) -> tuple[str, int] | None:
    """What an agent has brought to its end waits to be recorded; an iteration of a Loop is told with its execution."""
    if not execution.is_over or execution.ended is None or execution.is_iteration:
        return None
    if session is None or session.kind != AGENT:
        return None
    return execution.result_id, micros(execution.ended)
