"""What every store promises. PostgreSQL joins by adding a parameter."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import ROOT
from fakes.store import MemoryStore
from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import Conflict, NotFound, Stalled
from penstock.execution.apply import begin, extend, fold
from penstock.execution.event import (
    Again,
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionReopened,
    ExecutionStarted,
    KillRequested,
    PauseRequested,
    Phase,
    Reason,
    ScopeOpened,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Kind
from penstock.ports.store import Claimable, Creation, Fenced, Query, Session, Store, Unadmitted

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
A, B = FlowName("team", "a"), FlowName("team.sub", "b")


def created(id_: str, flow: FlowName = A, at: datetime = NOW) -> ExecutionCreated:
    return ExecutionCreated(
        at=at, id=id_, namespace=flow.namespace, flow_id=flow.id, revision=1, flow_digest="d", labels={"k": id_}
    )


def admit(store: Store, session: Session | None, id_: str, flow: FlowName = A, at: datetime = NOW) -> Execution:
    event = created(id_, flow, at)
    execution = begin(event)
    assert store.create([Creation(execution, (event,), None)], session=session) == [execution]
    return execution


def step(
    store: Store, session: Session | None, execution: Execution, *events: Event, due: datetime | None = None
) -> Execution:
    after = extend(execution, events)
    store.append(after, events, due=due, session=session)
    return after


def fan_out(store: Store, session: Session, execution: Execution, width: int) -> Execution:
    """So many ready task runs side by side."""
    opened = (ExecutionStarted(at=NOW), ScopeOpened(at=NOW, run=None, phase=Phase.MAIN, lanes=width, width=0))
    runs = [
        TaskRunCreated(
            at=NOW,
            run=f"{execution.id}-{n}",
            task=f"t{n}",
            kind=Kind.WORKER,
            parent=None,
            phase=Phase.MAIN,
            lane=n,
            position=0,
            last=True,
            gated=False,
        )
        for n in range(width)
    ]
    return step(store, session, execution, *opened, *runs)


def start_run(run: str) -> AttemptStarted:
    return AttemptStarted(at=NOW, run=run, attempt=1, session="agent-1", epoch=1)


def test_what_was_appended_is_loaded_as_it_was(store: Store, session: Session) -> None:
    execution = fan_out(store, session, admit(store, session, "e1"), 3)
    execution = step(store, session, execution, start_run("e1-1"))
    ended = AttemptEnded(at=NOW, run="e1-1", attempt=1, state=State.SUCCESS, outputs={"n": [1, {"x": None}]})
    execution = step(store, session, execution, ended, TaskRunEnded(at=NOW, run="e1-1", state=State.SUCCESS))
    assert store.load("e1") == execution
    assert len(store.events("e1")) == execution.seq
    assert store.events("e1", after=execution.seq - 1) == [TaskRunEnded(at=NOW, run="e1-1", state=State.SUCCESS)]
    assert store.load("none") is None


def test_an_execution_is_admitted_once(store: Store, session: Session) -> None:
    execution = admit(store, session, "e1")
    again = Creation(execution, (created("e1"),), None)
    assert store.create([again], session=session) == [Unadmitted.KNOWN]
    assert len(store.events("e1")) == 1


def test_an_append_that_lost_the_race_leaves_nothing(store: Store, session: Session) -> None:
    execution = admit(store, session, "e1")
    step(store, session, execution, ExecutionStarted(at=NOW))
    with pytest.raises(Conflict):
        step(store, session, execution, ExecutionStarted(at=NOW))
    assert len(store.events("e1")) == 2
    with pytest.raises(NotFound):
        step(store, session, begin(created("nobody")), ExecutionStarted(at=NOW))


def test_who_was_taken_over_is_fenced(store: Store, session: Session) -> None:
    execution = admit(store, session, "e1")
    later = store.open_session(name="host", kind="agent", pid=8, at=NOW)
    assert later.epoch > session.epoch
    store.take_over("e1", by=later)
    with pytest.raises(Fenced):
        step(store, session, execution, ExecutionStarted(at=NOW))
    with pytest.raises(Fenced):
        store.take_over("e1", by=session)
    assert step(store, later, execution, ExecutionStarted(at=NOW)).seq == 2
    holder = store.holder("e1")
    assert holder is not None
    assert holder.id == later.id


def test_a_word_from_outside_is_seen_by_the_holder_alone(store: Store, session: Session) -> None:
    execution = admit(store, session, "e1")
    ids, mark = store.touched(session, after=0)
    assert ids == []
    execution = step(store, session, execution, ExecutionStarted(at=NOW))
    assert store.touched(session, after=mark) == ([], mark)
    step(store, None, execution, PauseRequested(at=NOW, by="ada"))
    ids, later = store.touched(session, after=mark)
    assert ids == ["e1"]
    assert store.touched(session, after=later) == ([], later)
    other = store.open_session(name="host", kind="run", pid=9, at=NOW)
    assert store.touched(other, after=mark)[0] == []


def test_claims_are_fair(store: Store, session: Session) -> None:
    wide = fan_out(store, session, admit(store, session, "wide", at=NOW), 5)
    fan_out(store, session, admit(store, session, "late", B, at=NOW + timedelta(seconds=1)), 2)
    first = store.claimable(session, limit=4)
    assert first == [
        Claimable("wide", "wide-0"),
        Claimable("late", "late-0"),
        Claimable("wide", "wide-1"),
        Claimable("late", "late-1"),
    ]
    step(store, session, wide, start_run("wide-0"), start_run("wide-1"))
    assert [claim.execution for claim in store.claimable(session, limit=3)] == ["late", "late", "wide"]


def test_the_flow_with_less_running_comes_first_also_when_one_claim_is_asked_for(
    store: Store, session: Session
) -> None:
    busy = fan_out(store, session, admit(store, session, "busy"), 1)
    step(store, session, busy, start_run("busy-0"))
    fan_out(store, session, admit(store, session, "older", A, NOW + timedelta(seconds=1)), 1)
    fan_out(store, session, admit(store, session, "younger", B, NOW + timedelta(seconds=2)), 1)
    assert store.claimable(session, limit=1) == [Claimable("younger", "younger-0")]
    assert [claim.execution for claim in store.claimable(session, limit=5)] == ["younger", "older"]


@pytest.mark.parametrize("seed", range(12))
def test_every_store_claims_in_the_same_order(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    stores: list[Store] = [MemoryStore(), SqliteStore(tmp_path / "store.db")]
    opened = [each.open_session(name="h", kind="agent", pid=1, at=NOW) for each in stores]
    for n in range(dice.randrange(2, 14)):
        flow, at, width = FlowName("team", dice.choice("abc")), NOW + timedelta(seconds=dice.randrange(4)), 1 + n % 4
        started = dice.randrange(width + 1)
        for each, session in zip(stores, opened, strict=True):
            execution = fan_out(each, session, admit(each, session, f"e{n:02d}", flow, at), width)
            if started:
                step(each, session, execution, *(start_run(f"e{n:02d}-{m}") for m in range(started)))
    for limit in (1, 2, 3, 7, 100):
        memory, sqlite = (each.claimable(s, limit=limit) for each, s in zip(stores, opened, strict=True))
        assert sqlite == memory
    stores[1].close()


def test_what_others_touched_is_told_in_the_order_of_their_words(store: Store, session: Session) -> None:
    first, second = admit(store, session, "e2"), admit(store, session, "e1")
    first = step(store, None, first, KillRequested(at=NOW))
    second = step(store, None, second, KillRequested(at=NOW))
    ids, mark = store.touched(session, after=0)
    assert ids == ["e2", "e1"]
    step(store, None, second, ExecutionEnded(at=NOW, state=State.KILLED))
    assert store.touched(session, after=mark)[0] == ["e1"]  # whoever waits for it in the session is to hear of it


def test_task_runs_that_leave_are_gone_and_their_places_are_not_used_again(store: Store, session: Session) -> None:
    execution = fan_out(store, session, admit(store, session, "e1"), 3)
    failed = [TaskRunEnded(at=NOW, run=run.id, state=State.FAILED) for run in execution.in_order()]
    over = step(store, session, execution, *failed, ExecutionEnded(at=NOW, state=State.FAILED))
    opened = ExecutionReopened(
        at=NOW,
        reason=Reason.RESTART,
        number=2,
        dropped=(2,),
        runs=(("e1-0", Again.START), ("e1-1", Again.START)),
        lists=(("", Phase.MAIN, 3, 0, (), None),),
    )

    again = step(store, None, over, opened)

    assert store.load("e1") == again == fold(store.events("e1"))
    assert (len(again.runs), again.next_ordinal, sorted(again.ready)) == (2, 3, ["e1-0", "e1-1"])
    assert [claim.run for claim in store.claimable(session, limit=9)] == ["e1-0", "e1-1"]


def test_half_a_surrogate_pair_in_an_output_is_kept(store: Store, session: Session) -> None:
    execution = step(store, session, fan_out(store, session, admit(store, session, "e1"), 1), start_run("e1-0"))
    ended = AttemptEnded(at=NOW, run="e1-0", attempt=1, state=State.SUCCESS, outputs={"x": "a\ud800b"})
    execution = step(store, session, execution, ended)
    assert store.load("e1") == execution
    assert store.events("e1")[-1] == ended


def test_what_is_paused_or_killed_is_not_claimed(store: Store, session: Session) -> None:
    paused = fan_out(store, session, admit(store, session, "paused"), 1)
    killed = fan_out(store, session, admit(store, session, "killed"), 1)
    step(store, session, paused, PauseRequested(at=NOW))
    step(store, session, killed, KillRequested(at=NOW))
    assert store.claimable(session, limit=5) == []


def test_what_is_due_is_found_in_its_order(store: Store, session: Session) -> None:
    for n, id_ in enumerate(("e1", "e2", "e3")):
        step(store, session, admit(store, session, id_), ExecutionStarted(at=NOW), due=NOW + timedelta(minutes=3 - n))
    assert store.next_due(session) == NOW + timedelta(minutes=1)
    assert store.due(session, now=NOW + timedelta(minutes=2), limit=9) == ["e3", "e2"]
    assert store.due(session, now=NOW, limit=9) == []


def test_what_is_unfinished(store: Store, session: Session) -> None:
    run = store.open_session(name="host", kind="run", pid=9, at=NOW)
    for id_, by in (("e1", session), ("e2", session), ("mine", run)):
        execution = step(store, by, admit(store, by, id_), ExecutionStarted(at=NOW))
        if id_ != "e2":
            step(store, by, execution, ExecutionEnded(at=NOW, state=State.SUCCESS))
    assert store.unfinished(session) == ["e2"]
    assert [id_ for id_, _ in store.orphaned()] == ["e2"]


def test_lists_are_filtered_and_newest_first(store: Store, session: Session) -> None:
    for n, flow in enumerate((A, B, A)):
        admit(store, session, f"e{n}", flow, NOW + timedelta(seconds=n))

    def ids(query: Query) -> list[str]:
        return [summary.id for summary in store.summaries(query)]

    assert ids(Query()) == ["e2", "e1", "e0"]
    assert ids(Query(limit=1)) == ["e2"]
    assert ids(Query(flow=B)) == ["e1"]
    assert ids(Query(namespace="team")) == ["e2", "e1", "e0"]
    assert ids(Query(namespace="team.sub")) == ["e1"]
    assert ids(Query(states=(State.RUNNING,))) == []
    assert ids(Query(labels={"k": "e1"})) == ["e1"]
    assert ids(Query(before=NOW + timedelta(seconds=1))) == ["e0"]
    assert store.find("e") == ["e2", "e1", "e0"]
    assert store.find("e1") == ["e1"]
    store.delete("e1")
    assert store.find("e1") == []


def test_a_session_that_was_closed_cannot_be_renewed(store: Store, session: Session) -> None:
    store.renew_session(session, at=NOW + timedelta(seconds=5))
    assert [each.id for each in store.sessions()] == [session.id]
    store.close_session(session, at=NOW)
    assert store.sessions() == []
    assert [each.id for each in store.sessions(open_only=False)] == [session.id]
    with pytest.raises(Fenced):
        store.renew_session(session, at=NOW)


# ── what a file on a disk adds ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def reopened(tmp_path: Path) -> Callable[[], SqliteStore]:
    return lambda: SqliteStore(tmp_path / "d" / "store.db")


def test_what_was_acknowledged_is_there_after_a_restart(reopened: Callable[[], SqliteStore]) -> None:
    store = reopened()
    session = store.open_session(name="h", kind="run", pid=1, at=NOW)
    execution = fan_out(store, session, admit(store, session, "e1"), 2)
    store.close()
    again = reopened()
    assert again.load("e1") == execution
    assert again.open_session(name="h", kind="run", pid=1, at=NOW).epoch == session.epoch + 1
    again.close()


WRITER = """
import sys
sys.path[:0] = [{engine!r}, {schemas!r}, {tests!r}]
from pathlib import Path
import contract.test_store as t
from penstock.adapters.sqlite import SqliteStore
store = SqliteStore(Path({path!r}))
session = store.open_session(name="w", kind="run", pid=1, at=t.NOW)
print("ready", flush=True)
sys.stdin.readline()
for n in range({count}):
    t.admit(store, session, "{name}-%05d" % n)
    print("{name}-%05d" % n, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    code = WRITER.format(
        engine=str(ROOT / "engine"),
        schemas=str(ROOT / "schemas"),
        tests=str(ROOT / "tests"),
        path=str(path),
        name=name,
        count=count,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "d" / "store.db"
    writers = [writer(path, name, 60) for name in ("one", "two")]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0].split() for process in writers]
    store = SqliteStore(path)
    assert sorted(store.find("", limit=1000)) == sorted([*told[0], *told[1]])
    assert len(told[0]) == len(told[1]) == 60
    store.close()


