"""Every SQL statement of the store, by what it is for."""

from __future__ import annotations

INSERT_EVENT = "insert into events (execution, seq, type, v, at, body) values (?, ?, ?, ?, ?, ?)"

UPSERT_RUN = (
    "insert into task_runs (execution, ordinal, id, task, state, ready, body) values (?, ?, ?, ?, ?, ?, ?) "
    "on conflict (execution, ordinal) do update "
    "set state = excluded.state, ready = excluded.ready, body = excluded.body"
)

DROP_RUN = "delete from task_runs where execution = ? and ordinal = ?"

INSERT_EXECUTION = (
    "insert into executions (id, namespace, flow, revision, state, created, ended, seq, wake_at, session, ready, "
    "running, is_over, queued, header, slot_trigger, pinned, caller, caller_run, caller_index, awaited, iteration) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

UPDATE_EXECUTION = (
    "update executions set state = ?, ended = ?, seq = ?, wake_at = ?, ready = ?, running = ?, is_over = ?, "
    "queued = ?, header = ? where id = ?"
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

AWAITED = (
    "select caller_run, caller_index, json_extract(header, '$.original_id') from executions "
    "where caller = ? and awaited = 1"
)
"""By the first of those that follow on one another: it is the one that the parent was told of."""

HEARD = "update executions set awaited = 0 where caller = ? and caller_run = ? and caller_index = ? and awaited = 1"

AWAIT = "update executions set awaited = 1 where caller = ? and caller_run = ? and caller_index = ? and id = ?"
"""Of an execution that was called by an earlier attempt, and goes on."""

CHILD = (
    "select id from executions where caller is not null and caller = ? and caller_run = ? and caller_index = ? "
    "order by created desc, id limit 1"
)

LEFT_ALONE = "update executions set awaited = 0 where caller = ? and caller_run = ? and awaited = 1"

UNHEARD = (
    "select e.header from executions e indexed by executions_unheard join executions p on p.id = e.caller "
    "where e.awaited = 1 and e.is_over = 1 and e.state <> 'RETRIED' and p.session = ? "
    "order by e.caller, e.caller_index limit ?"
)
"""By that index: there is next to nothing in it, however many executions there are."""

CALLED = (
    "select id from executions where caller = ?1 and caller is not null and is_over = 0 "
    "and (?2 is null or caller_run = ?2) and iteration >= ?3 order by created, id"
)

BEREAVED = (
    "select e.id from executions e indexed by executions_called join executions p on p.id = e.caller "
    "where e.caller is not null and e.is_over = 0 and e.session = ? and e.state <> 'KILLING' "
    "and p.state in ('KILLING', 'KILLED') "
    "and (e.iteration = 1 or json_extract(p.header, '$.spares') is null) order by e.created, e.id"
)
"""A header leaves out what is false."""

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
    "select e.id, s.id, s.name, s.kind, s.epoch, s.pid, s.opened, s.closed, s.renewed "
    "from executions e indexed by executions_open join sessions s on s.id = e.session where e.is_over = 0 "
    "order by e.created, e.id"
)
"""By that index: for the sake of the order SQLite takes the one by creation, and walks through all that is over."""

LET_IN = (
    "select count(*) from executions "
    "where namespace = ? and flow = ? and is_over = 0 and queued = 0 and iteration = 0 and id <> ?"
)
"""Iterations of a Loop have the place of the execution that they are of."""

ACTIVE_OF_TRIGGER = (
    "select 1 from executions where namespace = ? and flow = ? and slot_trigger = ? and is_over = 0 limit 1"
)

ACTIVE_TRIGGERS = (
    "select id, namespace, flow, slot_trigger from executions where is_over = 0 and slot_trigger is not null"
)

AT_WORK = (
    "select e.id, s.id, s.name, s.kind, s.epoch, s.pid, s.opened, s.closed, s.renewed "
    "from executions e indexed by executions_running join sessions s on s.id = e.session where e.running > 0 "
    "order by e.created, e.id"
)

NEXT_QUEUED_FLOW = (
    "select * from (select namespace, flow from executions where session = ?1 and queued = 1 and state = 'QUEUED' "
    "and namespace = ?2 and flow > ?3 order by flow limit 1) union all "
    "select * from (select namespace, flow from executions where session = ?1 and queued = 1 and state = 'QUEUED' "
    "and namespace > ?2 order by namespace, flow limit 1) limit 1"
)
"""As NEXT_READY_FLOW: a step past however many wait."""

FIRST_QUEUED = (
    "select created, id from executions where session = ? and namespace = ? and flow = ? and queued = 1 "
    "and state = 'QUEUED' order by created, id limit 1"
)

INHERITED = (
    "select id from executions where session = ?1 and is_over = 0 and (running > 0 or ready > 0 "
    "or (state not in ('PAUSED', 'RETRYING', 'BREAKPOINT') and (state <> 'QUEUED' or queued = 0) "
    "and (state <> 'CREATED' or wake_at is null)) "
    "or (state in ('PAUSED', 'BREAKPOINT') and id in (select execution from touches))) order by created, id"
)
"""A paused one that was told something may have been answered while nobody was there to hear it."""

INHERIT = "update executions set session = ? where session = ? and is_over = 0"

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

BEGIN_CURSOR = (
    "insert into cursors (namespace, flow, trigger, reached, fingerprint, disabled) values (?, ?, ?, ?, ?, ?) "
    "on conflict (namespace, flow, trigger) do update set reached = excluded.reached, "
    "fingerprint = excluded.fingerprint"
)

NEXT_FIRED = (
    "select * from (select namespace, flow, trigger from slots where namespace = ?1 and flow = ?2 and trigger > ?3 "
    "order by trigger limit 1) union all "
    "select * from (select namespace, flow, trigger from slots where namespace = ?1 and flow > ?2 "
    "order by flow, trigger limit 1) union all "
    "select * from (select namespace, flow, trigger from slots where namespace > ?1 "
    "order by namespace, flow, trigger limit 1) limit 1"
)
"""One step from trigger to trigger in the primary key, past however many slots of the one before."""

LAST_SLOT = (
    "select date, execution from slots where namespace = ? and flow = ? and trigger = ? "
    "order by date desc, origin desc limit 1"
)

SLOT_DATES = (
    "select distinct date from slots where namespace = ? and flow = ? and trigger = ? and date >= ? and date <= ?"
)

SET_BACKFILL = (
    "insert into backfills (id, created, is_open, namespace, flow, body) values (?, ?, ?, ?, ?, ?) "
    "on conflict (id) do update set is_open = excluded.is_open, body = excluded.body"
)

BACKFILL = "select body from backfills where id = ?"

BACKFILLS = "select body from backfills order by created, id"

OPEN_BACKFILLS = "select body from backfills where is_open = 1 order by created, id"

INSERT_GENERATION = "insert into generations (number, source, commit_id, at) values (?, ?, ?, ?)"

GENERATION = "select number, source, commit_id, at from generations order by number desc limit 1"

PINNED = "select distinct pinned from executions where is_over = 0 and pinned is not null"

INSERT_TEXT = "insert or ignore into texts (digest, body) values (?, ?)"

TEXT = "select body from texts where digest = ?"

SET_REVISION = (
    "insert into revisions (namespace, flow, revision, body) values (?, ?, ?, ?) "
    "on conflict (namespace, flow, revision) do update set body = excluded.body"
)

REVISIONS = "select body from revisions where namespace = ? and flow = ? order by revision desc"

LAST_REVISION = "select max(revision) from revisions where namespace = ? and flow = ?"

CLEAR_TREE = "delete from tree where source = ?"

SET_TREE_FILE = "insert or replace into tree (source, path, body) values (?, ?, ?)"

REMOVE_TREE_FILE = "delete from tree where source = ? and path = ?"

SET_TREE_MARK = (
    "insert into tree_marks (source, commit_id, rules) values (?, ?, ?) on conflict (source) do update "
    "set commit_id = excluded.commit_id, rules = excluded.rules"
)

TREE = "select body from tree where source = ? order by path"

TREE_MARK = "select commit_id, rules from tree_marks where source = ?"

SET_DEPLOYED = (
    "insert into deployed (namespace, flow, body) values (?, ?, ?) "
    "on conflict (namespace, flow) do update set body = excluded.body"
)

REMOVE_DEPLOYED = "delete from deployed where namespace = ? and flow = ?"

REMOVE_CURSORS = "delete from cursors where namespace = ? and flow = ?"

REMOVE_BACKFILLS = "delete from backfills where namespace = ? and flow = ? and is_open = 1"

DEPLOYED = "select body from deployed order by namespace, flow"

DEPLOYED_FLOW = "select body from deployed where namespace = ? and flow = ?"

SET_OBSERVATION = (
    "insert into observations (source, commit_id, at, problem, reached) values (?, ?, ?, ?, ?) on conflict (source) "
    "do update set commit_id = excluded.commit_id, at = excluded.at, problem = excluded.problem, "
    "reached = excluded.reached"
)

OBSERVATION = "select source, commit_id, at, problem, reached from observations where source = ?"

OBSERVATIONS = "select source, commit_id, at, problem, reached from observations order by source"

INSERT_OUTBOX = "insert or ignore into outbox (execution, ended) values (?, ?)"

UNRECORDED = (
    "select o.execution from outbox o "
    "where not exists (select 1 from recorded r where r.sink = ?1 and r.execution = o.execution) "
    "and not exists (select 1 from put_off p where p.sink = ?1 and p.execution = o.execution "
    "and (p.until is null or p.until > ?2)) order by o.ended, o.execution limit ?3"
)

COUNT_UNRECORDED = (
    "select count(*) from outbox o "
    "where not exists (select 1 from recorded r where r.sink = ?1 and r.execution = o.execution) "
    "and not exists (select 1 from put_off p where p.sink = ?1 and p.execution = o.execution and p.until is null)"
)

KNOWS_SINK = ("select 1 from recorded where sink = ? limit 1", "select 1 from put_off where sink = ? limit 1")

INSERT_RECORDED = "insert or ignore into recorded (sink, execution, place, at) values (?, ?, ?, ?)"

PUT_OFF = (
    "insert into put_off (sink, execution, tries, until, error) values (?, ?, 1, ?, ?) on conflict (sink, execution) "
    "do update set tries = tries + 1, until = excluded.until, error = excluded.error returning tries"
)

TAKEN = "delete from put_off where sink = ? and execution = ?"

GIVEN_UP = "select execution, error from put_off where sink = ? and until is null order by execution"

FORGET_RECORDED = (
    "delete from outbox where not exists (select 1 from json_each(?1) s where not exists "
    "(select 1 from recorded r where r.sink = s.value and r.execution = outbox.execution) and not exists "
    "(select 1 from put_off p where p.sink = s.value and p.execution = outbox.execution and p.until is null))"
)
"""Of no sink of the list is it true that it neither has the result nor has given it up."""

KV_ENTRY = "select namespace, key, type, value, created, updated, expires, description from kv "
KV_GET = KV_ENTRY + "where namespace = ?1 and key = ?2 and (expires is null or expires > ?3)"
KV_ENTRIES = (
    KV_ENTRY
    + "where namespace = ?1 and substr(key, 1, length(?2)) = ?2 and (expires is null or expires > ?3) order by key"
)
KV_PUT = (
    "insert into kv (namespace, key, type, value, created, updated, expires, description) "
    "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (namespace, key) do update set type = excluded.type, "
    "value = excluded.value, created = excluded.created, updated = excluded.updated, expires = excluded.expires, "
    "description = excluded.description"
)
KV_DELETE = "delete from kv where namespace = ? and key = ?"
KV_NAMESPACES = "select distinct namespace from kv where expires is null or expires > ? order by namespace"
KV_PURGE = "delete from kv where expires <= ?"

COUNT = "select count(*) from executions where "

SUMMARIES = "select id, namespace, flow, revision, state, created, ended, header, session from executions where "
"""To be followed by conditions, which `rows.where_of` makes of constants."""

NEWEST_FIRST = " order by created desc, id limit ?"

DELETIONS = (
    "delete from events where execution = ?",
    "delete from task_runs where execution = ?",
    "delete from touches where execution = ?",
    "delete from outbox where execution = ?1 or execution glob ?1 || '.*'",
    "delete from put_off where execution = ?1 or execution glob ?1 || '.*'",
    "delete from executions where id = ?",
)
