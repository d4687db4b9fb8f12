"""Results that wait for their sinks, over every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from penstock.execution.apply import begin, extend
from penstock.execution.event import (
    ExecutionCreated,
    ExecutionEnded,
    ExecutionReopened,
    ExecutionStarted,
    Phase,
    Reason,
    StatusChanged,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.ports.store import Creation, Session, Store

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


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


def admit(store: Store, session: Session | None, id_: str) -> Execution:
    created = ExecutionCreated(at=NOW, id=id_, namespace="team", flow_id="a", revision=1, flow_digest="d")
    [result] = store.create([Creation(begin(created), (created,), None)], session=session)
    assert isinstance(result, Execution)
    return result


def test_a_result_waits_from_the_append_that_ends_its_execution(store: Store, session: Session) -> None:
    run = store.open_session(name="h", kind="run", pid=9, at=NOW)
    for id_, by in (("mine", run), ("e1", session)):
        started = ExecutionStarted(at=NOW)
        execution = extend(admit(store, by, id_), (started,))
        store.append(execution, (started,), due=None, session=by)
        assert store.count_unrecorded("git") == 0
        ended = ExecutionEnded(at=NOW, state=State.FAILED)
        store.append(extend(execution, (ended,)), (ended,), due=None, session=by)
    assert store.unrecorded("git", limit=9, now=NOW) == ["e1"]


def test_what_an_agent_inherits_waits_when_it_ends_it(store: Store, session: Session) -> None:
    admit(store, session, "e1")
    later = store.open_session(name="h", kind="agent", pid=9, at=NOW)
    assert store.inherit(session, by=later) == ["e1"]
    execution = store.load("e1")
    assert execution is not None
    ended = ExecutionEnded(at=NOW, state=State.SUCCESS)
    store.append(extend(execution, (ended,)), (ended,), due=None, session=later)
    assert store.unrecorded("git", limit=9, now=NOW) == ["e1"]


def test_the_oldest_end_comes_first_and_what_is_put_off_does_not_hold_up_the_others(
    store: Store, session: Session
) -> None:
    for n, id_ in enumerate(("e3", "e1", "e2")):
        run_to_its_end(store, session, id_, NOW + n * HOUR)
    run_to_its_end(store, session, "e0", NOW + HOUR)
    assert store.unrecorded("git", limit=9, now=NOW) == ["e3", "e0", "e1", "e2"]
    store.put_off("git", "e3", until=NOW + HOUR, error="busy")
    assert store.unrecorded("git", limit=2, now=NOW) == ["e0", "e1"]
    assert store.unrecorded("api", limit=1, now=NOW) == ["e3"]


def test_what_was_taken_in_the_end_was_not_given_up(store: Store, session: Session) -> None:
    run_to_its_end(store, session, "e1")
    store.put_off("api", "e1", until=None, error="too large")
    assert (store.given_up("api"), store.given_up("git")) == ([("e1", "too large")], [])
    assert store.put_off("api", "e1", until=NOW, error="busy") == 2
    assert (store.given_up("api"), store.count_unrecorded("api")) == ([], 1)
    store.mark_recorded("api", ["e1"], place="", at=NOW)
    assert (store.given_up("api"), store.count_unrecorded("api")) == ([], 0)
    assert store.knows_sink("api")


@pytest.mark.parametrize("sinks", [[], ["git"], ["git", "api"]])
def test_only_what_all_sinks_have_is_forgotten(sinks: list[str], store: Store, session: Session) -> None:
    for n in range(4):
        run_to_its_end(store, session, f"e{n}", NOW + n * HOUR)
    store.mark_recorded("git", ["e0", "e1"], place="p", at=NOW)
    store.mark_recorded("api", ["e1", "e2"], place="p", at=NOW)
    store.forget_recorded(sinks)
    left = {0: [], 1: ["e2", "e3"], 2: ["e0", "e2", "e3"]}[len(sinks)]
    assert store.unrecorded("another", limit=9, now=NOW) == left


def test_of_what_was_deleted_no_result_waits(store: Store, session: Session) -> None:
    for id_ in ("e1", "e2"):
        run_to_its_end(store, session, id_)
    store.put_off("git", "e1", until=None, error="too large")
    store.delete("e1")
    assert (store.given_up("git"), store.count_unrecorded("git")) == ([], 1)


def test_each_outcome_of_an_execution_that_goes_on_again_is_a_result(store: Store, session: Session) -> None:
    run_to_its_end(store, session, "e0")
    store.mark_recorded("git", ["e0"], place="commit", at=NOW)
    over = store.load("e0")
    assert over is not None
    opened = ExecutionReopened(at=NOW, reason=Reason.RESTART, number=2, lists=(("", Phase.MAIN, 0, 1),))

    again = extend(over, (opened,))
    store.append(again, (opened,), due=None, session=None)
    assert store.unrecorded("git", limit=9, now=NOW) == []
    ended = ExecutionEnded(at=NOW + HOUR, state=State.FAILED)
    store.append(extend(again, (ended,)), (ended,), due=None, session=session)

    assert store.unrecorded("git", limit=9, now=NOW) == ["e0.2"]
    store.mark_recorded("git", ["e0"], place="commit", at=NOW)  # a push that was under way vouches for the first alone
    assert store.unrecorded("git", limit=9, now=NOW) == ["e0.2"]
    changed = StatusChanged(at=NOW + HOUR, state=State.WARNING)
    last = store.load("e0")
    assert last is not None
    store.append(extend(last, (changed,)), (changed,), due=None, session=None)
    assert store.unrecorded("git", limit=9, now=NOW) == ["e0.2", "e0.3"]
    store.delete("e0")
    assert store.unrecorded("git", limit=9, now=NOW) == []