def test_kill_9_in_the_middle_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "d" / "store.db"
    for round_ in range(4):
        process = writer(path, f"r{round_}", 100_000)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        told = [process.stdout.readline().strip() for _ in range(15 + 10 * round_)]
        process.kill()
        told += process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdin.close()
        process.stdout.close()
        store = SqliteStore(path)
        assert all(store.load(id_) is not None for id_ in told)
        store.close()


def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(Stalled, match="damaged"):
        SqliteStore(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_somebody_elses_database_is_not_touched(tmp_path: Path) -> None:
    import apsw

    path = tmp_path / "store.db"
    other = apsw.Connection(str(path))
    other.execute("pragma user_version = 3; create table mine (x)")
    other.close()
    with pytest.raises(Stalled, match="not a store of Penstock"):
        SqliteStore(path)


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "d" / "store.db")
    assert (tmp_path / "d" / "store.db").stat().st_mode & 0o777 == 0o600
    store.close()


def test_many_threads_share_few_commits_and_each_hears_of_its_own(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = SqliteStore(tmp_path / "d" / "store.db")
    session = store.open_session(name="h", kind="run", pid=1, at=NOW)

    def one(n: int) -> bool:
        event = created(f"e{n % 50}")
        [result] = store.create([Creation(begin(event), (event,), None)], session=session)
        return isinstance(result, Execution)

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(one, range(100)))
    assert sum(outcomes) == 50
    assert store.commits() <= 101
    store.close()
