"""What is deployed, how far triggers have come, and backfills, over every store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import Conflict, Refused
from penstock.execution.apply import begin
from penstock.execution.event import ExecutionCreated
from penstock.flow.model import Trigger
from penstock.ports.deployment import (
    Backfill,
    BackfillState,
    Cursor,
    Deployed,
    Generation,
    Observation,
    Publication,
    Slot,
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


def test_a_generation_follows_the_one_in_force_or_nothing_of_it_is_kept(store: Store) -> None:
    publish(store, 2, accepted=(ONE,))
    for number in (1, 2):
        with pytest.raises(Conflict):
            publish(store, number, accepted=(TWO,), removed=(A,), texts={"s2": b"two"}, mark=TreeMark("repo", "k", "r"))
    assert store.deployed() == {A: ONE}
    assert (store.text("s2"), store.tree("repo"), store.revisions(B)) == (None, (None, []), [])
    publish(store, None, accepted=(replace(ONE, problem="its file is broken"),))
    assert store.generation() == Generation(2, "repo", "k2", NOW)
    assert store.deployed()[A].problem == "its file is broken"


def test_a_flow_that_comes_again_goes_on_counting(store: Store) -> None:
    publish(store, 1, accepted=(TWO,))
    publish(store, 2, removed=(B,))
    assert (store.deployed(), store.last_revisions([B])) == ({}, {B: 3})
    publish(store, 3, accepted=(replace(TWO, revision=4),))
    assert [each.revision for each in store.revisions(B)] == [4, 3]


def test_backfills_that_are_over_outlive_their_flow(store: Store) -> None:
    publish(store, 1, accepted=(ONE,))
    done = Backfill("b1", A, "tick", NOW, NOW, NOW, state=BackfillState.DONE)
    for each in (done, replace(done, id="b2", state=BackfillState.PAUSED), replace(done, id="b3", flow=B)):
        store.put_backfill(each)
    publish(store, 2, removed=(A,))
    assert [each.id for each in store.backfills(open_only=False)] == ["b1", "b3"]


def test_a_commit_that_work_goes_on_from_is_pinned_at_every_moment(tmp_path: Path) -> None:
    """Where it is in force no more, an open execution holds it: whoever asks between the two sees it too."""
    store = SqliteStore(tmp_path / "store.db")
    session = store.open_session(name="h", kind="agent", pid=1, at=NOW)
    publish(store, 1)
    lost: list[str] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            now = store.generation()
            assert now is not None
            if now.commit not in store.pinned_commits():
                lost.append(now.commit)

    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(look) for _ in range(2)]
        for number in range(1, 150):
            created = ExecutionCreated(
                at=NOW, id=f"e{number}", namespace="team", flow_id="a", revision=1, flow_digest="d",
                source={"commit": f"k{number}"},
            )  # fmt: skip
            store.create([Creation(begin(created), (created,), None)], session=session)
            publish(store, number + 1)
        is_over.set()
        for each in looks:
            each.result()
    assert lost == []
    store.close()


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


def test_a_backfill_is_changed_where_it_stands(store: Store) -> None:
    going = Backfill("b1", A, "t", NOW, NOW + HOUR, NOW, inputs={"n": 1})
    store.put_backfill(going)
    paused = store.change_backfill("b1", lambda known: replace(known, state=BackfillState.PAUSED))
    assert paused == replace(going, state=BackfillState.PAUSED)

    def refuse(known: Backfill) -> Backfill:
        raise Refused(f"{known.id} is {known.state}")

    with pytest.raises(Refused, match="b1 is PAUSED"):
        store.change_backfill("b1", refuse)
    assert store.backfills() == [paused]
    assert store.change_backfill("none", refuse) is None
    store.change_backfill("b1", lambda known: replace(known, state=BackfillState.CANCELLED))
    assert store.backfills() == []


def test_of_changes_to_a_backfill_at_once_none_is_lost(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "store.db") for _ in range(2)]
    stores[0].put_backfill(Backfill("b1", A, "t", NOW, NOW, NOW))

    def count(number: int) -> None:
        for _ in range(25):
            stores[number % 2].change_backfill("b1", lambda known: replace(known, started=known.started + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert stores[1].backfills()[0].started == 100
    for each in stores:
        each.close()


def test_of_each_trigger_the_latest_slot_is_told(store: Store, session: Session) -> None:
    slots = [(A, "t", 3, "schedule"), (A, "t", 1, "schedule"), (A, "t", 3, "b1"), (A, "u", 2, "b1"), (B, "t", 0, "b2")]
    for n, (flow, trigger, hours, origin) in enumerate(slots):
        created = ExecutionCreated(
            at=NOW, id=f"e{n}", namespace=flow.namespace, flow_id=flow.id, revision=1, flow_digest="d"
        )
        slot = Slot(flow, trigger, NOW + hours * HOUR, origin)
        store.create([Creation(begin(created), (created,), None, slot)], session=session)
    assert store.fired_last() == {
        (A, "t"): (NOW + 3 * HOUR, "e0"),
        (A, "u"): (NOW + 2 * HOUR, "e3"),
        (B, "t"): (NOW, "e4"),
    }
