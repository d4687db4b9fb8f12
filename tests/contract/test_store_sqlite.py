"""What SQLite's store costs, whatever its history; and stores of the schemas before.

Costs are counted in steps of SQLite's machine, so that no clock and no neighbour on this computer has a say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from contract.test_store_admission import HOUR, NOW, A, admit, creation, end, step
from contract.test_store_results import run_to_its_end
from penstock.adapters.sqlite import SqliteStore
from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.migrations import APPLICATION_ID, MIGRATIONS
from penstock.errors import Conflict
from penstock.execution.apply import begin, extend
from penstock.execution.codec import dump_header, encode_event
from penstock.execution.event import Event, ExecutionAdmitted, ExecutionCreated, ExecutionEnded
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.ports.deployment import Slot
from penstock.ports.store import Session

MANY = 100_000
COUNT_TO = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) "
EXECUTIONS = (
    "insert into executions (id, namespace, flow, revision, state, created, ended, seq, wake_at, session, ready, "
    "running, is_over, header, slot_trigger, pinned, queued) "
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "store.db")
    yield made
    made.close()


@pytest.fixture
def session(store: SqliteStore) -> Session:
    return store.open_session(name="h", kind="agent", pid=1, at=NOW)


def cost(store: SqliteStore, ask: Callable[[], object]) -> int:
    """Steps of SQLite's machine for `ask`, in tens. The reader that is looked at is the one that is taken next."""
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    with store._database.reading() as reader:
        pass
    for connection in (reader, store._database._writer):
        connection.set_progress_handler(count, 10)
    try:
        ask()
    finally:
        for connection in (reader, store._database._writer):
            connection.set_progress_handler(None)
    return steps


def fill(store: SqliteStore, *statements: tuple[str, tuple[object, ...]]) -> None:
    def work(connection: apsw.Connection) -> None:
        for statement, values in statements:
            connection.execute(statement, values)

    store._database.write(work)


def test_what_was_recorded_costs_nothing_any_more(store: SqliteStore, session: Session) -> None:
    for n in range(5):
        run_to_its_end(store, session, f"new-{n}", NOW + HOUR)
    admit(store, session, creation("going", commit="c1", slot=Slot(A, "t", NOW)))
    admit(store, session, creation("waiting", limit=0))
    store.mark_recorded("api", ["none"], place="", at=NOW)
    asked: list[Callable[[], object]] = [
        lambda: store.unrecorded("git", limit=100, now=NOW),
        lambda: store.count_unrecorded("git"),
        lambda: store.knows_sink("git"),
        lambda: store.given_up("git"),
        lambda: store.forget_recorded(["git", "api"]),
        lambda: store.queued(session),
        lambda: store.unfinished(session),
        lambda: store.due(session, now=NOW, limit=10),
        lambda: store.next_due(session),
        store.orphaned,
        store.at_work,
        store.active_triggers,
        store.pinned_commits,
        store.fired_last,
        lambda: store.inherit(replace(session, id="agent-0"), by=session),
    ]
    before = [cost(store, ask) for ask in asked]
    fill(
        store,
        (
            COUNT_TO + EXECUTIONS + "select 'old-' || i, 'team', 'a', 1, 'SUCCESS', i, i, 2, null, ?, 0, 0, 1, '{}', "
            "'t', 'c0', 0 from n",
            (MANY, session.id),
        ),
        (COUNT_TO + "insert into recorded select 'git', 'old-' || i, 'p', 1 from n", (MANY,)),
    )
    after = [cost(store, ask) for ask in asked]
    assert max(now - then for then, now in zip(before, after, strict=True)) <= 10, list(zip(before, after, strict=True))
    assert store.unrecorded("git", limit=100, now=NOW) == [f"new-{n}" for n in range(5)]


