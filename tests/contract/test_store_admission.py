"""Admission: slots, limits of flows, queues, and who takes over what a dead session has left."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes.store import MemoryStore
from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import Conflict
from penstock.execution.apply import begin, extend
from penstock.execution.decide import decide, due
from penstock.execution.event import (
    Event,
    ExecutionAdmitted,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionQueued,
    ExecutionStarted,
    KillRequested,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.ports.deployment import Cursor, Generation, Observation, Publication, Slot
from penstock.ports.store import Creation, Crowded, Session, Store, Unadmitted

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = FlowName("team", "a"), FlowName("team.sub", "b")


def creation(
    id_: str,
    flow: FlowName = A,
    *,
    slot: Slot | None = None,
    limit: int | None = None,
    at: datetime = NOW,
    commit: str | None = None,
) -> Creation:
    event = ExecutionCreated(
        at=at,
        id=id_,
        namespace=flow.namespace,
        flow_id=flow.id,
        revision=1,
        flow_digest="d",
        source={"commit": commit} if commit else {},
    )
    execution = begin(event)
    if limit is None:
        return Creation(execution, (event,), None, slot)
    queued = ExecutionQueued(at=at)
    return Creation(execution, (event,), None, slot, limit, (extend(execution, (queued,)), (event, queued)))


def admit(store: Store, session: Session, wanted: Creation, *, told: bool = False) -> Execution | Unadmitted:
    [result] = store.create([wanted], session=session, told=told)
    return result


def step(
    store: Store, session: Session | None, execution: Execution, *events: Event, room: int | None = None
) -> Execution:
    after = extend(execution, events)
    store.append(after, events, due=None, session=session, room=room)
    return after


def end(store: Store, session: Session, id_: str, state: State = State.SUCCESS) -> None:
    execution = store.load(id_)
    assert execution is not None
    step(store, session, execution, ExecutionEnded(at=NOW + HOUR, state=state))


def test_a_slot_yields_one_execution_and_moves_its_cursor(store: Store, session: Session) -> None:
    store.set_cursors([Cursor(A, "t", NOW, "f")])
    slot = Slot(A, "t", NOW + HOUR)
    assert isinstance(admit(store, session, creation("e1", slot=slot)), Execution)
    assert admit(store, session, creation("e2", slot=slot)) is Unadmitted.KNOWN
    assert store.load("e2") is None
    assert store.cursors() == [Cursor(A, "t", slot.date, "f")]
    backfill = replace(slot, origin="b1", date=NOW + 5 * HOUR)
    assert isinstance(admit(store, session, creation("e3", slot=backfill)), Execution)
    assert store.cursors() == [Cursor(A, "t", slot.date, "f")]
    assert store.fired_last() == {(A, "t"): (backfill.date, "e3")}
    assert store.slot_dates(A, "t", start=NOW, end=NOW + HOUR) == {slot.date}
    assert store.slot_dates(A, "t", start=slot.date, end=backfill.date) == {slot.date, backfill.date}


def test_a_slot_that_wants_to_be_alone_is_held_while_an_execution_of_its_trigger_goes_on(
    store: Store, session: Session
) -> None:
    first, second = (Slot(A, "t", NOW + n * HOUR, alone=True) for n in (1, 2))
    admit(store, session, creation("e1", slot=first))
    assert store.active_triggers() == {"e1": (A, "t")}
    assert admit(store, session, creation("e2", slot=second)) is Unadmitted.HELD
    assert isinstance(admit(store, session, creation("e3", slot=replace(second, trigger="other"))), Execution)
    assert isinstance(admit(store, session, creation("e4", slot=replace(second, origin="b1", alone=False))), Execution)
    end(store, session, "e1")
    assert isinstance(admit(store, session, creation("e5", slot=second)), Execution)
    assert store.active_triggers() == {"e3": (A, "other"), "e5": (A, "t")}


def test_of_several_in_one_transaction_each_has_its_own_answer(store: Store, session: Session) -> None:
    slot = Slot(A, "t", NOW)
    wanted = [creation("e1", slot=slot), creation("e2", slot=slot), creation("e3")]
    assert [isinstance(each, Execution) for each in store.create(wanted, session=session)] == [True, False, True]
    assert store.find("e") == ["e1", "e3"]


def test_beyond_the_limit_an_execution_is_queued_and_let_in_where_there_is_room(store: Store, session: Session) -> None:
    for n in range(4):
        admit(store, session, creation(f"e{n}", limit=2, at=NOW + n * HOUR))
    admit(store, session, creation("other", B, limit=1))
    states = {id_: loaded.state.value for id_ in store.find("") if (loaded := store.load(id_)) is not None}
    assert states == {"e0": "CREATED", "e1": "CREATED", "e2": "QUEUED", "e3": "QUEUED", "other": "CREATED"}
    assert store.queued(session) == ["e2"]
    waiting = store.load("e2")
    assert waiting is not None
    with pytest.raises(Crowded):
        step(store, session, waiting, ExecutionAdmitted(at=NOW), room=2)
    end(store, session, "e0")
    admitted = step(store, session, waiting, ExecutionAdmitted(at=NOW), room=2)
    step(store, session, admitted, ExecutionStarted(at=NOW))
    assert store.queued(session) == ["e3"]
    last = store.load("e3")
    assert last is not None
    with pytest.raises(Crowded):
        step(store, session, last, ExecutionAdmitted(at=NOW), room=2)


@pytest.mark.parametrize("seed", range(3))
def test_two_processes_never_let_in_more_than_the_limit(seed: int, tmp_path: Path) -> None:
    """Two stores on one file stand for two processes; their threads admit, let in and end as they come."""
    path, limit = tmp_path / "d" / "store.db", 3
    stores = [SqliteStore(path), SqliteStore(path)]
    sessions = [each.open_session(name="h", kind="agent", pid=1, at=NOW) for each in stores]
    most: list[int] = []

    def let_in_now(store: Store) -> int:
        loaded = [store.load(id_) for id_ in store.find("", limit=1_000)]
        return sum(each is not None and not each.is_over and each.state is not State.QUEUED for each in loaded)

    def work(number: int) -> None:
        dice = random.Random(f"{seed}/{number}")
        store, session = stores[number % 2], sessions[number % 2]
        mine: list[str] = []
        for n in range(12):
            id_ = f"e{number}-{n}"
            result = admit(store, session, creation(id_, limit=limit))
            assert isinstance(result, Execution)
            if result.state is not State.QUEUED:
                mine.append(id_)
            most.append(let_in_now(store))
            if mine and dice.random() < 0.7:
                end(store, session, mine.pop())
            for queued in store.queued(session):
                loaded = store.load(queued)
                if loaded is not None and loaded.queued:
                    with suppress(Conflict):  # a race that was lost, or no room: both are fine here
                        event = ExecutionAdmitted(at=NOW)
                        step(store, session, loaded, event, ExecutionStarted(at=NOW), room=limit)
                        mine.append(queued)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert max(most) <= limit
    for each in stores:
        each.close()


def test_what_a_dead_session_has_left_is_inherited_at_once(store: Store, session: Session) -> None:
    for id_ in ("fresh", "running", "over"):
        admit(store, session, creation(id_))
    admit(store, session, creation("queued", B, limit=0))
    running = store.load("running")
    assert running is not None
    step(store, session, running, ExecutionStarted(at=NOW))
    end(store, session, "over")
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    assert sorted(store.inherit(session, by=later)) == ["fresh", "running"]
    assert {id_ for id_ in ("fresh", "running", "queued") if (by := store.holder(id_)) and by.id == later.id} == {
        "fresh",
        "running",
        "queued",
    }
    assert store.inherit(session, by=later) == []
    assert store.queued(later) == ["queued"]


def test_what_somebody_else_admits_is_heard_of_by_its_holder(store: Store, session: Session) -> None:
    admit(store, session, creation("e1"), told=True)
    admit(store, session, creation("e2"))
    ids, mark = store.touched(session, after=0)
    assert ids == ["e1"]
    assert store.touched(session, after=mark) == ([], mark)
    end(store, session, "e1")
    assert store.touched(session, after=0)[0] == []


def test_commits_that_open_executions_are_from_are_told(store: Store, session: Session) -> None:
    admit(store, session, creation("e1", commit="c1"))
    admit(store, session, creation("e2", commit="c2"))
    assert store.pinned_commits() == {"c1", "c2"}
    end(store, session, "e1")
    store.publish(Publication(Generation(1, "repo", "c9", NOW)), Observation("repo", "c9", NOW))
    assert store.pinned_commits() == {"c2", "c9"}


# ── the two stores are one ───────────────────────────────────────────────────────────────────────────────────


class Walk:
    """The same random operations on both stores; every answer must be the same."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.stores: list[Store] = [MemoryStore(), SqliteStore(folder / "d" / "store.db")]
        self.sessions = [
            self.same(lambda store, n=n: store.open_session(name="h", kind="agent", pid=n, at=NOW)) for n in range(3)
        ]
        self.count = 0

    def same(self, ask: Callable[..., Any]) -> Any:
        answers = []
        for store in self.stores:
            try:
                answers.append(ask(store))
            except Exception as error:  # noqa: BLE001 - the same refusal is the same answer
                answers.append(type(error))
        assert answers[0] == answers[1]
        return answers[0]

    def step(self) -> None:
        act = self.dice.choice([self.admit, self.admit, self.move, self.move, self.end, self.inherit, self.outbox])
        act()
        self.look()

    def admit(self) -> None:
        self.count += 1
        flow, session = self.dice.choice([A, B]), self.dice.choice(self.sessions)
        date = NOW + self.dice.randrange(6) * HOUR
        slot = Slot(flow, self.dice.choice("tu"), date, self.dice.choice(["schedule", "b1"]), self.dice.random() < 0.5)
        wanted = creation(
            f"e{self.count:03d}",
            flow,
            slot=slot if self.dice.random() < 0.6 else None,
            limit=self.dice.choice([None, 1, 2]),
            at=NOW + timedelta(seconds=self.count),
            commit=self.dice.choice([None, "c1", "c2"]),
        )
        told = self.dice.random() < 0.3
        self.same(lambda store: store.create([wanted], session=session, told=told))

    def _any(self) -> Execution | None:
        ids = self.stores[0].find("e", limit=1_000)
        return self.stores[0].load(self.dice.choice(ids)) if ids else None

    def move(self) -> None:
        execution = self._any()
        if execution is None or execution.is_over:
            return
        choices: list[Event] = [ExecutionStarted(at=NOW), KillRequested(at=NOW)]
        event = ExecutionAdmitted(at=NOW) if execution.queued else self.dice.choice(choices)
        after = extend(execution, (event,))
        session, room = self.dice.choice([*self.sessions, None]), self.dice.choice([None, 1, 2])
        self.same(lambda store: store.append(after, (event,), due=None, session=session, room=room))

    def end(self) -> None:
        execution = self._any()
        if execution is None or execution.is_over:
            return
        event = ExecutionEnded(at=NOW + HOUR, state=State.SUCCESS)
        after, holder = extend(execution, (event,)), self.stores[0].holder(execution.id)
        self.same(lambda store: store.append(after, (event,), due=None, session=holder))

    def inherit(self) -> None:
        dead, heir = self.dice.sample(self.sessions, 2)
        self.same(lambda store: store.inherit(dead, by=heir))

    def outbox(self) -> None:
        sink, now = self.dice.choice(["git", "api"]), NOW + self.dice.randrange(4) * HOUR
        ids = self.same(lambda store: store.unrecorded(sink, limit=3, now=now))
        if not ids:
            return
        chosen = self.dice.choice(ids)
        match self.dice.randrange(4):
            case 0:
                self.same(lambda store: store.mark_recorded(sink, ids, place="p", at=NOW))
            case 1:
                until = now + HOUR
                self.same(lambda store: store.put_off(sink, chosen, until=until, error="later"))
            case 2:
                self.same(lambda store: store.put_off(sink, chosen, until=None, error="never"))
            case _:
                self.same(lambda store: store.forget_recorded(["git", "api"]))

    def look(self) -> None:
        for session in self.sessions:
            self.same(lambda store, session=session: store.queued(session))
            self.same(lambda store, session=session: store.unfinished(session))
            self.same(lambda store, session=session: store.touched(session, after=0))
        self.same(lambda store: store.active_triggers())
        self.same(lambda store: store.at_work())
        self.same(lambda store: store.pinned_commits())
        self.same(lambda store: store.fired_last())
        for sink in ("git", "api"):
            self.same(lambda store, sink=sink: (store.count_unrecorded(sink), store.given_up(sink)))
            self.same(lambda store, sink=sink: store.knows_sink(sink))


@pytest.mark.parametrize("seed", range(12))
def test_every_store_gives_the_same_answers(seed: int, tmp_path: Path) -> None:
    walk = Walk(seed, tmp_path)
    for _ in range(60):
        walk.step()
    for store in walk.stores:
        store.close()


def test_the_core_leaves_a_queued_execution_alone() -> None:
    from flows_strategy import Dice, random_flow

    flow = random_flow(Dice("queued"))
    wanted = creation("e1", FlowName(flow.namespace, flow.id), limit=0)
    assert wanted.crowded is not None
    queued = wanted.crowded[0]
    assert decide(flow, queued, NOW) == ()
    assert due(flow, queued) is None
    admitted = extend(queued, (ExecutionAdmitted(at=NOW),))
    assert isinstance(decide(flow, admitted, NOW)[0], ExecutionStarted)
