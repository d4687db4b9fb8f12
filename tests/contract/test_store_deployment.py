"""What is deployed, triggers, backfills and the outbox, over every store; and a store of the schema before."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from penstock.adapters.sqlite import SqliteStore
from penstock.adapters.sqlite import queries as sql
from penstock.adapters.sqlite.migrations import APPLICATION_ID, MIGRATIONS
from penstock.diagnostic import FlowName
from penstock.execution.apply import begin, extend
from penstock.execution.codec import dump_header, encode_event
from penstock.execution.event import ExecutionCreated, ExecutionEnded
from penstock.execution.state import State
from penstock.flow.model import Trigger
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
from penstock.ports.store import Creation, Session, Store

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = FlowName("team", "a"), FlowName("team.sub", "b")
TICK = Trigger("tick", "x.Schedule", {"cron": "* * * * *"}, {"day": "{{ trigger.date }}"}, disabled=True)
ONE = Deployed(A, 1, "c", "s1", "flows/a.yaml", "b1", "k1", NOW, 1, triggers=(TICK,), dialect="1")
TWO = Deployed(B, 3, "c", "s2", "flows/b.yaml", "b2", "k1", NOW, 1, True, "broken", ("x.Y",))
SEEN = Observation("repo", "k1", NOW, None, NOW)


def publish(store: Store, number: int | None = 1, **more: object) -> None:
    generation = Generation(number, "repo", f"k{number}", NOW) if number is not None else None
    store.publish(Publication(generation, **more), SEEN)  # type: ignore[arg-type]


def test_a_generation_is_published_as_a_whole(store: Store) -> None:
    assert (store.generation(), store.deployed(), store.observation("repo")) == (None, {}, None)
    publish(store, 1, accepted=(ONE, TWO), texts={"s1": b"one", "s2": b"two"})
    assert store.deployed() == {A: ONE, B: TWO}
    assert (store.deployed_flow(A), store.deployed_flow(FlowName("no", "such"))) == (ONE, None)
    assert (store.text("s1"), store.text("s3")) == (b"one", None)
    assert store.generation() == Generation(1, "repo", "k1", NOW)
    store.begin_cursors([Cursor(A, "tick", NOW, "f"), Cursor(B, "tick", NOW, "f")])
    store.put_backfill(Backfill("b1", B, "tick", NOW, NOW, NOW))
    newer = replace(ONE, revision=2, source_digest="s3")
    publish(store, 2, accepted=(newer,), removed=(B,), texts={"s3": b"three"})
    assert store.deployed() == {A: newer}
    assert [each.flow for each in store.cursors()] == [A]
    assert store.backfills() == []
    assert store.revisions(A) == [newer, ONE]
    assert store.revisions(B) == [TWO]
    assert store.last_revisions([A, B, FlowName("no", "such")]) == {A: 2, B: 3}
    assert store.text("s1") == b"one"


def test_what_files_came_to_is_kept_with_its_commit(store: Store) -> None:
    assert store.tree("repo") == (None, [])
    good, bad = TreeFile("flows/a.yaml", "b1", A, "c"), TreeFile("flows/b.yaml", "b2", None, None, "it is broken", 2)
    publish(store, None, mark=TreeMark("repo", "k1", "r"), files=(bad, good))
    assert store.tree("repo") == (TreeMark("repo", "k1", "r"), [good, bad])
    changed = replace(bad, blob="b3", errors=1)
    publish(store, None, mark=TreeMark("repo", "k2", "r"), files=(changed,), gone=("flows/a.yaml", "flows/no.yaml"))
    assert store.tree("repo") == (TreeMark("repo", "k2", "r"), [changed])
    publish(store, None, mark=TreeMark("repo", "k3", "s"), files=(good,), is_whole=True)
    assert store.tree("repo") == (TreeMark("repo", "k3", "s"), [good])
    assert store.tree("other") == (None, [])
    assert store.generation() is None


def test_the_last_observation_of_each_source_is_kept(store: Store) -> None:
    store.observe(SEEN)
    gone = Observation("repo", "k1", NOW + HOUR, "it is gone", NOW)
    store.observe(gone)
    store.observe(Observation("another", None, NOW))
    assert store.observation("repo") == gone
    assert [each.source for each in store.observations()] == ["another", "repo"]


def test_a_cursor_keeps_a_persons_word(store: Store) -> None:
    store.begin_cursors([Cursor(A, "t", NOW, "f")])
    store.set_cursors([Cursor(A, "t", NOW, "f", disabled=True)])
    store.begin_cursors([Cursor(A, "t", NOW + HOUR, "g")])
    assert store.cursors() == [Cursor(A, "t", NOW + HOUR, "g", disabled=True)]
    store.advance_cursors([Cursor(A, "t", NOW, "x"), Cursor(A, "none", NOW, "x")])
    assert store.cursors() == [Cursor(A, "t", NOW + HOUR, "g", disabled=True)]
    store.advance_cursors([Cursor(A, "t", NOW + 2 * HOUR, "x")])
    assert store.cursors() == [Cursor(A, "t", NOW + 2 * HOUR, "g", disabled=True)]


def test_backfills_are_listed_oldest_first(store: Store) -> None:
    first = Backfill("b2", A, "t", NOW, NOW + HOUR, NOW, missing_only=True, inputs={"n": 1}, labels={"k": "v"})
    second = Backfill("b1", A, "t", NOW, NOW, NOW + HOUR)
    for each in (second, first):
        store.put_backfill(each)
    assert store.backfills() == [first, second]
    going = replace(first, reached=NOW, started=3, state=BackfillState.PAUSED, failed="no")
    store.put_backfill(going)
    store.put_backfill(replace(second, state=BackfillState.DONE))
    assert store.backfills() == [going]
    assert [each.id for each in store.backfills(open_only=False)] == ["b2", "b1"]


# ── the outbox ───────────────────────────────────────────────────────────────────────────────────────────────


def run_to_its_end(store: Store, session: Session, id_: str, at: datetime = NOW) -> None:
    created = ExecutionCreated(at=NOW, id=id_, namespace="team", flow_id="a", revision=1, flow_digest="d")
    ended = ExecutionEnded(at=at, state=State.SUCCESS)
    execution = extend(begin(created), (ended,))
    store.create([Creation(execution, (created, ended), None)], session=session)


def test_results_of_agents_wait_until_each_sink_has_them(store: Store, session: Session) -> None:
    run = store.open_session(name="h", kind="run", pid=9, at=NOW)
    for n, by in enumerate((session, session, run)):
        run_to_its_end(store, by, f"e{n}", NOW + n * HOUR)
    assert store.unrecorded("git", limit=9, now=NOW) == ["e0", "e1"]
    assert not store.knows_sink("git")
    store.mark_recorded("git", ["e0"], place="commit", at=NOW)
    store.mark_recorded("git", ["e0"], place="commit", at=NOW)
    assert store.unrecorded("git", limit=9, now=NOW) == ["e1"]
    assert store.unrecorded("api", limit=1, now=NOW) == ["e0"]
    assert (store.count_unrecorded("git"), store.count_unrecorded("api")) == (1, 2)
    assert (store.knows_sink("git"), store.knows_sink("api")) == (True, False)
    store.forget_recorded(["git"])
    assert store.unrecorded("api", limit=9, now=NOW) == ["e1"]


def test_what_is_put_off_comes_again_and_what_is_given_up_never(store: Store, session: Session) -> None:
    for n in range(3):
        run_to_its_end(store, session, f"e{n}")
    assert store.put_off("api", "e0", until=NOW + HOUR, error="busy") == 1
    assert store.put_off("api", "e0", until=NOW + 2 * HOUR, error="busy") == 2
    assert store.put_off("api", "e1", until=None, error="too large") == 1
    assert store.unrecorded("api", limit=9, now=NOW + HOUR) == ["e2"]
    assert store.unrecorded("api", limit=9, now=NOW + 2 * HOUR) == ["e0", "e2"]
    assert (store.given_up("api"), store.count_unrecorded("api")) == ([("e1", "too large")], 2)
    store.mark_recorded("api", ["e0"], place="", at=NOW)
    store.mark_recorded("git", ["e0", "e1"], place="", at=NOW)
    store.forget_recorded(["git", "api"])
    assert store.unrecorded("git", limit=9, now=NOW) == ["e2"]
    store.delete("e2")
    assert store.unrecorded("git", limit=9, now=NOW) == []


@pytest.mark.parametrize(
    ("statement", "bound", "forbidden"),
    [
        (sql.UNRECORDED, ("git", 1, 9), "SCAN executions"),
        (sql.UNRECORDED, ("git", 1, 9), "SCAN r"),
        (sql.LET_IN, ("n", "f", "e"), "SCAN"),
        (sql.ACTIVE_OF_TRIGGER, ("n", "f", "t"), "SCAN"),
        (sql.QUEUED, ("s",), "SCAN executions"),
        (sql.INHERITED, ("s",), "SCAN"),
    ],
)
def test_what_is_asked_often_walks_through_no_history(
    statement: str, bound: tuple[object, ...], forbidden: str, tmp_path: Path
) -> None:
    SqliteStore(tmp_path / "store.db").close()
    connection = apsw.Connection(str(tmp_path / "store.db"))
    plan = [row[3] for row in connection.execute(f"explain query plan {statement}", bound)]  # type: ignore[arg-type]
    connection.close()
    assert plan
    assert not [line for line in plan if line.startswith(forbidden) and "USING" not in line], plan


def test_a_store_of_the_schema_before_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = apsw.Connection(str(path))
    for migration in MIGRATIONS[:2]:
        old.execute(migration)
    old.execute(f"pragma user_version = 2; pragma application_id = {APPLICATION_ID}")
    for id_, kind, epoch in (("agent-1", "agent", 1), ("run-2", "run", 2)):
        row = (id_, "h", kind, epoch, 7, 1, None, 1)
        old.execute("insert into sessions values (?, ?, ?, ?, ?, ?, ?, ?)", row)
    for id_, session in (("recorded", "agent-1"), ("waits", "agent-1"), ("mine", "run-2")):
        created = ExecutionCreated(at=NOW, id=id_, namespace="team", flow_id="a", revision=1, flow_digest="d")
        ended = ExecutionEnded(at=NOW, state=State.SUCCESS)
        execution = extend(begin(created), (ended,))
        header = (id_, "team", "a", 1, "SUCCESS", 5, 6, 2, None, session, 0, 0, 1, dump_header(execution))
        old.execute(f"insert into executions values ({', '.join('?' * 14)})", header)
        for seq, event in enumerate((created, ended), 1):
            name, version, body = encode_event(event)
            old.execute("insert into events values (?, ?, ?, ?, ?, ?)", (id_, seq, name, version, 5, body))
    old.execute("insert into recorded values ('git', 'recorded', 'p', 1)")
    body = {
        "namespace": "team", "id": "a", "revision": 4, "canonical_digest": "c", "source_digest": "s", "path": "p",
        "blob": "b", "commit": "k", "accepted": 1, "disabled": False, "problem": None, "blocked": [],
    }  # fmt: skip
    old.execute("insert into deployed values ('team', 'a', ?)", (json.dumps(body),))
    old.execute("insert into observations values ('repo', 'k', 1, null)")
    old.close()
    store = SqliteStore(path)
    assert store.unrecorded("git", limit=9, now=NOW) == ["waits"]
    assert store.deployed()[A].revision == 4
    assert store.last_revisions([A]) == {A: 4}
    assert store.revisions(A) == [store.deployed()[A]]
    assert [each.id for each in store.sessions()] == ["agent-1", "run-2"]
    loaded = store.load("waits")
    assert loaded is not None
    assert loaded.state is State.SUCCESS
    seen = store.observation("repo")
    assert seen is not None
    assert (seen.commit, seen.reached) == ("k", None)
    store.close()