def test_a_queue_of_any_length_costs_nothing(store: SqliteStore, session: Session) -> None:
    admit(store, session, creation("going", limit=1))
    admit(store, session, creation("first", limit=1))
    first = store.load("first")
    assert first is not None

    def let_in(id_: str) -> None:
        with pytest.raises(Conflict):
            step(store, session, first, ExecutionAdmitted(at=NOW), room=1)
        assert admit(store, session, creation(id_, limit=1)) is not None
        assert store.queued(session) == ["first"]

    before = cost(store, lambda: let_in("one"))
    fill(
        store,
        (
            COUNT_TO + EXECUTIONS + "select 'q-' || i, 'team', 'a', 1, 'QUEUED', ? + i, null, 2, null, ?, 0, 0, 0, "
            "'{}', null, null, 1 from n",
            (MANY, int(NOW.timestamp()) * 1_000_000, session.id),
        ),
    )
    assert cost(store, lambda: let_in("two")) <= before + 10


def test_slots_of_any_number_cost_nothing(store: SqliteStore, session: Session) -> None:
    def fire(hours: int) -> None:
        slot = Slot(A, "t1", NOW + hours * HOUR, alone=True)
        assert isinstance(admit(store, session, creation(f"e{hours}", slot=slot)), Execution)
        end(store, session, f"e{hours}")
        assert store.fired_last()[A, "t1"] == (slot.date, f"e{hours}")

    fire(0)
    insert = "insert into slots select 'team', 'a', 't' || (i % 4), i, 'schedule', 'old' from n"
    fill(store, (COUNT_TO + insert, (4,)))
    before = cost(store, lambda: fire(1))
    fill(store, (COUNT_TO + insert + " where i > 4", (MANY,)))
    assert cost(store, lambda: fire(2)) <= before + 10


@pytest.mark.parametrize(
    ("statement", "bound", "wanted"),
    [
        (sql.UNRECORDED, ("git", 1, 9), ["SCAN o USING COVERING INDEX outbox_by_end"]),
        (sql.FORGET_RECORDED, ("[]",), ["SCAN outbox"]),
        (sql.LET_IN, ("n", "f", "e"), ["SEARCH executions USING COVERING INDEX executions_let_in"]),
        (sql.ACTIVE_OF_TRIGGER, ("n", "f", "t"), ["SEARCH executions USING COVERING INDEX executions_open_by_flow"]),
        (sql.FIRST_QUEUED, ("s", "n", "f"), ["SEARCH executions USING COVERING INDEX executions_waiting"]),
        (sql.PINNED, (), ["SEARCH executions USING COVERING INDEX executions_pinned"]),
        (sql.INHERITED, ("s",), ["SEARCH executions USING INDEX executions_open"]),
    ],
)
def test_what_is_asked_often_is_answered_by_an_index(
    statement: str, bound: tuple[object, ...], wanted: list[str], store: SqliteStore
) -> None:
    with store._database.reading() as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {statement}", bound)]
    for line in wanted:
        assert [each for each in plan if each.startswith(line)], plan
    walked = [each for each in plan if each.startswith("SCAN") and not each.startswith(tuple(wanted))]
    assert [each for each in walked if not each.startswith(("SCAN s VIRTUAL TABLE", "SCAN touches"))] == [], plan
    assert not [each for each in plan if "TEMP B-TREE" in each], plan


# ── the schemas before ───────────────────────────────────────────────────────────────────────────────────────


class Before:
    """A file of schema 2, as its version wrote it."""

    def __init__(self, path: Path) -> None:
        self.connection = apsw.Connection(str(path))
        for migration in MIGRATIONS[:2]:
            self.connection.execute(migration)
        self.connection.execute(f"pragma user_version = 2; pragma application_id = {APPLICATION_ID}")
        for id_, kind, epoch in (("agent-1", "agent", 1), ("run-2", "run", 2)):
            self.put("sessions", id_, "h", kind, epoch, 7, 1, None, 1)

    def put(self, table: str, *values: object) -> None:
        self.connection.execute(f"insert into {table} values ({', '.join('?' * len(values))})", values)

    def execution(self, id_: str, session: str, *more: Event, commit: str | None = None) -> Execution:
        created = ExecutionCreated(
            at=NOW, id=id_, namespace="team", flow_id="a", revision=1, flow_digest="d", source={"commit": commit}
        )
        events = (created, *more)
        execution = extend(begin(created), more)
        is_over = execution.is_over
        self.put(
            "executions", id_, "team", "a", 1, execution.state.value, 5, 6 if is_over else None, len(events), None,
            session, 0, 0, is_over, dump_header(execution),
        )  # fmt: skip
        for seq, event in enumerate(events, 1):
            name, version, body = encode_event(event)
            self.put("events", id_, seq, name, version, 5, body)
        return execution


