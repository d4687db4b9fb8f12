"""The schema, as numbered steps that only go forward. A step that was released is never edited.

Instants are integer microseconds since 1970 in UTC. `body` and `header` are JSON (see `penstock.execution.codec`).
"""

from __future__ import annotations

APPLICATION_ID = 0x50454E53
"""`PENS`: what tells a store of ours from any other SQLite file."""

MIGRATIONS: tuple[str, ...] = (
    """
    create table sessions (
        id text primary key, name text not null, kind text not null, epoch integer not null unique,
        pid integer not null, opened integer not null, closed integer, renewed integer
    ) without rowid;

    create table executions (
        id text primary key, namespace text not null, flow text not null, revision integer not null,
        state text not null, created integer not null, ended integer, seq integer not null, wake_at integer,
        session text, ready integer not null, running integer not null, is_over integer not null,
        header text not null
    ) without rowid;
    create index executions_by_created on executions (created desc);
    create index executions_by_flow on executions (namespace, flow, created desc);
    create index executions_due on executions (session, wake_at) where wake_at is not null;
    create index executions_open on executions (session, created) where is_over = 0;
    create index executions_over on executions (created) where is_over = 1;
    create index executions_ready on executions (session, running, created) where ready > 0;

    create table task_runs (
        execution text not null, ordinal integer not null, id text not null, task text not null,
        state text not null, ready integer not null, body text not null,
        primary key (execution, ordinal)
    ) without rowid;
    create index task_runs_ready on task_runs (execution, ordinal) where ready = 1;

    create table events (
        execution text not null, seq integer not null, type text not null, v integer not null,
        at integer not null, body text not null,
        primary key (execution, seq)
    ) without rowid;

    create table touches (
        mark integer primary key autoincrement, execution text not null
    );

    create table slots (
        namespace text not null, flow text not null, trigger text not null, date integer not null,
        origin text not null, execution text not null,
        primary key (namespace, flow, trigger, date, origin)
    ) without rowid;

    create table cursors (
        namespace text not null, flow text not null, trigger text not null, reached integer not null,
        fingerprint text not null, disabled integer not null,
        primary key (namespace, flow, trigger)
    ) without rowid;

    create table deployed (
        namespace text not null, flow text not null, body text not null,
        primary key (namespace, flow)
    ) without rowid;

    create table observations (
        source text primary key, commit_id text, at integer not null, problem text
    ) without rowid;

    create table recorded (
        sink text not null, execution text not null, place text not null, at integer not null,
        primary key (sink, execution)
    ) without rowid;
    """,
    # Claims ask by flow, and must cost nothing beside executions that are paused or wait.
    """
    drop index executions_ready;
    create index executions_claimable on executions (session, namespace, flow, running, created) where ready > 0;
    create index executions_running on executions (session, namespace, flow, running) where running > 0;
    """,
    # The agent that stays: generations, the tree they were read from, admission by flow, backfills, an outbox.
    """
    alter table executions add column slot_trigger text;
    alter table executions add column pinned text;
    create index executions_open_by_flow on executions (namespace, flow, slot_trigger) where is_over = 0;
    create index executions_queued on executions (session, namespace, flow, created) where state = 'QUEUED';
    create index executions_pinned on executions (pinned) where is_over = 0 and pinned is not null;
    drop index executions_over;

    create table generations (
        number integer primary key, source text not null, commit_id text not null, at integer not null
    );
    create table revisions (
        namespace text not null, flow text not null, revision integer not null, body text not null,
        primary key (namespace, flow, revision)
    ) without rowid;
    insert into revisions (namespace, flow, revision, body)
        select namespace, flow, json_extract(body, '$.revision'), body from deployed;
    create table texts (digest text primary key, body blob not null) without rowid;
    create table tree (
        source text not null, path text not null, body text not null, primary key (source, path)
    ) without rowid;
    create table tree_marks (source text primary key, commit_id text not null, rules text not null) without rowid;
    alter table observations add column reached integer;

    create table backfills (
        id text primary key, created integer not null, is_open integer not null, namespace text not null,
        flow text not null, body text not null
    ) without rowid;
    create index backfills_open on backfills (created) where is_open = 1;

    create table outbox (execution text primary key, ended integer not null) without rowid;
    create index outbox_by_end on outbox (ended, execution);
    insert into outbox (execution, ended)
        select e.id, coalesce(e.ended, e.created) from executions e join sessions s on s.id = e.session
        where e.is_over = 1 and s.kind = 'agent'
        and not exists (select 1 from recorded r where r.execution = e.id and r.sink = 'git');
    create table put_off (
        sink text not null, execution text not null, tries integer not null, until integer, error text not null,
        primary key (sink, execution)
    ) without rowid;
    """,
    # Who waits to be let in is told by a column: one that was let in is QUEUED in its state until it is settled. It is
    # counted past a queue of any length. What was open before the step above is pinned too.
    """
    alter table executions add column queued integer not null default 0;
    update executions set queued = 1 where state = 'QUEUED' and json_extract(header, '$.queued');
    drop index executions_queued;
    create index executions_waiting on executions (session, namespace, flow, created)
        where queued = 1 and state = 'QUEUED';
    create index executions_let_in on executions (namespace, flow) where is_over = 0 and queued = 0;
    update executions set pinned = json_extract(header, '$.source.commit') where is_over = 0 and pinned is null;
    update executions set slot_trigger = s.trigger from slots s
        where s.execution = executions.id and s.origin = 'schedule' and executions.is_over = 0;
    """,
    # The key-value store of namespaces.
    """
    create table kv (
        namespace text not null, key text not null, type text not null, value text not null, description text,
        created integer not null, updated integer not null, expires integer,
        primary key (namespace, key)
    ) without rowid;
    create index kv_expiring on kv (expires) where expires is not null;
    """,
    # Executions that task runs of others have called. `awaited` while the end of one is waited for, and has not been
    # heard of: so the living children of a parent are a query, and so are the ends that it does not know of. The rounds
    # of a Loop (`iteration`) take no place among those that a flow's concurrency allows.
    """
    alter table executions add column caller text;
    alter table executions add column caller_run text;
    alter table executions add column caller_index integer;
    alter table executions add column awaited integer not null default 0;
    alter table executions add column iteration integer not null default 0;
    drop index executions_let_in;
    create index executions_let_in on executions (namespace, flow, iteration) where is_over = 0 and queued = 0;
    create index executions_awaited on executions (caller, caller_run, caller_index) where awaited = 1;
    create index executions_by_caller on executions (caller, caller_run, caller_index) where caller is not null;
    create index executions_unheard on executions (caller) where awaited = 1 and is_over = 1;
    create index executions_called on executions (caller) where caller is not null and is_over = 0;
    """,
    # Lists leave out the rounds of a Loop, and walk past none of them.
    """
    drop index executions_by_created;
    drop index executions_by_flow;
    create index executions_by_created on executions (created desc) where iteration = 0;
    create index executions_by_flow on executions (namespace, flow, created desc) where iteration = 0;
    """,
)
