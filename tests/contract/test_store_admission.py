"""Admission: slots, limits of flows, queues, and who takes over what a dead session has left."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.test_store import fan_out
from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import Conflict
from penstock.execution.apply import begin, extend
from penstock.execution.decide import decide, due
from penstock.execution.event import (
    Caller,
    Event,
    ExecutionAdmitted,
    ExecutionClosed,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionQueued,
    ExecutionStarted,
    ExecutionWaiting,
    KillRequested,
    ResumeRequested,
    TaskRunPaused,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.ports.deployment import Cursor, Generation, Observation, Publication, Slot
from penstock.ports.store import Creation, Crowded, Iterations, Query, Session, Store, Unadmitted

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
    files: str | None = None,
    loop_of: str | None = None,
    called_by: str | None = None,
) -> Creation:
    caller = loop_of or called_by
    event = ExecutionCreated(
        at=at,
        id=id_,
        namespace=flow.namespace,
        flow_id=flow.id,
        revision=1,
        flow_digest="d",
        source={name: value for name, value in (("commit", commit), ("files", files), ("loop", loop_of)) if value},
        caller=Caller(caller, "run", int(id_[-1]), True, 1) if caller is not None else None,
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


def admit_now(store: Store, session: Session, id_: str) -> Execution:
    admitted = admit(store, session, creation(id_))
    assert isinstance(admitted, Execution)
    return admitted


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


def test_the_rounds_of_a_loop_take_no_place_of_their_own(store: Store, session: Session) -> None:
    admit(store, session, creation("e0", limit=2))
    for wanted in (
        *(creation(f"round{n}", loop_of="e0") for n in range(3)),
        *(creation(f"e{n}", limit=2) for n in (1, 2)),
    ):
        admit(store, session, wanted)
    states = {id_: loaded.state.value for id_ in ("e1", "e2") if (loaded := store.load(id_)) is not None}
    assert states == {"e1": "CREATED", "e2": "QUEUED"}


def test_what_was_let_in_is_counted_at_once_and_waits_no_more(store: Store, session: Session) -> None:
    """Between the word that lets it in and its start lies a commit: the agent may be killed there."""
    for n in range(2):
        admit(store, session, creation(f"e{n}", limit=1, at=NOW + n * HOUR))
    end(store, session, "e0")
    waiting = store.load("e1")
    assert waiting is not None
    step(store, session, waiting, ExecutionAdmitted(at=NOW), room=1)
    late = admit(store, session, creation("e2", limit=1, at=NOW + 2 * HOUR))
    assert isinstance(late, Execution)
    assert late.queued
    assert store.queued(session) == ["e2"]
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    assert store.inherit(session, by=later) == ["e1"]


def test_what_is_killed_while_it_waits_gives_its_turn_away(store: Store, session: Session) -> None:
    for n in range(3):
        admit(store, session, creation(f"e{n}", limit=1, at=NOW + n * HOUR))
    waiting = store.load("e1")
    assert waiting is not None
    step(store, None, waiting, KillRequested(at=NOW))
    assert store.queued(session) == ["e2"]
    end(store, session, "e0")
    assert isinstance(admit(store, session, creation("e3", limit=1)), Execution)
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    assert store.inherit(session, by=later) == ["e3", "e1"]


def test_where_there_is_no_room_what_is_written_may_be_over(store: Store, session: Session) -> None:
    """`behavior: CANCEL` and FAIL: its result waits like any other."""
    admit(store, session, creation("e0", limit=1))
    wanted = creation("e1", limit=1)
    ended = ExecutionEnded(at=NOW, state=State.CANCELLED)
    wanted = replace(wanted, crowded=(extend(wanted.execution, (ended,)), (*wanted.events, ended)), due=NOW)
    assert admit(store, session, wanted) == store.load("e1")
    assert (store.events("e1"), store.unfinished(session)) == ([*wanted.events, ended], ["e0"])
    assert (store.unrecorded("git", limit=9, now=NOW), store.next_due(session)) == (["e1"], None)


def states_of(store: Store) -> dict[str, State]:
    """Of every execution, as they were at one moment."""
    return {each.id: each.state for each in store.summaries(Query(limit=1_000))}


def let_in(store: Store) -> int:
    return sum(not state.is_terminal and state is not State.QUEUED for state in states_of(store).values())


@pytest.mark.parametrize("processes", [1, 2])
def test_threads_and_processes_never_let_in_more_than_the_limit(processes: int, tmp_path: Path) -> None:
    """Two stores on one file stand for two processes: they share no lock but the file's."""
    path, limit = tmp_path / "d" / "store.db", 3
    stores = [SqliteStore(path) for _ in range(processes)]
    sessions = [each.open_session(name="h", kind="agent", pid=1, at=NOW) for each in stores]
    most: list[int] = []
    queued: list[str] = []

    def let_in_next(store: Store, session: Session) -> list[str]:
        taken = []
        for id_ in store.queued(session):
            waiting = store.load(id_)
            if waiting is not None and waiting.queued:
                with suppress(Conflict):  # a race that was lost, or no room: both are fine here
                    step(store, session, waiting, ExecutionAdmitted(at=NOW), ExecutionStarted(at=NOW), room=limit)
                    taken.append(id_)
        return taken

    def work(number: int) -> list[str]:
        dice = random.Random(number)
        store, session = stores[number % processes], sessions[number % processes]
        mine: list[str] = []
        for n in range(12):
            result = admit(store, session, creation(f"e{number}-{n}", limit=limit))
            assert isinstance(result, Execution)
            (queued if result.queued else mine).append(result.id)
            most.append(let_in(store))
            if mine and dice.random() < 0.7:
                end(store, session, mine.pop())
            mine += let_in_next(store, session)
            most.append(let_in(store))
        return mine

    with ThreadPoolExecutor(4) as pool:
        left = list(pool.map(work, range(4)))
    assert max(most) == limit, "never more, and no room was left unused"
    assert queued
    for number, ids in enumerate(left):
        for id_ in ids:
            end(stores[number % processes], sessions[number % processes], id_)
    while waiting := [(store, by, let_in_next(store, by)) for store, by in zip(stores, sessions, strict=True)]:
        if not any(ids for _, _, ids in waiting):
            break
        assert let_in(stores[0]) <= limit
        for store, by, ids in waiting:
            for id_ in ids:
                end(store, by, id_)
    assert set(states_of(stores[0]).values()) == {State.SUCCESS}
    assert len(states_of(stores[0])) == 48
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