def test_a_store_of_the_second_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = Before(path)
    ended = ExecutionEnded(at=NOW, state=State.SUCCESS)
    over = old.execution("recorded", "agent-1", ended), old.execution("waits", "agent-1", ended)
    old.execution("mine", "run-2", ended)
    going = old.execution("going", "agent-1", commit="c1")
    old.put("slots", "team", "a", "t", 1, "schedule", "going")
    old.put("slots", "team", "a", "t", 0, "schedule", "recorded")
    old.put("cursors", "team", "a", "t", 1, "f", 1)
    old.put("recorded", "git", "recorded", "p", 1)
    body = {
        "namespace": "team", "id": "a", "revision": 4, "canonical_digest": "c", "source_digest": "s", "path": "p",
        "blob": "b", "commit": "k", "accepted": 1, "disabled": False, "problem": None, "blocked": [],
    }  # fmt: skip
    old.put("deployed", "team", "a", json.dumps(body))
    old.put("observations", "repo", "k", 1, None)
    old.connection.close()
    store = SqliteStore(path)
    assert [store.load(id_) for id_ in ("recorded", "waits", "going")] == [*over, going]
    assert len(store.events("waits")) == 2
    assert [each.id for each in store.sessions()] == ["agent-1", "run-2"]
    assert store.unrecorded("git", limit=9, now=NOW) == ["waits"]
    assert store.deployed()[A].revision == 4
    assert (store.last_revisions([A]), store.revisions(A)) == ({A: 4}, [store.deployed()[A]])
    assert [(each.trigger, each.disabled) for each in store.cursors()] == [("t", True)]
    assert [execution for _, execution in store.fired_last().values()] == ["going"]
    seen = store.observation("repo")
    assert seen is not None
    assert (seen.commit, seen.reached) == ("k", None)
    assert (store.generation(), store.backfills(), store.tree("repo")) == (None, [], (None, []))
    # What was open goes on as if it had begun now: it is pinned, holds its trigger's next slot back, and counts.
    assert (store.pinned_commits(), store.active_triggers()) == ({"c1"}, {"going": (A, "t")})
    heir = store.open_session(name="h", kind="agent", pid=8, at=NOW)
    agent = store.sessions()[0]
    assert (heir.epoch, store.inherit(agent, by=heir)) == (3, ["going"])
    queued = admit(store, heir, creation("new", limit=1))
    assert isinstance(queued, Execution)
    assert queued.queued
    end(store, heir, "going")
    assert store.unrecorded("git", limit=9, now=NOW) == ["waits", "going"]
    store.close()


def test_a_queue_of_the_third_schema_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = Before(path)
    old.connection.execute(MIGRATIONS[2])
    old.connection.execute("pragma user_version = 3")
    wanted = creation("waits", limit=1)
    assert wanted.crowded is not None
    let_in = extend(wanted.crowded[0], (ExecutionAdmitted(at=NOW),))
    for execution, id_ in ((wanted.crowded[0], "waits"), (let_in, "let-in")):
        header = dump_header(replace(execution, id=id_))
        old.connection.execute(
            EXECUTIONS.replace(", queued", "")
            + "values (?, 'team', 'a', 1, 'QUEUED', 5, null, ?, null, 'agent-1', 0, 0, 0, ?, null, null)",
            (id_, execution.seq, header),
        )
    old.connection.close()
    store = SqliteStore(path)
    agent = store.sessions()[0]
    assert store.queued(agent) == ["waits"]
    queued = admit(store, agent, creation("new", limit=1))
    assert isinstance(queued, Execution)
    assert queued.queued
    store.close()
