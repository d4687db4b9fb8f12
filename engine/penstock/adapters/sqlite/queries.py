"""Every SQL statement of the store, by what it is for."""

from __future__ import annotations

INSERT_EVENT = "insert into events (execution, seq, type, v, at, body) values (?, ?, ?, ?, ?, ?)"

UPSERT_RUN = (
    "insert into task_runs (execution, ordinal, id, task, state, ready, body) values (?, ?, ?, ?, ?, ?, ?) "
    "on conflict (execution, ordinal) do update "
    "set state = excluded.state, ready = excluded.ready, body = excluded.body"
)

INSERT_EXECUTION = (
    "insert into executions (id, namespace, flow, revision, state, created, ended, seq, wake_at, session, ready, "
    "running, is_over, header) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

UPDATE_EXECUTION = (
    "update executions set state = ?, ended = ?, seq = ?, wake_at = ?, ready = ?, running = ?, is_over = ?, header = ? "
    "where id = ?"
)

STANDING = "select seq, session from executions where id = ?"

INSERT_TOUCH = "insert into touches (execution) values (?)"

TOUCHED = (
    "select t.execution from touches t join executions e on e.id = t.execution "
    "where t.mark > ? and t.mark <= ? and e.session = ? group by t.execution order by max(t.mark)"
)

LAST_TOUCH = "select coalesce(max(mark), 0) from touches"

HEADER = "select header from executions where id = ?"

RUNS = "select body from task_runs where execution = ? order by ordinal"

EVENTS = "select type, v, body from events where execution = ? and seq > ? order by seq"

FIND = "select id from executions where id >= ? and id < ? order by created desc, id limit ?"

NEXT_READY_FLOW = (
    "select * from (select namespace, flow from executions where session = ?1 and ready > 0 and namespace = ?2 "
    "and flow > ?3 order by flow limit 1) union all "
    "select * from (select namespace, flow from executions where session = ?1 and ready > 0 and namespace > ?2 "
    "order by namespace, flow limit 1) limit 1"
)
"""One step from flow to flow in the index, past however many executions of the one before: `(namespace, flow) >` would
walk through all of the namespace."""

READY_EXECUTIONS = (
    "select running, created, id from executions where session = ? and namespace = ? and flow = ? and ready > 0 "
    "order by running, created, id limit ?"
)

RUNNING_OF_FLOW = (
    "select coalesce(sum(running), 0) from executions where session = ? and namespace = ? and flow = ? and running > 0"
)

READY_RUNS = (
    "select id from task_runs indexed by task_runs_ready where execution = ? and ready = 1 order by ordinal limit ?"
)
"""By that index: left to itself SQLite takes the primary key, and walks through everything that has ended."""

DUE = "select id from executions where session = ? and wake_at <= ? order by wake_at, id limit ?"

NEXT_DUE = "select min(wake_at) from executions where session = ? and wake_at is not null"

UNFINISHED = "select id from executions where session = ? and is_over = 0 order by created, id"

ORPHANED = (
    "select e.id, s.id, s.name, s.kind, s.epoch, s.pid, s.opened, s.closed, s.renewed from executions e "
    "join sessions s on s.id = e.session where e.is_over = 0 order by e.created, e.id"
)

TAKE_OVER = "update executions set session = ? where id = ?"

HOLDER = (
    "select s.id, s.name, s.kind, s.epoch, s.pid, s.opened, s.closed, s.renewed from executions e "
    "join sessions s on s.id = e.session where e.id = ?"
)

SESSIONS = "select id, name, kind, epoch, pid, opened, closed, renewed from sessions order by epoch"

OPEN_SESSIONS = (
    "select id, name, kind, epoch, pid, opened, closed, renewed from sessions where closed is null order by epoch"
)

NEXT_EPOCH = "select coalesce(max(epoch), 0) + 1 from sessions"

INSERT_SESSION = (
    "insert into sessions (id, name, kind, epoch, pid, opened, closed, renewed) values (?, ?, ?, ?, ?, ?, null, ?)"
)

RENEW_SESSION = "update sessions set renewed = ? where id = ? and closed is null"

CLOSE_SESSION = "update sessions set closed = ? where id = ? and closed is null"

SLOT_TAKEN = "select 1 from slots where namespace = ? and flow = ? and trigger = ? and date = ? and origin = ?"

INSERT_SLOT = "insert into slots (namespace, flow, trigger, date, origin, execution) values (?, ?, ?, ?, ?, ?)"

ADVANCE_CURSOR = "update cursors set reached = max(reached, ?) where namespace = ? and flow = ? and trigger = ?"

CURSORS = (
    "select namespace, flow, trigger, reached, fingerprint, disabled from cursors order by namespace, flow, trigger"
)

SET_CURSOR = (
    "insert into cursors (namespace, flow, trigger, reached, fingerprint, disabled) values (?, ?, ?, ?, ?, ?) "
    "on conflict (namespace, flow, trigger) do update set reached = excluded.reached, "
    "fingerprint = excluded.fingerprint, disabled = excluded.disabled"
)

SET_DEPLOYED = (
    "insert into deployed (namespace, flow, body) values (?, ?, ?) "
    "on conflict (namespace, flow) do update set body = excluded.body"
)

REMOVE_DEPLOYED = "delete from deployed where namespace = ? and flow = ?"

REMOVE_CURSORS = "delete from cursors where namespace = ? and flow = ?"

DEPLOYED = "select body from deployed order by namespace, flow"

SET_OBSERVATION = (
    "insert into observations (source, commit_id, at, problem) values (?, ?, ?, ?) on conflict (source) do update "
    "set commit_id = excluded.commit_id, at = excluded.at, problem = excluded.problem"
)

OBSERVATION = "select source, commit_id, at, problem from observations where source = ?"

OBSERVATIONS = "select source, commit_id, at, problem from observations order by source"

UNRECORDED = (
    "select e.id from executions e where e.is_over = 1 "
    "and not exists (select 1 from recorded r where r.sink = ? and r.execution = e.id) "
    "and exists (select 1 from sessions s where s.id = e.session and s.kind = ?) order by e.created, e.id limit ?"
)

INSERT_RECORDED = "insert or ignore into recorded (sink, execution, place, at) values (?, ?, ?, ?)"

SUMMARIES = "select id, namespace, flow, revision, state, created, ended, header, session from executions where "
"""To be followed by conditions, which `rows.where_of` makes of constants."""

NEWEST_FIRST = " order by created desc, id limit ?"

DELETIONS = (
    "delete from events where execution = ?",
    "delete from task_runs where execution = ?",
    "delete from touches where execution = ?",
    "delete from executions where id = ?",
)
