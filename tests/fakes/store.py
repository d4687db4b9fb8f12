"""The store in memory: the same contract, one process, nothing random. It drives thousands of simulated histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from penstock.diagnostic import FlowName
from penstock.errors import Conflict, NotFound
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

Hook = Callable[[str], None]


@dataclass
class _Row:
    execution: Execution
    events: list[Event]
    due: Instant | None
    session: str | None
    touched: int = 0


@dataclass
class MemoryStore(Store):
    """`before_append` and `after_append` are called with the execution's id around every create and append: a
    simulator raises from them what a crash would be."""

    before_append: Hook | None = None
    after_append: Hook | None = None
    _rows: dict[str, _Row] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _slots: set[Slot] = field(default_factory=set)
    _deployed: dict[FlowName, Deployed] = field(default_factory=dict)
    _observations: dict[str, Observation] = field(default_factory=dict)
    _cursors: dict[tuple[FlowName, str], Cursor] = field(default_factory=dict)
    _recorded: dict[str, set[str]] = field(default_factory=dict)
    _mark: int = 0
    _commits: int = 0

    # ── sessions ──

    def open_session(self, *, name: str, kind: str, pid: int, at: Instant) -> Session:
        epoch = len(self._sessions) + 1
        session = Session(f"{kind}-{epoch}", name, kind, epoch, pid, at, renewed=at)
        self._sessions[session.id] = session
        self._commits += 1
        return session

    def renew_session(self, session: Session, *, at: Instant) -> None:
        if self._sessions[session.id].closed is not None:
            raise Fenced(f"the session {session.id} was closed by somebody else")
        self._sessions[session.id] = replace(self._sessions[session.id], renewed=at)

    def close_session(self, session: Session, *, at: Instant) -> None:
        if self._sessions[session.id].closed is None:
            self._sessions[session.id] = replace(self._sessions[session.id], closed=at)

    def sessions(self, *, open_only: bool = True) -> list[Session]:
        return [each for each in self._sessions.values() if not (open_only and each.closed is not None)]

    def take_over(self, execution: str, *, by: Session) -> None:
        row = self._row(execution)
        holder = self._sessions.get(row.session or "")
        if holder is not None and holder.epoch > by.epoch:
            raise Fenced(f"the execution {execution} is held by a later session, {holder.id}")
        row.session = by.id

    def holder(self, execution: str) -> Session | None:
        row = self._rows.get(execution)
        return self._sessions.get(row.session or "") if row is not None else None

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
        self._before(execution.id)
        if execution.id in self._rows or (slot is not None and slot in self._slots):
            return False
        if slot is not None:
            self._slots.add(slot)
            key = (slot.flow, slot.trigger)
            cursor = self._cursors.get(key)
            if cursor is not None:
                self._cursors[key] = replace(cursor, reached=max(cursor.reached, slot.date))
        self._rows[execution.id] = _Row(execution, list(events), due, session.id if session else None)
        self._after(execution.id)
        return True

    def append(
        self, execution: Execution, events: Sequence[Event], *, due: Instant | None, session: Session | None
    ) -> None:
        self._before(execution.id)
        row = self._row(execution.id)
        if session is not None and row.session != session.id:
            raise Fenced(f"the execution {execution.id} is held by session {row.session}, not by {session.id}")
        before = execution.seq - len(events)
        if len(row.events) != before:
            raise Conflict(f"the execution {execution.id} stands at {len(row.events)}, not at {before}")
        row.events += events
        row.execution, row.due = execution, due
        if session is None:
            self._mark += 1
            row.touched = self._mark
        self._after(execution.id)

    def load(self, execution: str) -> Execution | None:
        row = self._rows.get(execution)
        return restore(_header(row.execution), row.execution.runs.values()) if row is not None else None

    def events(self, execution: str, *, after: int = 0) -> list[Event]:
        row = self._rows.get(execution)
        return row.events[after:] if row is not None else []

    def find(self, prefix: str, *, limit: int = 10) -> list[str]:
        found = [row for id_, row in self._rows.items() if id_.startswith(prefix)]
        return [row.execution.id for row in sorted(found, key=_newest_first)][:limit]

    def summaries(self, query: Query) -> list[Summary]:
        found = [row for row in self._rows.values() if _fits(row.execution, query)]
        return [_summary(row) for row in sorted(found, key=_newest_first)[: query.limit]]

    def delete(self, execution: str) -> None:
        self._rows.pop(execution, None)

    # ── work, as queries ──

    def claimable(self, session: Session, *, limit: int) -> list[Claimable]:
        rows = [row for row in self._held(session) if not row.execution.held and not row.execution.kill]
        running = {row.execution.id: len(row.execution.running) for row in rows}
        flows: dict[FlowName, int] = {}
        for row in self._held(session):
            flows[row.execution.flow] = flows.get(row.execution.flow, 0) + len(row.execution.running)
        ready = {
            row.execution.id: [run for run, _ in sorted(row.execution.ready.items(), key=lambda item: item[1])]
            for row in rows
        }
        claims: list[Claimable] = []
        while len(claims) < limit:
            waiting = [row.execution for row in rows if ready[row.execution.id]]
            if not waiting:
                break
            chosen = min(waiting, key=lambda each: (running[each.id], flows[each.flow], each.created, each.id))
            claims.append(Claimable(chosen.id, ready[chosen.id].pop(0)))
            running[chosen.id] += 1
            flows[chosen.flow] += 1
        return claims

    def due(self, session: Session, *, now: Instant, limit: int) -> list[str]:
        rows = [row for row in self._held(session) if row.due is not None and row.due <= now]
        return [row.execution.id for row in sorted(rows, key=lambda row: (row.due, row.execution.id))][:limit]

    def next_due(self, session: Session) -> Instant | None:
        return min((row.due for row in self._held(session) if row.due is not None), default=None)

    def unfinished(self, session: Session) -> list[str]:
        rows = [row.execution for row in self._held(session) if not row.execution.is_over]
        return [each.id for each in sorted(rows, key=lambda each: (each.created, each.id))]

    def orphaned(self) -> list[tuple[str, Session]]:
        rows = sorted(self._rows.values(), key=lambda row: (row.execution.created, row.execution.id))
        held = [(row.execution, self._sessions.get(row.session or "")) for row in rows]
        return [(each.id, session) for each, session in held if session is not None and not each.is_over]

    def touched(self, session: Session, *, after: int) -> tuple[list[str], int]:
        rows = [row for row in self._held(session) if row.touched > after]
        return [row.execution.id for row in sorted(rows, key=lambda row: row.touched)], self._mark

    # ── what is deployed ──

    def deploy(self, *, accepted: Iterable[Deployed], removed: Iterable[FlowName], observation: Observation) -> None:
        self._deployed |= {each.flow: each for each in accepted}
        for name in removed:
            self._deployed.pop(name, None)
            self._cursors = {key: cursor for key, cursor in self._cursors.items() if key[0] != name}
        self.observe(observation)

    def deployed(self) -> dict[FlowName, Deployed]:
        return dict(sorted(self._deployed.items(), key=lambda item: (item[0].namespace, item[0].id)))

    def observe(self, observation: Observation) -> None:
        self._observations[observation.source] = observation
        self._commits += 1

    def observation(self, source: str) -> Observation | None:
        return self._observations.get(source)

    def observations(self) -> list[Observation]:
        return [self._observations[source] for source in sorted(self._observations)]

    def cursors(self) -> list[Cursor]:
        return [
            self._cursors[key] for key in sorted(self._cursors, key=lambda key: (key[0].namespace, key[0].id, key[1]))
        ]

    def set_cursors(self, cursors: Iterable[Cursor]) -> None:
        self._cursors |= {(each.flow, each.trigger): each for each in cursors}
        self._commits += 1

    # ── results ──

    def unrecorded(self, sink: str, *, limit: int, kind: str) -> list[str]:
        done = self._recorded.get(sink, set())
        rows = [row for row in self._rows.values() if row.execution.is_over and row.execution.id not in done]
        mine = [row.execution for row in rows if row.session and self._sessions[row.session].kind == kind]
        return [each.id for each in sorted(mine, key=lambda each: (each.created, each.id))][:limit]

    def mark_recorded(self, sink: str, executions: Iterable[str], *, place: str, at: Instant) -> None:
        self._recorded.setdefault(sink, set()).update(executions)
        self._commits += 1

    # ── itself ──

    def commits(self) -> int:
        return self._commits

    def close(self) -> None:
        return

    def _row(self, execution: str) -> _Row:
        if execution not in self._rows:
            raise NotFound(f"there is no execution {execution}")
        return self._rows[execution]

    def _held(self, session: Session) -> list[_Row]:
        return [row for row in self._rows.values() if row.session == session.id]

    def _before(self, execution: str) -> None:
        if self.before_append is not None:
            self.before_append(execution)

    def _after(self, execution: str) -> None:
        self._commits += 1
        if self.after_append is not None:
            self.after_append(execution)


def _header(execution: Execution) -> Execution:
    from penstock.execution.codec import dump_header, load_header

    return load_header(dump_header(execution))


def _newest_first(row: _Row) -> tuple[float, str]:
    return -row.execution.created.timestamp(), row.execution.id


def _fits(execution: Execution, query: Query) -> bool:
    namespace = execution.flow.namespace
    return (
        (query.flow is None or query.flow == execution.flow)
        and (query.namespace is None or namespace == query.namespace or namespace.startswith(query.namespace + "."))
        and (not query.states or execution.state in query.states)
        and (query.before is None or execution.created < query.before)
        and all(execution.labels.get(key) == value for key, value in query.labels.items())
    )


def _summary(row: _Row) -> Summary:
    execution = row.execution
    return Summary(
        execution.id,
        execution.flow,
        execution.revision,
        execution.state,
        execution.created,
        execution.ended,
        execution.labels,
        execution.trigger,
        row.session,
    )