def test_an_answer_that_nobody_was_there_to_hear_is_looked_at_by_the_heir(store: Store, session: Session) -> None:
    for id_ in ("answered", "paused", "retrying"):
        execution = fan_out(store, session, admit_now(store, session, id_), 1)
        waiting = ExecutionWaiting(at=NOW, state=State.RETRYING if id_ == "retrying" else State.PAUSED)
        step(store, session, execution, TaskRunPaused(at=NOW, run=f"{id_}-0"), waiting)
    store.close_session(session, at=NOW)
    paused = store.load("answered")
    assert paused is not None
    step(store, None, paused, ResumeRequested(at=NOW, paused="answered-0"))
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    assert store.touched(later, after=0)[0] == [], "it is not the heir's yet"
    assert store.inherit(session, by=later) == ["answered"]
    assert store.unfinished(later) == ["answered", "paused", "retrying"]


def test_what_somebody_else_admits_is_heard_of_by_its_holder(store: Store, session: Session) -> None:
    admit(store, session, creation("e1"), told=True)
    admit(store, session, creation("e2"))
    ids, mark = store.touched(session, after=0)
    assert ids == ["e1"]
    assert store.touched(session, after=mark) == ([], mark)


def test_commits_that_open_executions_are_from_are_told(store: Store, session: Session) -> None:
    admit(store, session, creation("e1", commit="c1"))
    admit(store, session, creation("e2", commit="c2"))
    assert store.pinned_commits() == {"c1", "c2"}
    end(store, session, "e1")
    store.publish(Publication(Generation(1, "repo", "c9", NOW)), Observation("repo", "c9", NOW))
    assert store.pinned_commits() == {"c2", "c9"}


def test_the_commit_of_the_namespace_files_is_the_one_that_is_pinned(store: Store, session: Session) -> None:
    admit(store, session, creation("e1", commit="c1", files="c2:jobs"))
    assert store.pinned_commits() == {"c2"}


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


def test_births_are_admitted_with_the_events_that_tell_of_them(store: Store, session: Session) -> None:
    parent = admit_now(store, session, "parent")
    started = ExecutionStarted(at=NOW)
    after = extend(parent, (started,))
    wanted = [creation("c1"), creation("c2", B, limit=1), creation("c3", B, limit=1, at=NOW + HOUR), creation("parent")]
    born = store.append(after, (started,), due=None, session=session, births=wanted)
    states = [each.state if isinstance(each, Execution) else each for each in born]
    assert states == [State.CREATED, State.CREATED, State.QUEUED, Unadmitted.KNOWN]
    assert [each.id for each in born if isinstance(each, Execution)] == ["c1", "c2", "c3"]
    assert store.unfinished(session) == ["c1", "c2", "parent", "c3"]
    assert store.load("parent") == after


