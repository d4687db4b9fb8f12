"""The store in memory: the same contract, one process, nothing random. It drives thousands of simulated histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from fakes.store_deployment import MemoryDeployment, MemoryOutbox
from penstock.diagnostic import FlowName
from penstock.errors import Conflict, NotFound
from penstock.execution.event import Caller, ChildEnded, ChildStarted, Event, Instant, TaskRunEnded
from penstock.execution.model import Execution, execution_of
from penstock.execution.snapshot import restore
from penstock.execution.state import State
from penstock.ports.deployment import SCHEDULED
from penstock.ports.store import (
    AGENT,
    Claimable,
    Creation,
    Crowded,
    Fenced,
    Iterations,
    Query,
    Session,
    Store,
    Summary,
    Unadmitted,
)

Hook = Callable[[str], None]


@dataclass
class _Row:
    execution: Execution
    events: list[Event]
    due: Instant | None
    session: str | None
    touched: int = 0
    trigger: str | None = None
    awaited: bool = False


@dataclass
class MemoryStore(MemoryDeployment, MemoryOutbox, Store):
    """`before_append` and `after_append` are called with the execution's id around every create and append: a
    simulator raises from them what a crash would be."""

    before_append: Hook | None = None
    after_append: Hook | None = None
    _rows: dict[str, _Row] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _mark: int = 0

    # ── sessions ──

    def open_session(self, *, name: str, kind: str, pid: int, at: Instant) -> Session:
        epoch = len(self._sessions) + 1
        session = Session(f"{kind}-{epoch}", name, kind, epoch, pid, at, renewed=at)
        self._sessions[session.id] = session
        self._commits += 1
        return session

    def renew_session(self, session: Session, *, at: Instant) -> None:
        known = self._sessions.get(session.id)
        if known is None or known.closed is not None:
            raise Fenced(f"the session {session.id} was closed by somebody else")
        self._sessions[session.id] = replace(known, renewed=at)

    def close_session(self, session: Session, *, at: Instant) -> None:
        known = self._sessions.get(session.id)
        if known is not None and known.closed is None:
            self._sessions[session.id] = replace(known, closed=at)

    def sessions(self, *, open_only: bool = True) -> list[Session]:
        return [each for each in self._sessions.values() if not (open_only and each.closed is not None)]

    def take_over(self, execution: str, *, by: Session) -> None:
        row = self._row(execution)
        holder = self._sessions.get(row.session or "")
        if holder is not None and holder.epoch > by.epoch:
            raise Fenced(f"the execution {execution} is held by a later session, {holder.id}")
        row.session = by.id

    def inherit(self, dead: Session, *, by: Session) -> list[str]:
        found = []
        for row in sorted(self._held(dead), key=lambda row: (row.execution.created, row.execution.id)):
            execution = row.execution
            if execution.is_over:
                continue
            row.session = by.id
            idle = execution.held or execution.is_leaving
            waits = (
                execution.state in (State.PAUSED, State.RETRYING, State.BREAKPOINT)
                or (execution.state is State.QUEUED and execution.queued)
                or (execution.state is State.CREATED and row.due is not None)
            )
            is_answered = execution.state in (State.PAUSED, State.BREAKPOINT) and row.touched > 0
            if execution.running or (execution.ready and not idle) or not waits or is_answered:
                found.append(execution.id)
        return found

    def holder(self, execution: str) -> Session | None:
        row = self._rows.get(execution)
        return self._sessions.get(row.session or "") if row is not None else None

    # ── executions ──

    def create(
        self, creations: Sequence[Creation], *, session: Session | None, told: bool = False
    ) -> list[Execution | Unadmitted]:
        for creation in creations:
            self._before(creation.execution.id)
        written = [self._create(creation, session, told=told) for creation in creations]
        for result in written:
            if isinstance(result, Execution):
                self._after(result.id)
        return written

    def _create(self, creation: Creation, session: Session | None, *, told: bool) -> Execution | Unadmitted:
        execution, events, due, slot = creation.execution, creation.events, creation.due, creation.slot
        if execution.id in self._rows:
            return Unadmitted.KNOWN
        if slot is not None:
            key = replace(slot, alone=False)
            if key in self._slots:
                return Unadmitted.KNOWN
            if slot.alone and (slot.flow, slot.trigger) in self.active_triggers().values():
                return Unadmitted.HELD
            self._slots[key] = execution.id
            cursor = self._cursors.get((slot.flow, slot.trigger))
            if cursor is not None and slot.origin == SCHEDULED:
                reached = max(cursor.reached, slot.date)
                self._cursors[slot.flow, slot.trigger] = replace(cursor, reached=reached)
        is_limited = creation.crowded is not None and creation.limit is not None
        if is_limited and self._let_in(execution) >= (creation.limit or 0):
            execution, events = creation.crowded or (execution, events)
            due = None
        row = _Row(execution, list(events), due, session.id if session else None)
        row.trigger = slot.trigger if slot is not None and slot.origin == SCHEDULED else None
        row.awaited = execution.caller is not None and execution.caller.waits
        self._rows[execution.id] = row
        if told:
            self._touch(row)
        self._note_end(execution, session)
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
        self._before(execution.id)
        row = self._row(execution.id)
        if session is not None and row.session != session.id:
            raise Fenced(f"the execution {execution.id} is held by session {row.session}, not by {session.id}")
        before = execution.seq - len(events)
        if len(row.events) != before:
            raise Conflict(f"the execution {execution.id} stands at {len(row.events)}, not at {before}")
        if room is not None and self._let_in(execution) >= room:
            raise Crowded(f"{room} executions of {execution.flow} go on already")
        row.events += events
        row.execution, row.due = execution, due
        for event in events:
            if isinstance(event, ChildStarted) and execution.waits_for(event.run) and event.child in self._rows:
                self._rows[event.child].awaited = True
            elif isinstance(event, ChildEnded):
                self.hear(Caller(execution.id, event.run, event.index, waits=True, depth=1))
            elif isinstance(event, TaskRunEnded) and (event.orphan or execution.spares):
                for child in self._called(execution.id):
                    if child.caller is not None and child.caller.run == event.run:
                        self.hear(child.caller)
        if session is None:
            self._touch(row)
        holder = session if session is not None else self._sessions.get(row.session or "")
        self._note_end(execution, holder)
        born = [self._create(each, holder, told=session is None) for each in births]
        self._after(execution.id)
        return born

    def _let_in(self, execution: Execution) -> int:
        """How many other executions of its flow go on."""
        others = [each for each in self._open_executions() if each.flow == execution.flow and each.id != execution.id]
        return sum(not each.queued and not each.is_iteration for each in others)

    def _touch(self, row: _Row) -> None:
        self._mark += 1
        row.touched = self._mark

    def _note_end(self, execution: Execution, session: Session | None) -> None:
        is_told = session is not None and session.kind == AGENT and not execution.is_iteration
        if execution.is_over and execution.ended is not None and is_told:
            self._outbox.setdefault(execution.result_id, execution.ended)

    def _open_executions(self) -> Iterable[Execution]:
        return [row.execution for row in self._rows.values() if not row.execution.is_over]

    def active_triggers(self) -> dict[str, tuple[FlowName, str]]:
        rows = [row for row in self._rows.values() if row.trigger is not None and not row.execution.is_over]
        return {row.execution.id: (row.execution.flow, row.trigger or "") for row in rows}

    def load(self, execution: str) -> Execution | None:
        row = self._rows.get(execution)
        if row is None:
            return None
        awaited = [child for child in self._called(execution) if self._rows[child.id].awaited]
        living = [
            (each.caller.run, each.caller.index, each.original_id or each.id)
            for each in awaited
            if each.caller is not None
        ]
        return restore(_header(row.execution), row.execution.runs.values(), living)

    def unheard(self, session: Session, *, limit: int) -> list[Execution]:
        parents = {row.execution.id for row in self._held(session)}
        rows = [row for row in self._rows.values() if row.awaited and row.execution.is_over]
        rows = [row for row in rows if row.execution.state is not State.RETRIED]
        mine = [row.execution for row in rows if row.execution.caller and row.execution.caller.execution in parents]
        return [_header(each) for each in mine][:limit]

    def hear(self, caller: Caller) -> None:
        for each in self._called(caller.execution):
            if each.caller is not None and (each.caller.run, each.caller.index) == (caller.run, caller.index):
                self._rows[each.id].awaited = False

    def called(self, execution: str, *, run: str | None = None, within: bool = False) -> list[str]:
        living = [each for each in self._called(execution) if not each.is_over and each.is_iteration >= within]
        living = [each for each in living if each.caller is not None and run in (None, each.caller.run)]
        return [each.id for each in sorted(living, key=lambda each: (each.created, each.id))]

    def child(self, caller: Caller) -> str | None:
        place = caller.run, caller.index
        found = [each for each in self._called(caller.execution) if each.caller is not None]
        found = [each for each in found if each.caller is not None and (each.caller.run, each.caller.index) == place]
        return max(found, key=lambda each: each.created).id if found else None

    def bereaved(self, session: Session) -> list[str]:
        killed = {row.execution.id: row.execution for row in self._rows.values() if row.execution.kill}
        rows = [row.execution for row in self._held(session) if not row.execution.is_over and not row.execution.kill]
        rows = [each for each in rows if each.caller is not None and each.caller.execution in killed]
        spared = [each for each in rows if each.caller is not None and killed[each.caller.execution].spares]
        return [each.id for each in rows if each.is_iteration or each not in spared]

    def _called(self, execution: str) -> list[Execution]:
        rows = [row.execution for row in self._rows.values()]
        return [each for each in rows if each.caller is not None and each.caller.execution == execution]

    def events(self, execution: str, *, after: int = 0) -> list[Event]:
        row = self._rows.get(execution)
        return row.events[after:] if row is not None else []

    def find(self, prefix: str, *, limit: int = 10) -> list[str]:
        found = [row for id_, row in self._rows.items() if id_.startswith(prefix)]
        return [row.execution.id for row in sorted(found, key=_newest_first)][:limit]

    def summaries(self, query: Query) -> list[Summary]:
        found = [row for row in self._rows.values() if _fits(row.execution, query)]
        return [_summary(row) for row in sorted(found, key=_newest_first)[: query.limit]]

    def count(self, query: Query) -> int:
        return sum(_fits(row.execution, query) for row in self._rows.values())

    def delete(self, execution: str, *, at: int | None = None) -> None:
        row = self._rows.get(execution)
        if at is not None and row is not None and len(row.events) != at:
            raise Conflict(f"the execution {execution} stands at {len(row.events)}, not at {at}")
        self._rows.pop(execution, None)
        self._outbox = {key: ended for key, ended in self._outbox.items() if execution_of(key) != execution}
        self._put_off = {key: off for key, off in self._put_off.items() if execution_of(key[1]) != execution}

    # ── work, as queries ──

    def claimable(self, session: Session, *, limit: int) -> list[Claimable]:
        rows = [row for row in self._held(session) if not row.execution.held and not row.execution.is_leaving]
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

    def at_work(self) -> list[tuple[str, Session]]:
        rows = sorted(self._rows.values(), key=lambda row: (row.execution.created, row.execution.id))
        held = [(row.execution, self._sessions.get(row.session or "")) for row in rows if row.execution.running]
        return [(each.id, session) for each, session in held if session is not None]

    def queued(self, session: Session) -> list[str]:
        longest: dict[FlowName, Execution] = {}
        rows = [row.execution for row in self._held(session) if row.execution.queued]
        rows = [each for each in rows if each.state is State.QUEUED]
        for each in sorted(rows, key=lambda each: (each.created, each.id)):
            longest.setdefault(each.flow, each)
        return [each.id for each in longest.values()]

    def touched(self, session: Session, *, after: int) -> tuple[list[str], int]:
        rows = [row for row in self._held(session) if row.touched > after]
        return [row.execution.id for row in sorted(rows, key=lambda row: row.touched)], self._mark

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
        and (query.after is None or execution.created > query.after)
        and all(execution.labels.get(key) == value for key, value in query.labels.items())
        and _is_called(execution, query)
    )


def _is_called(execution: Execution, query: Query) -> bool:
    caller = execution.caller
    if query.iterations is not Iterations.TOO and execution.is_iteration != (query.iterations is Iterations.ALONE):
        return False
    if query.caller is None:
        return True
    return caller is not None and caller.execution == query.caller and query.caller_run in (None, caller.run)


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
        execution.caller,
        execution.source.get("item"),
    )