def test_nothing_is_born_where_the_events_are_not_appended(store: Store, session: Session) -> None:
    parent = admit_now(store, session, "parent")
    started = ExecutionStarted(at=NOW)
    after = extend(parent, (started,))
    store.append(after, (started,), due=None, session=session)
    with pytest.raises(Conflict):
        store.append(after, (started,), due=None, session=session, births=[creation("c1")])
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    with pytest.raises(Conflict):
        store.append(extend(after, (started,)), (started,), due=None, session=later, births=[creation("c1")])
    assert store.load("c1") is None


def test_what_is_born_by_the_word_of_an_operator_goes_to_the_holder_who_hears_of_it(
    store: Store, session: Session
) -> None:
    parent = admit_now(store, session, "parent")
    _, mark = store.touched(session, after=0)
    killed = KillRequested(at=NOW)
    store.append(extend(parent, (killed,)), (killed,), due=None, session=None, births=[creation("c1")])
    holder = store.holder("c1")
    assert holder is not None
    assert holder.id == session.id
    assert set(store.touched(session, after=mark)[0]) == {"parent", "c1"}


def test_what_follows_after_the_end_keeps_its_place_and_its_holder(store: Store, session: Session) -> None:
    """afterExecution goes on when the state is there: until it is done the execution is not over."""
    admitted = admit_now(store, session, "e0")
    ended = ExecutionEnded(at=NOW + HOUR, state=State.FAILED, trailing=True)
    trailing = step(store, session, admitted, ExecutionStarted(at=NOW), ended)
    assert store.load("e0") == trailing
    assert store.unfinished(session) == ["e0"]
    assert [each.state for each in store.summaries(Query())] == [State.FAILED]
    assert store.unrecorded("git", limit=9, now=NOW + HOUR) == []
    late = admit(store, session, creation("e1", limit=1))
    assert isinstance(late, Execution)
    assert late.queued
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    assert store.inherit(session, by=later) == ["e0"]
    step(store, later, trailing, ExecutionClosed(at=NOW + 2 * HOUR))
    assert store.unfinished(later) == ["e1"]
    assert store.unrecorded("git", limit=9, now=NOW + HOUR) == ["e0"]


@pytest.mark.parametrize(("cascade", "doomed"), [(True, ["child-1", "round-2"]), (False, ["round-2"])])
def test_what_a_killed_execution_has_called_is_found_unless_it_is_spared(
    store: Store, session: Session, cascade: bool, doomed: list[str]
) -> None:
    parent = admit_now(store, session, "parent")
    for wanted in (creation("child-1", called_by="parent"), creation("round-2", at=NOW + HOUR, loop_of="parent")):
        admit(store, session, wanted)
    assert store.called("parent") == ["child-1", "round-2"]
    assert store.called("parent", within=True) == ["round-2"]
    assert store.bereaved(session) == []
    step(store, session, parent, KillRequested(at=NOW, cascade=cascade))
    assert store.bereaved(session) == doomed


def test_iterations_of_a_loop_are_listed_where_they_are_asked_for(store: Store, session: Session) -> None:
    admit_now(store, session, "parent")
    for wanted in (creation("child-1", called_by="parent"), creation("round-2", loop_of="parent")):
        admit(store, session, wanted)

    def found(query: Query) -> set[str]:
        listed = {each.id for each in store.summaries(query)}
        assert store.count(query) == len(listed)
        return listed

    assert found(Query()) == {"parent", "child-1"}
    assert found(Query(flow=A, iterations=Iterations.TOO)) == {"parent", "child-1", "round-2"}
    assert found(Query(iterations=Iterations.ALONE)) == {"round-2"}
    assert found(Query(caller="parent", caller_run="run", iterations=Iterations.TOO)) == {"child-1", "round-2"}
    assert found(Query(caller="parent", caller_run="other", iterations=Iterations.TOO)) == set()
    [told] = store.summaries(Query(caller="parent"))
    assert told.caller == Caller("parent", "run", 1, True, 1)


def test_an_iteration_waits_for_no_place_for_results(store: Store, session: Session) -> None:
    for wanted in (creation("parent"), creation("round-2", loop_of="parent")):
        admit(store, session, wanted)
        end(store, session, wanted.execution.id)
    assert store.unrecorded("git", limit=9, now=NOW + 2 * HOUR) == ["parent"]
